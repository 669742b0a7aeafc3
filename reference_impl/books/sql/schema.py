"""The tables of a node's books, as SQLAlchemy Core: for migrations and for compiling the hot statements.

The table of messages stands here; that of a kind of record follows from its layout. A serving process must never import
this module: SQLAlchemy costs a third of a second to load, and a serving process needs only the text in ``hot.sql``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    FetchedValue,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from reference_impl.books.sql.layout import LAYOUTS, ChildLayout, Layout
from reference_impl.books.sql.layout import Column as Laid
from reference_impl.protocol.records import LISTS, Record, Way

__all__ = ["CHILDREN", "RECORDS", "messages", "metadata", "starts", "trail"]

metadata = MetaData()

WHOLE = Integer().with_variant(BigInteger(), "postgresql")
"""A whole number of 64 bits, which SQLite calls an integer."""
_KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""A key that is text, in the order of its code points everywhere: whoever compares books walks by it."""
OPEN = text("reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0")
"""Which messages are intents without outcome."""


def _serial() -> Column[Any]:
    """Return the number of a row: SQLite gives it by itself, elsewhere the one writer of the books does."""
    return Column("serial", WHOLE, FetchedValue(), primary_key=True)


messages = Table(
    "messages",
    metadata,
    _serial(),
    Column("sender", Text, nullable=False),
    Column("msgid", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("opened_us", WHOLE, nullable=False),
    Column("request", LargeBinary),
    Column("reply", LargeBinary),
    Column("reversed_by", Text),
    Column("withdrawn", WHOLE, nullable=False),
    UniqueConstraint("msgid", "sender"),
)
Index("open_intents", messages.c.opened_us, sqlite_where=OPEN, postgresql_where=OPEN)

starts = Table("starts", metadata, _serial())
"""One row a start of the node's process: their number is in whatever must not repeat from start to start."""

trail = Table(
    "trail",
    metadata,
    Column("serial", WHOLE, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""Every commit once more, in order, each chained to the one before (``books.trail``)."""


def _column(laid: Laid, *, key: bool = False) -> Column[Any]:
    kind = WHOLE if laid.sql == "integer" else _KEY if key else Text()
    return Column(laid.name, kind, primary_key=key, nullable=False, autoincrement=False)


def _table(layout: Layout) -> Table:
    """Return the table of a kind: a versioned one by its key, an appended one by a serial number."""
    name, key, way = layout.kind
    if way is Way.VERSIONED:
        return Table(name, metadata, *(_column(laid, key=laid.name == key) for laid in layout.columns))
    table = Table(name, metadata, _serial(), *map(_column, layout.columns))
    if way is Way.STANDING:
        Index(f"{name}_by_{key}", table.c[key])
    return table


def _child_table(child: ChildLayout) -> Table:
    return Table(
        child.table,
        metadata,
        Column("serial", WHOLE, primary_key=True),
        Column("place", WHOLE, primary_key=True),
        *map(_column, child.columns),
        sqlite_with_rowid=False,
    )


RECORDS: dict[type[Record], Table] = {kind: _table(layout) for kind, layout in LAYOUTS.items()}
for _listing in LISTS.values():
    _listed = RECORDS[_listing.kind]
    Index(f"{_listed.name}_by_{_listing.by}", _listed.c[_listing.by])
CHILDREN: dict[type[Record], Table] = {
    kind: _child_table(layout.child) for kind, layout in LAYOUTS.items() if layout.child is not None
}
