"""Working days (工作日): weekends, public holidays and the weekend days worked in their stead, as data.

``working_days.toml`` is the nation's calendar. Nothing here may ever guess a holiday: a year without data has weekends
only, and ``WorkingDays.knows`` says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

from reference_impl.domain.failures import InputError

__all__ = ["WorkingDays", "date_of", "day_number", "nation"]

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


def day_number(day: date) -> int:
    """Return a date as books keep it.

    >>> day_number(date(2024, 3, 13))
    20240313
    """
    return day.year * 10_000 + day.month * 100 + day.day


def date_of(day: int) -> date:
    """Return the date that books keep as ``day``.

    Raises:
        InputError: when it is none.

    """
    try:
        return date(day // 10_000, day // 100 % 100, day % 100)
    except (ValueError, OverflowError):  # a number may be longer than any year
        raise InputError(f"business day {day} is no date; expected yyyymmdd, such as 20240313") from None


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """A calendar. ``years`` are those that it knows the holidays of."""

    years: frozenset[int]
    holidays: frozenset[date]
    worked: frozenset[date]

    def knows(self, year: int) -> bool:
        """Return whether the holidays of a year are known; where not, only weekends are free."""
        return year in self.years

    def is_working(self, day: date) -> bool:
        """Return whether offices are open on a day."""
        return day in self.worked or (day.weekday() < _SATURDAY and day not in self.holidays)

    def after(self, day: date, count: int) -> date:
        """Return the ``count``-th working day after ``day``; the day itself does not count.

        >>> nation().after(date(2024, 4, 3), 1)
        datetime.date(2024, 4, 7)
        """
        while count > 0:
            day += _ONE_DAY
            count -= self.is_working(day)
        return day

    def at_or_after(self, day: date) -> date:
        """Return ``day``, or the next working day when it is none."""
        while not self.is_working(day):
            day += _ONE_DAY
        return day


@cache
def nation() -> WorkingDays:
    """Return the calendar that comes with the system."""
    text = resources.files("reference_impl.domain").joinpath("working_days.toml").read_text("utf-8")
    return working_days_of(tomllib.loads(text))


def working_days_of(table: Mapping[str, Mapping[str, Any]]) -> WorkingDays:
    """Return the calendar written in a table of the shape of ``working_days.toml``.

    Raises:
        InputError: for a range that runs backwards, a date of another year, or a worked day that is no free one.

    """
    holidays: set[date] = set()
    worked: set[date] = set()
    for year, lists in table.items():
        of_year = {day for text in lists["holidays"] for day in _range(text)}
        instead = {day for text in lists["worked"] for day in _range(text)}
        for day in sorted(of_year | instead):
            if day.year != int(year):
                raise InputError(f"calendar of {year}: {day} is of another year; move it to [{day.year}]")
        for day in sorted(instead):
            if day in of_year or day.weekday() < _SATURDAY:
                raise InputError(f"calendar of {year}: {day} is worked instead; expected a Saturday or Sunday")
        holidays |= of_year
        worked |= instead
    return WorkingDays(frozenset(int(year) for year in table), frozenset(holidays), frozenset(worked))


def _range(text: str) -> Iterator[date]:
    first, _, last = text.partition("..")
    day, end = date.fromisoformat(first), date.fromisoformat(last or first)
    if end < day:
        raise InputError(f"calendar: the range {text} runs backwards; expected first..last")
    while day <= end:
        yield day
        day += _ONE_DAY
