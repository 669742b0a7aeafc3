"""The driver: a coroutine of the protocol run by SimPy's events.

A ``Task`` is to coroutines what ``simpy.Process`` is to generators, less what the protocol does not ask for: it
starts without an event, and an await costs what a bare SimPy process pays for a yield, a quarter less than when a
process drives the coroutine (``benchmarks/sim_vs_plain.py``). It may be cancelled at any await: the coroutine is
closed there, its ``finally`` blocks run, and nothing is awaited any more, as in a process that is killed.
"""

from __future__ import annotations

import types
from heapq import heappush
from typing import TYPE_CHECKING, Any

from sim.engine.timeline import TIMER, WORK, Timeline, Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Protocol

    import simpy

    class Loop(Protocol):
        """Where a task of a process takes its turns."""

        def post(self, action: Callable[[Any], None], event: Any) -> None:
            """Call ``action`` with ``event`` in the next turn."""
            ...


_START = Wakeup()


class TaskGroup:
    """Where tasks live: they stop together (``freeze``), go on together, and die together."""

    __slots__ = ("deferred", "frozen", "overdue", "tasks")

    def __init__(self) -> None:
        """Start running, and empty."""
        self.frozen = False
        self.deferred: list[tuple[Callable[[Any], None], simpy.Event]] = []
        self.overdue: list[Callable[[], None]] = []
        self.tasks: dict[Task, None] = {}  # in order of start, so that cancelling all is deterministic

    def freeze(self) -> None:
        """Stop every task where it stands; what happens meanwhile reaches it at ``thaw``."""
        self.frozen = True

    def defer(self, action: Callable[[Any], None], event: simpy.Event) -> None:
        """Let ``action`` hear of ``event`` at the thaw: it happened while all stood still."""
        self.deferred.append((action, event))

    def put_off(self, give_up: Callable[[], None]) -> None:
        """Let ``give_up`` come at the thaw, after what came in meanwhile: who stands still lets no timeout run out."""
        self.overdue.append(give_up)

    def thaw(self) -> None:
        """Go on, with what came in meanwhile, in the order it came; then give up what has still not come."""
        self.frozen = False
        deferred, self.deferred = self.deferred, []
        overdue, self.overdue = self.overdue, []
        for action, event in deferred:
            action(event)
        for give_up in overdue:
            give_up()

    def cancel_all(self) -> int:
        """Cancel every task; return how many there were."""
        self.frozen = False
        self.deferred.clear()
        self.overdue.clear()
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        return len(tasks)


class Task:
    """A coroutine under way. ``context`` is its own: ports read it from ``timeline.current``.

    With a ``loop`` it goes on in that loop's turns, else at the very moment of what it waited for.
    """

    __slots__ = ("_coroutine", "_group", "_loop", "_send", "_step", "_timeline", "_waits_for", "context")

    def __init__(
        self,
        timeline: Timeline,
        work: Coroutine[Any, Any, None],
        group: TaskGroup,
        context: Any = None,
        loop: Loop | None = None,
    ) -> None:
        """Enter ``work`` at ``group``; nothing runs until ``start`` or ``start_later``."""
        self._timeline = timeline
        self._coroutine: Coroutine[Any, Any, None] | None = work
        self._send = work.send
        self._step = self.resume if loop is None else self._post
        self._loop = loop
        self._group = group
        self._waits_for: simpy.Event | None = None
        self.context = context
        group.tasks[self] = None

    def start_later(self) -> None:
        """Run to the first await at this very instant, but after the task that asks for it has given way."""
        signal = Wakeup()
        self._wait(signal)
        self._timeline.at(self._timeline.now_us, WORK, signal)

    def resume(self, event: simpy.Event = _START) -> None:
        """Go on with what ``event`` brought, to the next await or the end; ``start`` is the first time, now."""
        group = self._group
        if group.frozen:
            group.defer(self._resume_late, event)
            return
        self._timeline.current = self
        try:
            awaited = self._send(event.value)
        except StopIteration:
            group.tasks.pop(self, None)
            self._coroutine = None
            del self._step  # a bound method held in a slot is a cycle: broken, a finished task is freed at once
        else:
            self._waits_for = awaited
            awaited.callbacks.append(self._step)

    start = resume

    def cancel(self) -> None:
        """End the task at the await where it stands; its ``finally`` blocks run, and may not await."""
        coroutine = self._coroutine
        if coroutine is None:
            return
        awaited = self._waits_for
        if awaited is not None and not awaited.processed:
            callbacks: list[Callable[[Any], None]] = awaited.callbacks  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - SimPy leaves open what a callback takes
            if self._step in callbacks:
                callbacks.remove(self._step)
        self._group.tasks.pop(self, None)
        self._coroutine = self._waits_for = None
        del self._step
        coroutine.close()

    @property
    def ended(self) -> bool:
        """Whether the coroutine has run to its end or was cancelled."""
        return self._coroutine is None

    def _post(self, event: simpy.Event) -> None:
        group, loop = self._group, self._loop
        assert loop is not None  # only then is this the step
        if group.frozen:
            group.defer(self._post, event)
        else:
            loop.post(self.resume, event)

    def _resume_late(self, event: simpy.Event) -> None:
        if self._coroutine is not None:  # what went on before it at the thaw may have cancelled it
            self.resume(event)

    def _wait(self, signal: Wakeup) -> None:
        self._waits_for = signal
        signal.callbacks.append(self._step)


@types.coroutine
def wait(signal: Wakeup) -> Generator[Wakeup, Any, Any]:
    """Await ``signal`` and return its value."""
    return (yield signal)


class SimClock:
    """The protocol's ``Clock`` port in virtual time."""

    __slots__ = ("_timeline",)

    def __init__(self, timeline: Timeline) -> None:
        """Read the time of ``timeline``."""
        self._timeline = timeline

    def now_us(self) -> int:
        """Return microseconds since the start of the run."""
        return self._timeline.now_us

    @types.coroutine
    def sleep_us(self, duration_us: int) -> Generator[Wakeup, None, None]:
        """Wait for ``duration_us``; zero or less returns at once."""
        if duration_us > 0:
            timeline = self._timeline
            signal = Wakeup()
            heappush(timeline.heap, (timeline.now_us + duration_us, TIMER, timeline.next_id(), signal))
            yield signal
