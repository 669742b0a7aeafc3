"""What is common to all who write changes in groups: who waits, what they are told, how a round of a loop is collected.

A change is on disk before its caller hears of it (G7). This module must never know a database.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from reference_impl.books.final import BooksError

if TYPE_CHECKING:
    from reference_impl.protocol.records import Change, CommitResult

__all__ = ["GROUP_MAX", "Done", "Flush", "Job", "Watcher", "Writer", "WriterStats", "resolve"]

GROUP_MAX = 256
"""Changes in one transaction: bounds how long the first of them waits."""
_SAMPLES_MAX = 4096

Job = tuple["Change", "asyncio.Future[CommitResult]", int]
"""A change, who waits for it, and since when (ns)."""
Done = tuple["asyncio.Future[CommitResult]", "CommitResult | Exception"]


class Flush(NamedTuple):
    """What a COMMIT, or a checkpoint, was beside its CPU (us)."""

    disk_us: int = 0
    """Its wall time less its CPU and less what it waited for a core."""
    away_us: int = 0
    """For how long the thread did not run: the disk, and the wait for a core after it."""


Watcher = Callable[[list["Change"], int, Flush], None]
"""Told of each group, in the thread that wrote it: its changes, its CPU (ns), and its flush; of a checkpoint as of a
group without changes."""


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


def resolve(done: list[Done]) -> None:
    """Tell every caller what became of their change; on the loop."""
    for future, result in done:
        if future.done():  # its caller was cancelled: the change stands all the same
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


class Writer(ABC):
    """Collects what the loop decides in a round and has it written, a group at a time."""

    __slots__ = ("_closed", "_due", "_loop", "_queued")

    def __init__(self) -> None:
        """Have nothing to write yet."""
        self._closed = False
        self._queued: list[Job] = []
        self._due = False
        """Whether a group is under way, or will be at the end of the round."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, change: Change) -> asyncio.Future[CommitResult]:
        """Queue a change; the future is resolved when it is on disk, also when nobody waits for it any more."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[CommitResult] = loop.create_future()
        if self._closed:
            future.set_exception(BooksError("the books are closed: nothing was written"))
            return future
        self._queued.append((change, future, time.perf_counter_ns()))
        if not self._due:
            self._due = True
            loop.call_soon(self._end_round)
        return future

    def backlog(self) -> int:
        """Return how many changes wait for a group."""
        return len(self._queued)

    @property
    def busy(self) -> bool:
        """Whether anything that was submitted is not yet written, or its caller not yet told."""
        return self._due

    def close(self) -> None:
        """Write what is queued, then stop; what is submitted from now on is told that the books are closed."""
        self._closed = True
        self._finish()

    @abstractmethod
    def _finish(self) -> None:
        """Write what is queued, then stop."""

    @abstractmethod
    def _end_round(self) -> None:
        """Have the next group written; on the loop."""

    def _next_group(self) -> list[Job]:
        group, self._queued = self._queued[:GROUP_MAX], self._queued[GROUP_MAX:]
        return group
