from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_impl.domain.benefit import (
    BEIJING_EMPLOYEE,
    DEFAULT_POLICY,
    Accumulators,
    Case,
    Continued,
    Settlement,
    identity_breaches,
    settle,
    take_back,
    together,
    undo,
)
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.policies import PolicyTable, policy_from

YEAR = 2024
NOBODY_YET = Accumulators(YEAR)

TERMS = {
    "kinds": ["inpatient"],
    "levels": [3],
    "person_types": ["active", "resident"],
    "deductible": 1000,
    "deductible_per": "visit",
    "repeat_e4": 5000,
    "segments": [[10_000, 8000], [0, 9000]],
}
VISITS = {
    **TERMS,
    "kinds": ["outpatient", "pharmacy"],
    "deductible": 200,
    "deductible_per": "year",
    "segments": [[0, 5000]],
}
PLAIN = {
    "counts_in": "discharge",
    "name": "plain",
    "terms": [TERMS, VISITS],
    "cap": {"active": 10_000, "resident": 10_000},
}


def yuan(amount):
    return amount * 100


def scope(amount, own=0):
    return FeeTotals(total_fen=yuan(amount + own), own_pay_fen=yuan(own), in_scope_fen=yuan(amount))


def paid(policy, case, fees, accumulators=NOBODY_YET):
    return settle(policy, case, fees, accumulators, YEAR)[0]


STAY = Case("inpatient", 3, "active", temporary=False)
VISITOR = STAY._replace(temporary=True)
RESIDENT = STAY._replace(person_type="resident")
OUTPATIENT = Case("outpatient", 3, "active", temporary=False)


def test_first_stay_pays_the_deductible_then_each_segment():
    got = paid(policy_from(PLAIN), STAY, scope(11_000, own=500))

    # 1,000 to 10,000 at 80 %, the rest at 90 %
    assert (got.deductible_fen, got.pool_fen) == (yuan(1000), yuan(7200 + 900))
    assert (got.cash_fen, got.own_pay_fen) == (yuan(11_500 - 8_100), yuan(500))


def test_second_stay_of_the_year_pays_half_the_deductible():
    first, accumulators = settle(policy_from(PLAIN), STAY, scope(5000), NOBODY_YET, YEAR)
    second = paid(policy_from(PLAIN), STAY, scope(5000), accumulators)

    assert (first.deductible_fen, second.deductible_fen) == (yuan(1000), yuan(500))


def test_a_stay_settled_in_its_middle_pays_one_deductible_where_the_policy_merges():
    """400 yuan came before; 1,000 are the deductible of the first stay of the year, 500 that of a later one."""
    policy = policy_from(PLAIN)
    apart = msgspec.structs.replace(policy, merges_mid_stay=False)
    first, after = settle(policy, STAY, scope(400), NOBODY_YET, YEAR)
    before = Continued(YEAR, first.deductible_fen)

    def rest(policy, year=YEAR, accumulators=after):
        return settle(policy, STAY, scope(5000), accumulators, year, continued=before)[0].deductible_fen

    assert rest(policy) == yuan(600)
    assert rest(apart) == yuan(500)
    assert rest(policy, YEAR + 1) == yuan(600)
    assert rest(apart, YEAR + 1) == yuan(1000)
    assert rest(policy, accumulators=msgspec.structs.replace(after, stays=2)) == yuan(100)


def test_a_yearly_deductible_of_stays_is_merged_by_itself():
    policy = policy_from({**PLAIN, "terms": [{**TERMS, "deductible": 1500, "deductible_per": "year"}, VISITS]})
    first, after = settle(policy, STAY, scope(400), NOBODY_YET, YEAR)
    rest, _ = settle(policy, STAY, scope(5000), after, YEAR, continued=Continued(YEAR, first.deductible_fen))

    assert rest.deductible_fen == yuan(1100)


def test_the_parts_of_a_stay_add_up_field_by_field():
    first, after = settle(policy_from(PLAIN), STAY, scope(400, own=3), NOBODY_YET, YEAR)
    rest, _ = settle(policy_from(PLAIN), STAY, scope(5000, own=9), after, YEAR)
    whole = together(first, rest)

    assert (whole.total_fen, whole.own_pay_fen) == (yuan(5412), yuan(12))
    assert identity_breaches(whole) == ()
    assert together(whole, take_back(rest)) == first


