"""A group of changes written at one call, in one transaction and one round trip, and what became of each.

When the connection is lost in a call, nobody knows whether it was committed. It is found out: the next session takes
the books' lock, so the lost one is over, and reads which group was written last, with its verdicts. A change that
cannot be written fails alone and never takes its neighbours with it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from reference_impl.books.final import BooksError, refuse_unknown
from reference_impl.books.groups import Done, Flush, Job, Watcher, WriterStats
from reference_impl.books.postgresql.changes import NUMBERED, Serials, arguments
from reference_impl.books.postgresql.opening import make_ready
from reference_impl.books.postgresql.session import (
    ANSWER_LIMIT_S,
    Connection,
    connect,
    is_lost,
    is_of_the_books,
    persist,
    take,
    trouble,
)
from reference_impl.books.postgresql.trailing import begin_trail
from reference_impl.books.sql.rows import message_of
from reference_impl.books.sql.statements import Dialect, read_statements
from reference_impl.protocol.records import AlreadyThere, Committed, Stale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference_impl.books.postgresql.address import Schema
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord

__all__ = ["WRITE", "GroupWrite", "UnknownCommitError", "last_serials"]

WRITE_LIMIT_S = 10.0
"""How long the server may be away before callers are told that what became of their change is unknown."""
_COMMITTED, _STALE = Committed(), Stale()
_FIND = read_statements(Dialect.POSTGRESQL)["find_message"]
WRITE = f"SELECT write_group({', '.join(f'${place + 1}' for place in range(1 + len(arguments([], Serials()))))})"
_LAST = "SELECT " + ", ".join(f"(SELECT coalesce(max(serial), 0) FROM {table})" for table in NUMBERED)  # noqa: S608 - ours
_OPEN = "UPDATE last_group SET opened = opened + 1 RETURNING number, verdicts, opened"
_OPENED = "SELECT number, verdicts, opened FROM last_group"
_NS_PER_US = 1000
_US_PER_S = 1_000_000


class UnknownCommitError(BooksError):
    """The server is away, and stays away; whether anything of the group was written, its callers must not assume."""


class GroupWrite:
    """Writes groups, through one session at a time."""

    __slots__ = (
        "_connection",
        "_number",
        "_opened",
        "_schema",
        "_serials",
        "_written",
        "failure",
        "slow_us",
        "stats",
        "watcher",
    )

    def __init__(self, schema: Schema) -> None:
        """Write into ``schema``."""
        self._schema = schema
        self._connection: Connection | None = None
        self._opened: int | None = None
        """The how-many-eth opening of the books this is; None before it."""
        self._serials = Serials()
        self._number = 0
        """The last group that was sent."""
        self._written: tuple[int, str] = (0, "")
        """The last group that a new session found written, and its verdicts."""
        self.failure: Exception | None = None
        """Why nothing can be written at this moment."""
        self.watcher: Watcher | None = None
        self.slow_us = 0
        """How much longer the server is to take for a group."""
        self.stats = WriterStats()

    async def begin(self) -> None:
        """Begin the session that writes; the books are this process's from then on, and made current at the first.

        Raises:
            BooksError: when the server cannot be reached, another process has the books, or has had them since: what
                became of a group that was under way can then not be told.

        """
        connection = await connect(self._schema)
        try:
            await take(connection, self._schema)
            if self._opened is None:
                await make_ready(self._schema)
                await begin_trail(connection)
            *written, opened = await connection.fetchrow(_OPEN if self._opened is None else _OPENED)
            if self._opened not in (None, opened):
                raise BooksError(f"books {self._schema} were opened by another process meanwhile: start this one again")
            self._opened, self._written = opened, tuple(written)
            self._number = max(self._number, self._written[0])
            await last_serials(connection, self._serials)
        except BaseException as error:
            connection.terminate()
            if isinstance(error, BooksError) or not isinstance(error, Exception):
                raise
            raise BooksError(f"books {self._schema} cannot be read: {trouble(error)}") from None
        self._connection = connection

    def end(self) -> None:
        """End the session; what was sent and not answered is unknown."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def write(self, group: list[Job]) -> list[Done]:
        """Write the group and return what each caller is to be told; it is on disk by then. Never raises."""
        try:
            return await self._written_and_watched(group)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            return [(future, self._failed(error)) for _, future, _ in group]

    async def _written_and_watched(self, group: list[Job]) -> list[Done]:
        began_ns, began_cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
        changes = [change for change, _, _ in group]
        if self.slow_us:
            await asyncio.sleep(self.slow_us / _US_PER_S)
        try:
            given = self._given(changes)
            cpu_ns = time.thread_time_ns() - began_cpu_ns
            results = await self._written_together(changes, given)
        except UnknownCommitError as error:
            cpu_ns, results = 0, [error] * len(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, each change is told its own
            cpu_ns, results = 0, await self._one_by_one(changes, error)
        self._count(group, began_ns)
        if self.watcher is not None:
            away_us = self.stats.commit_us[-1]
            self.watcher(changes, cpu_ns, Flush(away_us, away_us))
        return [(future, result) for (_, future, _), result in zip(group, results, strict=True)]

    def _count(self, group: list[Job], began_ns: int) -> None:
        wall_us = (time.perf_counter_ns() - began_ns) // _NS_PER_US
        stats = self.stats
        stats.batches += 1
        stats.changes += len(group)
        stats.sizes.append(len(group))
        stats.commit_us.append(wall_us)
        stats.waited_us += sum(began_ns - since_ns for _, _, since_ns in group) // _NS_PER_US
        stats.busy_us += wall_us

    async def _one_by_one(self, changes: Sequence[Change], error: Exception) -> list[CommitResult | Exception]:
        """Write each change by itself, unless it would fare no better: each may wait as long as the group did."""
        if is_of_the_books(error):
            return [self._failed(error)] * len(changes)
        return [await self._alone(change) for change in changes]

    async def _alone(self, change: Change) -> CommitResult | Exception:
        try:
            [result] = await self._written_together([change], self._given([change]))
        except BooksError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the caller is told; the writer goes on
            return self._failed(error)
        return result

    def _failed(self, error: Exception) -> BooksError:
        failed = BooksError(f"books {self._schema} cannot be written: {trouble(error)}")
        if is_of_the_books(error):
            self.failure = failed
        return failed

    def _given(self, changes: Sequence[Change]) -> list[Any]:
        for change in changes:
            refuse_unknown(change.records)
        return arguments(changes, self._serials)

    async def _written_together(self, changes: Sequence[Change], given: list[Any]) -> list[CommitResult | Exception]:
        self._number += 1
        try:
            verdicts = await self._verdicts(self._number, given)
            judged = list(zip(changes, verdicts, strict=True))
            known = {change.message.key: await self._known(change) for change, verdict in judged if verdict == "k"}
        except UnknownCommitError as error:
            self.failure = error
            raise
        self.failure = None
        return [known[change.message.key] if verdict == "k" else _told(change, verdict) for change, verdict in judged]

    async def _verdicts(self, number: int, given: list[Any]) -> str:
        """Send a group until it is known what became of it, and return that.

        Raises:
            UnknownCommitError: when the server stays away.

        """
        until_s = time.monotonic() + WRITE_LIMIT_S
        sent = False
        while True:
            connection = await self._session(until_s, sent=sent)
            if self._written[0] == number:
                return self._written[1]  # it was committed, and its answer lost
            sent = True
            verdicts = await self._asked(connection, WRITE, number, *given)
            if verdicts is not None:
                return verdicts

    async def _known(self, change: Change) -> AlreadyThere | BooksError:
        """Return what stands under a key; that it cannot be read is its caller's alone: the others are written."""
        try:
            return AlreadyThere(await self._message(change.message.key))
        except UnknownCommitError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller is told
            return BooksError(f"books {self._schema} cannot be read: {trouble(error)}; restore them from a copy")

    async def _message(self, key: Key) -> MessageRecord:
        until_s = time.monotonic() + WRITE_LIMIT_S
        while True:
            connection = await self._session(until_s, sent=True)
            row = await self._asked(connection, _FIND, key.msgid, key.sender)
            if row is not None:
                return message_of(row)

    async def _asked(self, connection: Connection, sql: str, *given: Any) -> Any:
        """Return the answer; None when the session was lost over it."""
        try:
            if sql is WRITE:
                return await connection.fetchval(sql, *given, timeout=ANSWER_LIMIT_S)
            return await connection.fetchrow(sql, *given, timeout=ANSWER_LIMIT_S)
        except Exception as error:
            if not is_lost(error, connection):
                raise
            self.end()
            return None

    async def _session(self, until_s: float, *, sent: bool) -> Connection:
        """Return the session that writes, a new one where the last was lost.

        Raises:
            UnknownCommitError: when there is none in time.

        """
        connection = self._connection
        if connection is not None and not connection.is_closed():
            return connection
        self.end()
        try:
            await persist(self.begin, until_s - time.monotonic())
        except BooksError as error:
            fate = "whether it was written is not known" if sent else "nothing was written"
            raise UnknownCommitError(f"{error}; {fate}") from None
        return self._connection


def _told(change: Change, verdict: str) -> CommitResult | Exception:
    if verdict == "n":
        return BooksError(f"no message of key {change.message.key} to replace: insert it first")
    return _COMMITTED if verdict == "c" else _STALE


async def last_serials(connection: Connection, serials: Serials) -> None:
    """Let ``serials`` give no number that a row has."""
    for table, serial in zip(NUMBERED, await connection.fetchrow(_LAST), strict=True):
        serials.pass_by(table, serial)
