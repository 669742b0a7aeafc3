"""How late the generator started its patients, and how late is too late.

A second's lags are kept as counts in bins that grow by a fixed ratio, so that any stretch of the run has a percentile
of all its starts. Late is relative: a lag is added to the latency that patients meet, so it must be small beside it.
Pure arithmetic; it must never import gevent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from scenarios.record.fates import SERVED
from scenarios.record.tables import LAG_BIN_FIRST_US, LAG_BINS_PER_OCTAVE

SHARE_OF_LATENCY = 0.1
"""A start lag above this share of the median contact latency shows in the latencies."""
LIMIT_MIN_US = 20_000
"""What a quiet machine of two cores keeps with room to spare (docs/why/late-is-relative.md)."""
LIMIT_MAX_US = 100_000
"""No latency excuses a generator that starts patients later than this: its core is not its own."""
_P99 = 0.99
_US_PER_MS = 1_000


def p99(values: Iterable[int]) -> int:
    """Return the 99th percentile by the nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[_rank(len(ordered))] if ordered else 0


def binned(lags_us: Iterable[int]) -> list[int]:
    """Return how many lags fall into each bin; empty bins at the end are left out.

    >>> binned([40, 90, 105])
    [2, 1]
    """
    places = [_bin(lag_us) for lag_us in lags_us]
    counts = [0] * (max(places, default=-1) + 1)
    for place in places:
        counts[place] += 1
    return counts


def pooled(histograms: Iterable[Sequence[int]]) -> list[int]:
    """Return the counts of several stretches together."""
    together: list[int] = []
    for counts in histograms:
        together += [0] * (len(counts) - len(together))
        for place, count in enumerate(counts):
            together[place] += count
    return together


def binned_p99_us(counts: Sequence[int]) -> int:
    """Return the 99th percentile of binned lags, as the upper edge of its bin: at most 9 % too much; 0 of nothing."""
    left = _rank(sum(counts))
    for place, count in enumerate(counts):
        if left < count:
            return _upper_us(place)
        left -= count
    return 0


def _rank(size: int) -> int:
    return min(size - 1, int(_P99 * size))


def _bin(lag_us: int) -> int:
    if lag_us <= LAG_BIN_FIRST_US:
        return 0
    return math.ceil(LAG_BINS_PER_OCTAVE * math.log2(lag_us / LAG_BIN_FIRST_US))


def _upper_us(place: int) -> int:
    return round(LAG_BIN_FIRST_US * 2 ** (place / LAG_BINS_PER_OCTAVE))


@dataclass(frozen=True, slots=True)
class LagLimit:
    """How late patients may start, and where that comes from."""

    us: int
    source: str

    def __str__(self) -> str:
        return f"{_ms(self.us)}, {self.source}"


def lag_limit(visits: pl.DataFrame, contacts: pl.DataFrame, *, warm_up_us: int) -> LagLimit:
    """Return the limit that the latency of a run's contacts asks for: those that ``contact.latency`` is about."""
    judged = visits.filter(~pl.col("local") & (pl.col("arrival_us") >= warm_up_us))
    served = contacts.filter(pl.col("outcome").is_in(SERVED)).join(judged, on="visit", how="semi")
    middle = (served["done_us"] - served["intended_us"]).median()
    return limit_beside(middle if isinstance(middle, float) else None)


def limit_beside(middle: float | None) -> LagLimit:
    """Return the limit beside a median latency of so many microseconds; None of no contact."""
    if middle is None:
        return LagLimit(LIMIT_MAX_US, "the most that is ever allowed, as no contact was served")
    wanted_us = round(SHARE_OF_LATENCY * middle)
    tenth = f"a tenth of the median contact latency of {_ms(middle)}"
    if wanted_us > LIMIT_MAX_US:
        return LagLimit(LIMIT_MAX_US, f"the most that is ever allowed, less than {tenth}")
    if wanted_us < LIMIT_MIN_US:
        return LagLimit(LIMIT_MIN_US, f"what a quiet machine may need, more than {tenth}")
    return LagLimit(wanted_us, tenth)


def _ms(duration_us: float) -> str:
    return f"{duration_us / _US_PER_MS:.1f} ms"
