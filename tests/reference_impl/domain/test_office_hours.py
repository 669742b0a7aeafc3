"""Office hours, against a clock that walks through them minute by minute."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from reference_impl.domain.office_hours import OfficeHours

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

FRIDAY = date(2024, 3, 15)
OFFICES = {
    "weekdays": OfficeHours(FRIDAY, 9 * HOUR_US, 17 * HOUR_US),
    "with a holiday on a Monday": OfficeHours(
        FRIDAY, 9 * HOUR_US, 17 * HOUR_US, holidays=(FRIDAY + timedelta(days=3),)
    ),
    "from a Monday on, before a holiday on a Friday": OfficeHours(
        FRIDAY - timedelta(days=4), 9 * HOUR_US, 17 * HOUR_US, holidays=(FRIDAY,)
    ),
    "first day closed": OfficeHours(FRIDAY, 8 * HOUR_US, 12 * HOUR_US, holidays=(FRIDAY,)),
    "Sundays alone": OfficeHours(FRIDAY, 9 * HOUR_US, 10 * HOUR_US, weekdays=frozenset({6})),
    "every day and a quarter of an hour": OfficeHours(FRIDAY, 0, 15 * MINUTE_US, weekdays=frozenset(range(7))),
}
DAYS = 10


def minutes_open(hours: OfficeHours) -> list[int]:
    """Return the minutes of the first ``DAYS`` days in which it is open, each asked of the calendar by itself."""
    return [
        day * 24 * 60 + minute
        for day in range(DAYS)
        for minute in range(24 * 60)
        if (on := hours.first_day + timedelta(days=day)).weekday() in hours.weekdays
        and on not in hours.holidays
        and hours.opens_us <= minute * MINUTE_US < hours.closes_us
    ]


@pytest.mark.parametrize("name", OFFICES)
def test_office_time_is_how_many_minutes_it_was_open(name: str) -> None:
    hours = OFFICES[name]
    open_at = minutes_open(hours)

    for minute in range(0, DAYS * 24 * 60, 7):
        assert hours.office_us(minute * MINUTE_US) == sum(one < minute for one in open_at) * MINUTE_US


@pytest.mark.parametrize("name", OFFICES)
def test_the_calendar_gives_the_end_of_the_minute_that_was_the_last_of_so_much_work(name: str) -> None:
    hours = OFFICES[name]

    for worked, minute in enumerate(minutes_open(hours), start=1):
        assert hours.calendar_us(worked * MINUTE_US) == (minute + 1) * MINUTE_US


@pytest.mark.parametrize("name", OFFICES)
def test_working_days_are_those_on_which_it_opens(name: str) -> None:
    hours = OFFICES[name]

    for first in range(DAYS):
        for last in range(first, DAYS):
            between = sum(hours.is_open_on(day) for day in range(first + 1, last + 1))
            assert hours.working_days(first * DAY_US + 1, last * DAY_US + 1) == between
