"""The business day (业务日期) of a posting: fixed with it, never worked out again (G9), closed by barrier (G10).

A day ends at the hour its agency closes; what is decided later belongs to the next. A day is closed once nothing that
was decided in it waits for its commit any more, and takes no posting from then on: who comes late by the clock of a
process that stood still is dated on the first open day. This module must never wait: who closes does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["MIDNIGHT_S", "BusinessDays", "day_of"]

MIDNIGHT_S = 86_400
"""The second of the day at which it ends unless an agency closes earlier."""
_US_PER_S = 1_000_000
_DAY_US = MIDNIGHT_S * _US_PER_S
_CENTURY_DAYS = 100 * 366


def day_of(starts_at: datetime, time_scale: float, closes_s: int = MIDNIGHT_S) -> Callable[[int], int]:
    """Return the function that dates an instant of the run's clock, as yyyymmdd.

    >>> day_of(datetime(2024, 3, 13, 22), 1.0, 23 * 3600)(3_600_000_000)
    20240314
    """
    start = starts_at.replace(tzinfo=None)
    midnight = datetime(start.year, start.month, start.day)
    offset_us = (start - midnight) // timedelta(microseconds=1) + (MIDNIGHT_S - closes_s) * _US_PER_S
    known: dict[int, int] = {}

    def dated(at_us: int) -> int:
        place = (int(at_us * time_scale) + offset_us) // _DAY_US
        day = known.get(place)
        if day is None:
            at = midnight + timedelta(days=min(max(place, -_CENTURY_DAYS), _CENTURY_DAYS))
            day = known[place] = at.year * 10_000 + at.month * 100 + at.day
        return day

    return dated


class BusinessDays:
    """The days of one insurer: which one a decision is dated on, and what of each is under way."""

    __slots__ = ("_closed", "_dated", "_first_open", "_under_way")

    def __init__(self, dated: Callable[[int], int]) -> None:
        """``dated`` gives the day of an instant."""
        self._dated = dated
        self._under_way: dict[int, int] = {}
        self._closed = 0
        self._first_open = 0

    def today(self, now_us: int) -> int:
        """Return the day that an instant is of, closed or not."""
        return self._dated(now_us)

    def begin(self, now_us: int) -> int:
        """Return the day of a decision made now, which is under way from here on."""
        day = self._dated(now_us)
        if day <= self._closed:
            day = self._first_open
        self._under_way[day] = self._under_way.get(day, 0) + 1
        return day

    def end(self, day: int) -> None:
        """Say that a decision dated on ``day`` is committed, or given up."""
        left = self._under_way[day] - 1
        if left:
            self._under_way[day] = left
        else:
            del self._under_way[day]

    def under_way(self, day: int) -> int:
        """Return how many decisions of days up to ``day`` wait for their commit."""
        return sum(count for one, count in self._under_way.items() if one <= day)

    def close(self, day: int, first_open: int) -> None:
        """Take no posting of ``day`` or an earlier one any more; who would be dated there gets ``first_open``."""
        assert first_open > day, "a day is followed by a later one"
        assert not self.under_way(day), "a day is closed once nothing in it is under way"
        if day > self._closed:
            self._closed, self._first_open = day, first_open
