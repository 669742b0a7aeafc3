"""Every table of a node's books as plain rows: its key, its columns, which of them are money, and what a row must be.

What moves or compares whole books goes by this. It loads no SQLAlchemy; a test holds it to the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from reference_impl.books.sql.layout import LAYOUTS, ChildLayout, Column, Layout, Row
from reference_impl.books.sql.rows import MESSAGE_COLUMNS, message_of

__all__ = ["TABLES", "BookTable"]

_FEN = "_fen"
_SERIAL = ("serial",)


@dataclass(frozen=True, slots=True)
class BookTable:
    """One table. ``key`` are the places of its key among the columns."""

    name: str
    columns: tuple[str, ...]
    key: tuple[int, ...]
    before_all: Row
    """A key that lies before every other."""
    money: tuple[str, ...]
    """The columns of whole fen."""
    read: Callable[[Row], Any]
    """Makes of a row what the program reads in it; raises when it is none."""

    def key_of(self, row: Row) -> Row:
        """Return the key of a row."""
        return tuple(row[place] for place in self.key)


def _tables() -> Iterator[BookTable]:
    serial: Row = (-1,)
    yield BookTable("messages", (*_SERIAL, *MESSAGE_COLUMNS), (0,), serial, (), lambda row: message_of(row[1:]))
    for layout in LAYOUTS.values():
        yield _of_kind(layout)
        if layout.child is not None:
            yield _of_child(layout.child)
    yield BookTable("trail", (*_SERIAL, "hash", "content"), (0,), serial, (), lambda row: row)
    yield BookTable("starts", _SERIAL, (0,), serial, (), lambda row: row)


def _of_kind(layout: Layout) -> BookTable:
    name, columns, money = layout.kind.name, tuple(column.name for column in layout.columns), _money(layout.columns)
    if layout.versioned:
        return BookTable(name, columns, (columns.index(layout.kind.key),), ("",), money, layout.record_of)
    return BookTable(name, (*_SERIAL, *columns), (0,), (-1,), money, lambda row: layout.record_of(row[1:]))


def _of_child(child: ChildLayout) -> BookTable:
    columns = ("serial", "place", *(column.name for column in child.columns))
    return BookTable(
        child.table, columns, (0, 1), (-1, -1), _money(child.columns), lambda row: child.row_type(*row[2:])
    )


def _money(columns: Iterable[Column]) -> tuple[str, ...]:
    return tuple(column.name for column in columns if column.name.endswith(_FEN) and column.sql == "integer")


TABLES: tuple[BookTable, ...] = tuple(_tables())
