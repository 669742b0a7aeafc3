"""Who collects changes into groups: the loop at the end of its turn, or a thread beside it (G7: commit, then reply).

*In the turn*: everything that is ready is decided, and what came in meanwhile, as long as that brings more to write;
then one commit, on the loop, and the answers. No hand-over and no second wake-up, but the loop stands still while the
disk flushes. *Beside*: a thread writes while the loop goes on. Which of the two pays is the disk's matter
(``books/sqlite/disk.py``). Either way a change is on disk before its caller hears of it.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue

from reference_impl.books.groups import Done, Job, Writer, resolve
from reference_impl.books.sqlite.group import GroupCommit

__all__ = ["GATHERED_MAX", "BesideWriter", "SqliteWriter", "TurnWriter"]

GATHERED_MAX = 64
"""Changes for which a turn commits without looking for more: bounds how long the first of them waits."""


class SqliteWriter(Writer):
    """One that writes through one connection to a file."""

    __slots__ = ("group",)

    def __init__(self, group: GroupCommit) -> None:
        """Write through ``group``, which nobody else may use from now on."""
        super().__init__()
        self.group = group


class TurnWriter(SqliteWriter):
    """Commits what the loop decided in a turn, once a look for more brings nothing more to write.

    A flush costs as much as deciding a message, whatever it writes. So the loop looks for more first: an idle one finds
    nothing and commits at once, a busy one commits ``GATHERED_MAX`` changes at the latest.
    """

    __slots__ = ("_folding", "_seen")

    def __init__(self, group: GroupCommit) -> None:
        """Write through ``group``, which nobody else may use from now on."""
        super().__init__(group)
        self._folding = False
        self._seen = 0
        """How many changes waited when the loop last went to look for more."""

    def _finish(self) -> None:
        while self._queued:
            self._commit()

    def _end_round(self) -> None:
        waiting = len(self._queued)
        if self._seen < waiting < GATHERED_MAX and self._loop is not None:
            self._seen = waiting
            self._loop.call_soon(self._end_round)
        else:
            self._commit()

    def _commit(self) -> None:
        self._seen = 0
        group = self._next_group()
        self._due = bool(self._queued)
        if self._due and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon(self._end_round)
        if group:
            resolve(self.group.write(group))
            self._fold_log_soon()

    def _fold_log_soon(self) -> None:
        """Fold the log back when it is long, two rounds on: in the next one the answers are written and leave."""
        loop = self._loop
        if self.group.log_is_long and not self._folding and loop is not None and not loop.is_closed():
            self._folding = True
            loop.call_soon(loop.call_soon, self._fold_log)

    def _fold_log(self) -> None:
        self._folding = False
        if not self._closed:
            self.group.fold_log()


class BesideWriter(SqliteWriter):
    """A thread that writes what the loop hands it.

    The loop hands a group over at the end of a round, not at its first change: a thread woken for each change takes the
    interpreter from the loop at every statement (a third of the throughput on one core, measured).
    """

    __slots__ = ("_groups", "_thread")

    def __init__(self, group: GroupCommit, name: str) -> None:
        """Write through ``group``, which no other thread may use from now on."""
        super().__init__(group)
        self._groups: SimpleQueue[list[Job]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"books-{name}", daemon=True)
        self._thread.start()

    def _finish(self) -> None:
        if self._queued:
            self._groups.put(self._queued)
            self._queued = []
        self._groups.put([])
        self._thread.join()

    def _end_round(self) -> None:
        group = self._next_group()
        self._due = bool(group)
        if group:
            self._groups.put(group)

    def _run(self) -> None:
        while group := self._groups.get():
            done = self.group.write(group)
            loop = self._loop
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._resolve, done)
            if self.group.log_is_long:
                self.group.fold_log()

    def _resolve(self, done: list[Done]) -> None:
        resolve(done)
        self._end_round()
