"""Many coroutines woven into one: time moves only when nobody can go on, and of those who can, somebody picks one.

The same picks give the same cloth.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Sequence
from itertools import count
from typing import Any

__all__ = ["Cell", "Crash", "Loom", "Nap", "NeverRests", "Suspend", "Task", "Wait"]


class Crash(BaseException):
    """A node is gone at this instant; nobody may catch it but the machine it ran on."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


class NeverRests(Exception):
    """There was still work after every step that was allowed: somebody spins or waits for nobody."""


class Suspend:
    """An await that really suspends once: others may go first."""

    def __await__(self) -> Generator[None, None, None]:
        """Suspend once."""
        yield


class Cell:
    """A place for one value that somebody may wait for."""

    __slots__ = ("waiter",)

    def __init__(self) -> None:
        self.waiter: tuple[Task, int] | None = None


class Wait:
    """Await the value of a cell, or None when it does not come within ``timeout_us``."""

    __slots__ = ("cell", "timeout_us")

    def __init__(self, cell: Cell | None, timeout_us: int) -> None:
        self.cell = cell
        self.timeout_us = timeout_us

    def __await__(self) -> Generator[Wait, Any, Any]:
        """Ask the loom for what is wanted."""
        return (yield self)


class Nap(Wait):
    """Await nothing but time."""

    __slots__ = ()

    def __init__(self, us: int) -> None:
        super().__init__(None, us)


class Task:
    """A coroutine on the loom. ``turn`` moves with every wake, so that a timer set for an earlier wait is known."""

    __slots__ = ("dead", "given", "owner", "rank", "turn", "work")

    def __init__(self, work: Coroutine[Any, Any, Any], owner: str) -> None:
        self.work = work
        self.owner = owner
        self.given: Any = None
        self.rank = 0.0
        """For whoever picks by rank."""
        self.turn = 0
        self.dead = False


class Loom:
    """The scheduler. ``pick`` says who of those that can go on does; ``on_crash`` is told when one raises ``Crash``."""

    def __init__(self, pick: Callable[[Sequence[Task]], int], on_crash: Callable[[str], None]) -> None:
        self.now_us = 0
        self._pick = pick
        self._on_crash = on_crash
        self._ready: list[Task] = []
        self._timers: list[tuple[int, int, int, Task]] = []
        self._serial = count()
        self._owned: dict[str, set[Task]] = defaultdict(set)

    def spawn(self, work: Coroutine[Any, Any, Any], owner: str = "") -> None:
        """Start a coroutine; those of one owner can be killed together."""
        task = Task(work, owner)
        self._owned[owner].add(task)
        self._ready.append(task)

    def kill(self, owner: str) -> None:
        """Stop every coroutine of ``owner`` where it stands."""
        for task in self._owned.pop(owner, set()):
            task.dead = True
            task.work.close()

    def put(self, cell: Cell, value: Any) -> None:
        """Give a cell its value; nobody may be waiting for it any more."""
        if cell.waiter is not None:
            task, turn = cell.waiter
            cell.waiter = None
            self._wake(task, turn, value)

    def end(self) -> None:
        """Stop everybody where they stand."""
        for owner in list(self._owned):
            self.kill(owner)

    def weave(self, steps_max: int) -> None:
        """Go on until everybody is done; after ``steps_max`` steps stop them all and raise NeverRests."""
        for _ in range(steps_max):
            if not self._ready and not self._advance():
                return
            ready = self._ready
            task = ready.pop(self._pick(ready) if len(ready) > 1 else 0)
            if not task.dead:
                self._step(task)
        self.end()
        raise NeverRests(f"not at rest after {steps_max} steps and {self.now_us} us")

    def _step(self, task: Task) -> None:
        try:
            wanted = task.work.send(task.given)
        except StopIteration:
            self._owned[task.owner].discard(task)
        except Crash as crash:
            self._owned[task.owner].discard(task)
            self._on_crash(crash.node)
        else:
            self._park(task, wanted)

    def _park(self, task: Task, wanted: Wait | None) -> None:
        """Leave a task until what it wants; None wants no more than that others may go first."""
        task.given = None
        if wanted is None or (wanted.cell is None and wanted.timeout_us <= 0):
            self._ready.append(task)
            return
        if wanted.cell is not None:
            wanted.cell.waiter = (task, task.turn)
        heapq.heappush(self._timers, (self.now_us + wanted.timeout_us, next(self._serial), task.turn, task))

    def _wake(self, task: Task, turn: int, value: Any) -> bool:
        if task.dead or task.turn != turn:
            return False
        task.turn += 1
        task.given = value
        self._ready.append(task)
        return True

    def _advance(self) -> bool:
        """Move time to the next timer that still means somebody; return whether there is one."""
        while self._timers:
            at_us, _, turn, task = heapq.heappop(self._timers)
            if not task.dead and task.turn == turn:
                self.now_us = at_us
                return self._wake(task, turn, None)
        return False
