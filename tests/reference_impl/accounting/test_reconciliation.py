"""Reconciliation finds what was planted and nothing else, whatever order rows come in, and its entries close it."""

from __future__ import annotations

from datetime import date
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.statements import DAYS, PLANTED, everywhere, frame, month, of, refund, row

from reference_impl.accounting.daily import day_results, query_day
from reference_impl.accounting.laws import day_files_agree
from reference_impl.accounting.reconciliation import (
    DIFFERENCES,
    closing_entries,
    daily_totals,
    reconcile,
    without_refunds,
)
from reference_impl.accounting.statements import COLUMNS, Side, stacked
from reference_impl.accounting.totals import StmtResult
from reference_impl.domain.differences import CLASSES, DifferenceClass
from reference_impl.domain.working_days import nation

THREE = (Side.CARE, Side.HUB, Side.INSURED)
NEXT_OPEN = date(2024, 3, 15)


def found_in(statements, **more):
    """By settlement, the classes that were found."""
    found: dict[str, set[DifferenceClass]] = {}
    for one in reconcile(statements, nation(), **more).iter_rows(named=True):
        found.setdefault(one["settlement"], set()).add(DifferenceClass(one["class"]))
    return found


def with_entries(statements, entries):
    return stacked([statements, entries.select(*COLUMNS)])


@pytest.mark.parametrize("seed", range(20))
def test_what_was_planted_is_found_and_nothing_else(seed):
    statements, truth = month(seed)

    assert found_in(statements) == truth


@pytest.mark.parametrize("seed", range(20))
def test_the_entries_close_every_difference_and_touch_nothing_else(seed):
    statements, truth = month(seed)
    differences = reconcile(statements, nation())

    entries = closing_entries(statements, differences, NEXT_OPEN)

    assert found_in(with_entries(statements, entries)) == {}
    assert set(entries["settlement"]) <= set(truth)
    assert set(entries["booked_on"]) <= {20240315}


@pytest.mark.parametrize("seed", range(5))
def test_days_add_up_alike_on_all_sides_but_for_what_is_listed(seed):
    statements, _ = month(seed)

    assert list(day_files_agree(statements, reconcile(statements, nation()))) == []


@given(st.integers(0, 5), st.randoms(use_true_random=False))
def test_rows_in_any_order_give_the_same_bytes(seed, rng):
    statements, _ = month(seed, settlements=20)
    places = list(range(statements.height))
    rng.shuffle(places)

    shuffled = reconcile(statements[places], nation())

    assert shuffled.write_csv() == reconcile(statements, nation()).write_csv()


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_class_alone(plant):
    book = everywhere()
    plant(book, Random(1))

    found = reconcile(of(book), nation())

    assert set(found["class"]) == {kind.value for kind in PLANTED[plant]}
    assert set(found["rule"]) == {CLASSES[kind].rule.value for kind in PLANTED[plant]}
    assert found["deadline"].null_count() == 0
    assert found["owner"].null_count() == 0


def test_jiaxing_the_insurer_never_saw_it_and_it_is_taken_back_on_every_nearer_side():
    book = everywhere()
    book[Side.INSURED] = []
    differences = reconcile(of(book), nation())

    entries = closing_entries(of(book), differences, NEXT_OPEN)

    [one] = differences.iter_rows(named=True)
    assert (one["near"], one["far"], one["owner"]) == ("hub", "insured", "hospital")
    assert dict(entries.select("side", "sign").iter_rows()) == {"hospital": -1, "care": -1, "hub": -1}


def test_a_refund_at_the_hospital_alone_becomes_the_insurers_too():
    book = everywhere()
    for side in (Side.HOSPITAL, Side.CARE, Side.HUB):
        book[side].append(refund(book[side][0]))
    differences = reconcile(of(book), nation())

    entries = closing_entries(of(book), differences, NEXT_OPEN)

    assert differences.select("class", "owner").rows() == [("state", "insured")]
    assert entries.select("side", "sign", "fund_fen").rows() == [("insured", -1, -7_000)]


def test_over_midnight_the_insurers_day_counts_and_no_money_moves():
    book = everywhere()
    book[Side.HOSPITAL][0]["day"] = DAYS[2]
    statements = of(book)

    entries = closing_entries(statements, reconcile(statements, nation()), NEXT_OPEN)

    assert entries.select("day", "sign").rows() == [(DAYS[1], 1), (DAYS[2], -1)]
    assert entries["fund_fen"].sum() == 0


def test_settled_refunded_and_settled_anew_is_no_difference():
    first, second = everywhere("A1"), everywhere("A2")
    for side in THREE:
        first[side].append(refund(first[side][0], day=DAYS[2]))
    first[Side.HOSPITAL] = []

    assert found_in(of(first, second)) == {}


def test_a_statement_that_did_not_come_makes_nothing_one_sided():
    books = [everywhere("A1"), everywhere("A2", day=DAYS[2])]
    for book in books:
        book[Side.INSURED] = []
    missing = [(Side.INSURED, DAYS[1])]

    assert set(found_in(of(*books), missing=missing)) == {"A2"}


@pytest.mark.parametrize("lacking", [Side.HOSPITAL, Side.INSURED])
def test_what_no_node_between_keeps_is_not_taken_back_while_a_statement_of_an_end_is_missing(lacking):
    book = everywhere("A1")
    book[Side.HUB] = book[lacking] = []

    assert found_in(of(book), missing=[(lacking, DAYS[1])]) == {}
    assert found_in(of(book), missing=[(lacking, DAYS[3])]) != {}


