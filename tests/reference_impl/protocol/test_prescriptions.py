"""Electronic prescriptions: issued by a follow-up by internet, dispensed by once, in time, to its person."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.chain import LINE, Chain, run
from support.messages import (
    OTHER_PERSON,
    PERSON,
    cancel,
    done,
    refusal,
    request,
    reversal,
    sale,
    sale_as_the_hub_sends_it,
    settlement,
    upload,
)

from reference_impl.domain.care_types import SPECIAL_TERMS, SpecialCare
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.prescribed import MOST_E4, Drug
from reference_impl.protocol.messages import Busy, Diagnose, MessageId, PersonNo, Register, Request, Settled
from reference_impl.protocol.records import Change, Key, MessageRecord, PrescriptionRecord

VALID_US = 1_000
HOLDS = SpecialCare(terms=SPECIAL_TERMS, recognised_share=1.0, prescription_valid_us=VALID_US)
RX = "H33040030001RX0000000001"


def prescribing() -> Chain:
    chain = Chain(special=HOLDS)
    chain.boot("63")
    return chain


PRESCRIBED = (Drug(LINE.item, 20_000), Drug("B00002", 5_000))
"""Two of one drug, and half a unit of another."""


def follow_up(
    n: int,
    *,
    person: str = PERSON,
    rx: str = RX,
    care_type: str = "internet",
    drugs: tuple[Drug, ...] = PRESCRIBED,
    chain: Chain,
) -> Request:
    """Messages n to n + 2, and the settlement to be sent as n + 3."""
    who = PersonNo(person)
    visit = done(chain.send(request("2201", n, Register(person=who, insurance="310", began_us=0)))).visit
    said = Diagnose(person=who, visit=visit, diagnosis="R69", began_us=0, care_type=care_type)
    done(chain.send(request("2203", n + 1, said)))
    done(chain.send(upload(n + 2, visit, person=person)))
    asked = settlement(n + 3, visit, person=person)
    return request(
        "2207", n + 3, msgspec.structs.replace(asked.body, care_type=care_type, prescription=rx, drugs=drugs)
    )


def prescribed(chain: Chain, n: int = 1, *, drugs: tuple[Drug, ...] = PRESCRIBED) -> Settled:
    return done(chain.send(follow_up(n, drugs=drugs, chain=chain)))


def by(n: int, rx: str = RX, *, person: str = PERSON, code: str = "2102") -> Request:
    return request(code, n, msgspec.structs.replace(sale(n, person=person).body, prescription=rx))


def held(chain: Chain) -> list[tuple[str, int, int]]:
    kept = chain.books[NodeId("63")].read_all().of(PrescriptionRecord)
    return [(one.prescription, one.dispensed, one.sign) for one in kept]


def test_a_follow_up_issues_a_prescription_and_a_sale_is_dispensed_by_it() -> None:
    chain = prescribing()
    prescribed(chain)
    done(chain.send(by(10, code="2101")))
    done(chain.send(by(11)))

    assert held(chain) == [(RX, 0, 1), (RX, 1, 1)]
    assert [one.prescription for one in chain.standing()] == [RX, RX]
    assert chain.sum_of_accounts() == 0


def test_the_trial_of_a_follow_up_issues_nothing() -> None:
    chain = prescribing()
    asked = follow_up(1, chain=chain)
    done(chain.send(msgspec.structs.replace(asked, code="2206")))

    assert refusal(chain.send(by(10))) == Refusal.NO_SUCH_PRESCRIPTION
    assert held(chain) == []


@pytest.mark.parametrize("code", ["2101", "2102"])
def test_a_sale_is_refused_by_the_name_of_what_is_wrong_with_its_prescription(code: str) -> None:
    chain = prescribing()
    assert refusal(chain.send(by(30, code=code))) == Refusal.NO_SUCH_PRESCRIPTION
    prescribed(chain)
    assert refusal(chain.send(by(31, person=OTHER_PERSON, code=code))) == Refusal.OTHERS_PRESCRIPTION
    done(chain.send(by(32)))
    assert refusal(chain.send(by(33, code=code))) == Refusal.PRESCRIPTION_USED

    assert len(chain.standing()) == 2


@pytest.mark.parametrize(("late_us", "told"), [(0, ""), (1, Refusal.PRESCRIPTION_EXPIRED)])
def test_a_prescription_is_valid_to_the_microsecond(late_us: int, told: str) -> None:
    chain = prescribing()
    settled_us = prescribed(chain).settled_us
    chain.clock.us = settled_us + VALID_US + late_us

    assert refusal(chain.send(by(10))) == told


def test_a_cancelled_sale_leaves_the_prescription_as_it_was() -> None:
    chain = prescribing()
    prescribed(chain)
    sold = done(chain.send(by(10)))
    done(chain.send(cancel(11, sold)))
    done(chain.send(by(12)))

    assert held(chain) == [(RX, 0, 1), (RX, 1, 1), (RX, 0, -1), (RX, 1, 1)]


def test_a_reversed_sale_leaves_the_prescription_as_it_was() -> None:
    chain = prescribing()
    prescribed(chain)
    done(chain.send(by(10)))
    done(chain.send(reversal(11, 10)))
    done(chain.send(by(12)))

    assert refusal(chain.send(by(13))) == Refusal.PRESCRIPTION_USED


def test_a_follow_up_that_is_taken_back_takes_its_prescription_along() -> None:
    chain = prescribing()
    seen = prescribed(chain)
    done(chain.send(cancel(10, seen, code="2208")))

    assert refusal(chain.send(by(11))) == Refusal.NO_SUCH_PRESCRIPTION


def test_a_follow_up_whose_prescription_was_dispensed_by_stands_until_the_sale_is_cancelled() -> None:
    chain = prescribing()
    seen = prescribed(chain)
    done(chain.send(by(10)))

    assert refusal(chain.send(cancel(11, seen, code="2208"))) == Refusal.LATER_STANDS


def test_a_number_is_of_one_prescription() -> None:
    chain = prescribing()
    prescribed(chain)

    assert refusal(chain.send(follow_up(20, person=OTHER_PERSON, chain=chain))) == Refusal.PRESCRIPTION_TAKEN


def test_only_a_follow_up_by_internet_prescribes() -> None:
    chain = prescribing()

    assert refusal(chain.send(follow_up(1, care_type="emergency", chain=chain))) != ""
    assert refusal(chain.send(follow_up(11, care_type="ordinary", chain=chain))) == Refusal.PRESCRIBES_NOTHING
    assert held(chain) == []


def test_an_insurer_that_holds_no_prescriptions_says_so() -> None:
    chain = Chain(special=msgspec.structs.replace(HOLDS, prescription_valid_us=0))
    chain.boot("63")

    assert refusal(chain.send(follow_up(1, chain=chain))) == Refusal.PRESCRIBES_NOTHING
    assert refusal(chain.send(by(10))) == Refusal.NO_SUCH_PRESCRIPTION


# --- which drugs, and how much of them ---


def lines(*counted: tuple[str, int]) -> tuple[FeeLine, ...]:
    """Lines of an item and a count each, at ten yuan."""
    return tuple(
        FeeLine(serial=f"{row}", item=item, count_e4=count_e4, price_e6=10_000_000, total_fen=count_e4 // 10)
        for row, (item, count_e4) in enumerate(counted, start=1)
    )


def selling(n: int, *counted: tuple[str, int], code: str = "2102") -> Request:
    charged = lines(*counted)
    total_fen = sum(line.total_fen for line in charged)
    return request(code, n, msgspec.structs.replace(by(n).body, lines=charged, total_fen=total_fen))


A, B, OTHER = LINE.item, "B00002", "C00003"
NOT_PRESCRIBED = {
    "another drug": [(OTHER, 10_000)],
    "another drug beside what was prescribed": [(A, 10_000), (OTHER, 1)],
    "more of one, by the smallest part": [(A, 20_001)],
    "more of one in two lines": [(A, 10_000), (A, 10_001)],
    "less of one than nothing, for more of another in money": [(A, 20_000), (B, -10)],
    "more than any count": [(A, MOST_E4), (A, MOST_E4)],
}


@pytest.mark.parametrize("code", ["2101", "2102"])
@pytest.mark.parametrize("counted", NOT_PRESCRIBED.values(), ids=[*NOT_PRESCRIBED])
def test_no_drug_is_dispensed_beyond_what_was_prescribed(counted: list[tuple[str, int]], code: str) -> None:
    chain = prescribing()
    prescribed(chain)

    assert refusal(chain.send(selling(10, *counted, code=code))) == Refusal.NOT_PRESCRIBED
    assert held(chain) == [(RX, 0, 1)]
    done(chain.send(selling(11, (A, 5_000), (B, 5_000), (A, 15_000))))


def test_the_refusal_names_what_is_beyond() -> None:
    chain = prescribing()
    prescribed(chain)
    answer: Any = chain.send(selling(10, (B, 5_001), (OTHER, 10_000)))

    assert f"{RX}: {B}, {OTHER}" in answer.reply.reason


def test_less_than_was_prescribed_may_be_dispensed_and_uses_it_up() -> None:
    chain = prescribing()
    prescribed(chain)
    done(chain.send(selling(10, (B, 1_000))))

    assert refusal(chain.send(selling(11, (A, 10_000)))) == Refusal.PRESCRIPTION_USED


WRONG_DRUGS = {
    "none": (),
    "one without a name": (Drug("", 10_000),),
    "one by no count": (Drug(A, 10_000), Drug(B, 0)),
    "one by less than nothing": (Drug(A, -10_000),),
    "one by more than a count holds": (Drug(A, MOST_E4 + 1),),
}


@pytest.mark.parametrize("drugs", WRONG_DRUGS.values(), ids=[*WRONG_DRUGS])
def test_a_prescription_says_each_drug_by_a_count(drugs: tuple[Drug, ...]) -> None:
    chain = prescribing()

    assert refusal(chain.send(follow_up(1, drugs=drugs, chain=chain))) == Refusal.NO_DRUGS_PRESCRIBED
    assert held(chain) == []


def test_drugs_of_no_prescription_are_refused_and_not_passed_over() -> None:
    chain = prescribing()

    assert refusal(chain.send(follow_up(1, rx="", chain=chain))) == Refusal.NO_DRUGS_PRESCRIBED


def test_a_sale_whose_drugs_are_kept_from_its_insurer_is_refused() -> None:
    """A place of care that does not say what was sold: nothing can be held against the prescription."""
    chain = prescribing()
    prescribed(chain)
    unsaid = sale_as_the_hub_sends_it(10)
    unsaid = msgspec.structs.replace(unsaid, body=msgspec.structs.replace(unsaid.body, prescription=RX))

    answer = run(chain.nodes[NodeId("63")].handle(unsaid))
    assert refusal(answer) == Refusal.NOT_PRESCRIBED


def test_a_prescription_of_older_books_says_no_drugs_and_is_dispensed_by_as_before() -> None:
    chain = prescribing()
    prescribed(chain)
    books = chain.books[NodeId("63")]
    kept = books.read_all().of(PrescriptionRecord)[0]
    old = msgspec.structs.replace(kept, settlement="SOLD", prescription="RXOLD", drugs=())
    message = MessageRecord(Key(NodeId("00"), MessageId("old")), "2207", 0, request("2207", 90, by(90).body))
    run(books.commit(Change(message=message, insert=True, records=(old,))))

    done(chain.send(by(10, "RXOLD")))


@pytest.mark.parametrize("other", [OTHER_PERSON, PERSON])
@pytest.mark.parametrize("step", ["look", "commit"])
def test_of_two_that_issue_one_number_at_once_one_does(step: str, other: str) -> None:
    """Found by an adversary: two persons' settlements move no version together, and both were given the number."""
    chain = prescribing()
    first, second = follow_up(1, chain=chain), follow_up(11, person=other, chain=chain)
    meanwhile: list[Any] = []
    chain.between("63", step, lambda: meanwhile.append(chain.send(second)))

    assert refusal(chain.send(first)) == ""
    assert isinstance(meanwhile[0], Busy)
    assert refusal(chain.send(second)) == Refusal.PRESCRIPTION_TAKEN
    assert held(chain) == [(RX, 0, 1)]


