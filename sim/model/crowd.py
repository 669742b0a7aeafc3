"""The work that a crowd without journeys brings to some servers: one number, how much of it is still to be done.

A Poisson stream of many small jobs is, seen from afar, a Brownian motion: what comes less what the servers can do, and
never below zero because nobody works ahead. Between two looks it is drawn exactly (the motion and its lowest point), so
a look costs the same however many came. Whoever looks waits as often as Erlang's formula says and as long as that of
Pollaczek and Khinchine, and may add work of its own.
[why](docs/why/a-crowd-is-one-number.md)

This module must never know who comes, nor see a single job.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final, NamedTuple

from reference_impl.domain.keyed import GOLDEN, WORD, Purpose, key_hash, mix64
from sim.model.queueing import erlang_c

__all__ = ["Crowd", "Demand", "Hours", "crowd_key"]

STEPS: Final = 1024
_MASK: Final = STEPS - 1
_BITS: Final = 10
_STEADY: Final = 8.0
"""Backlogs of more than so many means a steady hour has next to never."""
_DIGITS: Final = 9
"""Tables are rounded to these, as the logarithms behind them differ in their last bit from machine to machine."""


def _normal() -> tuple[float, ...]:
    """Return the standard normal at the middle of each step, its variance made 1."""
    values = [NormalDist().inv_cdf((step + 0.5) / STEPS) for step in range(STEPS)]
    scale = math.sqrt(STEPS / math.fsum(value * value for value in values))
    return tuple(round(value * scale, _DIGITS) for value in values)


def _exponential() -> tuple[float, ...]:
    """Return the standard exponential at the middle of each step, its mean made 1."""
    values = [-math.log1p(-(step + 0.5) / STEPS) for step in range(STEPS)]
    scale = STEPS / math.fsum(values)
    return tuple(round(value * scale, _DIGITS) for value in values)


_NORMAL: Final = _normal()
_EXPONENTIAL: Final = _exponential()


class Hours(NamedTuple):
    """When the hours of business begin on the run's clock: hour ``n`` at ``n * hour_us - since_us``."""

    hour_us: float
    since_us: float

    def at(self, now_us: int) -> int:
        """Return the hour that an instant lies in, counted from the midnight before the run."""
        return math.floor((now_us + self.since_us) / self.hour_us)

    def begins_us(self, hour: int) -> int:
        """Return the first instant of an hour."""
        return math.ceil(hour * self.hour_us - self.since_us)


class Demand(NamedTuple):
    """What is wanted of some servers for an hour: how many it keeps busy, and how unevenly it comes.

    ``uneven_us`` is what comes in squares of jobs a time, whose variance it is; ``counted`` is how much of the servers'
    time is work of theirs, the rest is only held. ``together`` jobs are done at once, and a server rests for ``gap_us``
    between two times.
    """

    busy: float
    uneven_us: float
    counted: float = 1.0
    together: float = 1.0
    gap_us: int = 0


