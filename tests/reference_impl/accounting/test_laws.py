"""Every law of the agencies' work is kept by sound facts and broken by the bug planted for it."""

from __future__ import annotations

from support.statements import everywhere, frame, month, of, row

from reference_impl.accounting.clearing import items_of
from reference_impl.accounting.laws import (
    balances_are_sums,
    day_files_agree,
    nets_cancel,
    prefunds_stay_within,
    states_move_along,
)
from reference_impl.accounting.prefunds import prefund_use
from reference_impl.accounting.reconciliation import reconcile
from reference_impl.accounting.statements import Side
from reference_impl.domain.clearing import ORDER, ClearingState, Obligation
from reference_impl.domain.prefund import Alarm, Prefund
from reference_impl.domain.working_days import nation

LEGS = ((("34:fund:pool", 70), ("34:owed:33", -70)),)


def broken(breaches):
    return [one.law for one in breaches]


def test_law_2_a_balance_that_lost_a_leg():
    assert broken(balances_are_sums({"34:fund:pool": 70, "34:owed:33": -70}, LEGS)) == []
    assert broken(balances_are_sums({"34:fund:pool": 70, "34:owed:33": -69}, LEGS)) == ["2 balance", "1 conservation"]
    assert broken(balances_are_sums({"34:fund:pool": 70}, LEGS)) == ["2 balance", "1 conservation"]


def test_law_3_a_prefund_that_let_one_too_many_in():
    assert broken(prefunds_stay_within([Prefund(100, posted_fen=40, reserved={"a": 60})])) == []
    assert broken(prefunds_stay_within([Prefund(100, posted_fen=41, reserved={"a": 60})])) == ["3 prefund"]
    assert broken(prefunds_stay_within([Prefund(100, reserved={"a": -1})])) == ["3 prefund"]
    assert broken(prefunds_stay_within([Prefund(100, reserved={"a": 1}, ended={"a": "posted"})])) == ["3 prefund"]


def test_law_6_a_declaration_paid_before_it_was_audited():
    assert broken(states_move_along({"D": ORDER[1:]})) == []
    jumped = {"D": [ClearingState.DECLARED, ClearingState.PAID]}
    assert broken(states_move_along(jumped)) == ["6 state"]


def test_law_9_a_difference_left_out_of_the_list():
    statements, truth = month(1)
    differences = reconcile(statements, nation())
    assert broken(day_files_agree(statements, differences)) == []

    forgotten = differences.filter(differences["settlement"] != min(truth))

    assert set(broken(day_files_agree(statements, forgotten))) == {"9 day files"}


def test_law_9_a_matcher_that_ignores_days_is_caught_by_the_sums():
    book = everywhere()
    book[Side.HOSPITAL][0]["day"] += 1
    statements = of(book)
    none = reconcile(statements, nation()).head(0)

    assert broken(day_files_agree(statements, none)) == ["9 day files", "9 day files"]


def test_law_10_nets_that_keep_a_fen():
    owed = [Obligation("34", "33", 70)]
    assert broken(nets_cancel(owed, {"33": 70, "34": -70})) == []
    assert broken(nets_cancel(owed, {"33": 70, "34": -69})) == ["10 nets", "10 nets"]
    assert broken(nets_cancel(owed, {"33": 69, "34": -69})) == ["10 nets", "10 nets"]


def test_a_prefund_runs_dry_on_the_day_it_does():
    """Three days of 40 on a prefund of 100: yellow at 80, dry at 120."""
    rows = [row(Side.INSURED, f"A{n}", day=20240311 + n, fund_fen=40, total_fen=40) for n in range(3)]

    [one, other] = prefund_use(items_of(frame(*rows)), {("34", "33"): 100, ("11", "33"): 100})

    assert (other.yellow_on, other.red_on, other.dry_on) == (20240312, 20240313, 20240313)
    assert (other.used_fen, other.alarm, other.top_up_fen) == (120, Alarm.RED, 72)
    assert (one.used_fen, one.alarm, one.dry_on) == (0, Alarm.NONE, None)
