"""Bills: lines add up to the fen, mean what the catalogue says, and cost what makes the funds pay what they paid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.fees import CATEGORIES, GRADE_NONE, price_lines, total_of
from reference_impl.domain.person import PERSON_TYPES
from scenarios.patients.catalogue import catalogue, catalogue_of
from scenarios.patients.fees_calibration import mean_fund_fen, sample
from scenarios.patients.fees_plan import bill_shape, fee_lines, mean_total_fen, rules, templates
from scenarios.patients.institutions import INPATIENT, KINDS, OUTPATIENT, PHARMACY
from scenarios.patients.policies import policy_of
from scenarios.patients.provinces import provinces

bills = st.tuples(st.sampled_from(range(len(KINDS))), st.integers(0, 4), st.integers(1, 10**9))


def lines_of(kind, template, total_fen, batches=1, lines=8):
    return [fee_lines(kind, template, total_fen, batch=batch, batches=batches, lines=lines) for batch in range(batches)]


@given(bill=bills, batches=st.integers(1, 30), lines=st.integers(1, 100))
def test_lines_of_all_batches_add_up_to_the_bill_to_the_fen(bill, batches, lines):
    kind, template, total_fen = bill
    found = lines_of(kind, template, total_fen, batches, lines)

    assert sum(line.total_fen for batch in found for line in batch) == total_fen
    if kind == INPATIENT:
        assert all(len(batch) <= lines for batch in found)


@given(bill=bills, batches=st.integers(1, 30), lines=st.integers(1, 100))
def test_count_times_price_is_every_line_exactly(bill, batches, lines):
    for batch in lines_of(*bill, batches, lines):
        for line in batch:
            assert line.count_e4 > 0
            assert line.price_e6 > 0
            assert line.count_e4 * line.price_e6 == line.total_fen * 10**8


@given(bill=bills, batches=st.integers(1, 8))
def test_priced_lines_keep_the_whole_bill(bill, batches):
    fees = [total_of(price_lines(catalogue(), batch)) for batch in lines_of(*bill, batches)]

    assert sum(fee.total_fen for fee in fees) == bill[2]
    assert sum(sum(fee.by_category_fen) for fee in fees) == bill[2]


@pytest.mark.parametrize(("kind", "fewest", "most"), [(OUTPATIENT, 3, 6), (PHARMACY, 2, 2)])
def test_an_ordinary_bill_has_a_few_lines(kind, fewest, most):
    for template in range(len(templates(kind))):
        assert fewest <= len(lines_of(kind, template, 40_000)[0]) <= most


def test_an_ordinary_batch_of_a_stay_has_the_lines_that_were_asked_for():
    for template in range(len(templates(INPATIENT))):
        [first, *_, last] = lines_of(INPATIENT, template, 40_000_000, batches=4, lines=8)

        assert len(first) == len(last) == 8
        assert [line.item for line in first] != [line.item for line in last]


def test_templates_name_items_of_the_catalogue_and_only_the_rest_has_a_free_price():
    for kind in range(len(KINDS)):
        for template in templates(kind):
            assert catalogue()[template.rest].list_price_e6 == 0
            assert catalogue()[template.rest].cap_price_e6 == 0
            assert all(catalogue()[charge.item].list_price_e6 > 0 for charge in template.charges)


def test_restricted_items_are_billed_with_a_decision_of_the_hospital():
    charges = [charge for kind in range(3) for template in templates(kind) for charge in template.charges]

    assert {catalogue()[charge.item].restricted for charge in charges if charge.approved != "0"} == {True}
    assert {charge.approved for charge in charges if catalogue()[charge.item].restricted} == {"1", "2"}


def test_the_catalogue_has_every_category_and_grade_and_every_way_a_line_can_fall():
    items = catalogue().values()

    assert {item.category for item in items} == set(range(1, CATEGORIES + 1))
    assert {item.grade for item in items} == {"01", "02", "03"}
    assert any(0 < item.cap_price_e6 < item.list_price_e6 for item in items)
    assert any(item.restricted for item in items)
    assert all(item.self_pay_e4 > 0 for item in items if item.grade == "02")
    assert all(item.self_pay_e4 == 0 for item in items if item.grade == "01")
    assert all(item.cap_price_e6 == 0 for item in items if item.grade == GRADE_NONE)


def test_a_place_of_care_prices_by_its_own_catalogue():
    lines = fee_lines(INPATIENT, 2, 20_000_000)  # the heart template holds the capped stent

    in_beijing, in_gansu = (total_of(price_lines(catalogue_of(province), lines)) for province in ("11", "62"))

    assert in_beijing.total_fen == in_gansu.total_fen == 20_000_000
    assert in_beijing.over_limit_fen < in_gansu.over_limit_fen


def test_every_province_pays_for_every_case():
    for province in provinces():
        terms = policy_of(f"{province}0100").terms
        assert set(terms) >= {(kind, level, who) for kind in KINDS for level in (1, 2, 3) for who in PERSON_TYPES}
    assert policy_of("110100").name != policy_of("330100").name


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_the_mean_fund_is_that_of_the_first_quarter_of_2025_within_three_percent(kind):
    """Other patients than those the bills were calibrated on, first visit of the year."""
    target_fen = rules()["target_fund_fen"][KINDS[kind]]

    fund_fen = mean_fund_fen(sample(kind, 1_500, seed=77, volume=0.03), mean_total_fen(kind))

    assert fund_fen == pytest.approx(target_fen, rel=0.03)


def test_the_targets_are_the_published_sums_divided():
    target = rules()["target_fund_fen"]

    assert target["inpatient"] == round(36.54e9 / 3.64e6 * 100)
    assert target["outpatient"] == round((5.63e9 + 2.79e9) / (45.16e6 + 3.08e6) * 100)
    assert target["pharmacy"] == round(2.04e9 / 18.87e6 * 100)


def test_bills_are_skewed_to_the_right_about_a_mean_of_one():
    for kind in range(len(KINDS)):
        shape = bill_shape(kind)
        assert math.isclose(shape.mean, 1.0)
        assert shape.at(0.5) < 0.9
