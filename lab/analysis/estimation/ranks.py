"""A percentile's interval from order statistics: exact for independent values of any distribution.

How many of n independent values lie below the true percentile is binomial; the two ranks that hold that count with the
probability asked for are the interval (SciPy's binomial). Values that hang together in time need
:mod:`lab.analysis.estimation.batches`, or replications and :mod:`lab.analysis.percentiles`.
"""

from __future__ import annotations

import math

import numpy as np

from lab.analysis.statistics import CONFIDENCE, Floats, Interval, or_never, percentile, stats, with_never

__all__ = ["rank_interval"]


def rank_interval(sample: Floats, share: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the ``share`` quantile (0..1) of independent values, between two of them.

    A side for which no value is low or high enough is infinite.

    Raises:
        ValueError: when the sample is empty.

    >>> rank_interval(np.arange(1.0, 101.0), 0.5)
    Interval(value=50.5, low=40.0, high=61.0)
    >>> rank_interval(np.arange(1.0, 21.0), 0.95).high
    inf
    """
    if not sample.size:
        raise ValueError("a percentile needs at least one value (got none)")
    ascending, tail = np.sort(with_never(sample)), (1.0 - confidence) / 2
    low, high = (int(stats.binom.ppf(p, sample.size, share)) for p in (tail, 1.0 - tail))
    return Interval(
        percentile(sample, share),
        or_never(ascending[low - 1]) if low > 0 else -math.inf,
        or_never(ascending[high]) if high < sample.size else math.inf,
    )
