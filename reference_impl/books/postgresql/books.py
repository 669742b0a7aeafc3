"""Books in a PostgreSQL schema: one session writes, a few look, and every step is one round trip.

What ``commit`` has answered is on the server's disk and survives the end of this process and of the server. No
transaction stays open between two round trips, and no row is one that all settlements wait for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from reference_impl.books.final import BooksError, FinalBooks
from reference_impl.books.postgresql.changes import Serials, arguments, together
from reference_impl.books.postgresql.group import WRITE, GroupWrite, last_serials
from reference_impl.books.postgresql.looks import Looks
from reference_impl.books.postgresql.opening import are_there, make_ready
from reference_impl.books.postgresql.reading import read_whole
from reference_impl.books.postgresql.session import ERRORS, Connection, aside, connect, take, trouble
from reference_impl.books.postgresql.trailing import begin_trail
from reference_impl.books.postgresql.writer import RoundWriter
from reference_impl.books.sql.rows import message_of
from reference_impl.books.sql.statements import Dialect, read_statements
from reference_impl.books.sqlite.disk import Committing, Disk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from reference_impl.books.groups import Watcher, WriterStats
    from reference_impl.books.postgresql.address import Schema
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["PostgresqlBooks", "fill_books", "read_final", "read_latest_us"]

_SQL = read_statements(Dialect.POSTGRESQL)
_FILLED_AT_ONCE = 4096
"""Changes in one call where books are filled before a run: bounds what the server has to hold of them."""


class PostgresqlBooks:
    """One node's books in a schema, for one process at a time."""

    __slots__ = ("_looks", "_writer", "disk", "place")

    def __init__(self, place: Schema) -> None:
        """Use ``open``."""
        self.place = place
        self.disk = Disk(None, Committing.BESIDE)
        self._writer = RoundWriter(GroupWrite(place))
        self._looks = Looks(place)

    @classmethod
    async def open(cls, place: Schema) -> Self:
        """Open the books, making the schema when there is none.

        Raises:
            BooksError: when they are not ours, newer than this program, open in another process, or out of reach.

        """
        books = cls(place)
        await books._writer.group.begin()
        return books

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._looks.look(key, refs)

    def commit(self, change: Change) -> Awaitable[CommitResult]:
        """Apply the whole change or none of it; the verdict comes when it is on disk."""
        return self._writer.submit(change)

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        return tuple(message_of(tuple(row)) for row in await self._looks.rows(_SQL["find_intents"]))

    def count_start(self) -> int:
        """Write down, before anything is served, that the node's process starts; return how often it did before.

        Raises:
            BooksError: when the books cannot be written.

        """

        async def count(connection: Connection) -> int:
            async with connection.transaction():
                before = await connection.fetchval(_SQL["count_starts"])
                await connection.execute(_SQL["keep_start"])
            return before

        return _with_session(self.place, count)

    async def probe(self) -> None:
        """Have the server commit a transaction that changes nothing, in a session of its own.

        Raises:
            BooksError: when it cannot.

        """
        await asyncio.to_thread(_with_session, self.place, _commit_nothing)

    def latest_us(self) -> int | None:
        """Return the latest instant that anything in the books was opened or posted at; None in empty books."""
        return _with_session(self.place, _latest_us)

    def read_all(self) -> FinalBooks:
        """Return everything written down."""
        return _with_session(self.place, read_whole)

    @property
    def stats(self) -> WriterStats:
        """What the writer did so far."""
        return self._writer.group.stats

    @property
    def failure(self) -> Exception | None:
        """Why the books can at this moment not be written, or not be read; None while all is well."""
        return self._writer.group.failure or self._looks.failure

    def watch(self, watcher: Watcher) -> None:
        """Have ``watcher`` told of each group of commits."""
        self._writer.group.watcher = watcher

    def slow_down(self, add_us: int) -> None:
        """Have every group of commits take ``add_us`` longer, as on a slow disk; a negative one takes that back."""
        group = self._writer.group
        group.slow_us = max(0, group.slow_us + add_us)

    def backlog(self) -> int:
        """Return how many changes wait for the writer."""
        return self._writer.backlog()

    @property
    def busy(self) -> bool:
        """Whether a change that was committed is not yet on disk."""
        return self._writer.busy

    def close(self) -> None:
        """End all sessions, and let other processes have the books; what is under way then is unknown."""
        self._writer.close()
        self._writer.group.end()
        self._looks.close()


def _with_session(schema: Schema, work: Callable[[Connection], Awaitable[Any]]) -> Any:
    """Do some work in a session of its own.

    Raises:
        BooksError: when the server cannot be reached, or the work fails.

    """

    async def done() -> Any:
        connection = await connect(schema)
        try:
            return await work(connection)
        except ERRORS as error:
            raise BooksError(f"books {schema} cannot be read or written: {trouble(error)}") from None
        finally:
            connection.terminate()

    return aside(done)


async def _commit_nothing(connection: Connection) -> None:
    """Take a number for a transaction: its commit is written and flushed, and a standby refuses it."""
    await connection.fetchval("SELECT pg_current_xact_id()")


async def _latest_us(connection: Connection) -> int | None:
    return await connection.fetchval(_SQL["latest_instant"])


def read_latest_us(schema: Schema) -> int | None:
    """Return the latest instant in the books of a node that does not run; None when they are empty or not there.

    Raises:
        BooksError: when they cannot be read.

    """
    return _with_session(schema, _latest_us) if aside(lambda: are_there(schema)) else None


def fill_books(schema: Schema, changes: Iterable[Change]) -> None:
    """Write ``changes`` into the books of a node that does not run yet, all or none.

    Raises:
        BooksError: when they cannot be opened, or a change does not fit what is there.

    """

    async def fill(connection: Connection) -> None:
        await take(connection, schema)
        await make_ready(schema)
        await begin_trail(connection)
        serials = Serials()
        async with connection.transaction():
            await last_serials(connection, serials)
            left = list(changes)
            while left:
                count = together(left[:_FILLED_AT_ONCE])
                group, left = left[:count], left[count:]
                verdicts = await connection.fetchval(WRITE, 0, *arguments(group, serials))
                if set(verdicts) != {"c"}:
                    raise BooksError(f"books {schema} already hold what is to come before the run: {verdicts}")

    _with_session(schema, fill)


def read_final(schema: Schema) -> FinalBooks:
    """Return everything in the books of a node that is stopped or was killed.

    Raises:
        BooksError: when they are missing, not ours, newer than this program, or open in another process.

    """

    async def read(connection: Connection) -> FinalBooks:
        if not await are_there(schema):
            raise BooksError(f"no books at {schema}: expected those of a node that ran")
        await take(connection, schema)
        await make_ready(schema)
        return await read_whole(connection)

    return _with_session(schema, read)
