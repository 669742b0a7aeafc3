"""A tortured node's books on a server: the very writer and looks of a served node, driven to the end of every call.

Each books is a schema of its own, made for one world and taken away with it. It must never keep a half-applied change.
"""

from __future__ import annotations

import asyncio
import os
from itertools import count
from typing import TYPE_CHECKING, cast

from reference_impl.books.postgresql.changes import Serials, arguments
from reference_impl.books.postgresql.group import WRITE, GroupWrite, last_serials
from reference_impl.books.postgresql.looks import Looks
from reference_impl.books.postgresql.place import PostgresqlPlace
from reference_impl.books.postgresql.reading import read_whole
from reference_impl.books.postgresql.session import Connection, connect, take
from reference_impl.books.sql.rows import message_of
from reference_impl.books.sql.statements import Dialect, read_statements

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from reference_impl.books.postgresql.address import Server
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["OnServer"]

_NOBODY = cast("asyncio.Future[CommitResult]", None)
"""Who waits for a change: it is written at once."""
_FIND_INTENTS = read_statements(Dialect.POSTGRESQL)["find_intents"]
_serial = count()


class OnServer:
    """Books in a schema of their own. The session that writes is begun when something is written."""

    __slots__ = ("_begun", "_group", "_looks", "_reader", "_runner", "place")

    def __init__(self, server: Server) -> None:
        """Make empty books on ``server``."""
        self.place = PostgresqlPlace(server.schema(f"yidi_torture_{os.getpid()}_{next(_serial)}"))
        self.place.make_ready()
        self._runner = asyncio.Runner()
        self._open()

    def _open(self) -> None:
        self._group = GroupWrite(self.place.schema)
        self._begun = False
        self._looks = Looks(self.place.schema)
        self._reader: Connection | None = None

    def see(self, key: Key, refs: tuple[Ref, ...] = ()) -> View:
        """Return what is known of a message and of records."""

        async def look() -> View:
            return await self._looks.look(key, refs)

        return self._runner.run(look())

    def apply(self, change: Change) -> CommitResult:
        """Have the change written."""
        if not self._begun:
            self._runner.run(self._group.begin())
            self._begun = True
        [(_, result)] = self._runner.run(self._group.write([(change, _NOBODY, 0)]))
        if isinstance(result, Exception):
            raise result
        return result

    def intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return tuple(message_of(tuple(row)) for row in self._runner.run(self._looks.rows(_FIND_INTENTS)))

    def read_all(self) -> FinalBooks:
        """Return everything."""
        return self._runner.run(self._read())

    def die(self, within: Change | None = None) -> None:
        """Lose all sessions, perhaps with a change begun, and begin new ones."""
        self._end()
        if within is not None:
            self._runner.run(self._begin(within))
        self._open()

    def forget(self) -> None:
        """End all sessions and take the schema away."""
        self._end()
        self._runner.close()
        self.place.remove()

    async def _read(self) -> FinalBooks:
        if self._reader is None:
            self._reader = await connect(self.place.schema)
        return await read_whole(self._reader)

    async def _begin(self, change: Change) -> None:
        """Write a change as the dying process did, in a session that ends before its commit."""
        session = await connect(self.place.schema)
        await take(session, self.place.schema)
        serials = Serials()
        await last_serials(session, serials)
        await session.execute("BEGIN")
        await session.fetchval(WRITE, 0, *arguments([change], serials))
        session.terminate()

    def _end(self) -> None:
        self._group.end()
        self._looks.close()
        if self._reader is not None:
            self._reader.terminate()
        self._runner.run(asyncio.sleep(0))
