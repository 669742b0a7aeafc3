"""What special care is paid: its own ratio up to its own limit, and nothing of it to whom nobody has recognised."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.benefit import DEFAULT_POLICY, Accumulators, Case, identity_breaches, settle
from reference_impl.domain.care_types import (
    CARE_TYPES,
    DISEASES,
    SPECIAL_TERMS,
    CareType,
    Claim,
    SpecialCare,
    SpecialTerms,
    clearing_type_of,
    is_recognised,
    policy_for,
    refusal_of,
)
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeTotals

PERSON = "63010010000000000001"
HYPERTENSION = DISEASES[0].code
ALL = SpecialCare(terms=SPECIAL_TERMS, recognised_share=1.0)
NONE = SpecialCare(terms=SPECIAL_TERMS, recognised_share=0.0)
YEAR = 2025


def case(kind="outpatient", person_type="active", *, temporary=False):
    return Case(kind, 3, person_type, temporary)


def paid(claim, in_scope_fen, *, special=ALL, **who):
    policy = policy_for(claim, case(**who), DEFAULT_POLICY, special)
    fees = FeeTotals(total_fen=in_scope_fen, in_scope_fen=in_scope_fen)
    settlement, _ = settle(policy, case(**who), fees, Accumulators(YEAR), YEAR)
    return settlement


@pytest.mark.parametrize(
    ("claim", "kind", "special", "refusal"),
    [
        (Claim("ordinary", "", PERSON), "outpatient", None, None),
        (Claim("emergency", "", PERSON), "outpatient", ALL, None),
        (Claim("chronic", HYPERTENSION, PERSON), "outpatient", ALL, None),
        (Claim("special_drugs", "", PERSON), "pharmacy", ALL, None),
        (Claim("chronic", HYPERTENSION, PERSON), "outpatient", NONE, Refusal.DISEASE_NOT_RECOGNISED),
        (Claim("chronic", "R69", PERSON), "outpatient", ALL, Refusal.DISEASE_NOT_RECOGNISED),
        (Claim("chronic", "", PERSON), "outpatient", ALL, Refusal.DISEASE_NOT_RECOGNISED),
        (Claim("emergency", "", PERSON), "outpatient", None, Refusal.NO_SUCH_CARE_TYPE),
        (Claim("chronic", HYPERTENSION, PERSON), "inpatient", ALL, Refusal.NO_SUCH_CARE_TYPE),
        (Claim("emergency", "", PERSON), "pharmacy", ALL, Refusal.NO_SUCH_CARE_TYPE),
        (Claim("51", "", PERSON), "outpatient", ALL, Refusal.NO_SUCH_CARE_TYPE),
    ],
)
def test_a_claim_is_paid_as_what_it_is_or_refused_by_name(claim, kind, special, refusal):
    assert refusal_of(claim, kind, special) is refusal


def test_whatever_is_paid_of_its_own_is_known_for_some_kind_of_visit():
    assert set().union(*CARE_TYPES.values()) == set(CareType)
    assert {terms.care_type for terms in SPECIAL_TERMS} == {CareType.CHRONIC, CareType.SPECIAL_DRUGS}
    assert {terms.disease for terms in SPECIAL_TERMS} == {"", *(disease.code for disease in DISEASES)}
    assert len({disease.code for disease in DISEASES}) == len(DISEASES) == 10


@given(in_scope_fen=st.integers(0, 5_000_000), which=st.sampled_from([t for t in SPECIAL_TERMS if t.disease]))
def test_a_chronic_disease_is_paid_its_ratio_up_to_its_limit_and_nothing_above(in_scope_fen, which):
    claim = Claim("chronic", which.disease, PERSON)

    settlement = paid(claim, in_scope_fen, person_type=which.person_type)

    exact = Fraction(min(in_scope_fen, which.limit_fen) * which.ratio_e4, 10_000)
    assert abs(settlement.pool_fen - exact) <= Fraction(1, 2)
    assert settlement.deductible_fen == 0
    assert identity_breaches(settlement) == ()


def test_special_drugs_have_no_limit_and_no_deductible():
    settlement = paid(Claim("special_drugs", "", PERSON), 1_000_000, kind="pharmacy")

    assert (settlement.pool_fen, settlement.deductible_fen) == (700_000, 0)


def test_what_has_no_terms_of_its_own_falls_back_to_those_of_its_kind():
    emergency = paid(Claim("emergency", "", PERSON), 1_000_000)

    fees = FeeTotals(total_fen=1_000_000, in_scope_fen=1_000_000)
    assert (emergency, DEFAULT_POLICY) == (
        settle(DEFAULT_POLICY, case(), fees, Accumulators(YEAR), YEAR)[0],
        policy_for(Claim("emergency", "", PERSON), case(), DEFAULT_POLICY, ALL),
    )


def test_visitors_pay_their_share_first_of_special_care_too():
    resident, visitor = (
        paid(Claim("chronic", DISEASES[2].code, PERSON), 1_000_000, temporary=t) for t in (False, True)
    )

    assert (resident.pool_fen, visitor.pool_fen) == (850_000, 765_000)
    assert visitor.first_self_pay_fen == 100_000


def test_a_disease_with_terms_of_its_own_goes_before_those_of_all():
    own = SpecialTerms("chronic", HYPERTENSION, "active", 9_900)
    special = SpecialCare(terms=(own, SpecialTerms("chronic", "", "active", 100)), recognised_share=1.0)

    assert paid(Claim("chronic", HYPERTENSION, PERSON), 10_000, special=special).pool_fen == 9_900
    assert paid(Claim("chronic", DISEASES[1].code, PERSON), 10_000, special=special).pool_fen == 100


def test_recognition_is_of_a_person_and_a_disease_and_in_the_share_asked_for():
    people = [f"6301001{number:013d}" for number in range(2_000)]

    for disease in DISEASES[:3]:
        told = [is_recognised(person, disease.code, 0.9) for person in people]
        assert 0.87 < sum(told) / len(told) < 0.93
        assert told == [is_recognised(person, disease.code, 0.9) for person in people]
    assert [is_recognised(p, DISEASES[0].code, 0.5) for p in people] != [
        is_recognised(p, DISEASES[1].code, 0.5) for p in people
    ]


@pytest.mark.parametrize(
    ("kind", "care_type", "at_home", "elsewhere"),
    [
        ("outpatient", "ordinary", "11", "99963"),
        ("outpatient", "emergency", "13", "99963"),
        ("outpatient", "chronic", "14", "9987"),
        ("outpatient", "internet", "11", "99963"),
        ("pharmacy", "ordinary", "41", "9974"),
        ("pharmacy", "special_drugs", "18", "9974"),
        ("inpatient", "ordinary", "21", "99968"),
    ],
)
def test_a_visit_is_cleared_as_what_it_is_paid_and_apart_when_its_patient_is_from_elsewhere(
    kind, care_type, at_home, elsewhere
):
    told = [clearing_type_of(kind, care_type, elsewhere=away) for away in (False, True)]

    assert told == [at_home, elsewhere]
