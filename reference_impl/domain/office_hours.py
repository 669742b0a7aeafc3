"""Office hours: when an office is open, and how much of its time lies between two moments.

Work at a counter goes on in open hours only. So a queue is worked out in *office time*, which stands still while the
office is closed, and its moments are then read off the calendar. Times are whole microseconds from the midnight before
the run began; days are counted from that day.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cached_property

__all__ = ["OfficeHours"]

_US_PER_HOUR = 3_600_000_000
_DAY_US = 24 * _US_PER_HOUR
_WEEK = 7


@dataclass(frozen=True)
class OfficeHours:
    """An office that opens at ``opens_us`` of each of ``weekdays`` (Monday is 0) and closes at ``closes_us``.

    ``first_day`` is day 0. On ``holidays`` it stays closed.
    """

    first_day: date
    opens_us: int
    closes_us: int
    weekdays: frozenset[int] = frozenset(range(5))
    holidays: Collection[date] = frozenset()

    def is_open_on(self, day: int) -> bool:
        """Return whether it opens on that day."""
        return (self.first_day.weekday() + day) % _WEEK in self.weekdays and day not in self._closed

    def office_us(self, at_us: int) -> int:
        """Return how much it has been open from the beginning until ``at_us``."""
        day, since_midnight_us = divmod(at_us, _DAY_US)
        whole = self._open_days_before(day) * self._length_us
        if not self.is_open_on(day):
            return whole
        return whole + min(max(since_midnight_us - self.opens_us, 0), self._length_us)

    def calendar_us(self, office_us: int) -> int:
        """Return the first moment at which it has been open for ``office_us``: work ends before the doors close.

        >>> hours = OfficeHours(date(2024, 3, 15), 9 * _US_PER_HOUR, 17 * _US_PER_HOUR)
        >>> friday, monday = hours.calendar_us(8 * _US_PER_HOUR), hours.calendar_us(9 * _US_PER_HOUR)
        >>> friday / _US_PER_HOUR, monday / _US_PER_HOUR
        (17.0, 82.0)
        """
        whole, rest_us = divmod(office_us, self._length_us)
        if rest_us == 0 and whole > 0:
            whole, rest_us = whole - 1, self._length_us
        return self._open_day(whole) * _DAY_US + self.opens_us + rest_us

    def working_days(self, from_us: int, until_us: int) -> int:
        """Return how many working days begin after the day of ``from_us``, up to that of ``until_us``."""
        first, last = from_us // _DAY_US, until_us // _DAY_US
        return self._open_days_before(last + 1) - self._open_days_before(first + 1)

    # --- inside ---

    @cached_property
    def _length_us(self) -> int:
        return self.closes_us - self.opens_us

    @cached_property
    def _closed(self) -> frozenset[int]:
        """Days that would be open, but for a holiday."""
        days = ((one - self.first_day).days for one in set(self.holidays) if one.weekday() in self.weekdays)
        return frozenset(day for day in days if day >= 0)

    def _open_days_before(self, day: int) -> int:
        weeks, rest = divmod(day, _WEEK)
        first = self.first_day.weekday()
        weekly = weeks * len(self.weekdays) + sum((first + one) % _WEEK in self.weekdays for one in range(rest))
        return weekly - sum(one < day for one in self._closed)

    def _open_day(self, number: int) -> int:
        """Return the day that is the ``number``-th open one, counted from 0."""
        day = number * _WEEK // len(self.weekdays)
        while self._open_days_before(day + 1) <= number:
            day += 1
        while self._open_days_before(day) > number or not self.is_open_on(day):
            day -= 1
        return day
