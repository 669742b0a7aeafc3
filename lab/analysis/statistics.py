"""Intervals: across replications by Student's t, between two samples by the bootstrap.

The formulas are SciPy's; this module only says which one is asked for and what to do with too little data.
It must never hide an interval that could not be computed: it is None, and the reader is told so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats  # pyright: ignore[reportMissingTypeStubs] - SciPy brings no types

stats: Any = scipy_stats
"""SciPy as it is: what comes back is made a plain number before it goes on."""
CONFIDENCE = 0.95
SAMPLE_MAX = 20_000
"""Above this a bootstrap works on a fixed random part of the sample: its interval is then wider, never narrower."""
RESAMPLES = 400
REPLICATIONS_MIN = 2
_BEYOND_ANY = 1e300
_PART_MIN = 1e-30
"""Less than any part that one value can have in an interpolation."""

Floats = NDArray[np.float64]


class Figure(Protocol):
    """What is asked of a sample: a mean, a percentile. NumPy's reductions have this form."""

    def __call__(self, sample: Floats, /, *, axis: int) -> Any:
        """Return the figure along ``axis``: a number, or an array of one dimension less."""
        ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the range it may truly lie in; ``low`` and ``high`` are None when one value is all there is.

    A side that nothing bounds is infinite.
    """

    value: float
    low: float | None = None
    high: float | None = None


def finite(bound: float | None) -> float | None:
    """Return a bound as it is stored and shown: None for a side that nothing bounds.

    >>> finite(2.5), finite(math.inf), finite(None)
    (2.5, None, None)
    """
    return bound if bound is not None and math.isfinite(bound) else None


def same_figure(one: float, other: float, *, scale: float) -> bool:
    """Return whether two figures differ by rounding alone, for figures as large as ``scale``."""
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9 * scale)


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of independent replications with its t-interval.

    >>> interval = t_interval([1.0, 2.0, 3.0])
    >>> interval.value, round(interval.low, 3), round(interval.high, 3)
    (2.0, -0.484, 4.484)
    >>> t_interval([4.0])
    Interval(value=4.0, low=None, high=None)
    """
    if not values:
        raise ValueError("t_interval needs at least one value (got none)")
    mean = math.fsum(values) / len(values)
    if len(values) < REPLICATIONS_MIN:
        return Interval(mean)
    spread = float(stats.sem(values))
    if spread == 0.0:
        return Interval(mean, mean, mean)
    half = spread * float(stats.t.ppf((1 + confidence) / 2, len(values) - 1))
    return Interval(mean, mean - half, mean + half)


def positive_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of replications of what cannot be negative, with an interval of its logarithm: never below zero.

    A figure that is zero in some replication has no logarithm; then the t-interval is cut off at zero.

    >>> interval = positive_interval([1.0, 2.0, 6.0])
    >>> interval.value, interval.low > 0, interval.high > 6
    (3.0, True, True)
    """
    plain = t_interval(values, confidence)
    if plain.low is None or plain.high is None or plain.low == plain.high:
        return plain
    if min(values) <= 0:
        return Interval(plain.value, max(0.0, plain.low), plain.high)
    factor = math.exp((plain.high - plain.value) / plain.value)
    return Interval(plain.value, plain.value / factor, plain.value * factor)


def share_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the mean of replications of a share with its t-interval, cut off where no share can be.

    >>> share_interval([1.0, 1.0, 0.7]).high
    1.0
    """
    plain = t_interval(values, confidence)
    if plain.low is None or plain.high is None:
        return plain
    return Interval(plain.value, max(0.0, plain.low), min(1.0, plain.high))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return ``second - first`` for replications that share their seeds, pair by pair."""
    return t_interval([b - a for a, b in zip(first, second, strict=True)])


def unpaired_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return ``mean(second) - mean(first)`` for replications with seeds of their own, by Welch's t."""
    value = math.fsum(second) / len(second) - math.fsum(first) / len(first)
    if min(len(first), len(second)) < REPLICATIONS_MIN:
        return Interval(value)
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return Interval(value, value, value)
    low, high = stats.ttest_ind(second, first, equal_var=False).confidence_interval(CONFIDENCE)
    return Interval(value, float(low), float(high))


def percentile(sample: Floats, share: float) -> float:
    """Return the ``share`` quantile (0..1) of a sample, interpolated linearly; NaN for an empty one.

    A value that never came (infinite) is larger than any, and so is whatever lies between it and its neighbour.

    >>> never = np.array([1.0, 2.0, math.inf, math.inf])
    >>> percentile(never, 1 / 3), percentile(never, 0.5), percentile(never, 1.0)
    (2.0, inf, inf)
    """
    return or_never(np.quantile(with_never(sample), share)) if sample.size else math.nan


def with_never(values: Floats) -> Floats:
    """Return values that can be interpolated: infinite ones as a number beyond any measure."""
    return np.minimum(values, _BEYOND_ANY)


def or_never(value: Any) -> float:
    """Return what was interpolated from :func:`with_never`; infinite where what never came has a part in it."""
    return math.inf if value > _BEYOND_ANY * _PART_MIN else float(value)


def bootstrap_difference(first: Floats, second: Floats, figure: Figure, *, seed: int = 0) -> Interval:
    """Return ``figure(second) - figure(first)`` with its percentile bootstrap interval.

    Values of one run hang together in time, which a bootstrap does not know: read the interval as a lower bound of the
    doubt, and use replications for a verdict. Samples in which some never came have no interval.

    >>> never = np.array([1.0, 2.0, 3.0, math.inf])
    >>> bootstrap_difference(never, never + 1.0, np.min), bootstrap_difference(never, never, np.max).low
    (Interval(value=1.0, low=None, high=None), None)
    """
    if not first.size or not second.size:
        return Interval(math.nan)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return _difference_with_never(first, second, figure)
    value = float(figure(second, axis=-1) - figure(first, axis=-1))
    if min(first.size, second.size) < REPLICATIONS_MIN:
        return Interval(value)
    rng = np.random.default_rng(seed)
    samples = (_thinned(first, rng), _thinned(second, rng))
    if all(np.ptp(sample) == 0 for sample in samples):
        return Interval(value, value, value)

    def difference(a: Floats, b: Floats, axis: int) -> Any:
        return figure(b, axis=axis) - figure(a, axis=axis)

    result = stats.bootstrap(
        samples,
        difference,
        n_resamples=RESAMPLES,
        batch=50,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=rng,
    )
    low, high = result.confidence_interval
    return Interval(value, float(low), float(high))


def _difference_with_never(first: Floats, second: Floats, figure: Figure) -> Interval:
    """Return the difference alone where some values never came; not a number between two that never did."""
    before, after = (or_never(figure(with_never(sample), axis=-1)) for sample in (first, second))
    return Interval(math.nan if math.isinf(before) and math.isinf(after) else after - before)


def _thinned(sample: Floats, rng: np.random.Generator) -> Floats:
    return sample if sample.size <= SAMPLE_MAX else rng.choice(sample, SAMPLE_MAX, replace=False)
