"""Cases go from desk to desk: first come first served, in office hours, nobody at two cases at once."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.audit_office import Case, Leg, work_through
from reference_impl.domain.office_hours import OfficeHours

HOUR = 3_600_000_000
DAY = 24 * HOUR
ALWAYS = OfficeHours(date(2024, 3, 11), 0, DAY, frozenset(range(7)))
OFFICE = OfficeHours(date(2024, 3, 15), 9 * HOUR, 17 * HOUR)  # a Friday


def test_a_case_goes_through_its_desks_in_turn():
    case = Case(2 * HOUR, (Leg("33:review", HOUR), Leg("33:expert", 2 * HOUR), Leg("34:expert", HOUR)))

    assert work_through(ALWAYS, {"33:review": 1, "33:expert": 1, "34:expert": 1}, [case]) == [
        (3 * HOUR, 5 * HOUR, 6 * HOUR)
    ]


def test_who_comes_first_is_served_first_and_of_two_at_once_the_earlier_in_the_list():
    cases = [Case(at * HOUR, (Leg("desk", HOUR),)) for at in (5, 0, 0)]

    assert work_through(ALWAYS, {"desk": 1}, cases) == [(6 * HOUR,), (HOUR,), (2 * HOUR,)]


def test_two_at_a_desk_take_two_at_once():
    cases = [Case(0, (Leg("desk", HOUR),))] * 3

    assert work_through(ALWAYS, {"desk": 2}, cases) == [(HOUR,), (HOUR,), (2 * HOUR,)]


def test_work_stands_still_over_the_weekend():
    [(ends,)] = work_through(OFFICE, {"desk": 1}, [Case(16 * HOUR, (Leg("desk", 2 * HOUR),))])

    assert ends == 3 * DAY + 10 * HOUR


def test_a_case_without_a_way_is_never_worked_on():
    assert work_through(ALWAYS, {}, [Case(0, ())]) == [()]


desks = st.sampled_from(["a", "b", "c"])
ways = st.lists(st.builds(Leg, desks, st.integers(1, 5 * HOUR)), max_size=4).map(tuple)
cases_drawn = st.lists(st.builds(Case, st.integers(0, 3 * DAY), ways), max_size=30)


@given(cases_drawn, st.integers(1, 3))
def test_desks_never_work_on_more_cases_than_they_have_people(cases, staff):
    done = work_through(ALWAYS, dict.fromkeys("abc", staff), cases)

    for desk in "abc":
        spans: list[tuple[int, int]] = []
        for case, ends in zip(cases, done, strict=True):
            assert len(ends) == len(case.way)
            came = case.comes_us
            for leg, end in zip(case.way, ends, strict=True):
                assert end - leg.work_us >= came, "nobody begins before it came"
                came = end
                if leg.desk == desk:
                    spans.append((end - leg.work_us, end))
        for begins, _ in spans:
            assert sum(one <= begins < other for one, other in spans) <= staff


@given(cases_drawn)
def test_with_people_enough_nobody_waits(cases):
    done = work_through(ALWAYS, dict.fromkeys("abc", 200), cases)

    for case, ends in zip(cases, done, strict=True):
        at = case.comes_us
        for leg, end in zip(case.way, ends, strict=True):
            at += leg.work_us
            assert end == at


@pytest.mark.parametrize("count", [1, 7, 40])
def test_a_queue_of_one_desk_is_the_sum_of_what_is_before(count):
    done = work_through(ALWAYS, {"desk": 1}, [Case(0, (Leg("desk", (n + 1) * HOUR),)) for n in range(count)])

    assert [ends[0] for ends in done] == [(n + 1) * (n + 2) // 2 * HOUR for n in range(count)]
