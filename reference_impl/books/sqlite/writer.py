"""The one writer of a SQLite file: a thread that commits in groups (G7: commit before reply).

What the loop has queued by the time the writer is free shares one transaction and one flush; only then are the futures
resolved, on the loop. The loop hands a group over at the end of a round, not at its first change: a thread woken for
each change takes the interpreter from the loop at every statement (a third of the throughput on one core, measured).
A change that cannot be written fails alone and never takes its neighbours with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite.connection import apply

if TYPE_CHECKING:
    from reference_impl.protocol.records import Change, CommitResult

__all__ = ["GroupWriter", "Watcher", "WriterStats"]

_GROUP_MAX = 256
"""Changes in one transaction: bounds how long the first of them waits."""
_SAMPLES_MAX = 4096
_NS_PER_US = 1000
_ILL_FORMED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What is wrong with one change and not with the file: its caller is told, and the books go on."""

_Job = tuple["Change", "asyncio.Future[CommitResult]", int]
"""A change, who waits for it, and since when (ns)."""
_Done = tuple["asyncio.Future[CommitResult]", "CommitResult | Exception"]
Watcher = Callable[[list["Change"], int, int], None]
"""Told of each group, in the writer's thread: its changes, its CPU time (ns), the time of its flush (us)."""


class WriterStats:
    """What the writer did: counts since the start and the latest samples."""

    __slots__ = ("batches", "busy_us", "changes", "commit_us", "sizes", "waited_us")

    def __init__(self) -> None:
        """Start at nothing."""
        self.batches = 0
        self.changes = 0
        self.busy_us = 0
        self.waited_us = 0
        """Time changes waited for their group to begin, summed over them."""
        self.sizes: deque[int] = deque(maxlen=_SAMPLES_MAX)
        self.commit_us: deque[int] = deque(maxlen=_SAMPLES_MAX)
        """Wall time of the COMMIT alone, flush to disk included."""


class GroupWriter:
    """Takes changes from the loop, writes them in groups."""

    __slots__ = (
        "_busy",
        "_connection",
        "_groups",
        "_loop",
        "_name",
        "_queued",
        "_thread",
        "failure",
        "stats",
        "watcher",
    )

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        """Write through ``connection``, which no other thread may use from now on."""
        self._connection = connection
        self._name = name
        self._queued: list[_Job] = []
        self._groups: SimpleQueue[list[_Job]] = SimpleQueue()
        self._busy = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name=f"books-{name}", daemon=True)
        self.failure: Exception | None = None
        self.watcher: Watcher | None = None
        self.stats = WriterStats()

    def start(self) -> None:
        """Begin to take changes."""
        self._thread.start()

    def submit(self, change: Change) -> asyncio.Future[CommitResult]:
        """Queue a change; the future is resolved when it is on disk, also when nobody waits for it any more."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[CommitResult] = loop.create_future()
        self._queued.append((change, future, time.perf_counter_ns()))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._hand_over)
        return future

    def backlog(self) -> int:
        """Return how many changes wait for a group."""
        return len(self._queued)

    def close(self) -> None:
        """Write what is queued, then stop."""
        if self._queued:
            self._groups.put(self._queued)
            self._queued = []
        self._groups.put([])
        self._thread.join()
        self._connection.close()

    def _hand_over(self) -> None:
        """Give the writer its next group; on the loop, when the writer is free."""
        group, self._queued = self._queued[:_GROUP_MAX], self._queued[_GROUP_MAX:]
        self._busy = bool(group)
        if group:
            self._groups.put(group)

    def _run(self) -> None:
        while group := self._groups.get():
            self._write(group)

    def _write(self, batch: list[_Job]) -> None:
        began_ns, began_cpu_ns = time.perf_counter_ns(), time.thread_time_ns()
        done = self._try_together(batch)
        if done is None:
            done = [self._try_alone(job) for job in batch]
        stats = self.stats  # counted before anybody is told, so that whoever has an answer finds it counted
        stats.batches += 1
        stats.changes += len(batch)
        stats.sizes.append(len(batch))
        stats.waited_us += sum(began_ns - since_ns for _, _, since_ns in batch) // _NS_PER_US
        stats.busy_us += (time.perf_counter_ns() - began_ns) // _NS_PER_US
        if any(not isinstance(result, Exception) for _, result in done):
            self.failure = None  # what could not be written a while ago can be now: the disk has room again
        self._tell(done)
        if self.watcher is not None and stats.commit_us:
            self.watcher([job[0] for job in batch], time.thread_time_ns() - began_cpu_ns, stats.commit_us[-1])

    def _try_together(self, batch: list[_Job]) -> list[_Done] | None:
        """Write the batch in one transaction; None, and nothing written, when one of them cannot be."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            done: list[_Done] = [(future, apply(connection, change)) for change, future, _ in batch]
            self._flush()
        except Exception:  # noqa: BLE001 - whatever it is, each change is tried alone and told its own
            self._undo()
            return None
        return done

    def _try_alone(self, job: _Job) -> _Done:
        change, future, _ = job
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = apply(connection, change)
            self._flush()
        except sqlite3.Error as error:
            self._undo()
            if not isinstance(error, _ILL_FORMED):
                self.failure = error
            return future, BooksError(f"books {self._name} cannot be written: {error}")
        except Exception as error:  # noqa: BLE001 - the caller is told; the writer goes on
            self._undo()
            return future, error
        return future, result

    def _flush(self) -> None:
        started_ns = time.perf_counter_ns()
        self._connection.execute("COMMIT")
        self.stats.commit_us.append((time.perf_counter_ns() - started_ns) // _NS_PER_US)

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _tell(self, done: list[_Done]) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._resolve, done)

    def _resolve(self, done: list[_Done]) -> None:
        for future, result in done:
            if future.done():  # its caller was cancelled: the change stands all the same
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._hand_over()
