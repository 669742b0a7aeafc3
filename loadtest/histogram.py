"""Latencies as counts in bins, so that several processes' figures can be put together while they still count.

Percentiles of parts say nothing of the whole; counts of parts add up to it. A bin is narrow beside the values in it,
as in the histograms called HDR: exact up to 256 us, and above within 1/256 of the value. The verdict is never of
these: it is of the record. Pure arithmetic; it must never import gevent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["Histogram"]

_BITS = 7
_EXACT = 1 << _BITS


class Histogram:
    """Counts of whole microseconds, from 0 on."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """Begin with the counts of another, by its bins."""
        self.counts: Counter[int] = Counter(counts or {})

    def count(self, value_us: int) -> None:
        """Count one value."""
        self.counts[_bin(value_us)] += 1

    def take(self, values_us: Iterable[int]) -> None:
        """Count values."""
        self.counts.update(map(_bin, values_us))

    def add(self, other: Histogram) -> None:
        """Count what another has counted."""
        self.counts.update(other.counts)

    def percentile_us(self, percent: float) -> float | None:
        """Return the middle of the bin that holds the value of that rank, the nearest; None of nothing."""
        size = self.counts.total()
        left = min(size - 1, int(percent / 100 * size))
        for place in sorted(self.counts):
            if left < self.counts[place]:
                return _middle_us(place)
            left -= self.counts[place]
        return None


def _bin(value_us: int) -> int:
    """Return the bin of a value: its leading bits, and how many were left away."""
    left_away = max(0, value_us.bit_length() - _BITS - 1)
    return (left_away << (_BITS + 1)) + (value_us >> left_away)


def _middle_us(place: int) -> float:
    left_away, leading = place >> (_BITS + 1), place & (2 * _EXACT - 1)
    return (leading << left_away) + ((1 << left_away) - 1) / 2
