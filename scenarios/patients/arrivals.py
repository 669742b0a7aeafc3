"""When patients come and when stays end: a Poisson stream whose rate changes hour by hour, inverted exactly.

Times here are microseconds of *business* time from the start of the horizon, negative before it; ``to_run_clock``
turns them into the run's clock. Must never draw in sequence: every arrival has a key of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from scenarios.patients.draws import Floats, Ints

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_HOURS = 24
_WEEKDAYS = 7


@dataclass(frozen=True, slots=True)
class Profile:
    """The rhythm of the week, anchored at the start of the horizon."""

    start: datetime
    hourly: tuple[float, ...]
    weekday: tuple[float, ...]

    @property
    def since_midnight_us(self) -> int:
        """Time of day at which the horizon begins."""
        start = self.start
        return ((start.hour * 60 + start.minute) * 60 + start.second) * 1_000_000 + start.microsecond


class Steps:
    """The expected arrivals of one stretch of business time in which the rate goes by steps.

    >>> steps = Steps([(0, 0.5), (HOUR_US, 1.5)], 2 * HOUR_US)
    >>> steps.expected, steps.invert(np.array([0.0, 0.25])).tolist()
    (2.0, [0, 3600000000])
    """

    __slots__ = ("_cumulative", "_edges_us", "_weights", "expected")

    def __init__(self, steps: Sequence[tuple[int, float]], end_us: int) -> None:
        """Sum up the arrivals of each step (where it begins, how many are expected in it) to each cut."""
        self._weights = np.array([weight for _, weight in steps], np.float64)
        self._edges_us = np.array([*(begin_us for begin_us, _ in steps), end_us], dtype=np.int64)
        self._cumulative = np.concatenate(([0.0], np.cumsum(self._weights)))
        self.expected = float(self._cumulative[-1])

    def invert(self, u: Floats) -> Ints:
        """Return the moment by which the share ``u`` of the stretch's arrivals is expected, in whole microseconds."""
        target = u * self.expected
        k = np.searchsorted(self._cumulative, target, side="right") - 1
        k = np.minimum(k, self._last_with_weight())
        inside = (target - self._cumulative[k]) / self._weights[k]
        width = self._edges_us[k + 1] - self._edges_us[k]
        offset = np.minimum((inside * width).astype(np.int64), width - 1)
        return self._edges_us[k] + offset

    def _last_with_weight(self) -> int:
        weighted = np.flatnonzero(self._weights)
        if len(weighted) == 0:
            raise ValueError("nobody arrives in this stretch; expected an hour with weight above 0")
        return int(weighted[-1])


class Stretch(Steps):
    """The expected arrivals of one stretch of business time by the hours, for a rate of one a mean calendar day.

    >>> flat = Profile(datetime(2024, 3, 13), (1.0,) * 24, (1.0,) * 7)
    >>> stretch = Stretch(flat, begin_us=0, end_us=DAY_US // 2)
    >>> stretch.expected, stretch.invert(np.array([0.0, 0.5])).tolist()
    (0.5, [0, 21600000000])
    """

    __slots__ = ()

    def __init__(self, profile: Profile, *, begin_us: int, end_us: int) -> None:
        """Cut the stretch at every business hour and sum the rate up to each cut."""
        offset_us = profile.since_midnight_us
        first, last = (begin_us + offset_us) // HOUR_US, -((-end_us - offset_us) // HOUR_US)
        edges = [begin_us, *(hour * HOUR_US - offset_us for hour in range(first + 1, last)), end_us]
        shares = hour_shares(profile)
        per_hour = [shares[(hour // _HOURS) % _WEEKDAYS][hour % _HOURS] for hour in range(first, last)]
        widths = [b - a for a, b in pairwise(edges)]
        weights = [weight * width / HOUR_US for weight, width in zip(per_hour, widths, strict=True)]
        super().__init__(list(zip(edges, weights, strict=False)), end_us)


def hour_shares(profile: Profile) -> list[list[float]]:
    """Return, for each weekday counted from the horizon's first day, each hour's share of a mean calendar day."""
    hours = math.fsum(profile.hourly)
    days = math.fsum(profile.weekday)
    first = profile.start.weekday()
    weekdays = [profile.weekday[(first + day) % _WEEKDAYS] * _WEEKDAYS / days for day in range(_WEEKDAYS)]
    return [[weekday * hour / hours for hour in profile.hourly] for weekday in weekdays]


def discharge_us(profile: Profile, *, admitted_us: Ints, stay_us: Ints, u: Floats) -> Ints:
    """Return when each stay ends: on the day its length says, at an hour drawn from the daily profile.

    Wards discharge by daylight, so the length counts to the day and the profile gives the hour. A stay that would end
    before or within an hour of admission ends a day later.
    """
    offset_us = profile.since_midnight_us
    day = (admitted_us + stay_us + offset_us) // DAY_US
    one_day = Stretch(Profile(datetime(2024, 1, 1), profile.hourly, (1.0,) * _WEEKDAYS), begin_us=0, end_us=DAY_US)
    end_us = day * DAY_US - offset_us + one_day.invert(u)
    return np.where(end_us < admitted_us + HOUR_US, end_us + DAY_US, end_us)


def to_run_clock(business_us: Ints, time_scale: float) -> Ints:
    """Return business microseconds as whole microseconds of the run's clock, rounded down.

    Division by a float is exact to the last bit everywhere (IEEE), and the scale is most often 1 or whole.
    """
    if time_scale == 1.0:
        return business_us
    return np.floor(business_us / time_scale).astype(np.int64)
