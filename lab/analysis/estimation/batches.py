"""Intervals of one long run: its values in the order of time, cut into batches that are taken as replications.

Neighbouring values hang together, so batches have to be long. The rule is Law and Carson's (1979): of 400 short batches
the neighbours' correlation must be at most 0.4; joined by twenties they then hardly hang together, and the twenty long
batches give Student's t. Where it is more, there is no interval, and the run is too short to have one. The warm-up must
have been left out before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.analysis.percentiles import PERCENTILES, pooled_percentile, sample_of
from lab.analysis.statistics import Floats, Interval, percentile, t_interval

__all__ = ["BATCHES", "CORRELATION_MAX", "VALUES_MIN", "Batched", "batched_mean", "batched_percentile", "correlation"]

SHORT_BATCHES = 400
BATCHES = 20
CORRELATION_MAX = 0.4
VALUES_MIN = SHORT_BATCHES
"""A short batch has one value at least."""


@dataclass(frozen=True, slots=True)
class Batched:
    """A figure with its interval by batches, none when the run is too short for one; ``why`` then says so.

    ``correlation`` is that of neighbours among the short batches; None when there were too few values to ask.
    """

    interval: Interval
    correlation: float | None
    why: str = ""


def correlation(values: Floats) -> float:
    """Return how neighbours of a series hang together, from -1 to 1; 0 for values that are all the same.

    >>> round(correlation(np.array([1.0, 1.0, 1.0, 5.0, 5.0, 5.0])), 2), correlation(np.ones(4))
    (0.5, 0.0)
    """
    centred = values - values.mean()
    whole = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / whole if whole > 0 else 0.0


def batched_mean(values: Floats) -> Batched:
    """Return the mean of one run's values, in the order of time and finite, with its interval by batches.

    Raises:
        ValueError: when there are no values.

    """
    if not values.size:
        raise ValueError("a mean needs at least one value (got none)")
    mean = float(values.mean())
    correlated, why = _refused(values)
    if why:
        return Batched(Interval(mean), correlated, why)
    long = _cut(values, BATCHES).mean(axis=1)
    return Batched(t_interval([float(one) for one in long]), correlated)


def batched_percentile(values: Floats, statistic: str) -> Batched:
    """Return a percentile of one run's values, in the order of time, with its interval by batches.

    What has to hang together little is which batches have many values beyond the percentile. A value that never came
    (infinite) lies beyond any other.

    Raises:
        ValueError: when there are no values.

    """
    if not values.size:
        raise ValueError("a percentile needs at least one value (got none)")
    whole = percentile(values, PERCENTILES[statistic])
    correlated, why = _refused((values >= whole).astype(np.float64))
    if why:
        return Batched(Interval(whole), correlated, why)
    found = pooled_percentile([sample_of(batch) for batch in _cut(values, BATCHES)], statistic)
    return Batched(found.interval, correlated)


def _refused(values: Floats) -> tuple[float | None, str]:
    """Return the correlation of short batches, and why there is no interval; an empty text when there is one."""
    if values.size < VALUES_MIN:
        return None, f"{values.size} values of one run: batches take {VALUES_MIN}"
    found = correlation(_cut(values, SHORT_BATCHES).mean(axis=1))
    if found > CORRELATION_MAX:
        return found, (
            f"one run of {values.size} values: batches of {values.size // SHORT_BATCHES} hang together "
            f"({found:.2f}, at most {CORRELATION_MAX}): too short"
        )
    return found, ""


def _cut(values: Floats, batches: int) -> Floats:
    """Return rows of neighbouring values, as many as there are batches; what does not fill a row is left out in front.

    Whatever the number of batches, the same values are left out.
    """
    return values[values.size % SHORT_BATCHES :].reshape(batches, -1)
