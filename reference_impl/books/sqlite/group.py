"""A group of changes in one transaction and one flush, and what became of each.

A change that cannot be written fails alone and never takes its neighbours with it. Who collects the group, and whether
the loop waits for the disk, is the writers' matter: this module must never know a thread or a loop.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from reference_impl.books.final import BooksError
from reference_impl.books.groups import Done, Flush, Job, Watcher, WriterStats
from reference_impl.books.sqlite.checkpoint import Checkpoint
from reference_impl.books.sqlite.connection import COMMITTED, apply
from reference_impl.books.sqlite.core_wait import core_wait_ns
from reference_impl.books.sqlite.trailing import extend_trail

if TYPE_CHECKING:
    from reference_impl.books.trail import Noted

__all__ = ["GroupCommit"]

_NS_PER_US = 1000
_US_PER_S = 1_000_000
_HELD_BY_ANOTHER = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Another process writes into the file: no change of the group fares better alone, and each try waits its time."""
_ILL_FORMED = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""What is wrong with one change and not with the file: its caller is told, and the books go on."""


class GroupCommit:
    """Writes groups through one connection."""

    __slots__ = ("_checkpoint", "_connection", "_flushed", "_name", "_tip", "failure", "slow_us", "stats", "watcher")

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        """Write through ``connection``; ``name`` is the node's, for errors."""
        self._connection = connection
        self._checkpoint = Checkpoint(connection)
        self._name = name
        self._flushed = Flush()
        self._tip: Noted | None = None
        """The last entry of the trail, while it is known: only this writes others."""
        self.failure: Exception | None = None
        """Why nothing can be written at this moment."""
        self.watcher: Watcher | None = None
        self.slow_us = 0
        """How much longer the disk is to take for a flush."""
        self.stats = WriterStats()

    def write(self, group: list[Job]) -> list[Done]:
        """Write the group and return what each caller is to be told; it is on disk by then. Never raises."""
        try:
            return self._written(group)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            return self._all_failed(group, error)

    def _written(self, group: list[Job]) -> list[Done]:
        began_ns, began_cpu_ns = time.perf_counter_ns(), self._cpu_ns()
        done = self._try_together(group)
        if done is None:
            done = [self._try_alone(job) for job in group]
        stats = self.stats  # counted before anybody is told, so that whoever has an answer finds it counted
        stats.batches += 1
        stats.changes += len(group)
        self._checkpoint.count(len(group))
        stats.sizes.append(len(group))
        stats.waited_us += sum([began_ns - since_ns for _, _, since_ns in group]) // _NS_PER_US
        stats.busy_us += (time.perf_counter_ns() - began_ns) // _NS_PER_US
        if self.failure is not None and any(not isinstance(result, Exception) for _, result in done):
            self.failure = None  # what could not be written a while ago can be now: the disk has room again
        if self.watcher is not None and stats.commit_us:
            self.watcher([job[0] for job in group], self._cpu_ns() - began_cpu_ns, self._flushed)
        return done

    @property
    def log_is_long(self) -> bool:
        """Whether the log should be folded back once all callers are told."""
        return self._checkpoint.due

    def fold_log(self) -> None:
        """Fold the log back into the file. Never raises: no caller waits for it."""
        try:
            if self.watcher is None:
                self._checkpoint.make()
                return
            began_cpu_ns = time.thread_time_ns()
            _, flush = self._timed(self._checkpoint.make)
            self.watcher([], time.thread_time_ns() - began_cpu_ns, flush)
        except Exception as error:  # noqa: BLE001 - said until something can be written again
            self.failure = error

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _try_together(self, group: list[Job]) -> list[Done] | None:
        """Write the group in one transaction; None, and nothing written, when one of them cannot be."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            done: list[Done] = [(future, apply(connection, change)) for change, future, _ in group]
            made = [job[0] for job, one in zip(group, done, strict=True) if one[1] is COMMITTED]
            tip = extend_trail(connection, made, self._tip)
            self._flush()
            self._tip = tip
        except Exception as error:  # noqa: BLE001 - whatever it is, each change is tried alone and told its own
            self._undo()
            held = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in _HELD_BY_ANOTHER
            return self._all_failed(group, error) if held else None
        return done

    def _all_failed(self, group: list[Job], error: Exception) -> list[Done]:
        """Return the same failure for each: whether anything of the group is on disk, its callers must not assume."""
        self.failure = error
        return [(future, BooksError(f"books {self._name} cannot be written: {error}")) for _, future, _ in group]

    def _try_alone(self, job: Job) -> Done:
        change, future, _ = job
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = apply(connection, change)
            tip = extend_trail(connection, [change] if result is COMMITTED else [], self._tip)
            self._flush()
            self._tip = tip
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
        if self.slow_us:
            time.sleep(self.slow_us / _US_PER_S)
        wall_ns, self._flushed = self._timed(partial(self._connection.execute, "COMMIT"))
        self.stats.commit_us.append(wall_ns // _NS_PER_US)

    def _timed(self, write: Callable[[], object]) -> tuple[int, Flush]:
        """Write, and return the wall time (ns) and, where somebody wants to know, what of it was no CPU."""
        watched = self.watcher is not None
        core_ns = core_wait_ns() if watched else 0
        started_ns, started_cpu_ns = time.perf_counter_ns(), self._cpu_ns()
        write()
        wall_ns = time.perf_counter_ns() - started_ns
        if not watched:
            return wall_ns, Flush()
        away_ns = max(0, wall_ns - (self._cpu_ns() - started_cpu_ns))
        disk_ns = max(0, away_ns - (core_wait_ns() - core_ns))
        return wall_ns, Flush(disk_ns // _NS_PER_US, away_ns // _NS_PER_US)

    def _cpu_ns(self) -> int:
        """Return the thread's CPU time, where somebody wants to know: reading it is a call of the kernel."""
        return 0 if self.watcher is None else time.thread_time_ns()

    def _undo(self) -> None:
        self._tip = None  # whether the entry of what failed is on disk, nobody can tell: it is looked for
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