def test_a_new_year_forgets_all_but_the_account():
    before = Accumulators(YEAR - 1, yuan(200), yuan(9_999), yuan(5), 3, balance_fen=yuan(70), scope_self_paid_fen=1)
    got, after = settle(policy_from(PLAIN), STAY, scope(5000), before, YEAR)

    assert got.deductible_fen == yuan(1000)
    assert (after.year, after.stays, after.pool_paid_fen, after.balance_fen) == (YEAR, 1, got.pool_fen, yuan(70))


def test_a_cost_below_the_deductible_is_all_the_persons():
    got = paid(policy_from(PLAIN), STAY, scope(300))
    assert (got.deductible_fen, got.pool_fen, got.cash_fen) == (yuan(300), 0, yuan(300))


def test_yearly_deductible_is_paid_once_over_visits_and_not_by_stays():
    policy = policy_from(PLAIN)
    _, after_stay = settle(policy, STAY, scope(5000), NOBODY_YET, YEAR)
    first, after_first = settle(policy, OUTPATIENT, scope(150), after_stay, YEAR)
    second, _ = settle(policy, OUTPATIENT._replace(kind="pharmacy"), scope(150), after_first, YEAR)

    assert (first.deductible_fen, first.pool_fen) == (yuan(150), 0)
    assert (second.deductible_fen, second.pool_fen) == (yuan(50), yuan(50))


def test_a_yearly_deductible_of_stays_is_paid_once_over_the_years_stays():
    policy = policy_from({**PLAIN, "terms": [{**TERMS, "deductible": 1500, "deductible_per": "year"}, VISITS]})
    small, after_small = settle(policy, STAY, scope(400), NOBODY_YET, YEAR)
    second, after_second = settle(policy, STAY, scope(5000), after_small, YEAR)
    third, after_third = settle(policy, STAY, scope(5000), after_second, YEAR)

    assert [one.deductible_fen for one in (small, second, third)] == [yuan(400), yuan(1100), 0]
    assert paid(policy, OUTPATIENT, scope(150), after_third).deductible_fen == yuan(150)
    assert undo(after_second, second, "inpatient", YEAR) == after_small
    assert settle(policy, STAY, scope(5000), after_third, YEAR + 1)[0].deductible_fen == yuan(1500)


