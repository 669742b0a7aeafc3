"""Percentiles over replications: the percentile of all values together, and a range of ranks it may lie in.

The mean of each replication's percentile is not the percentile: of 300 values, the tenth part of what lies beyond p99
is a fraction of a value, so every replication errs to the same side and more replications only make the error look
certain. So the values are pooled. What is then uncertain is the share of values that truly lies beyond the pooled
percentile. Replications show how it scatters, and the range of that share is a range of ranks among the pooled values.

Assumed: replications are independent of each other and alike. Within a replication values may hang together in time;
that is why the scatter is taken between replications, and never believed to be less than that of single values. It is
taken at the percentile and, as few values lie beyond that, at its lower bound too: the larger of the two counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.statistics import CONFIDENCE, REPLICATIONS_MIN, Floats, Interval, or_never, stats, with_never

PERCENTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
BEYOND_MIN = 10
"""With fewer values beyond it, a percentile is the accident of a few."""
KEPT_MAX = 100_000
"""Of more values than these a replication keeps evenly spaced ranks: a share is then off by one in 200 000 at most."""


def values_needed(statistic: str) -> int:
    """Return how many values a percentile takes for :data:`BEYOND_MIN` of them to lie beyond it.

    >>> [values_needed(statistic) for statistic in ("p50", "p95", "p99", "p99.9")]
    [20, 200, 1000, 10000]
    """
    return round(BEYOND_MIN / (1.0 - PERCENTILES[statistic]))


@dataclass(frozen=True, slots=True)
class Sample:
    """The values of one replication, ascending; ``count`` is how many there were before some were left out."""

    values: Floats
    count: int

    @property
    def weight(self) -> float:
        """How many values each of ``values`` stands for."""
        return self.count / self.values.size


def sample_of(values: Floats, kept_max: int = KEPT_MAX) -> Sample:
    """Return the values of one replication, all of them or evenly spaced ranks.

    >>> sample_of(np.arange(10.0), kept_max=5)
    Sample(values=array([0., 2., 4., 6., 8.]), count=10)
    """
    ascending = np.sort(values)
    if ascending.size <= kept_max:
        return Sample(ascending, ascending.size)
    middles = (np.arange(kept_max) + 0.5) * (ascending.size / kept_max) - 0.5
    return Sample(ascending[np.floor(middles).astype(np.int64)], ascending.size)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile over all values of a run, of how many values, and the excess of each replication beyond it.

    ``excess`` is how many more values of a replication reach the percentile than its share of them: what shows
    whether two runs with the same seeds scatter alike.
    """

    interval: Interval
    count: int
    excess: Floats


def pooled_percentile(samples: Sequence[Sample], statistic: str) -> Percentile:
    """Return the percentile of the values of all replications together, with its interval in ranks.

    One replication has no interval. The bounds are values of the sample; where it has none that is high enough, the
    upper one is infinite, and where it has none that is low enough, the lower one is 0: values are never negative.

    Raises:
        ValueError: when there is no replication, or one without values.

    >>> two = (sample_of(np.arange(0.0, 600.0, 2)), sample_of(np.arange(1.0, 601.0, 2)))
    >>> pooled_percentile(two, "p95").interval
    Interval(value=569.05, low=558.0, high=581.0)
    """
    pool = _Pool.of(samples)
    share = PERCENTILES[statistic]
    value = pool.at_rank(share * (pool.count - 1))
    excess = _excess(samples, _beyond(samples, value, np.greater_equal))
    if len(samples) < REPLICATIONS_MIN:
        return Percentile(Interval(value), pool.count, excess)
    scatter = _scatter(samples, value)
    nearer = pool.below(share - _half_width(scatter, share, samples))
    half = _half_width(max(scatter, _scatter(samples, nearer)), share, samples)
    return Percentile(Interval(value, pool.below(share - half), pool.above(share + half)), pool.count, excess)


