"""How many come when, by the scenario's kind of arrivals: the expected arrivals of a stretch of business time.

A shape is steps of even rate; the rate of the week is one too, hour by hour. Must never draw a visit: where bursts lie
is drawn here, once for all visits.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from reference_impl.domain.keyed import Purpose, uniform
from scenarios.patients.arrivals import DAY_US, Steps
from scenarios.schema.arrivals import Bursts, Closed, Poisson, Profile, Soak, Spike, Step, Trace

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["by_the_hours", "length_us", "shaped"]

_RAMP_STEPS = 60
"""Of a soak's rise: fine enough that nobody sees them, and every step has an even rate."""


def by_the_hours(scenario: Scenario) -> bool:
    """Return whether arrivals follow ``visits.hourly`` and ``visits.weekday``."""
    return isinstance(scenario.visits.arrivals, Profile)


def length_us(scenario: Scenario) -> int:
    """Return the length of the horizon in business time."""
    return round(scenario.horizon.length * scenario.scale.time)


def shaped(scenario: Scenario, *, begin_us: int, end_us: int) -> Steps:
    """Return the expected arrivals of a stretch of the horizon, of a shape that does not follow the hours.

    The rate of the shape is 1 a calendar day where it says ``per_day``.
    """
    return Steps(list(_within(_steps(scenario), begin_us, end_us)), end_us)


def _steps(scenario: Scenario) -> Iterator[tuple[int, float]]:
    """Yield when each step begins, in business time, and its rate over ``per_day``, to the end of the horizon."""
    arrivals, time_scale = scenario.visits.arrivals, scenario.scale.time
    match arrivals:
        case Spike(at=at, lasts=lasts, factor=factor):
            yield from ((0, 1.0), (round(at * time_scale), factor), (round((at + lasts) * time_scale), 1.0))
        case Step(every=every, rise=rise):
            for number, at_us in enumerate(range(0, scenario.horizon.length, every)):
                yield round(at_us * time_scale), 1.0 + number * rise
        case Soak(ramp=ramp):
            for number in range(_RAMP_STEPS if ramp else 0):
                yield round(ramp * time_scale * number / _RAMP_STEPS), (number + 0.5) / _RAMP_STEPS
            yield round(ramp * time_scale), 1.0
        case Bursts():
            yield from _bursts(scenario, arrivals)
        case Profile() | Poisson() | Trace() | Closed():
            yield 0, 1.0


def _bursts(scenario: Scenario, arrivals: Bursts) -> Iterator[tuple[int, float]]:
    """Yield calm and burst in turn; the first calm has begun some time before the run."""
    time_scale = scenario.scale.time
    every_us, lasts_us = arrivals.every * time_scale, arrivals.lasts * time_scale
    calm = (every_us + lasts_us) / (every_us + arrivals.factor * lasts_us)
    at_us, number, until_us = 0, 0, length_us(scenario)
    at_us = -round((every_us + lasts_us) * uniform(scenario.seed, 0, 0, 0, Purpose.BURST))
    while at_us < until_us:
        yield at_us, calm
        number += 1
        at_us += round(2 * every_us * uniform(scenario.seed, number, 0, 0, Purpose.BURST))
        yield at_us, calm * arrivals.factor
        at_us += round(lasts_us)


def _within(steps: Iterator[tuple[int, float]], begin_us: int, end_us: int) -> Iterator[tuple[int, float]]:
    """Yield the steps of a stretch: where each begins, and the arrivals that it is expected to have."""
    for (from_us, rate), (until_us, _) in pairwise([*steps, (end_us, 0.0)]):
        first, last = max(from_us, begin_us), min(until_us, end_us)
        if first < last:
            yield first, rate * (last - first) / DAY_US
