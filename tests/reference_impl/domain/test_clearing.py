"""National clearing by itself: months and their dates, what nets to zero, and the way of a declaration."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.clearing import (
    MOVES,
    ClearingState,
    Obligation,
    Period,
    clearing_legs,
    dates_of,
    may_move,
    nets_of,
    payment_legs,
)
from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import nation

MARCH = Period(2024, 3)

provinces = st.sampled_from(("11", "31", "33", "34"))
obligations = st.lists(st.builds(Obligation, provinces, provinces, st.integers(-(10**12), 10**12)))


# --- months -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["2024", "2024-13", "2024-3", "march", "202400", "0000-03", "9999-12", "-202403", "2-0-2403", "\uff12024-03"],
)
def test_a_month_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="expected year and month"):
        Period.parse(text)


def test_months_follow_each_other_over_the_year():
    assert Period(2024, 12).next == Period(2025, 1)
    assert Period.parse("2024-12") == Period.parse("202412")


@pytest.mark.parametrize(
    ("month", "written", "days"),
    [
        (MARCH, "202403", (20240301, 20240331)),
        (Period(2024, 2), "202402", (20240201, 20240229)),
        (Period(2024, 12), "202412", (20241201, 20241231)),
    ],
)
def test_a_month_holds_its_own_days_and_none_of_the_next(month, written, days):
    first, last = days

    assert str(month) == written
    assert month.first_day == first
    assert last <= month.last_day < month.next.first_day


def test_the_dates_of_a_clearing_skip_holidays_and_count_worked_sundays():
    assert dates_of(MARCH, nation()) == {
        "reconciled_by": date(2024, 4, 3),
        "care_confirms_by": date(2024, 4, 20),
        "tables_on": date(2024, 4, 21),
        "provinces_confirm_by": date(2024, 4, 25),
        "notice_by": date(2024, 4, 30),
        "ordered_by": date(2024, 5, 10),  # 1 to 5 May are free
        "transferred_by": date(2024, 5, 23),  # Saturday the 11th is worked
    }


# --- what is owed -----------------------------------------------------------------------------------------------------


@given(obligations)
def test_nets_over_provinces_sum_to_zero_and_each_is_what_it_receives_less_what_it_pays(owed):
    nets = nets_of(owed)

    assert sum(nets.values()) == 0
    for province, net in nets.items():
        receives = sum(one.amount_fen for one in owed if one.care == province)
        pays = sum(one.amount_fen for one in owed if one.insured == province)
        assert net == receives - pays
    assert set(nets) == {name for one in owed for name in (one.insured, one.care)}


@given(obligations)
def test_clearing_and_payment_leave_nothing_owed(owed):
    balances: dict[str, int] = {}
    for one in owed:
        settled = ((f"{one.insured}:fund:pool", one.amount_fen), (f"{one.insured}:owed:{one.care}", -one.amount_fen))
        for account, fen in (*settled, *clearing_legs(one), *payment_legs(one)):
            balances[account] = balances.get(account, 0) + fen

    assert sum(balances.values()) == 0
    assert not any(fen for name, fen in balances.items() if "owed" in name or "payable" in name or "receivable" in name)


# --- states -----------------------------------------------------------------------------------------------------------

WAY = ["0", "10", "20", "30", "40", "50", "70", "80", "90", "100", "101", "110", "111", "112", "113", "120", "60"]
"""From not declared to paid, by the numbers that are published."""


def test_a_declaration_moves_one_step_on_or_back_to_not_declared_before_its_audit_and_nowhere_else():
    allowed = {*pairwise(WAY), ("10", "0"), ("20", "0")}

    assert sorted(WAY) == sorted(ClearingState)
    assert {(a, b) for a in ClearingState for b in ClearingState if may_move(a, b)} == allowed
    assert not MOVES[ClearingState.PAID]
