"""Timeouts: one queue per distinct timeout with a single armed event, not one event per call.

Everyone who starts waiting now with the same timeout gives up after everyone who started before, so the deadlines are
in order by themselves, and only the first needs an event. A call that is answered in time leaves the queue and costs no
event at all; 600 seconds of timeout would otherwise fill the list of things to come with calls long answered.
This module must never decide what giving up means.
"""

from __future__ import annotations

from typing import Protocol

from sim.engine.timeline import TIMER, Timeline, Wakeup


class Waiting(Protocol):
    """Whoever waits with a timeout."""

    def give_up(self) -> None:
        """Be told that the timeout has run out."""
        ...


class TimeoutQueue:
    """All who wait with one and the same timeout."""

    __slots__ = ("_armed", "_deadlines", "_timeline", "_timeout_us")

    def __init__(self, timeline: Timeline, timeout_us: int) -> None:
        """Start with nobody waiting."""
        self._timeline = timeline
        self._timeout_us = timeout_us
        self._deadlines: dict[Waiting, int] = {}
        self._armed = False

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._deadlines)

    def add(self, waiting: Waiting) -> None:
        """Start the timeout of ``waiting`` now."""
        deadline_us = self._timeline.now_us + self._timeout_us
        self._deadlines[waiting] = deadline_us
        if not self._armed:
            self._arm(deadline_us)

    def remove(self, waiting: Waiting) -> None:
        """Stop the timeout of ``waiting``: it got what it waited for, or went away."""
        self._deadlines.pop(waiting, None)

    def _arm(self, deadline_us: int) -> None:
        self._armed = True
        signal = Wakeup()
        signal.callbacks.append(self._ring)
        self._timeline.at(deadline_us, TIMER, signal)

    def _ring(self, _: Wakeup) -> None:
        now_us = self._timeline.now_us
        self._armed = False
        due: list[Waiting] = []
        for waiting, deadline_us in self._deadlines.items():
            if deadline_us > now_us:
                self._arm(deadline_us)
                break
            due.append(waiting)
        for waiting in due:
            del self._deadlines[waiting]
        for waiting in due:
            waiting.give_up()


class Timeouts(dict[int, TimeoutQueue]):
    """The queues of a run by their timeout (us), made when first asked for; few, as few timeouts are configured."""

    __slots__ = ("_timeline",)

    def __init__(self, timeline: Timeline) -> None:
        """Start without queues."""
        super().__init__()
        self._timeline = timeline

    def __missing__(self, timeout_us: int) -> TimeoutQueue:
        queue = self[timeout_us] = TimeoutQueue(self._timeline, timeout_us)
        return queue
