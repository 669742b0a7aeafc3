"""Queries: an institution asks about its own visits, from the books as they stand, and nothing is written for it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from support.chain import PERSON, Chain, at_rest
from support.messages import OTHER_PERSON, cancel, done, refusal, register, request, sale, settlement, upload

from reference_impl.domain.care_types import DISEASES, SPECIAL_TERMS, SpecialCare, is_recognised
from reference_impl.domain.errors import Refusal
from reference_impl.protocol.messages import (
    AskDiagnosis,
    AskRecognised,
    AskSettlement,
    Diagnose,
    DiagnosisTold,
    PersonNo,
    Recognised,
    Request,
    SettlementId,
    SettlementTold,
    VisitId,
)
from reference_impl.protocol.numbers import NO_NUMBERS
from reference_impl.protocol.queries import answered_from
from reference_impl.protocol.records import Key, Ref, View

OTHER = "63010010000000000002"


def asked(n: int, visit: str, *, person: str = PERSON) -> Request:
    return request("5202", n, AskDiagnosis(person=PersonNo(person), visit=VisitId(visit)))


def asked_for(n: int, settled: Any, *, named: str = "") -> Request:
    which = SettlementId(named or settled.settlement)
    return request("5203", n, AskSettlement(person=PersonNo(PERSON), visit=settled.visit, settlement=which))


def settled_visit(chain: Chain) -> Any:
    visit = done(chain.send(register(1))).visit
    done(
        chain.send(request("2203", 2, Diagnose(person=PersonNo(PERSON), visit=visit, diagnosis="J06.900", began_us=0)))
    )
    done(chain.send(upload(3, visit)))
    return done(chain.send(settlement(4, visit)))


def written(chain: Chain) -> dict[str, Any]:
    return {node: books.read_all() for node, books in chain.books.items()}


def test_what_was_diagnosed_and_settled_is_told_as_it_stands_and_nothing_is_written(chain: Chain) -> None:
    settled = settled_visit(chain)
    before = written(chain)

    diagnosis = done(chain.send(asked(5, settled.visit)))
    told = done(chain.send(asked_for(6, settled)))

    assert diagnosis == DiagnosisTold(visit=settled.visit, diagnosis="J06.900", began_us=0)
    assert isinstance(told, SettlementTold)
    assert (told.settlement, told.amounts, told.balance_fen) == (
        settled.settlement, settled.amounts, settled.balance_fen,
    )  # fmt: skip
    assert (told.care, told.clearing) == ("outpatient", "outpatient_elsewhere")
    assert written(chain) == before


def test_a_query_is_answered_anew_each_time(chain: Chain) -> None:
    settled = settled_visit(chain)
    done(chain.send(asked_for(5, settled)))

    done(chain.send(cancel(6, settled, code="2208")))

    assert refusal(chain.send(asked_for(5, settled))) == Refusal.NOT_SETTLED


def test_a_sale_is_told_too_as_what_it_was(chain: Chain) -> None:
    chain = Chain(special=SpecialCare(terms=SPECIAL_TERMS, recognised_share=1.0), dual_channel=True)
    asked_as = sale(1)
    asked_as = msgspec.structs.replace(asked_as, body=msgspec.structs.replace(asked_as.body, care_type="special_drugs"))
    sold = done(chain.send(asked_as))

    told = done(chain.send(asked_for(2, sold)))

    assert (told.care, told.clearing) == ("special_drugs", "special_drugs_elsewhere")
    assert told.amounts == sold.amounts


def test_a_stranger_learns_no_more_than_that_there_is_no_such_visit(chain: Chain) -> None:
    settled = settled_visit(chain)

    assert refusal(chain.send(asked(5, settled.visit, person=OTHER))) == Refusal.NO_SUCH_VISIT
    assert refusal(chain.send(asked(6, "S330400000000000000000000000"))) == Refusal.NO_SUCH_VISIT
    assert refusal(chain.send(asked_for(7, settled, named="A1"))) == Refusal.NOT_SETTLED
    elsewhere = msgspec.structs.replace(asked(8, settled.visit), insured_region="630200")
    assert refusal(chain.send(elsewhere)) == Refusal.OTHER_INSURER


def test_a_visit_of_which_nothing_was_told_is_refused_by_name(chain: Chain) -> None:
    visit = done(chain.send(register(1))).visit

    assert refusal(chain.send(asked(2, visit))) == Refusal.NOT_DIAGNOSED


class Forgetful:
    """Books that have their records, and no message any more."""

    def __init__(self, books: Any) -> None:
        self.books = books

    async def look(self, key: Key, *wanted: Ref) -> View:
        return View(None, (await self.books.look(key, *wanted)).records)


def test_books_that_have_the_visit_and_not_its_message_tell_nothing(chain: Chain) -> None:
    settled = settled_visit(chain)
    books: Any = Forgetful(chain.books["33"])

    answer = asyncio.run(answered_from(books, asked_for(5, settled), NO_NUMBERS, "33-1"))

    assert refusal(answer) == Refusal.NOT_SETTLED


def asks_for_diseases(n: int, visit: str, *, person: str = PERSON) -> Request:
    return request("5301", n, AskRecognised(person=PersonNo(person), visit=VisitId(visit)))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_insurer_tells_the_diseases_by_which_it_would_settle(share: float) -> None:
    chain = Chain(special=SpecialCare(terms=SPECIAL_TERMS, recognised_share=share))
    visit = done(chain.send(register(1))).visit

    told = done(chain.send(asks_for_diseases(2, visit)))

    assert isinstance(told, Recognised)
    expected = {disease.code for disease in DISEASES if is_recognised(PERSON, disease.code, share)}
    assert {one.code for one in told.diseases} == expected


def test_an_insurer_without_special_care_has_recognised_nothing(chain: Chain) -> None:
    visit = done(chain.send(register(1))).visit

    assert done(chain.send(asks_for_diseases(2, visit))) == Recognised(diseases=())


@pytest.mark.parametrize("asked", ["of nobody", "of another person", "of no visit", "of a settled visit"])
def test_nobody_asks_for_the_diseases_of_a_person_who_is_not_there(chain: Chain, asked: str) -> None:
    """Found by an adversary: a hospital read the diseases of a person whom it had never seen."""
    visit = settled_visit(chain).visit if asked == "of a settled visit" else done(chain.send(register(7))).visit
    named = {"of nobody": "SNOBODY", "of no visit": ""}.get(asked, visit)
    person = OTHER_PERSON if asked == "of another person" else PERSON

    assert refusal(chain.send(asks_for_diseases(8, named, person=person))) == Refusal.NOT_TREATED_HERE
    at_rest(chain)
