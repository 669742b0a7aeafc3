from __future__ import annotations

import doctest
from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain import ledger
from reference_impl.domain.benefit import Settlement, take_back
from reference_impl.domain.ledger import legs_for

SETTLEMENTS = st.lists(st.integers(-(10**9), 10**9), min_size=16, max_size=16).map(lambda amounts: Settlement(*amounts))


def test_examples_in_the_docstrings_hold():
    assert doctest.testmod(ledger).failed == 0


def test_each_fund_and_the_account_owe_the_care_province_and_cash_owes_nothing():
    settlement = Settlement(
        total_fen=1000, in_scope_fen=1000, pool_fen=600, large_sum_fen=50, aid_fen=20, account_fen=30, cash_fen=300
    )
    assert legs_for(settlement, "34", "33") == (
        ("34:fund:pool", 600),
        ("34:fund:large_sum", 50),
        ("34:fund:aid", 20),
        ("34:fund:account", 30),
        ("34:owed:33", -700),
    )


def test_a_settlement_that_no_fund_pays_posts_nothing():
    assert legs_for(Settlement(total_fen=100, own_pay_fen=100, cash_fen=100), "34", "33") == ()


@given(SETTLEMENTS)
def test_every_posting_balances_and_is_the_fund_and_the_account(settlement):
    legs = legs_for(settlement, "34", "33")
    assert sum(amount for _, amount in legs) == 0
    assert sum(amount for account, amount in legs if ":fund:" in account) == settlement.fund_with_account_fen


@given(SETTLEMENTS)
def test_posting_and_its_negative_leave_every_account_at_nothing(settlement):
    accounts = Counter()
    for one in (settlement, take_back(settlement)):
        for account, amount in legs_for(one, "34", "33"):
            accounts[account] += amount
    assert not any(accounts.values())


@given(SETTLEMENTS)
def test_taking_back_twice_is_the_settlement(settlement):
    assert msgspec.structs.astuple(take_back(take_back(settlement))) == msgspec.structs.astuple(settlement)
