"""The prefund: its quota and warnings, and whatever is asked of it in whatever order, never more than its limit (G6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.accounting.laws import prefunds_stay_within
from reference_impl.domain.prefund import (
    Alarm,
    Prefund,
    PrefundRefusal,
    bank_fee_legs,
    deposit_legs,
    interest_legs,
    quota_fen,
    top_up_fen,
    warning_of,
)

LIMIT_FEN = 1_000
acts = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "post", "void", "expire"]), st.sampled_from("abcdef"), st.integers(0, LIMIT_FEN)
    )
)


@given(acts)
def test_reserved_and_posted_never_pass_the_limit_and_a_reservation_ends_once(asked):
    account, history = Prefund(LIMIT_FEN), []
    ends: dict[str, int] = {}
    posted_fen, open_fen = 0, dict[str, int]()
    for act, key, amount_fen in asked:
        before = account
        after = account.reserve(key, amount_fen) if act == "reserve" else getattr(account, act)(key)
        if isinstance(after, PrefundRefusal):
            assert account == before
            continue
        account = after
        history.append(account)
        if act == "reserve":
            open_fen[key] = amount_fen
        else:
            ends[key] = ends.get(key, 0) + 1
            posted_fen += open_fen.pop(key) if act == "post" else 0 * open_fen.pop(key)

    assert account.used_fen == posted_fen + sum(open_fen.values()) <= LIMIT_FEN
    assert all(times == 1 for times in ends.values())
    assert list(prefunds_stay_within(history)) == []


STORY = """
    reserve a 600   ok
    reserve a 1     RESERVED_ALREADY
    reserve b 401   SHORT
    reserve b 400   ok
    reserve c 1     SHORT
    post    a 0     ok
    post    a 0     ENDED
    void    a 0     ENDED
    void    c 0     NOT_RESERVED
    expire  b 0     ok
    reserve b 1     RESERVED_ALREADY
    reserve c 400   ok
"""


def test_no_reservation_is_below_zero_and_so_none_frees_what_another_then_takes():
    account = Prefund(LIMIT_FEN)

    assert account.reserve("a", -1) is PrefundRefusal.NEGATIVE
    assert account.reserve("b", LIMIT_FEN + 1) is PrefundRefusal.SHORT


def test_the_story_of_an_account():
    account = Prefund(LIMIT_FEN)
    for line in STORY.strip().splitlines():
        act, key, amount, said = line.split()
        after = account.reserve(key, int(amount)) if act == "reserve" else getattr(account, act)(key)
        assert (after.name if isinstance(after, PrefundRefusal) else "ok") == said, line
        account = account if isinstance(after, PrefundRefusal) else after

    assert account.free_fen == 0
    assert account.warning is Alarm.RED
    assert account.cleared(600).free_fen == 600
    assert account.take_back(100).free_fen == 100
    assert account.topped_up(1_000).warning is Alarm.NONE


@pytest.mark.parametrize(
    ("used", "alarm"),
    [
        (0, Alarm.NONE),
        (69_99, Alarm.NONE),
        (70_00, Alarm.YELLOW),
        (89_99, Alarm.YELLOW),
        (90_00, Alarm.RED),
        (200_00, Alarm.RED),
    ],
)
def test_warnings_at_seventy_and_ninety_per_cent(used, alarm):
    assert warning_of(used, 100_00) is alarm


def test_a_prefund_of_nothing_is_red_as_soon_as_it_is_used():
    assert warning_of(0, 0) is Alarm.NONE
    assert warning_of(1, 0) is Alarm.RED


def test_the_quota_is_two_mean_months_of_the_last_quarter():
    """Q4 of 2023: 36.619 and 6.541 bn yuan of fund, so about 28.8 bn (DERIVED, domain facts 2.1)."""
    quarter_fen = 4_316_000_000_000

    assert round(quota_fen((quarter_fen // 3, quarter_fen // 3, quarter_fen // 3)) / 1e11, 1) == 28.8
    assert quota_fen((1, 0, 0)) == 1  # two thirds of a fen, half up


def test_with_constant_volume_a_month_uses_half_and_warns_at_one_point_four_times():
    month_fen = 1_000_000
    limit_fen = quota_fen((month_fen, month_fen, month_fen))

    assert month_fen * 2 == limit_fen
    assert warning_of(month_fen * 14 // 10, limit_fen) is Alarm.YELLOW
    assert warning_of(month_fen * 18 // 10, limit_fen) is Alarm.RED


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_top_up_is_the_least_that_ends_the_warning(used_fen, limit_fen):
    more_fen = top_up_fen(used_fen, limit_fen)

    assert warning_of(used_fen, limit_fen + more_fen) is Alarm.NONE
    assert not more_fen or warning_of(used_fen, limit_fen + more_fen - 1) is not Alarm.NONE


def test_interest_belongs_to_the_care_place_and_bank_fees_touch_no_fund():
    every = [deposit_legs("34", "33", 100), interest_legs("33", 5), bank_fee_legs("33", 2)]

    assert [sum(fen for _, fen in legs) for legs in every] == [0, 0, 0]
    assert {account.split(":")[0] for account, _ in interest_legs("33", 5)} == {"33"}
    assert not any("fiscal" in account or "fund" in account for account, _ in bank_fee_legs("33", 2))
