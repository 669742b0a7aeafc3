"""Virtual time: SimPy's environment on whole microseconds, with a defined order at one instant.

What happens at one instant is ordered (time, kind, id): commands of the scenario first, then work, then timers (a reply
that arrives at the very end of somebody's timeout is in time), then sampling; ``id`` is the order of scheduling, which
is itself decided by keyed draws alone.

This is the only module that reaches into SimPy, for speed: ``PRIVATE_OF_SIMPY`` lists what it takes, pyproject.toml
bounds SimPy's version, and a test says what to do when either no longer holds.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final

import simpy

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.engine.driver import Task

COMMAND: Final = 0
GOING_ON: Final = 1
WORK: Final = 2
TIMER: Final = 3
SAMPLE: Final = 4
LAST: Final = 5

PRIVATE_OF_SIMPY: Final = {
    "_queue": "the environment's heap of (time, priority, number, event)",
    "_eid": "its counter of events, whose numbers order what happens at one instant",
    "_now": "its time, which ``now`` reads",
    "_ok": "whether an event succeeded",
    "_value": "what an event brought, as processes read it",
}
"""Every private attribute of SimPy that is used here, and what for."""


class _Halted(Exception):  # not an error: the way out of the loop
    def __init__(self, *, at_limit: bool) -> None:
        super().__init__()
        self.at_limit = at_limit


def _halt(signal: Wakeup) -> None:
    raise _Halted(at_limit=signal.value is True)


class Wakeup(simpy.Event):
    """A SimPy event that cannot fail, is bound to no environment until scheduled, and carries a plain ``value``.

    It leaves out what SimPy's own event does on creation and triggering; a process or a task may yield either.
    Nothing can call it off once it is on the timeline: see ``Owned`` for what a host brings about.
    """

    __slots__ = ("callbacks", "value")

    _ok = True

    def __init__(self, value: object = None) -> None:
        """Make a signal nobody waits for yet."""
        self.callbacks: list[Callable[[Any], None]] = []
        self.value: Any = value

    @property
    def _value(self) -> Any:  # SimPy's processes read an event's value here
        return self.value


class Owned(Wakeup):
    """A signal that a host's CPU makes happen.

    ``owner`` and ``leaves_us`` say which host, and until when that host can still stop it: see
    ``Timeline.withdraw_events``.
    """

    __slots__ = ("leaves_us", "owner")

    def __init__(self, owner: object = None, leaves_us: int = 0, callback: Callable[[Any], None] | None = None) -> None:
        """Make a signal of ``owner`` that nobody waits for yet, but for ``callback``."""
        self.callbacks = [] if callback is None else [callback]
        self.value = None
        self.owner = owner
        self.leaves_us = leaves_us


class Timeline(simpy.Environment):
    """The run's clock and its list of things to come."""

    def __init__(self) -> None:
        """Start at zero, with nothing to come."""
        super().__init__(0)
        self.heap: list[Any] = self._queue
        self.next_id = self._eid.__next__
        self.current: Task | None = None
        self.now_us = 0
        """Microseconds since the start of the run: SimPy's ``now``, a plain attribute because it is read so often."""

    def at(self, when_us: int, kind: int, signal: simpy.Event) -> None:
        """Let ``signal`` happen at ``when_us``."""
        heappush(self.heap, (when_us, kind, self.next_id(), signal))

    def put(self, when_us: int, kind: int, order: int, signal: simpy.Event) -> None:
        """Let ``signal`` happen at ``when_us``, ordered by a number that :attr:`next_id` gave before."""
        heappush(self.heap, (when_us, kind, order, signal))

    def call_at(self, when_us: int, kind: int, action: Callable[[], None]) -> Wakeup:
        """Call ``action`` at ``when_us``; emptying the callbacks of the returned signal calls it off."""
        signal = Wakeup()
        signal.callbacks.append(lambda _: action())
        heappush(self.heap, (when_us, kind, self.next_id(), signal))
        return signal

    def stop(self) -> None:
        """End ``run_until`` after the event under way; safe to call from a signal handler."""
        halt = Wakeup()
        halt.callbacks.append(_halt)
        heappush(self.heap, (self._now, -1, self.next_id(), halt))

    def run_until(self, limit_us: int) -> bool:
        """Let everything happen up to and including ``limit_us``; return False when ``stop`` ended it before.

        This is ``simpy.Environment.run`` with its ``step`` written out: a call less for each of the millions of events
        of a run.
        """
        heap = self.heap
        end = Wakeup(value=True)
        end.callbacks.append(_halt)
        heappush(heap, (limit_us, LAST, self.next_id(), end))
        try:
            while True:
                now_us, _, _, event = heappop(heap)
                self._now = self.now_us = now_us
                callbacks, event.callbacks = event.callbacks, None
                for callback in callbacks:
                    callback(event)
                if not event._ok and not event.defused:  # noqa: SLF001  # a Wakeup is always ok; SimPy's own may fail
                    raise event.value
        except _Halted as halted:
            end.callbacks = []
            return halted.at_limit

    def withdraw_events(self, owner: object, from_us: int) -> list[tuple[int, int, int, Owned]]:
        """Remove and return, in order, what ``owner``'s CPU would have brought about from ``from_us`` on.

        Rare (a node is frozen or killed), so it may walk the whole list; the common path pays nothing for it.
        """
        held: list[tuple[int, int, int, Owned]] = []
        kept: list[Any] = []
        for item in self.heap:
            event = item[3]
            stoppable = isinstance(event, Owned) and event.owner is owner and event.leaves_us >= from_us
            (held if stoppable else kept).append(item)
        self.heap[:] = kept
        heapify(self.heap)
        return sorted(held, key=lambda item: item[:3])
