"""The ports of a hospital on gevent: awaits that block their greenlet and never yield.

``run_to_end`` drives a workflow in one step, because every await below does its blocking call and then returns.
It must never be imported by a process that is not the generator's, and holds nothing of the protocol.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.pool import Group

Result = TypeVar("Result")

US_PER_S = 1_000_000
LATE_ATTRIBUTE = "late_us"
"""On a greenlet: how far behind its intended moment the generator itself has let it fall."""


def run_to_end(work: Coroutine[Any, Any, Result]) -> Result:
    """Return what ``work`` returns; its awaits block this greenlet."""
    try:
        work.send(None)
    except StopIteration as finished:
        return finished.value
    work.close()
    raise RuntimeError("a gevent port yielded to its driver; it must block inside the greenlet instead")


def note_lateness(late_us: int) -> None:
    """Remember that this greenlet runs ``late_us`` after it meant to, until its next message is timed."""
    setattr(gevent.getcurrent(), LATE_ATTRIBUTE, max(0, late_us))


def take_lateness() -> int:
    """Return and forget how late this greenlet is."""
    current = gevent.getcurrent()
    late_us: int = getattr(current, LATE_ATTRIBUTE, 0)
    if late_us:
        setattr(current, LATE_ATTRIBUTE, 0)
    return late_us


class GeventClock:
    """The run's clock, shared with the servers: the machine's monotonic clock since the run's epoch."""

    __slots__ = ("_epoch_ns",)

    def __init__(self, epoch_monotonic_ns: int) -> None:
        self._epoch_ns = epoch_monotonic_ns

    def now_us(self) -> int:
        """Return microseconds since the start of the run; negative before it."""
        return (time.monotonic_ns() - self._epoch_ns) // 1000

    async def sleep_us(self, duration_us: int) -> None:
        """Wait; what the generator oversleeps counts as its own lateness."""
        if duration_us > 0:
            self.sleep_until_us(self.now_us() + duration_us)

    def sleep_until_us(self, at_us: int) -> None:
        """Block this greenlet until ``at_us``."""
        remaining_us = at_us - self.now_us()
        if remaining_us > 0:
            gevent.sleep(remaining_us / US_PER_S)
            note_lateness(self.now_us() - at_us)


class GeventDesk:
    """The counters of one hospital: first come first served, and nobody waits longer than their patience."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, desks: int) -> None:
        if desks < 1:
            raise ValueError(f"a hospital needs at least one desk (got {desks})")
        self._free = desks
        self._waiting: deque[Event] = deque()

    @property
    def free(self) -> int:
        """Desks nobody sits at."""
        return self._free

    async def seize(self, patience_us: int) -> bool:
        """Take a desk, waiting for it at most ``patience_us``."""
        if self._free:
            self._free -= 1
            return True
        turn = Event()
        self._waiting.append(turn)
        try:
            turn.wait(patience_us / US_PER_S)
        except BaseException:
            # Killed in the queue: step out of it, or pass on the desk just won.
            if turn.is_set():
                self.release()
            else:
                self._waiting.remove(turn)
            raise
        if turn.is_set():
            return True
        self._waiting.remove(turn)
        return False

    def release(self) -> None:
        """Hand the desk to the patient who has waited longest."""
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1


class GeventTasks:
    """Work beside the journeys. A coroutine killed before its first step is closed, not left hanging."""

    def __init__(self) -> None:
        self._group = Group()
        self._work: dict[gevent.Greenlet[..., Any], Coroutine[Any, Any, None]] = {}

    def __len__(self) -> int:
        return len(self._group)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` in a greenlet of its own."""
        greenlet = self._group.spawn(run_to_end, work)
        self._work[greenlet] = work
        greenlet.rawlink(self._forget)

    def report(self, error: Exception) -> None:
        """Raise it where it was found: the journeys keep what goes wrong with our code."""
        raise error

    def kill(self) -> None:
        """Stop all work; returns when every piece has unwound."""
        left = list(self._work.values())
        self._group.kill()
        for work in left:
            work.close()

    def _forget(self, greenlet: gevent.Greenlet[..., Any]) -> None:
        self._work.pop(greenlet, None)
