"""Distributions by name, each as a table of quantiles that every machine reads alike.

A value is drawn by inversion: it is the quantile of a keyed number. SciPy gives the quantiles at some hundred nodes,
once; they are rounded to seven digits, for the last digits of exponentials and logarithms differ between machines, and
between nodes lie straight lines, whose products and sums do not. The tail beyond one in a million is cut: a plan must
be able to say when it is over at the latest. This module must never draw, and never know of a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.keyed import Quantiles

__all__ = [
    "TAIL",
    "Distribution",
    "Mixed",
    "Stepped",
    "Truncated",
    "erlang",
    "exponential",
    "gamma",
    "hyperexponential",
    "lognormal",
    "lognormal_of_median",
    "table_of",
    "triangular",
    "uniform",
    "weibull",
]

Floats = NDArray[np.float64]

TAIL = 2.0**-20
"""What lies beyond this share at either end is drawn as the quantile there."""
_BULK = 1024
_TAIL_STEPS_AN_OCTAVE = 16
_DIGITS = 7
_HALVINGS = 200


class Distribution(Protocol):
    """What a table is made of: both take and return arrays."""

    def cdf(self, x: Floats, /) -> Floats:
        """Return the share at or below each of ``x``."""
        ...

    def ppf(self, q: Floats, /) -> Floats:
        """Return the smallest value that each share of ``q`` lies at or below."""
        ...


def exponential(mean: float) -> Distribution:
    """Return the distribution without memory."""
    return gamma(mean, 1.0)


def gamma(mean: float, cv: float) -> Distribution:
    """Return the gamma distribution of a mean and a coefficient of variation (standard deviation over mean)."""
    return _scipy().gamma(1 / cv**2, scale=mean * cv**2)


def erlang(mean: float, stages: int) -> Distribution:
    """Return the sum of so many exponential stages of one length."""
    return gamma(mean, 1 / math.sqrt(stages))


def lognormal(mean: float, cv: float) -> Distribution:
    """Return the lognormal distribution of a mean and a coefficient of variation."""
    variance = math.log1p(cv**2)
    return _scipy().lognorm(math.sqrt(variance), scale=mean * math.exp(-variance / 2))


def lognormal_of_median(median: float, spread: float) -> Distribution:
    """Return the lognormal distribution of a median and the standard deviation of the logarithm."""
    return _scipy().lognorm(spread, scale=median)


def uniform(low: float, high: float) -> Distribution:
    """Return the even distribution between two values."""
    return _scipy().uniform(low, max(high - low, 1e-9))


def triangular(low: float, mode: float, high: float) -> Distribution:
    """Return the triangular distribution."""
    wide = max(high - low, 1e-9)
    return _scipy().triang((mode - low) / wide, low, wide)


def weibull(mean: float, shape: float) -> Distribution:
    """Return the Weibull distribution: below shape 1 what has lasted goes on longer, above it sooner ends."""
    return _scipy().weibull_min(shape, scale=mean / math.gamma(1 + 1 / shape))


def hyperexponential(mean: float, cv: float) -> Distribution:
    """Return two exponential branches of equal parts in the mean ("balanced means"), for a ``cv`` of 1 or more.

    Source: Whitt, "Approximating a point process by a renewal process", Operations Research 30 (1982).
    """
    first = (1 + math.sqrt((cv**2 - 1) / (cv**2 + 1))) / 2
    shares = (first, 1 - first)
    return Mixed(shares, tuple(exponential(mean / (2 * share)) for share in shares))


@dataclass(frozen=True, slots=True)
class Stepped:
    """Values that each are drawn as often as they are listed: of one value, a constant. They rise."""

    values: Floats

    def cdf(self, x: Floats, /) -> Floats:
        """Return the share at or below each of ``x``."""
        return np.searchsorted(self.values, x, side="right") / len(self.values)

    def ppf(self, q: Floats, /) -> Floats:
        """Return the smallest value that each share of ``q`` lies at or below."""
        places = np.ceil(q * len(self.values)).astype(np.int64) - 1
        return self.values[np.clip(places, 0, len(self.values) - 1)]


@dataclass(frozen=True, slots=True)
class Mixed:
    """Each of some distributions for a share of the draws; shares add up to one."""

    shares: Sequence[float]
    parts: Sequence[Distribution]

    def cdf(self, x: Floats, /) -> Floats:
        """Return the share at or below each of ``x``."""
        return sum((share * part.cdf(x) for share, part in zip(self.shares, self.parts, strict=True)), np.zeros(len(x)))

    def ppf(self, q: Floats, /) -> Floats:
        """Return the smallest value that each share of ``q`` lies at or below, by halving what may hold it."""
        each = np.array([part.ppf(q) for part in self.parts])
        low: Floats = each.min(axis=0)
        high: Floats = each.max(axis=0)  # a mixture's quantile lies between those of its parts
        for _ in range(_HALVINGS):
            middle: Floats = low + (high - low) / 2
            enough = self.cdf(middle) >= q
            low, high = _chosen(enough, low, middle), _chosen(enough, middle, high)
        return high


@dataclass(frozen=True, slots=True)
class Truncated:
    """What of a distribution lies between two bounds, drawn as if nothing else could be."""

    of: Distribution
    low: float
    high: float

    @property
    def share(self) -> float:
        """How much of the whole that is."""
        below, up_to = self._ends()
        return up_to - below

    def cdf(self, x: Floats, /) -> Floats:
        """Return the share at or below each of ``x``."""
        below, up_to = self._ends()
        return np.clip((self.of.cdf(x) - below) / (up_to - below), 0.0, 1.0)

    def ppf(self, q: Floats, /) -> Floats:
        """Return the smallest value that each share of ``q`` lies at or below."""
        below, up_to = self._ends()
        return np.clip(self.of.ppf(below + q * (up_to - below)), self.low, self.high)

    def _ends(self) -> tuple[float, float]:
        lowest = np.nextafter(self.low, -math.inf)
        below, up_to = self.of.cdf(np.array([lowest, self.high]))
        return float(below), float(up_to)


def table_of(distribution: Distribution) -> Quantiles:
    """Return the quantiles of ``distribution`` at the nodes, joined by straight lines."""
    nodes = _nodes()
    values = [_rounded(float(value)) for value in distribution.ppf(np.clip(nodes, TAIL, 1 - TAIL))]
    return Quantiles(nodes.tolist(), np.maximum.accumulate(values).tolist())


def _chosen(which: NDArray[np.bool_], yes: Floats, no: Floats) -> Floats:
    return np.where(which, yes, no)


def _nodes() -> Floats:
    """Return the probabilities of the nodes: even in the middle, ever closer towards both ends."""
    bulk = np.arange(1, _BULK) / _BULK
    octaves = int(-math.log2(TAIL * _BULK))
    tail = 2.0 ** -(np.arange(1, octaves * _TAIL_STEPS_AN_OCTAVE + 1) / _TAIL_STEPS_AN_OCTAVE) / _BULK
    return np.unique(np.concatenate(([0.0], np.sort(tail), bulk, 1 - tail, [1.0])))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS - 1}e}")


def _scipy() -> Any:
    """Return ``scipy.stats``: to import it takes half a second, and few scenarios name a distribution of it."""
    from scipy import stats  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs] - it brings none

    return stats