def test_two_numbers_are_issued_at_once_and_one_that_failed_blocks_nobody() -> None:
    chain = prescribing()
    first, second = follow_up(1, chain=chain), follow_up(11, person=OTHER_PERSON, rx="RX2", chain=chain)
    chain.between("63", "look", lambda: done(chain.send(second)))
    done(chain.send(first))
    refused = follow_up(21, rx="RX3", drugs=(), chain=chain)
    assert refusal(chain.send(refused)) == Refusal.NO_DRUGS_PRESCRIBED

    done(chain.send(follow_up(31, rx="RX3", chain=chain)))


@pytest.mark.parametrize(("characters", "told"), [(30, ""), (31, Refusal.NO_DRUGS_PRESCRIBED)])
def test_a_number_is_none_that_no_sale_can_say(characters: int, told: str) -> None:
    """Found by an adversary: a longer one was issued, and could never be dispensed by."""
    chain = prescribing()

    assert refusal(chain.send(follow_up(1, rx="9" * characters, chain=chain))) == told


STEPS = st.lists(st.sampled_from(["sell", "cancel", "reverse", "others"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_is_sold_and_taken_back_one_sale_at_most_stands(steps: list[str]) -> None:
    """Held against a count: a sale is refused while one stands, and never otherwise."""
    chain = prescribing()
    prescribed(chain)
    sold: tuple[int, Settled] | None = None
    for n, step in enumerate(steps):
        number = 100 + 10 * n
        if step == "others":
            assert refusal(chain.send(by(number, person=OTHER_PERSON))) == Refusal.OTHERS_PRESCRIPTION
        elif step == "sell":
            answer = chain.send(by(number))
            assert refusal(answer) == ("" if sold is None else Refusal.PRESCRIPTION_USED)
            sold = sold or (number, done(answer))
        elif sold is not None:
            taken = cancel(number, sold[1]) if step == "cancel" else reversal(number, sold[0])
            done(chain.send(taken))
            sold = None

    assert len(chain.standing()) == 1 + (sold is not None)
