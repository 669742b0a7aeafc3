"""A breaker: it opens by a share of failures, rests, tries one call at a time, and then lets a growing share through."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.breaker import Breaker, BreakerRule, BreakerState

S = 1_000_000
RULE = BreakerRule(window_us=10 * S, calls=4, failures_e4=5_000, rest_us=5 * S, ramp_us=10 * S)


def call(breaker: Breaker, at_us: int, *, failed: bool) -> bool:
    """Make one call that is answered at once; return whether it went through."""
    if breaker.ask(at_us):
        return False
    breaker.heard(at_us, breaker.openings, failed=failed)
    return True


def opened(at_us: int = 0) -> Breaker:
    breaker = Breaker(RULE)
    for _ in range(4):
        call(breaker, at_us, failed=True)
    assert breaker.state is BreakerState.OPEN
    return breaker


def ramping(at_us: int) -> Breaker:
    breaker = opened(at_us - 5 * S)
    assert call(breaker, at_us, failed=False)
    assert breaker.state is BreakerState.RAMP
    return breaker


STORY = """
    FFF       closed   three answers are too few to tell
    SSFF      open     half of four
    SSSFF     closed   two of five are less than half
    SSSSSSFFFFF  closed
    SSSSSFFFFF  open
    SSSS      closed
"""


@pytest.mark.parametrize("line", STORY.strip().splitlines())
def test_it_opens_when_a_share_of_enough_answers_are_failures(line: str) -> None:
    answers, state = line.split()[:2]
    breaker = Breaker(RULE)

    for at_s, answer in enumerate(answers):
        assert call(breaker, at_s * S // 2, failed=answer == "F")

    assert breaker.state == state


def test_what_lies_behind_the_window_no_longer_counts() -> None:
    breaker = Breaker(RULE)
    for at_us in (0, 1, 2):
        call(breaker, at_us, failed=True)

    assert call(breaker, 10 * S, failed=True)

    assert breaker.state is BreakerState.CLOSED
    assert breaker.openings == 0


def test_an_open_one_lets_nothing_through_and_tells_how_long() -> None:
    breaker = opened()

    assert [breaker.ask(at_us) for at_us in (0, S, 5 * S - 1)] == [5 * S, 4 * S, 1]
    assert breaker.openings == 1


def test_after_the_rest_one_call_at_a_time_goes_through_until_one_succeeds() -> None:
    breaker = opened()

    assert breaker.ask(5 * S) == 0
    assert breaker.ask(6 * S) == RULE.rest_us, "the first has not been answered"
    breaker.heard(7 * S, 1, failed=True)
    assert (breaker.state, breaker.openings) == (BreakerState.OPEN, 2)
    assert breaker.ask(12 * S) == 0
    breaker.heard(13 * S, 2, failed=False)
    assert breaker.state is BreakerState.RAMP


def test_a_probe_of_which_nobody_hears_makes_room_for_the_next() -> None:
    breaker = opened()
    assert breaker.ask(5 * S) == 0

    breaker.dropped(0)
    assert breaker.ask(6 * S) == RULE.rest_us, "a call from before it opened was no probe"
    breaker.dropped(1)

    assert breaker.ask(6 * S) == 0


def test_the_share_let_through_grows_with_time() -> None:
    breaker = ramping(0)

    through = [sum(call(breaker, at_s * S + n * 10_000, failed=False) for n in range(100)) for at_s in range(10)]

    assert through == sorted(through)
    assert through[0] <= 10
    assert 40 <= through[4] <= 50
    assert through[9] >= 90
    assert call(breaker, 10 * S, failed=False)
    assert breaker.state is BreakerState.CLOSED


def test_failures_on_the_way_up_open_it_again() -> None:
    breaker = ramping(0)
    while not call(breaker, 5 * S, failed=True):
        pass

    assert (breaker.state, breaker.openings) == (BreakerState.OPEN, 2)
    assert breaker.ask(6 * S) == 4 * S


def test_a_failure_among_many_successes_on_the_way_up_does_not() -> None:
    breaker = ramping(0)
    answers = iter([False, False, True, False])
    while sum(each.calls for each in breaker._seen) < 4:
        if breaker.ask(5 * S) == 0:
            breaker.heard(5 * S, 1, failed=next(answers))

    assert breaker.state is BreakerState.RAMP


def test_a_timeout_of_a_call_from_before_says_nothing_of_now() -> None:
    breaker = ramping(0)

    breaker.heard(S, 0, failed=True)

    assert breaker.state is BreakerState.RAMP


class Trusting(Breaker):
    """The planted bug: once rested, all go through at once."""

    def ask(self, now_us: int) -> int:
        wait_us = super().ask(now_us)
        return 0 if self.state in (BreakerState.PROBING, BreakerState.RAMP) else wait_us


def through_after(breaker: Breaker, failures: list[bool]) -> int:
    """Open it, let it rest, and return how many of so many calls at once go through while nothing is answered."""
    for _ in range(4):
        call(breaker, 0, failed=True)
    return sum(breaker.ask(5 * S) == 0 for _ in failures)


@given(st.lists(st.booleans(), min_size=2, max_size=50))
def test_a_rested_one_is_no_flood(failures: list[bool]) -> None:
    assert through_after(Breaker(RULE), failures) == 1


def test_a_breaker_that_trusts_at_once_is_caught() -> None:
    assert through_after(Trusting(RULE), [True] * 9) == 9


@given(
    st.lists(st.tuples(st.integers(0, 2 * S), st.booleans()), max_size=300),
    st.integers(1, 10_000),
    st.integers(1, 8),
)
def test_whatever_happens_it_closes_again_once_all_goes_well(
    calls: list[tuple[int, bool]], failures_e4: int, least: int
) -> None:
    breaker, now_us = Breaker(msgspec.structs.replace(RULE, failures_e4=failures_e4, calls=least)), 0
    for gap_us, failed in calls:
        now_us += gap_us
        call(breaker, now_us, failed=failed)

    for _ in range(200):
        now_us += S // 5
        call(breaker, now_us, failed=False)

    assert breaker.state is BreakerState.CLOSED
