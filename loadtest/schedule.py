"""Arrivals on schedule: every visit starts when it is due, whatever became of the ones before (an open loop).

Waiting for replies before sending the next patient would hide every stall of the system (coordinated omission). The
price is a cap on what may be under way at once; an arrival at the cap is dropped, counted, and makes its window
invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import gevent
from gevent.event import Event
from gevent.pool import Group

from loadtest.gevent_ports import GeventClock, note_lateness
from loadtest.lags import binned, p99
from scenarios.record.recorder import GeneratorRow

JOURNEYS_MAX = 50_000
"""Journeys under way at once, stays that lie and parked visits among them: about 20 KiB of stack and frames each."""

OPEN_AT_START_US = 0
"""When stays that were open before the run are due: all at once, with nobody at a desk who waits for them."""


class Tally:
    """What the schedule has done since it was last asked."""

    __slots__ = ("_dropped", "_lags_us", "_started", "_worker", "dropped_total", "made_total", "started_total")

    def __init__(self, worker: int = 0) -> None:
        """Count for the worker of this number; 0 is a generator of one process."""
        self._worker = worker
        self._lags_us: list[int] = []
        self._started = 0
        self._dropped = 0
        self.started_total = 0
        self.dropped_total = 0
        self.made_total = 0
        """Of those who started, visits of closed users."""

    def started(self, lag_us: int | None) -> None:
        """Count a patient who arrived, this late; None for one who was there before the run, and waits for nobody."""
        if lag_us is not None:
            self._lags_us.append(lag_us)
        self._started += 1
        self.started_total += 1

    def made(self, lag_us: int) -> None:
        """Count a visit that a closed user has begun, this late."""
        self.started(lag_us)
        self.made_total += 1

    def dropped(self) -> None:
        """Count a patient who was left out."""
        self._dropped += 1
        self.dropped_total += 1

    def take(self, *, at_us: int, cpu_share: float, due: int) -> GeneratorRow:
        """Return what happened since the last call, and begin anew."""
        lags_us, self._lags_us = self._lags_us, []
        dropped, self._dropped = self._dropped, 0
        started, self._started = self._started, 0
        return GeneratorRow(
            at_us=at_us,
            cpu_share=cpu_share,
            lag_p99_us=p99(lags_us),
            due=due,
            started=started,
            dropped=dropped,
            lag_counts=binned(lags_us),
            worker=self._worker,
        )


class Schedule:
    """Starts journeys when they are due, one greenlet each, and knows which are under way."""

    def __init__(
        self, clock: GeventClock, tally: Tally, journey: Callable[[int], None], *, busy_max: int = JOURNEYS_MAX
    ) -> None:
        """``journey`` runs a visit to its end; ``busy_max`` of those that do not lie may be under way."""
        self._clock = clock
        self._tally = tally
        self._journey = journey
        self._busy_max = busy_max
        self._most = max(JOURNEYS_MAX, busy_max)
        self._resting = 0
        self._journeys = Group()
        self._stopped = Event()

    @property
    def under_way(self) -> int:
        """Journeys that have begun and not ended."""
        return len(self._journeys)

    @property
    def stopped(self) -> bool:
        """Whether no more patients are let in."""
        return self._stopped.is_set()

    def replay(self, arrivals: Iterable[tuple[int, int]]) -> None:
        """Start each (visit, arrival_us) at its moment, in order; return when the last has started or on ``stop``."""
        for visit, arrival_us in arrivals:
            while (wait_us := arrival_us - self._clock.now_us()) > 0:
                if self._stopped.wait(wait_us / 1_000_000):
                    return
            if self.stopped:
                return
            if not self._has_room():
                gevent.sleep(0)  # of those who came at the same moment some may lie by now
            if not self._has_room():
                self._tally.dropped()
            else:
                self._journeys.spawn(self._arrive, visit, arrival_us)

    def make(self, at_us: int, journey: Callable[[], None]) -> int | None:
        """Make a visit of a closed user, due at ``at_us``, and wait for its end.

        Return when that was; None on ``stop``.

        A user has one visit at a time, so no cap but that on all journeys can keep one out.
        """
        if self.stopped:
            return None
        lag_us = max(0, self._clock.now_us() - at_us)
        self._tally.made(lag_us)
        note_lateness(lag_us)
        self._journeys.spawn(journey).join()
        return None if self.stopped else self._clock.now_us()

    def until_s(self, at_us: int) -> float:
        """Return the seconds until a moment; negative after it."""
        return (at_us - self._clock.now_us()) / 1_000_000

    def rests(self, change: int) -> None:
        """Hear that a stay begins to lie (1) or goes on (-1): one that lies makes no call, and holds no connection."""
        self._resting += change

    def _has_room(self) -> bool:
        under_way = len(self._journeys)
        return under_way < self._most and under_way - self._resting < self._busy_max

    def stop(self) -> None:
        """Let nobody in any more; journeys under way go on."""
        self._stopped.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until every journey has ended; return whether they all did."""
        return bool(self._journeys.join(timeout_s))

    def kill(self) -> None:
        """End every journey where it stands; returns when all have unwound."""
        self._journeys.kill(gevent.GreenletExit)

    def _arrive(self, visit: int, arrival_us: int) -> None:
        lag_us = max(0, self._clock.now_us() - arrival_us)
        self._tally.started(lag_us if arrival_us != OPEN_AT_START_US else None)
        note_lateness(lag_us)
        self._journey(visit)