def test_visitor_first_pays_a_share_of_the_scope_before_the_deductible():
    policy = policy_from({**PLAIN, "first_self_pay_e4": 1000})
    got, home = paid(policy, VISITOR, scope(5000)), paid(policy, STAY, scope(5000))

    assert got.first_self_pay_fen == yuan(500)
    assert got.pool_fen == yuan((5000 - 500 - 1000) * 8 // 10)
    assert home.first_self_pay_fen == 0
    assert identity_breaches(got) == ()


def test_pool_stops_at_its_yearly_cap_and_large_sum_pays_what_is_above():
    policy = policy_from({**PLAIN, "large_sum": {"ratio_e4": 8500, "cap": 100_000}})
    got, after = settle(policy, STAY, scope(21_000), NOBODY_YET, YEAR)

    # 7,200 of the first segment, 2,800 of the second: its first 3,111.12 yuan; 7,888.88 yuan stay uncovered
    assert got.pool_fen == yuan(10_000)
    assert got.large_sum_fen == 670_555
    assert after.supplementary_paid_fen == got.large_sum_fen

    later = paid(policy, STAY, scope(1500), after)
    assert (later.pool_fen, later.large_sum_fen) == (0, yuan(850))


def test_large_sum_has_a_yearly_cap_and_residents_have_none():
    policy = policy_from({**PLAIN, "large_sum": {"ratio_e4": 8500, "cap": 100}})
    assert paid(policy, STAY, scope(21_000)).large_sum_fen == yuan(100)
    assert paid(policy, RESIDENT, scope(21_000)).large_sum_fen == 0


def test_what_large_sum_paid_before_counts_towards_its_cap():
    policy = policy_from({**PLAIN, "large_sum": {"ratio_e4": 8500, "cap": 7_000}})
    first, after = settle(policy, STAY, scope(21_000), NOBODY_YET, YEAR)
    second = paid(policy, STAY, scope(21_000), after)

    assert (first.large_sum_fen, second.large_sum_fen) == (670_555, yuan(7_000) - 670_555)


def test_the_last_segment_has_no_end():
    policy = policy_from({**PLAIN, "cap": {"active": 10**9, "resident": 0}})
    assert paid(policy, STAY, scope(50_000_000)).pool_fen == yuan(7200 + (50_000_000 - 10_000) * 9 // 10)


def test_serious_illness_does_not_count_what_a_visitor_pays_first():
    table = {**PLAIN, "first_self_pay_e4": 1000, "cap": {"active": 0, "resident": 0}, "serious_illness": [[1000, 5000]]}
    first, after = settle(policy_from(table), RESIDENT._replace(temporary=True), scope(10_000), NOBODY_YET, YEAR)

    assert first.serious_illness_fen == yuan((9000 - 1000) // 2)
    assert after.scope_self_paid_fen == yuan(9000)


def test_serious_illness_counts_the_years_own_cost_in_steps():
    policy = policy_from(
        {**PLAIN, "cap": {"active": 0, "resident": 0}, "serious_illness": [[10_000, 6000], [20_000, 7000]]}
    )
    first, after = settle(policy, RESIDENT, scope(15_000), NOBODY_YET, YEAR)
    second, _ = settle(policy, RESIDENT, scope(10_000), after, YEAR)

    assert first.serious_illness_fen == yuan(5_000 * 6 // 10)
    assert second.serious_illness_fen == yuan(5_000 * 6 // 10 + 5_000 * 7 // 10)
    assert paid(policy, STAY, scope(15_000)).serious_illness_fen == 0


def test_account_pays_the_personal_part_as_far_as_it_reaches():
    policy = policy_from({**PLAIN, "account_kinds": ["outpatient"]})
    rich, after = settle(policy, OUTPATIENT, scope(300), Accumulators(YEAR, balance_fen=yuan(1000)), YEAR)
    poor = paid(policy, OUTPATIENT, scope(300), Accumulators(YEAR, balance_fen=yuan(30)))
    stay = paid(policy, STAY, scope(300), Accumulators(YEAR, balance_fen=yuan(30)))

    assert (rich.account_fen, rich.cash_fen, after.balance_fen) == (yuan(250), 0, yuan(750))
    assert (poor.account_fen, poor.cash_fen) == (yuan(30), yuan(220))
    assert stay.account_fen == 0


def test_account_pays_nothing_where_it_may_not():
    policy = policy_from({**PLAIN, "account_kinds": ["outpatient"]})
    before = Accumulators(YEAR, balance_fen=yuan(1000))

    got, after = settle(policy, OUTPATIENT, scope(300), before, YEAR, use_account=False)

    assert (got.account_fen, got.cash_fen, after.balance_fen) == (0, yuan(250), yuan(1000))


def test_fund_is_stated_with_or_without_the_account():
    got = Settlement(total_fen=100, in_scope_fen=100, pool_fen=60, account_fen=30, cash_fen=10)

    assert (got.fund_fen, got.fund_with_account_fen, got.person_fen) == (60, 90, 40)
    assert identity_breaches(got, stated_fund_fen=60) == ()
    assert identity_breaches(got, stated_fund_fen=90) == ()
    assert len(identity_breaches(got, stated_fund_fen=70)) == 1


@pytest.mark.parametrize(
    ("change", "breaches"),
    [
        ({"cash_fen": 41}, ["total 100 fen is not fund + person"]),
        ({"own_pay_fen": 1}, ["total 100 fen is not own"]),
        ({"total_fen": 99}, ["total 99 fen is not fund", "total 99 fen is not own"]),
    ],
)
def test_planted_breach_of_an_identity_is_named_with_both_sides(change, breaches):
    whole = Settlement(total_fen=100, in_scope_fen=100, pool_fen=60, cash_fen=40)
    got = identity_breaches(msgspec.structs.replace(whole, **change))
    assert [text[: len(want)] for text, want in zip(got, breaches, strict=True)] == breaches


def test_person_stated_against_account_and_cash_is_a_breach():
    whole = Settlement(total_fen=100, in_scope_fen=100, pool_fen=60, cash_fen=40)
    assert len(identity_breaches(whole, stated_person_fen=0)) == 2
    assert identity_breaches(whole, stated_person_fen=40) == ()


def test_negative_scope_is_refused():
    with pytest.raises(ValueError, match="take back instead"):
        paid(DEFAULT_POLICY, STAY, FeeTotals(-1, in_scope_fen=-1))


def test_a_case_outside_the_policy_is_refused_with_the_cases_inside():
    with pytest.raises(LookupError, match=r"no terms for \('inpatient', 3, 'resident'\): expected one of"):
        paid(BEIJING_EMPLOYEE, RESIDENT, scope(1))


@pytest.mark.parametrize("policy", [DEFAULT_POLICY, BEIJING_EMPLOYEE])
def test_a_policy_written_as_rows_and_read_again_is_the_same(policy):
    written = msgspec.json.encode(PolicyTable.of(policy))

    assert msgspec.json.decode(written, type=PolicyTable).policy() == policy


def test_undo_in_another_year_gives_back_the_accounts_money_only():
    settlement = Settlement(total_fen=100, in_scope_fen=100, pool_fen=60, account_fen=40)
    now = Accumulators(YEAR + 1, pool_paid_fen=10, balance_fen=5)

    assert undo(now, settlement, "outpatient", YEAR) == Accumulators(YEAR + 1, pool_paid_fen=10, balance_fen=45)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"terms": [{**TERMS, "segments": [[10_000, 8000]]}]}, "expected rising bounds"),
        ({"terms": [{**TERMS, "segments": [[20_000, 8000], [10_000, 8000], [0, 1]]}]}, "expected rising bounds"),
        ({"terms": [{**TERMS, "segments": [[0, 10_001]]}]}, r"<= 10000 - at `\$.terms"),
        ({"first_self_pay_e4": -1}, r">= 0 - at `\$.first_self_pay_e4"),
        ({"name_zh": "x"}, "unknown field `name_zh`"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name(change, message):
    with pytest.raises((ValueError, msgspec.ValidationError), match=message):
        policy_from({**PLAIN, **change})


PARTS = st.integers(0, 10**8)
CASES = st.builds(
    Case,
    st.sampled_from(["inpatient", "outpatient", "pharmacy"]),
    st.integers(1, 3),
    st.sampled_from(["active", "retired", "resident"]),
    st.booleans(),
)


@st.composite
def fees(draw):
    parts = [draw(PARTS) for _ in range(4)]
    return FeeTotals(sum(parts), *parts)


@st.composite
def accumulators(draw):
    return Accumulators(
        YEAR, *(draw(st.integers(0, 5 * 10**7)) for _ in range(3)), draw(st.integers(0, 5)), draw(PARTS), draw(PARTS)
    )


@settings(max_examples=300)
@given(CASES, fees(), accumulators())
def test_every_settlement_keeps_the_identities_and_nobody_pays_less_than_nothing(case, charges, before):
    got, after = settle(DEFAULT_POLICY, case, charges, before, YEAR)

    assert identity_breaches(got) == ()
    assert identity_breaches(take_back(got)) == ()
    assert min(msgspec.structs.astuple(got)) >= 0
    # Serious-illness insurance may pay of the deductible, never of what a visitor pays first.
    assert got.deductible_fen + got.pool_fen + got.large_sum_fen <= got.in_scope_fen - got.first_self_pay_fen
    assert got.fund_fen <= got.in_scope_fen - got.first_self_pay_fen
    assert after.pool_paid_fen <= max(DEFAULT_POLICY.terms_of(case).cap_fen, before.pool_paid_fen)
    assert after.balance_fen >= 0


@given(CASES, fees(), accumulators())
def test_a_settlement_taken_back_leaves_no_trace(case, charges, before):
    got, after = settle(DEFAULT_POLICY, case, charges, before, YEAR)

    assert undo(after, got, case.kind, YEAR) == before
    assert undo(after, got, case.kind) == before
    together = [
        a + b for a, b in zip(msgspec.structs.astuple(got), msgspec.structs.astuple(take_back(got)), strict=True)
    ]
    assert not any(together)


@given(CASES, fees(), accumulators(), st.integers(0, 10**7))
def test_the_fund_never_pays_less_of_a_larger_bill(case, charges, before, more_fen):
    larger = msgspec.structs.replace(
        charges, total_fen=charges.total_fen + more_fen, in_scope_fen=charges.in_scope_fen + more_fen
    )
    assert paid(DEFAULT_POLICY, case, larger, before).fund_fen >= paid(DEFAULT_POLICY, case, charges, before).fund_fen
