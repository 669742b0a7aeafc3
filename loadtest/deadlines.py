"""By when calls have to end: one timer for all that were given the same time, however many are under way.

Calls of one patience end in the order in which they began, unless they end before; so the timer looks at the oldest
alone. It must never ring early, and never for a call that has ended.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import gevent
from greenlet import getcurrent

__all__ = ["Deadlines"]


class Deadlines:
    """Rings for each greenlet that has begun a call and not ended it in time: ``gevent.Timeout`` rises there."""

    __slots__ = ("_due_s", "_mark", "_timers")

    def __init__(self) -> None:
        """Begin with no call."""
        self._due_s: dict[float, dict[Any, float]] = {}
        """By patience: the greenlets, the oldest first, and the moment of the machine's clock that ends each."""
        self._timers: dict[float, Any] = {}
        self._mark = TimeoutError()
        """What our timeouts are known by."""

    def begin(self, patience_s: float) -> None:
        """Let this greenlet have so many seconds; it has one call at a time."""
        due_s = self._due_s.get(patience_s)
        if due_s is None:
            due_s = self._due_s[patience_s] = {}
        due_s[getcurrent()] = time.monotonic() + patience_s
        if patience_s not in self._timers:
            self._arm(patience_s, patience_s)

    def end(self, patience_s: float) -> None:
        """Let this greenlet be, whether it has been rung for or not."""
        self._due_s[patience_s].pop(getcurrent(), None)

    def rang(self, timeout: gevent.Timeout) -> bool:
        """Return whether it is ours, and not of somebody around the call."""
        return timeout.exception is self._mark

    def _arm(self, patience_s: float, after_s: float) -> None:
        # Whoever waits does so for a socket, which keeps the loop going; a timer left behind must not.
        timer = gevent.get_hub().loop.timer(after_s, ref=False)
        self._timers[patience_s] = timer
        timer.start(partial(self._look, patience_s))

    def _look(self, patience_s: float) -> None:
        """Ring for whoever is over time, and look again when the oldest of the others would be."""
        due_s = self._due_s[patience_s]
        now_s = time.monotonic()
        for late in [one for one, at_s in due_s.items() if at_s <= now_s]:
            if due_s.pop(late, None) is not None:  # who was rung for before may have ended it
                late.throw(gevent.Timeout(None, self._mark))
        # Not before: who begins anew when rung for would set it by itself, and later than the oldest wants.
        self._timers.pop(patience_s).close()
        if due_s:
            self._arm(patience_s, max(0.0, next(iter(due_s.values())) - time.monotonic()))
