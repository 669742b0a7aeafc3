"""Records laid out as rows, and rows read back, whatever kind they are: derived once from the struct's own fields.

Text and whole numbers are a column each, a ``StrEnum`` its text, a struct lies flat, a tuple of whole numbers or of
structs is a JSON list (nobody asks for one of them alone), a tuple of named rows is a table of its own. Nothing here
loads SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin, get_type_hints

import msgspec

from reference_impl.protocol.records import KINDS, Kind, Record, Way

__all__ = ["LAYOUTS", "ChildLayout", "Column", "Layout", "Row", "layout_of"]

Row = tuple[Any, ...]

_encode_list = msgspec.json.Encoder().encode
_decode_list = msgspec.json.Decoder(tuple[int, ...]).decode
_EXPECTED = "expected what reference_impl.protocol.records.Record names"


class Column(NamedTuple):
    """One column: its name, and what SQL calls its type."""

    name: str
    sql: Literal["text", "integer"]


@dataclass(frozen=True, slots=True)
class ChildLayout:
    """The rows of a record's tuple field, in a table of their own beside the record's serial number."""

    table: str
    field: str
    columns: tuple[Column, ...]
    row_type: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """One field of a struct: how many columns it takes, and the way back from them."""

    width: int
    read: Callable[[Row], Any]


class _Cell(NamedTuple):
    """Where one column's value is found in a record, and what makes a column of it, if anything has to."""

    path: str
    write: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of record as rows of its table."""

    kind: Kind
    columns: tuple[Column, ...]
    child: ChildLayout | None
    struct: Callable[..., Any]
    fields: tuple[tuple[str, _Part], ...]
    get: Callable[[Any], Row]
    """All cells of a record at once."""
    writes: tuple[tuple[int, Callable[[Any], str]], ...]
    """Which of them are no columns yet."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that lie in the table itself, in order."""
        return tuple(name for name, _ in self.fields)

    @property
    def versioned(self) -> bool:
        """Whether a new record takes the place of the last of its key."""
        return self.kind.way is Way.VERSIONED

    def row_of(self, record: Record) -> Row:
        """Return the columns of a record."""
        row = self.get(record)
        if not self.writes:
            return row
        cells = list(row)
        for place, write in self.writes:
            cells[place] = write(cells[place])
        return tuple(cells)

    def record_of(self, row: Sequence[Any], children: Iterable[Row] = ()) -> Any:
        """Return the record of a row, and of the rows of its child table."""
        values: list[Any] = []
        place = 0
        for _, part in self.fields:
            after = place + part.width
            values.append(row[place] if part is _PLAIN else part.read(tuple(row[place:after])))
            place = after
        if self.child is None:
            return self.struct(*values)
        rows = tuple(self.child.row_type(*child) for child in children)
        return self.struct(**dict(zip(self.names, values, strict=True)), **{self.child.field: rows})


@cache
def layout_of(kind: type[Record]) -> Layout:
    """Return how one kind of record is laid out.

    Raises:
        TypeError: when a field is of a type that has no place in a row; it names the field.

    """
    columns: list[Column] = []
    fields: list[tuple[str, _Part]] = []
    cells: list[_Cell] = []
    child = None
    for name, hint in get_type_hints(kind).items():
        row_type = _row_type(hint)
        if row_type is not None:
            child = _child(KINDS[kind].name, name, row_type)
            continue
        laid, part = _part(name, hint)
        columns += laid
        fields.append((name, part))
        cells += _cells(name, hint)
    writes = tuple((place, cell.write) for place, cell in enumerate(cells) if cell.write is not None)
    get = attrgetter(*(cell.path for cell in cells))  # a record has a key and more, so this gives a tuple
    return Layout(KINDS[kind], tuple(columns), child, kind, tuple(fields), get, writes)


def _cells(path: str, hint: Any) -> Iterator[_Cell]:
    """Yield where the columns of a field are found, a struct's own fields one by one."""
    base = _base_of(hint)
    if get_origin(base) is tuple:
        yield _Cell(path, _list_text)
    elif isinstance(base, type) and issubclass(base, StrEnum):
        yield _Cell(f"{path}.value")
    elif isinstance(base, type) and issubclass(base, msgspec.Struct):
        for name, own in get_type_hints(base).items():
            yield from _cells(f"{path}.{name}", own)
    else:
        yield _Cell(path)


def _list_text(value: tuple[Any, ...]) -> str:
    return _encode_list(value).decode()


def _part(name: str, hint: Any) -> tuple[list[Column], _Part]:
    base = _base_of(hint)
    if base is str:
        return [Column(name, "text")], _PLAIN
    if base is int:
        return [Column(name, "integer")], _PLAIN
    if get_args(base) == (int, Ellipsis):
        return [Column(name, "text")], _LIST
    if get_origin(base) is tuple and issubclass(get_args(base)[0], msgspec.Struct):
        decode = msgspec.json.Decoder(base).decode
        return [Column(name, "text")], _Part(1, lambda row: decode(row[0]))
    if isinstance(base, type):
        return _of_class(name, cast("type[Any]", base))
    raise TypeError(f"field {name!r} of type {hint!r} has no place in a row; {_EXPECTED}")


def _base_of(hint: Any) -> Any:
    """Return the plain type of a hint: a NewType is what it is made of, a Literal what its values are."""
    if get_origin(hint) is Literal:
        return cast("Any", type(get_args(hint)[0]))
    return getattr(hint, "__supertype__", hint)


def _of_class(name: str, plain: type[Any]) -> tuple[list[Column], _Part]:
    if issubclass(plain, StrEnum):
        return [Column(name, "text")], _Part(1, lambda row: plain(row[0]))
    if issubclass(plain, msgspec.Struct):
        return _flat(plain)
    raise TypeError(f"field {name!r} of type {plain!r} has no place in a row; {_EXPECTED}")


def _flat(struct: type[msgspec.Struct]) -> tuple[list[Column], _Part]:
    """Return a struct laid flat, its fields under their own names."""
    columns: list[Column] = []
    parts: list[_Part] = []
    for name, hint in get_type_hints(struct).items():
        laid, part = _part(name, hint)
        columns += laid
        parts.append(part)
    if all(part is _PLAIN for part in parts):
        return columns, _Part(len(columns), lambda row: struct(*row))

    def read(row: Row) -> Any:
        cells = iter(row)
        return struct(*(part.read(tuple(next(cells) for _ in range(part.width))) for part in parts))

    return columns, _Part(len(columns), read)


def _row_type(hint: Any) -> type[Any] | None:
    """Return the row type of a tuple of named rows; None for any other field."""
    if get_origin(hint) is not tuple:
        return None
    first = get_args(hint)[0]
    return first if isinstance(first, type) and hasattr(first, "_fields") else None


def _child(table: str, field: str, row_type: type[Any]) -> ChildLayout:
    columns: list[Column] = []
    for name, hint in get_type_hints(row_type).items():
        laid, part = _part(name, hint)
        if part is not _PLAIN:
            raise TypeError(f"field {name!r} of rows {field!r} is not plain text or a whole number")
        columns += laid
    return ChildLayout(f"{table}_{field}", field, tuple(columns), row_type)


_PLAIN = _Part(1, lambda row: row[0])
_LIST = _Part(1, lambda row: _decode_list(row[0]))

LAYOUTS: dict[type[Record], Layout] = {kind: layout_of(kind) for kind in KINDS}
