"""Reading the whole books of a schema at one instant."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reference_impl.books.final import FinalBooks
from reference_impl.books.sql.layout import LAYOUTS, Layout, Row
from reference_impl.books.sql.rows import message_of
from reference_impl.books.sql.statements import Dialect, read_statements

if TYPE_CHECKING:
    from reference_impl.books.postgresql.session import Connection
    from reference_impl.protocol.records import Record

__all__ = ["read_rows", "read_whole"]

_SQL = read_statements(Dialect.POSTGRESQL)


async def read_whole(connection: Connection) -> FinalBooks:
    """Return everything written down, at one instant; records of which one a key stands, by key."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await read_rows(connection)


async def read_rows(connection: Connection) -> FinalBooks:
    """Return the same inside a transaction of the caller's, which says of what instant it is."""
    messages = tuple(message_of(tuple(row)) for row in await connection.fetch(_SQL["all_messages"]))
    return FinalBooks(messages, {kind: await _all(connection, layout) for kind, layout in LAYOUTS.items()})


async def _all(connection: Connection, layout: Layout) -> tuple[Record, ...]:
    rows = await connection.fetch(_SQL[f"all_{layout.kind.name}"])
    if layout.versioned:
        key = layout.kind.key
        return tuple(sorted((layout.record_of(tuple(row)) for row in rows), key=lambda record: getattr(record, key)))
    children: defaultdict[int, list[Row]] = defaultdict(list)
    if layout.child is not None:
        for serial, _, *cells in await connection.fetch(_SQL[f"all_{layout.child.table}"]):
            children[serial].append(tuple(cells))
    return tuple(layout.record_of(cells, children.get(serial, ())) for serial, *cells in rows)
