"""Working days: weekends, holidays, and the weekend days worked in their stead."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import date_of, day_number, nation, working_days_of

days = st.dates(date(2017, 1, 1), date(2025, 12, 31))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2024, 3, 13), True),
        (date(2024, 3, 16), False),  # a Saturday
        (date(2024, 2, 12), False),  # the Spring Festival
        (date(2024, 2, 18), True),  # a Sunday, worked for it
        (date(2024, 10, 12), True),  # a Saturday, worked for the National Day
        (date(2019, 10, 1), True),  # a year without data has weekends only
    ],
)
def test_a_day_is_worked_or_free(day, works):
    assert nation().is_working(day) is works


def test_what_a_calendar_does_not_know_it_says():
    assert nation().knows(2024)
    assert not nation().knows(2019)


@given(days, st.integers(0, 40))
def test_the_nth_working_day_is_found_by_walking(day, count):
    reached, left = day, count
    while left:
        reached += timedelta(days=1)
        left -= nation().is_working(reached)

    assert nation().after(day, count) == reached


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2024, 3, 13), date(2024, 3, 13)),
        (date(2024, 3, 16), date(2024, 3, 18)),  # over a weekend
        (date(2024, 10, 3), date(2024, 10, 8)),  # over a holiday
        (date(2024, 2, 17), date(2024, 2, 18)),  # the Sunday after it is worked
    ],
)
def test_offices_open_on_a_day_or_the_next_one_that_is_worked(day, opens):
    assert nation().at_or_after(day) == opens


@given(days)
def test_no_working_day_lies_between_a_day_and_the_one_on_which_offices_open(day):
    opens = nation().at_or_after(day)

    assert nation().is_working(opens)
    assert not any(nation().is_working(day + timedelta(days=n)) for n in range((opens - day).days))


@given(days)
def test_a_date_goes_into_books_and_back(day):
    assert date_of(day_number(day)) == day


@pytest.mark.parametrize("day", [0, -1, 20240230, 202403, 21474836480000, 10**30])
def test_a_business_day_that_is_no_date_is_refused(day):
    with pytest.raises(InputError, match="expected yyyymmdd"):
        date_of(day)


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ({"holidays": ["2024-05-05..2024-05-01"], "worked": []}, "runs backwards"),
        ({"holidays": ["2023-05-01"], "worked": []}, "is of another year"),
        ({"holidays": [], "worked": ["2024-03-13"]}, "expected a Saturday or Sunday"),
        ({"holidays": ["2024-03-16"], "worked": ["2024-03-16"]}, "expected a Saturday or Sunday"),
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(lists, said):
    with pytest.raises(InputError, match=said):
        working_days_of({"2024": lists})