def test_over_midnight_a_settlement_waits_for_the_hospitals_missing_statement_of_the_day_after():
    book = everywhere("A1")
    book[Side.HOSPITAL] = []

    assert found_in(of(book), missing=[(Side.HOSPITAL, DAYS[2])]) == {}


def test_a_refund_in_a_statement_that_did_not_come_is_no_difference_of_state():
    book = everywhere("A1")
    book[Side.HOSPITAL] = []
    for side in (Side.HUB, Side.INSURED):
        book[side] += [refund(one, day=DAYS[2]) for one in book[side]]

    assert found_in(of(book), missing=[(Side.CARE, DAYS[2]), (Side.HOSPITAL, DAYS[1])]) == {}
    assert found_in(of(book)) == {"A1": {DifferenceClass.STATE, DifferenceClass.ONLY_FAR}}


def test_a_refund_of_less_than_was_settled_is_found_though_no_hospital_lists_it_and_leaves_nothing():
    book = everywhere("A1")
    book[Side.HOSPITAL] = []
    for side in THREE:
        book[side] += [refund(one, fund_fen=-6_000, cash_fen=-4_000) for one in book[side]]
    statements = of(book)
    differences = reconcile(statements, nation())

    after = with_entries(statements, closing_entries(statements, differences, NEXT_OPEN))

    assert differences.select("near", "far", "class").rows() == [("hospital", "care", "fund")]
    assert after["fund_fen"].sum() == after["cash_fen"].sum() == 0


def test_cash_that_differs_alone_is_found_and_becomes_the_insurers():
    book = everywhere("A1")
    book[Side.INSURED][0]["cash_fen"] -= 500
    statements = of(book)
    differences = reconcile(statements, nation())

    after = with_entries(statements, closing_entries(statements, differences, NEXT_OPEN))

    assert differences["class"].to_list() == ["total"]
    assert after.group_by("side").agg(pl.col("cash_fen").sum())["cash_fen"].to_list() == [2_500] * 4


def test_a_bill_that_the_insurer_corrected_upwards_becomes_every_sides():
    book = everywhere("A1")
    [first] = book[Side.INSURED]
    book[Side.INSURED] += [refund(first), first | {"fund_fen": 9_000, "cash_fen": 1_000}]
    statements = of(book)

    entries = closing_entries(statements, reconcile(statements, nation()), NEXT_OPEN)

    sums = with_entries(statements, entries).group_by("side").agg(pl.col("fund_fen").sum())
    assert sums["fund_fen"].to_list() == [9_000] * 4
    assert entries.filter(side="insured").height == 0


def test_business_within_a_province_that_the_hub_lists_alone_is_found_and_taken_back():
    statements = frame(row(Side.HUB, care="34", insured="34"))
    differences = reconcile(statements, nation())

    after = with_entries(statements, closing_entries(statements, differences, NEXT_OPEN))

    assert differences["near"].to_list() == ["care", "hub"]
    assert found_in(after) == {}
    assert after["fund_fen"].sum() == 0


def test_a_late_statement_gives_the_same_as_if_it_had_come_in_time():
    statements, truth = month(3)
    insured = statements.filter(side=Side.INSURED.value)

    late = stacked([insured, statements.filter(pl.col("side") != Side.INSURED.value)])

    assert found_in(late) == truth


def test_within_a_province_care_and_insurer_meet_without_the_hub():
    book = everywhere(care="34", insured="34")
    book[Side.INSURED] = []

    [one] = reconcile(of(book), nation()).iter_rows(named=True)

    assert (one["near"], one["far"]) == ("care", "insured")


def test_three_sides_reconcile_without_a_hospital():
    book = everywhere()
    book[Side.HOSPITAL] = []
    book[Side.HUB] = []

    assert found_in(of(book), sides=THREE) == {"A1": {DifferenceClass.COPY_MISSING}}


def test_nothing_stated_is_nothing_found():
    nothing = reconcile(frame(), nation())

    assert nothing.height == 0
    assert nothing.columns == list(DIFFERENCES)
    assert closing_entries(frame(), nothing, NEXT_OPEN).height == 0
    assert daily_totals(frame()).height == 0


def test_a_statement_without_refunds_lists_what_stands():
    kept, gone = row(Side.CARE, "A1"), row(Side.CARE, "A2")

    assert without_refunds(frame(kept, gone, refund(gone)))["settlement"].to_list() == ["A1"]


def test_the_daily_result_of_an_institution_names_the_classes_that_are_open():
    book = everywhere()
    book[Side.HOSPITAL] = []
    statements = of(book, everywhere("A2", day=DAYS[2]))

    results = day_results(statements, reconcile(statements, nation()))

    bad, good = query_day(results, "H33040000001", DAYS[1]), query_day(results, "H33040000001", DAYS[2])
    assert bad is not None
    assert (bad.stmt_rslt, bad.institution_cnt, bad.centre_cnt, bad.classes) == (
        StmtResult.UNBALANCED,
        0,
        1,
        "only_far",
    )
    assert good is not None
    assert good.stmt_rslt is StmtResult.BALANCED
    assert query_day(results, "H33040000001", 20230101) is None
