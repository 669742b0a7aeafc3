"""Chances over replications: of so many, in how many it came true, and the range in which the true chance lies.

The interval is that of Clopper and Pearson: never too narrow, also for none and for all of a few replications. One
replication is no chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lab.analysis.statistics import CONFIDENCE, REPLICATIONS_MIN, stats

__all__ = ["Chance", "chance", "opened_by"]

HALF_HOUR = timedelta(minutes=30)
HOURS_SHOWN = 8
US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Chance:
    """That something has happened by a moment of business time, from 0 to 1; with its interval at 95 %."""

    by: datetime
    share: float
    low: float
    high: float


def chance(hits: int, of: int) -> tuple[float, float, float]:
    """Return the share with its interval.

    >>> [round(part, 3) for part in chance(5, 5)], [round(part, 3) for part in chance(1, 10)]
    ([1.0, 0.478, 1.0], [0.1, 0.003, 0.445])
    """
    found = stats.binomtest(hits, of).proportion_ci(CONFIDENCE, method="exact")
    return hits / of, float(found.low), float(found.high)


def opened_by(start: datetime, reopened_us: Sequence[float], announced_us: float) -> tuple[Chance, ...]:
    """Return the chance to be open by the hour announced, and by later half hours until it was open in every run.

    ``reopened_us`` are people time from ``start``, one a replication; no chances of fewer than two.
    """
    if len(reopened_us) < REPLICATIONS_MIN:
        return ()
    announced = start + announced_us * US
    last = start + max((one for one in reopened_us if math.isfinite(one)), default=announced_us) * US
    moments = [announced]
    while moments[-1] < last and len(moments) < HOURS_SHOWN:
        moments.append(_next_half_hour(moments[-1]))
    if moments[-1] < last:
        moments.append(last.replace(second=0, microsecond=0) + timedelta(minutes=1))
    return tuple(
        Chance(moment, *chance(sum(start + one * US <= moment for one in reopened_us), len(reopened_us)))
        for moment in moments
    )


def _next_half_hour(moment: datetime) -> datetime:
    whole = moment.replace(minute=0, second=0, microsecond=0)
    return whole + HALF_HOUR * ((moment - whole) // HALF_HOUR + 1)
