"""Golden data of domain facts 6.2: figures that real systems answered or that rules state."""

from __future__ import annotations

from reference_impl.domain.benefit import BEIJING_EMPLOYEE, Accumulators, Case, Settlement, identity_breaches, settle
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.money import format_yuan, parse_yuan

SCOPE = FeeTotals(total_fen=5_000_000, in_scope_fen=5_000_000)


def gd4(person_type, level=3, stays=0, fees=SCOPE):
    case = Case("inpatient", level, person_type, temporary=False)
    return settle(BEIJING_EMPLOYEE, case, fees, Accumulators(2024, stays=stays), 2024)[0]


def test_gd1_real_answer_keeps_both_identities_to_the_fen():
    answer = Settlement(
        total_fen=parse_yuan("5792.53"),
        own_pay_fen=parse_yuan("296.20"),
        over_limit_fen=parse_yuan("0"),
        pre_self_pay_fen=parse_yuan("522.61"),
        in_scope_fen=parse_yuan("4973.72"),
        deductible_fen=parse_yuan("800"),
        pool_fen=parse_yuan("3106.54"),
        cash_fen=parse_yuan("2685.99"),
    )
    assert identity_breaches(answer, stated_fund_fen=310_654, stated_person_fen=268_599) == ()


def test_gd2_all_self_pay_with_no_personal_part_breaks_the_first_identity_only():
    answer = Settlement(total_fen=330_000, own_pay_fen=330_000, cash_fen=0)
    assert [text[:30] for text in identity_breaches(answer)] == ["total 330000 fen is not fund +"]


def test_gd3_the_months_cash_is_fee_less_fund_less_account():
    fee, fund, account = (parse_yuan(text) for text in ("8958.23", "1819.04", "388.23"))
    assert format_yuan(fee - fund - account) == "6750.96"
    assert parse_yuan("363.04") + parse_yuan("2680.60") == parse_yuan("3043.64")


def test_gd4_beijing_employee_in_a_tertiary_hospital():
    settled = gd4("active")

    assert format_yuan(settled.fund_fen) == "42895.00"
    assert format_yuan(settled.person_fen) == "7105.00"
    assert settled.deductible_fen == 130_000


def test_gd4_retiree_pays_six_tenths_above_the_deductible():
    settled = gd4("retired")
    assert format_yuan(settled.person_fen - settled.deductible_fen) == "3483.00"


def test_gd4_later_stay_has_half_the_deductible():
    assert gd4("active", stays=1).deductible_fen == 65_000


def test_gd4_secondary_hospital_pays_87_percent_of_the_first_segment():
    fees = FeeTotals(total_fen=1_130_000, in_scope_fen=1_130_000)
    assert gd4("active", level=2, fees=fees).pool_fen == 870_000


def test_gd7_share_of_the_first_years_trial():
    assert round(6_904.0 / 9_661.1 * 100, 1) == 71.5
