"""A visit that is no ordinary one: said with its diagnosis and again to settle it, and refused by name when it is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.chain import PERSON, Chain, at_rest
from support.messages import cancel, done, refusal, register, request, sale, settlement, upload

from reference_impl.domain.care_types import DISEASES, SPECIAL_TERMS, SpecialCare
from reference_impl.domain.errors import Refusal
from reference_impl.protocol.messages import Diagnose, PersonNo, Request, VisitId

DIALYSIS = DISEASES[3].code
ALL = SpecialCare(terms=SPECIAL_TERMS, recognised_share=1.0)


@pytest.fixture
def chain() -> Chain:
    return Chain(special=ALL)


def diagnosed(chain: Chain, care_type: str, diagnosis: str = DIALYSIS) -> VisitId:
    """A visit with charges, told as this."""
    visit = done(chain.send(register(1))).visit
    done(chain.send(told(2, visit, care_type, diagnosis)))
    done(chain.send(upload(3, visit)))
    return visit


def told(n: int, visit: VisitId, care_type: str, diagnosis: str = DIALYSIS) -> Request:
    body = Diagnose(person=PersonNo(PERSON), visit=visit, diagnosis=diagnosis, began_us=0, care_type=care_type)
    return request("2203", n, body)


def changed(request: Request, **body: Any) -> Request:
    return msgspec.structs.replace(request, body=msgspec.structs.replace(request.body, **body))


def test_a_chronic_visit_is_paid_for_the_disease_that_its_diagnosis_said(chain: Chain) -> None:
    visit = diagnosed(chain, "chronic")

    trial = done(chain.send(changed(settlement(4, visit, code="2206"), care_type="chronic")))
    settled = done(chain.send(changed(settlement(5, visit), care_type="chronic")))

    assert trial.amounts == settled.amounts
    assert settled.amounts.deductible_fen == 0
    [made] = chain.books["63"].read_all().settlements
    assert (made.care_type, made.disease) == ("chronic", DIALYSIS)
    at_rest(chain)


def test_a_hospital_cannot_say_another_disease_than_it_diagnosed(chain: Chain) -> None:
    visit = diagnosed(chain, "chronic", DISEASES[0].code)

    done(chain.send(changed(settlement(4, visit), care_type="chronic", disease=DIALYSIS)))

    [made] = chain.books["63"].read_all().settlements
    assert made.disease == DISEASES[0].code


def test_an_emergency_is_paid_as_one_by_the_terms_of_its_kind(chain: Chain) -> None:
    visit = diagnosed(chain, "emergency", "R69")

    done(chain.send(changed(settlement(4, visit), care_type="emergency", emergency=True)))

    [made] = chain.books["63"].read_all().settlements
    assert (made.care_type, made.disease, made.amounts.deductible_fen) == ("emergency", "", 10_000)


STORY = [
    ("ordinary", {"care_type": "chronic"}, Refusal.OTHER_CARE_TYPE),
    ("chronic", {}, Refusal.OTHER_CARE_TYPE),
    ("chronic", {"care_type": "emergency", "emergency": True}, Refusal.OTHER_CARE_TYPE),
    ("emergency", {"care_type": "emergency"}, Refusal.OTHER_CARE_TYPE),
    ("ordinary", {"care_type": "51"}, Refusal.OTHER_CARE_TYPE),
]


@pytest.mark.parametrize(("told_as", "settled_as", "why"), STORY)
def test_what_settles_a_visit_says_what_its_diagnosis_said(
    chain: Chain, told_as: str, settled_as: dict[str, Any], why: Refusal
) -> None:
    visit = diagnosed(chain, told_as)

    assert refusal(chain.send(changed(settlement(4, visit), **settled_as))) == why
    assert chain.books["63"].read_all().settlements == ()


def test_what_is_not_recognised_may_be_said_anew_as_an_ordinary_visit() -> None:
    chain = Chain(special=SpecialCare(terms=SPECIAL_TERMS, recognised_share=0.0))
    visit = diagnosed(chain, "chronic")

    assert refusal(chain.send(changed(settlement(4, visit), care_type="chronic"))) == Refusal.DISEASE_NOT_RECOGNISED
    done(chain.send(told(5, visit, "ordinary", "R69")))
    done(chain.send(settlement(6, visit)))

    [made] = chain.books["63"].read_all().settlements
    assert (made.care_type, made.disease) == ("ordinary", "")
    at_rest(chain)


def test_a_care_type_that_no_outpatient_has_is_refused_with_the_diagnosis(chain: Chain) -> None:
    visit = done(chain.send(register(1))).visit

    assert refusal(chain.send(told(2, visit, "51"))) == Refusal.NO_SUCH_CARE_TYPE
    assert refusal(chain.send(told(3, visit, "special_drugs"))) == Refusal.NO_SUCH_CARE_TYPE


def test_an_insurer_without_terms_of_special_care_pays_none_and_says_so() -> None:
    chain = Chain()
    visit = diagnosed(chain, "emergency")

    answer = chain.send(changed(settlement(4, visit), care_type="emergency", emergency=True))

    assert refusal(answer) == Refusal.NO_SUCH_CARE_TYPE


@pytest.mark.parametrize("code", ["2101", "2102"])
def test_special_drugs_are_sold_where_they_may_be(chain: Chain, code: str) -> None:
    assert refusal(chain.send(changed(sale(1, code=code), care_type="special_drugs"))) == Refusal.NOT_DUAL_CHANNEL

    chain = Chain(special=ALL, dual_channel=True)
    sold = done(chain.send(changed(sale(1, code=code), care_type="special_drugs")))

    assert sold.amounts.deductible_fen == 0
    at_rest(chain)


def test_a_sale_is_no_emergency(chain: Chain) -> None:
    assert refusal(chain.send(changed(sale(1), care_type="emergency"))) == Refusal.NO_SUCH_CARE_TYPE


def test_special_care_that_is_taken_back_gives_back_what_it_took(chain: Chain) -> None:
    visit = diagnosed(chain, "chronic")
    settled = done(chain.send(changed(settlement(4, visit), care_type="chronic")))

    done(chain.send(cancel(5, settled, code="2208")))

    back = chain.accumulators()
    assert (back.pool_paid_fen, back.deductible_paid_fen) == (0, 0)
    [_, negative] = chain.books["63"].read_all().settlements
    assert (negative.care_type, negative.disease) == ("chronic", DIALYSIS)
    at_rest(chain)
