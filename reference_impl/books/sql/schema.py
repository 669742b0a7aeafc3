"""The tables of a node's books, as SQLAlchemy Core: for migrations and for compiling the hot statements.

The table of messages stands here; that of a kind of record follows from its layout. A serving process must never import
this module: SQLAlchemy costs a third of a second to load, and a serving process needs only the text in ``hot.sql``.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint, text

from reference_impl.books.sql.layout import LAYOUTS, ChildLayout, Layout
from reference_impl.books.sql.layout import Column as Laid
from reference_impl.protocol.records import LISTS, Record, Way

__all__ = ["CHILDREN", "RECORDS", "messages", "metadata", "starts"]

metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("sender", Text, nullable=False),
    Column("msgid", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("opened_us", Integer, nullable=False),
    Column("request", LargeBinary),
    Column("reply", LargeBinary),
    Column("reversed_by", Text),
    Column("withdrawn", Integer, nullable=False),
    UniqueConstraint("msgid", "sender"),
)
Index(
    "open_intents",
    messages.c.opened_us,
    sqlite_where=text("reply IS NULL AND request IS NOT NULL AND reversed_by IS NULL AND withdrawn = 0"),
)

starts = Table("starts", metadata, Column("serial", Integer, primary_key=True))
"""One row a start of the node's process: their number is in whatever must not repeat from start to start."""


def _column(laid: Laid, *, key: bool = False) -> Column[Any]:
    return Column(laid.name, Text if laid.sql == "text" else Integer, primary_key=key, nullable=False)


def _table(layout: Layout) -> Table:
    """Return the table of a kind: a versioned one by its key, an appended one by a serial number."""
    name, key, way = layout.kind
    if way is Way.VERSIONED:
        return Table(name, metadata, *(_column(laid, key=laid.name == key) for laid in layout.columns))
    table = Table(name, metadata, Column("serial", Integer, primary_key=True), *map(_column, layout.columns))
    if way is Way.STANDING:
        Index(f"{name}_by_{key}", table.c[key])
    return table


def _child_table(child: ChildLayout) -> Table:
    return Table(
        child.table,
        metadata,
        Column("serial", Integer, primary_key=True),
        Column("place", Integer, primary_key=True),
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