class Crowd:
    """What others want of ``servers``, as ``demand`` says of each hour."""

    __slots__ = (
        "_backlog_us",
        "_capacity",
        "_demand",
        "_each",
        "_free_us",
        "_gone",
        "_hours",
        "_key",
        "_last_us",
        "_looks",
        "_mean_us",
        "_own_until_us",
        "_own_us",
        "_servers",
        "_told_us",
        "_until_us",
        "_worked_us",
        "added_us",
        "wanted",
    )

    def __init__(
        self, servers: int, demand: Callable[[int], Demand], hours: Hours, *, key: int, now_us: int = 0
    ) -> None:
        """Begin with nothing left to do; ``key`` is from where all that is random comes."""
        self._servers = servers
        self._demand = demand
        self._hours = hours
        self._key = key
        self._capacity = float(servers)
        self._last_us = self._until_us = now_us
        self.wanted = Demand(0.0, 0.0)
        """What is wanted now."""
        self._mean_us = self._free_us = 0.0
        """The mean backlog of a steady hour, and that up to which a server is free."""
        self._each = 1.0 / servers
        """The wait for a microsecond of backlog above it."""
        self._backlog_us = self._own_us = self._worked_us = 0.0
        self._own_until_us = 0.0
        self.added_us = 0.0
        """All work that was added."""
        self._looks = self._told_us = 0
        self._gone = False

    # --- who looks ----------------------------------------------------------------------------------------------------

    def wait_us(self, now_us: int) -> int:
        """Return how long somebody who comes now waits for a server."""
        if self._gone:
            self._advance(now_us)
            self._gone = False
        elif now_us > self._last_us:
            self._advance(now_us)
        own_us = min(self._own_us, self._backlog_us)
        if self._servers > 1:  # whoever looks has taken one of many servers and left the others: theirs is no wait
            own_us = min(own_us, max(0.0, self._own_until_us - now_us) * self._servers)
        self._own_us = own_us
        ahead_us = self._ahead_us(self._backlog_us - own_us)
        return int(ahead_us + own_us if self._servers == 1 else ahead_us)

    def add(self, work_us: float) -> None:
        """Let whoever comes later find this work too."""
        self._backlog_us += work_us
        self._own_us += work_us
        self._own_until_us = self._last_us + self._backlog_us / self._servers  # first come, first served
        self.added_us += work_us
        self._worked_us += work_us * (1.0 - self.wanted.counted)

    def busy_us(self, now_us: int) -> int:
        """Return for how long the servers have worked until now, for the crowd and for what was added."""
        if now_us > self._last_us:
            self._advance(now_us)
        self._told_us = max(self._told_us, int(self._worked_us))
        return self._told_us

    # --- what can befall the servers ----------------------------------------------------------------------------------

    def stand_still(self, now_us: int) -> None:
        """Let what comes pile up."""
        self._advance(now_us)
        self._capacity = 0.0

    def go_on(self, now_us: int) -> None:
        """Serve it again."""
        self._advance(now_us)
        self._capacity = float(self._servers)

    def leave(self, now_us: int) -> None:
        """Drop all that is there, and come again with the next who looks: nobody is served meanwhile."""
        self._advance(now_us)
        self._backlog_us = 0.0
        self._capacity = float(self._servers)
        self._gone = True

    # --- time ---------------------------------------------------------------------------------------------------------

    def _advance(self, now_us: int) -> None:
        if self._gone:
            self._last_us = now_us
            self._until_us = now_us
            return
        while self._last_us < now_us:
            if self._last_us >= self._until_us:
                self._enter(self._hours.at(self._last_us))
            to_us = min(now_us, self._until_us)
            self._pass(to_us - self._last_us)
            self._last_us = to_us

    def _enter(self, hour: int) -> None:
        """Take what the crowd wants in an hour."""
        self.wanted = wanted = self._demand(hour)
        self._mean_us = self._free_us = 0.0
        self._each = 1.0 / self._servers
        if 0.0 < wanted.busy < self._servers:
            self._mean_us = wanted.uneven_us / (2.0 * (self._servers - wanted.busy))
            waits = erlang_c(wanted.busy, self._servers)
            self._free_us = self._mean_us * round(-math.log(waits), _DIGITS) if waits else math.inf
            self._each = 1.0 / wanted.busy
        self._until_us = max(self._hours.begins_us(hour + 1), self._last_us + 1)

    def _ahead_us(self, backlog_us: float) -> float:
        """Return the wait that a backlog of the crowd means.

        In a steady hour backlogs are spread exponentially, and so are waits but of those who find a server free: one is
        read off the other at the same rank. On what is beyond a steady hour, as after a rush, all servers work.
        """
        steady_us = min(backlog_us, _STEADY * self._mean_us)
        return max(0.0, steady_us - self._free_us) * self._each + (backlog_us - steady_us) / self._servers

    def _pass(self, span_us: int) -> None:
        """Draw what is left after a time in which the rates stay what they are."""
        wanted = self.wanted
        self._looks += 1
        bits = mix64(self._key + self._looks * GOLDEN)
        spread2 = wanted.uneven_us * span_us
        moved = (wanted.busy - self._capacity) * span_us
        moved += math.sqrt(spread2) * _NORMAL[bits & _MASK]
        lowest = (moved - math.sqrt(moved * moved + 2.0 * spread2 * _EXPONENTIAL[bits >> _BITS & _MASK])) / 2.0
        idle_us = max(0.0, -(self._backlog_us + lowest))
        self._backlog_us = max(0.0, self._backlog_us + moved + idle_us)
        if self._capacity:
            self._worked_us += (self._capacity * span_us - idle_us) * wanted.counted


def crowd_key(seed: int, name: str) -> int:
    """Return the key of a crowd by its name."""
    return mix64((key_hash(name) + seed * GOLDEN & WORD) ^ Purpose.CROWD)