def percentile_difference(first: Percentile, second: Percentile, *, paired: bool) -> Interval:
    """Return ``second - first``, in microseconds or whatever they are in, with the interval that follows from theirs.

    The distances from each figure to its own bounds are added in quadrature (MOVER: Zou and Donner 2008), less what
    replications with the same seeds have in common; what they share errs to one side in both runs. There is none when a
    run has none.
    """
    a, b = first.interval, second.interval
    value = b.value - a.value
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return Interval(value)
    common = _correlation(first.excess, second.excess) if paired else 0.0
    below, above = (a.value - a.low, b.value - b.low), (a.high - a.value, b.high - b.value)
    together = [_together(*below, common), _together(*above, common)] if common > 0 else []
    low = max(_together(above[0], below[1], common), *together, 0.0)
    high = max(_together(below[0], above[1], common), *together, 0.0)
    return Interval(value, value - low, value + high)


def _together(one: float, other: float, common: float) -> float:
    if math.isinf(one) or math.isinf(other):
        return math.inf
    return math.sqrt(max(0.0, one * one + other * other - 2.0 * common * one * other))


def _correlation(first: Floats, second: Floats) -> float:
    norm = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / norm if norm else 0.0


def _counts(samples: Sequence[Sample]) -> Floats:
    return np.array([sample.count for sample in samples], dtype=np.float64)


def _beyond(samples: Sequence[Sample], threshold: float, beyond: np.ufunc) -> Floats:
    """Return how many values of each replication lie beyond a threshold."""
    return np.array([sample.weight * np.sum(beyond(sample.values, threshold)) for sample in samples])


def _excess(samples: Sequence[Sample], beyond: Floats) -> Floats:
    """Return how many more lie beyond in each replication than its share of them all."""
    counts = _counts(samples)
    return beyond - counts * beyond.sum() / counts.sum()


def _scatter(samples: Sequence[Sample], threshold: float) -> float:
    """Return the standard error of the share beyond, between replications, over that of as many single values.

    A ratio, so that it may be used for another threshold nearby. Of equal values, such as timeouts, some may count as
    beyond and some not: the larger of both ways is taken.
    """
    ways = (_beyond(samples, threshold, way) for way in (np.greater, np.greater_equal))
    return max(_scatter_of(samples, beyond) for beyond in ways)


def _scatter_of(samples: Sequence[Sample], beyond: Floats) -> float:
    replications, count, excess = len(samples), _counts(samples).sum(), _excess(samples, beyond)
    alone = beyond.sum() * (1.0 - beyond.sum() / count)
    return math.sqrt(replications / (replications - 1) * float(excess @ excess) / alone) if alone > 0 else 0.0


def _half_width(scatter: float, share: float, samples: Sequence[Sample]) -> float:
    """Return how far the share of values below a percentile may be off, by replications and by single values."""
    level = (1.0 + CONFIDENCE) / 2
    errors = max(scatter * float(stats.t.ppf(level, len(samples) - 1)), float(stats.norm.ppf(level)))
    return errors * math.sqrt(share * (1.0 - share) / _counts(samples).sum())


@dataclass(frozen=True, slots=True)
class _Pool:
    """All values in ascending order, the rank of each (from 0), and how many there are."""

    values: Floats
    ranks: Floats
    count: int

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> _Pool:
        if not samples or not all(sample.count for sample in samples):
            raise ValueError("a percentile needs values of every replication (got none)")
        values = np.concatenate([sample.values for sample in samples])
        weights = np.concatenate([np.full(sample.values.size, sample.weight) for sample in samples])
        order = np.argsort(values, kind="stable")
        ranks = np.cumsum(weights[order]) - (weights[order] + 1.0) / 2
        return cls(values[order], ranks, sum(sample.count for sample in samples))

    def at_rank(self, rank: float) -> float:
        return or_never(np.interp(rank, self.ranks, with_never(self.values)))

    def below(self, share: float) -> float:
        """Return the largest value with at most that share of all below it; 0 when there is none."""
        rank = math.floor(share * self.count) - 1
        return 0.0 if rank < 0 else self.at_rank(float(rank))

    def above(self, share: float) -> float:
        """Return the smallest value with at least that share of all below it; infinite when there is none."""
        rank = math.ceil(share * self.count)
        return math.inf if rank > self.count - 1 else self.at_rank(float(rank))
