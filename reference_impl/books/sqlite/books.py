"""Books in one SQLite file: WAL, synchronous FULL, one writer that commits in groups.

What ``commit`` has answered is on disk and survives ``kill -9`` and a power cut. Where a thread writes beside the loop,
a look has a connection of its own and never waits for it; where the loop commits in its own turn, it looks through the
connection that writes, which nothing changes between two turns.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.books.groups import Watcher, WriterStats
from reference_impl.books.sqlite.connection import (
    apply,
    connect,
    count_start,
    find_intents,
    find_latest_us,
    probe,
    read_whole,
    see,
    see_at_one_instant,
)
from reference_impl.books.sqlite.disk import Committing, Disk
from reference_impl.books.sqlite.group import GroupCommit
from reference_impl.books.sqlite.opening import lock, make_ready
from reference_impl.books.sqlite.trailing import begin_trail, extend_trail
from reference_impl.books.sqlite.writer import BesideWriter, SqliteWriter, TurnWriter
from reference_impl.domain.unreadable import NO_JSON
from reference_impl.protocol.records import Committed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from reference_impl.books.final import FinalBooks
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["SqliteBooks", "fill_books", "read_final", "read_latest_us"]

UNKNOWN_DISK = Disk(None, Committing.BESIDE)
"""A disk that nobody has measured."""
_UNREADABLE = (sqlite3.Error, msgspec.MsgspecError, ValueError)
"""What reading a damaged file raises: SQLite looks after its pages, and not into what our rows say."""
_T = TypeVar("_T")


class SqliteBooks:
    """One node's books in a file, for one process at a time."""

    __slots__ = ("_damage", "_lock", "_reader", "_see", "_writer", "disk", "path")

    def __init__(self, path: Path, disk: Disk = UNKNOWN_DISK) -> None:
        """Open the books, making the file when there is none; ``disk`` says where commits are made.

        Raises:
            BooksError: when the file is not ours, newer than this program, or open in another process.

        """
        self.path = path
        self.disk = disk
        self._damage: Exception | None = None
        self._lock = lock(path)
        try:
            make_ready([path])
            self._reader, self._writer = _connected(path, disk.committing)
        except _UNREADABLE as error:
            os.close(self._lock)
            raise BooksError(f"books {path} cannot be read: {error}; restore the file from a copy") from None
        except BaseException:
            os.close(self._lock)
            raise
        self._see = see if disk.committing is Committing.TURN else see_at_one_instant

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        try:
            return self._see(self._reader, key, refs)
        except _UNREADABLE as error:
            raise self._damaged(error) from None

    def count_start(self) -> int:
        """Write down, before anything is served, that the node's process starts; return how often it did before.

        Raises:
            BooksError: when the books cannot be written.

        """
        try:
            with closing(connect(self.path)) as connection:
                return count_start(connection)
        except sqlite3.Error as error:
            raise BooksError(f"books {self.path} cannot be written: {error}") from None

    async def probe(self) -> None:
        """Commit to the file without changing what it says, beside the writer; what failed before is forgiven.

        Raises:
            BooksError: when it cannot be written.

        """
        try:
            await asyncio.to_thread(probe, self.path)
        except sqlite3.Error as error:
            self._writer.group.failure = error
            raise BooksError(f"books {self.path} cannot be written: {error}") from None
        self._writer.group.failure = None

    def latest_us(self) -> int | None:
        """Return the latest instant that anything in the books was opened or posted at; None in empty books."""
        return self._read(lambda: find_latest_us(self._reader))

    def commit(self, change: Change) -> Awaitable[CommitResult]:
        """Apply the whole change or none of it; the verdict comes when it is on disk."""
        return self._writer.submit(change)

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        return self._read(lambda: find_intents(self._reader))

    def read_all(self) -> FinalBooks:
        """Return everything written down."""
        return read_whole(self._reader)

    @property
    def stats(self) -> WriterStats:
        """What the writer did so far."""
        return self._writer.group.stats

    @property
    def failure(self) -> Exception | None:
        """Why the books can at this moment not be written, or no longer be read; None while all is well."""
        return self._damage or self._writer.group.failure

    def _read(self, look: Callable[[], _T]) -> _T:
        """Return what a look finds; a file that cannot be read any more is named."""
        try:
            return look()
        except _UNREADABLE as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> BooksError:
        self._damage = error
        return BooksError(f"books {self.path} cannot be read: {error}; restore the file from a copy")

    def watch(self, watcher: Watcher) -> None:
        """Have ``watcher`` told of each group of commits, in the thread that writes it."""
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
        """Write what is queued, close the file and let other processes have it; closing twice is no harm."""
        if self._lock < 0:
            return
        self._writer.close()
        self._writer.group.close()
        self._reader.close()  # in the turn it is the same connection; closing it again is no harm
        os.close(self._lock)
        self._lock = -1


def _connected(path: Path, committing: Committing) -> tuple[sqlite3.Connection, SqliteWriter]:
    """Return what looks and what writes."""
    connection = connect(path)
    begin_trail(connection)
    group = GroupCommit(connection, path.stem)
    if committing is Committing.TURN:
        return connection, TurnWriter(group)
    reader = connect(path)
    reader.execute("PRAGMA query_only=1")
    return reader, BesideWriter(group, path.stem)


def read_latest_us(path: Path) -> int | None:
    """Return the latest instant in the books of a node that does not run; None when they are empty or not there.

    Raises:
        BooksError: when the file cannot be read.

    """
    if not path.exists():
        return None
    books = SqliteBooks(path)
    try:
        return books.latest_us()
    finally:
        books.close()


def fill_books(path: Path, changes: Iterable[Change]) -> None:
    """Write ``changes`` into the books of a node that does not run yet, all or none.

    Raises:
        BooksError: when the file cannot be opened, or a change does not fit what is there.

    """
    held = lock(path)
    try:
        make_ready([path])
        with closing(connect(path)) as connection:
            begin_trail(connection)
            connection.execute("BEGIN IMMEDIATE")
            wanted = list(changes)
            for change in wanted:
                verdict = apply(connection, change)
                if not isinstance(verdict, Committed):
                    raise BooksError(f"books {path} already hold what is to come before the run: {verdict}")
            extend_trail(connection, wanted)
            connection.execute("COMMIT")
    finally:
        os.close(held)


def read_final(path: Path) -> FinalBooks:
    """Return everything in the file of a node that is stopped or was killed.

    Raises:
        BooksError: when the file is missing, not ours, newer than this program, or open in another process.

    """
    if not path.exists():
        raise BooksError(f"no books at {path}: expected the file of a node that ran")
    held = lock(path)
    try:
        make_ready([path])
        with closing(connect(path)) as connection:
            return read_whole(connection)
    except (*NO_JSON, LookupError) as error:
        raise BooksError(f"{path}: a row cannot be read: {error}; restore the file from a copy") from None
    finally:
        os.close(held)
