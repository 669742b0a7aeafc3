"""A budget of retries: a share of what is begun, some saved up, and one now and then all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.retry_budget import RetryBudget, RetryBudgetRule

S = 1_000_000
RULE = RetryBudgetRule(share_e4=2_000, burst=3, every_us=10 * S)
TRIES = st.lists(st.tuples(st.booleans(), st.integers(0, 3 * S)), max_size=200)


class Generous(RetryBudget):
    """The planted bug: a retry that is refused earns as much as a first try."""

    def retry(self, now_us: int) -> int:
        wait_us = super().retry(now_us)
        if wait_us:
            self.began()
        return wait_us


def retried(budget: RetryBudget, tries: list[tuple[bool, int]]) -> tuple[int, int, int]:
    """Return the retries that were let through, the first tries, and how long it all took."""
    now_us = let_through = first = 0
    for again, gap_us in tries:
        now_us += gap_us
        if again:
            let_through += budget.retry(now_us) == 0
        else:
            budget.began()
            first += 1
    return let_through, first, now_us


def allowed(first: int, took_us: int) -> float:
    return RULE.burst + first * RULE.share_e4 / 10_000 + took_us / RULE.every_us


@given(TRIES)
def test_retries_are_never_more_than_a_share_what_was_saved_and_one_so_often(tries: list[tuple[bool, int]]) -> None:
    let_through, first, took_us = retried(RetryBudget(RULE, 0), tries)

    assert let_through <= allowed(first, took_us)


def test_a_budget_that_pays_for_being_refused_is_caught() -> None:
    storm = [(True, 1_000)] * 200

    let_through, first, took_us = retried(Generous(RULE, 0), storm)

    assert let_through > allowed(first, took_us)


@given(TRIES)
def test_who_waits_as_long_as_told_may_retry(tries: list[tuple[bool, int]]) -> None:
    budget, now_us = RetryBudget(RULE, 0), 0
    for again, gap_us in tries:
        now_us += gap_us
        if not again:
            budget.began()
            continue
        wait_us = budget.retry(now_us)
        assert 0 <= wait_us <= RULE.every_us
        if wait_us:
            assert budget.retry(now_us + wait_us - 1) > 0, "and not a microsecond sooner"
            now_us += wait_us
            assert budget.retry(now_us) == 0


def test_a_silent_hour_saves_up_no_more_than_the_burst() -> None:
    budget = RetryBudget(RULE, 0)
    for _ in range(1_000):
        budget.began()

    assert [budget.retry(3_600 * S) for _ in range(4)] == [0, 0, 0, 10 * S]


@pytest.mark.parametrize(("share_e4", "later"), [(0, [10 * S]), (5_000, [5 * S, 0])])
def test_first_tries_pay_for_retries(share_e4: int, later: list[int]) -> None:
    budget = RetryBudget(RetryBudgetRule(share_e4=share_e4, burst=1, every_us=10 * S), 0)
    assert budget.retry(0) == 0

    waits = []
    for _ in later:
        budget.began()
        waits.append(budget.retry(0))

    assert waits == later
