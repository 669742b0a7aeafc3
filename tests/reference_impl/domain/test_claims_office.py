"""The claims office against stories, laws and the textbook."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.analysis.queueing import mean_wait_us
from reference_impl.domain.claims_office import Office, PaperClaim, Worked, work_off
from reference_impl.domain.office_hours import OfficeHours

H = 3_600_000_000
MIN = 60_000_000
DAY = 24 * H
FRIDAY = date(2024, 3, 15)
HOURS = OfficeHours(FRIDAY, 9 * H, 17 * H)
NEVER_SHUT = OfficeHours(FRIDAY, 0, 24 * H, frozenset(range(7)))
MAY_DAY = OfficeHours(date(2024, 4, 29), 9 * H, 17 * H, holidays=frozenset({date(2024, 5, 1), date(2024, 5, 2)}))

CALENDAR = [
    # office, a moment, open until then
    (HOURS, 8 * H, 0),
    (HOURS, 10 * H, 1 * H),
    (HOURS, 20 * H, 8 * H),
    (HOURS, 2 * DAY + 12 * H, 8 * H),
    (HOURS, 3 * DAY + 10 * H, 9 * H),
    (HOURS, 10 * DAY + 10 * H, 49 * H),
    (MAY_DAY, 3 * DAY + 12 * H, 16 * H),
    (MAY_DAY, 4 * DAY + 10 * H, 17 * H),
]


@pytest.mark.parametrize(("office", "at_us", "open_us"), CALENDAR)
def test_office_time_stands_still_while_the_office_is_closed(office: OfficeHours, at_us: int, open_us: int) -> None:
    assert office.office_us(at_us) == open_us


@given(st.integers(0, 400 * H), st.sampled_from([HOURS, NEVER_SHUT, MAY_DAY]))
def test_the_calendar_leads_back_to_the_same_office_time(office_us: int, office: OfficeHours) -> None:
    at_us = office.calendar_us(office_us)

    assert office.office_us(at_us) == office_us
    assert office.is_open_on(at_us // DAY)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([HOURS, MAY_DAY]))
def test_working_days_are_those_counted_one_by_one(first: int, more: int, office: OfficeHours) -> None:
    last = first + more

    counted = sum(office.is_open_on(day) for day in range(first + 1, last + 1))

    assert office.working_days(first * DAY + 10 * H, last * DAY + 16 * H) == counted


def claim(number: int, comes_us: int, *work_us: int, invoice: str = "", returns_us: tuple[int, ...] = ()) -> PaperClaim:
    return PaperClaim(number, invoice or str(number), comes_us, work_us or (15 * MIN,) * 7, returns_us)


def office(*staff: int, hours: OfficeHours = HOURS, finds_at: int = 0) -> Office:
    return Office(hours, staff, finds_at)


def test_a_claim_alone_takes_its_work_and_waits_for_nobody() -> None:
    [done] = work_off(office(*[1] * 7, finds_at=3), [claim(1, 9 * H)])

    assert (done.accepted_us, done.left_us) == (9 * H + 15 * MIN, 9 * H + 105 * MIN)
    assert (done.trips, done.duplicate) == (1, False)


def test_work_that_closing_time_cuts_off_goes_on_the_next_working_day() -> None:
    [done] = work_off(office(1), [claim(1, 16 * H, 2 * H)])

    assert done.left_us == 3 * DAY + 10 * H


@pytest.mark.parametrize(("missing", "trips"), [(0, 1), (5, 6)])
def test_papers_told_one_by_one_cost_six_trips_and_told_at_once_one(missing: int, trips: int) -> None:
    [done] = work_off(office(1, 1), [claim(1, 10 * H, MIN, MIN, returns_us=(3 * DAY,) * missing)])

    assert done.trips == trips
    assert done.accepted_us >= 10 * H + missing * 3 * DAY


def test_an_invoice_handed_in_twice_is_paid_once() -> None:
    first, again, other = work_off(
        office(1, 1, finds_at=1),
        [claim(1, 9 * H, MIN, MIN, invoice="A"), claim(2, 10 * H, MIN, MIN, invoice="A"), claim(3, 11 * H, MIN, MIN)],
    )

    assert [one.duplicate for one in (first, again, other)] == [False, True, False]


def assert_lawful(asked: list[PaperClaim], done: list[Worked]) -> None:
    """What any office must keep: every claim is done, after its work; one payment an invoice, and one for each."""
    for one, result in zip(asked, done, strict=True):
        assert result.left_us >= result.accepted_us >= one.comes_us
        assert result.trips == len(one.returns_us) + 1
    paid = Counter(one.invoice for one, result in zip(asked, done, strict=True) if not result.duplicate)
    assert paid == dict.fromkeys({one.invoice for one in asked}, 1)


CLAIMS = st.lists(
    st.builds(
        PaperClaim,
        st.integers(0, 99),
        st.sampled_from("ABCDEF"),
        st.integers(0, 20 * DAY),
        st.tuples(*[st.integers(1, 3 * H)] * 3),
        st.lists(st.integers(0, 5 * DAY), max_size=3).map(tuple),
    ),
    max_size=25,
)


@given(CLAIMS, st.integers(1, 3))
def test_every_claim_is_done_and_no_invoice_is_paid_twice(asked: list[PaperClaim], staff: int) -> None:
    assert_lawful(asked, work_off(office(staff, 1, staff, finds_at=1), asked))


def test_a_planted_office_that_pays_a_copy_is_caught() -> None:
    asked = [claim(1, 9 * H, MIN, invoice="A"), claim(2, 9 * H, MIN, invoice="A")]
    done = work_off(office(1), asked)
    done[1].duplicate = False

    with pytest.raises(AssertionError):
        assert_lawful(asked, done)


def test_more_staff_never_make_anybody_wait_longer_at_one_stage() -> None:
    drawn = random.Random(3)
    asked = [claim(n, drawn.randrange(30 * DAY), drawn.randrange(1, 4 * H)) for n in range(300)]

    waits = [max(one.left_us - one.came_us for one in work_off(office(staff), asked)) for staff in (1, 2, 4, 8)]

    assert waits == sorted(waits, reverse=True)


def test_even_arrivals_of_even_work_wait_as_the_sum_says() -> None:
    """D/D/1: work of 20 minutes comes every 15, so the n-th waits 5 minutes times those before it."""
    done = work_off(office(1, hours=NEVER_SHUT), [claim(n, n * 15 * MIN, 20 * MIN) for n in range(50)])

    assert [one.left_us - one.came_us - 20 * MIN for one in done] == [n * 5 * MIN for n in range(50)]


@pytest.mark.parametrize(("staff", "load"), [(1, 0.7), (3, 0.8)])
def test_random_arrivals_wait_as_long_as_erlang_says(staff: int, load: float) -> None:
    """M/M/c: the truth computed another way, within the noise of so many claims."""
    drawn, service_us = random.Random(7), 10 * MIN
    rate_per_us = load * staff / service_us
    at_us, asked = 0.0, []
    for number in range(60_000):
        at_us += drawn.expovariate(rate_per_us)
        asked.append(claim(number, round(at_us), max(1, round(drawn.expovariate(1 / service_us)))))

    done = work_off(office(staff, hours=NEVER_SHUT), asked)

    waited_us = [one.left_us - one.came_us - ask.work_us[0] for one, ask in zip(done, asked, strict=True)]
    expected_us = mean_wait_us(rate_per_s=rate_per_us * 1e6, service_us=service_us, servers=staff)
    assert sum(waited_us) / len(waited_us) == pytest.approx(expected_us, rel=0.1)


def test_a_queue_longer_than_any_calendar_still_has_an_end() -> None:
    """Hundreds of claims of weeks each before one clerk: the last is paid after the year 9999."""
    claims = [PaperClaim(number, str(number), 0, (10_000 * MIN,)) for number in range(200_000)]
    last = work_off(office(1), claims)[-1]

    assert last.left_us > (date.max - FRIDAY).days * DAY
