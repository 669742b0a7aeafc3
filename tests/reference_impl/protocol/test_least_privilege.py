"""Least privilege over every message: a hospital its own visits, a province its own people, nothing of others in a no.

One table of all transactions: a new one stands in it, or the first test fails.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from support.chain import FAR_HOSPITAL, HOSPITAL, NEIGHBOUR, PERSON, Chain, run
from support.messages import LINE, OTHER_PERSON, done, msgid, refusal, registered, sale, settlement
from support.orders import confirm, confirmation, order

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.transactions import OF_ORDERS, TRANSACTIONS
from reference_impl.protocol.ids import order_no, visit_id
from reference_impl.protocol.messages import (
    CARRIERS,
    Admit,
    AskCharges,
    AskDesignated,
    AskDiagnosis,
    AskOrder,
    AskOrderSettlement,
    AskRecognised,
    AskSettlement,
    AskStays,
    AskVisits,
    CancelAdmission,
    CancelDischarge,
    CancelLines,
    CancelOrder,
    CancelRegistration,
    CancelSettlement,
    Diagnose,
    Discharge,
    File,
    FindPerson,
    MessageId,
    Outcome,
    RefundOrder,
    Register,
    Request,
    RequestBody,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    UploadLines,
    VisitId,
    WithdrawFiling,
)

SETTLED = Settled(visit=VisitId("S1"), settlement="A1", settled_us=0, amounts=None)  # type: ignore[arg-type]
P = PERSON
SALE = 3
"""The message of the sale."""
ORDERED = 30
"""That of the order."""
Said = Callable[[str, VisitId, Settled], RequestBody]
"""What somebody says of a person, of a visit, of a settlement."""


def _settle(person: str, visit: VisitId, _: Settled) -> RequestBody:
    return Settle(person=person, insurance="310", visit=visit, total_fen=10_000)


def _lines(person: str, visit: VisitId, _: Settled) -> RequestBody:
    return UploadLines(person=person, visit=visit, batch="9", lines=(LINE,))


def _cancel_lines(person: str, visit: VisitId, _: Settled) -> RequestBody:
    return CancelLines(person=person, visit=visit)


def _cancel(person: str, visit: VisitId, settled: Settled) -> RequestBody:
    return CancelSettlement(person=person, visit=visit, settlement=settled.settlement)


def _ask(person: str, visit: VisitId, settled: Settled) -> RequestBody:
    return AskSettlement(person=person, visit=visit, settlement=settled.settlement)


OF_A_VISIT: dict[str, Said] = {
    "2202": lambda p, v, _: CancelRegistration(person=p, visit=v),
    "2203": lambda p, v, _: Diagnose(person=p, visit=v, diagnosis="I10", began_us=0),
    "2204": _lines,
    "2205": _cancel_lines,
    "2206": _settle,
    "2207": _settle,
    "2208": _cancel,
    "2103": _cancel,
    "2301": _lines,
    "2302": _cancel_lines,
    "2303": _settle,
    "2304": _settle,
    "2305": _cancel,
    "2402": lambda p, v, _: Discharge(person=p, visit=v, ended_us=0),
    "2404": lambda p, v, _: CancelAdmission(person=p, visit=v),
    "2405": lambda p, v, _: CancelDischarge(person=p, visit=v),
    "5202": lambda p, v, _: AskDiagnosis(person=p, visit=v),
    "5203": _ask,
    "5204": lambda p, v, s: AskCharges(person=p, visit=v, settlement=s.settlement),
    "5301": lambda p, v, _: AskRecognised(person=p, visit=v),
    "5302": lambda p, v, _: AskDesignated(person=p, visit=v),
    "2601": lambda p, _, __: Reverse(person=p, original=msgid(SALE), original_code="2102"),
}
"""What speaks of business that is somebody's: theirs alone."""
NUMBER = order_no(visit_id(msgid(ORDERED)))
OF_AN_ORDER: dict[str, Said] = {
    "2163": lambda *_: RefundOrder(order=NUMBER),
    "2167": lambda *_: CancelOrder(order=NUMBER),
    "2171": lambda p, _, __: AskOrderSettlement(person=p, order=NUMBER),
}
"""What speaks of an order: its pharmacy's alone (more of them: tests/reference_impl/protocol/test_orders.py)."""
OF_A_PERSON: dict[str, Said] = {
    "2161": lambda p, _, __: FindPerson(person=p),
    "2166": lambda p, _, __: SellDrugs(person=p, insurance="310", total_fen=10_000, lines=(LINE,)),
    "2170": lambda p, _, __: AskOrder(person=p),
    "1101": lambda p, _, __: FindPerson(person=p),
    "2101": lambda p, _, __: SellDrugs(person=p, insurance="310", total_fen=10_000, lines=(LINE,)),
    "2102": lambda p, _, __: SellDrugs(person=p, insurance="310", total_fen=10_000, lines=(LINE,)),
    "2201": lambda p, _, __: Register(person=p, insurance="310", began_us=0),
    "2401": lambda p, _, __: Admit(person=p, insurance="310", began_us=0, diagnosis="I10"),
    "2501": lambda p, _, __: File(person=p, kind="referral", region="330000", hospital=HOSPITAL),
    "2502": lambda p, _, __: WithdrawFiling(person=p, filing="F1"),
    "5201": lambda p, _, __: AskVisits(person=p, from_us=0, until_us=10**12, care="outpatient"),
    "5303": lambda p, _, __: AskStays(person=p, from_us=0, until_us=10**12),
}
"""What begins with whoever stands at the desk, with their certificate: any hospital says it of anybody.

What it asks of a person is about visits of its own (tests/reference_impl/protocol/test_person_queries.py).
"""
EVERY = OF_A_VISIT | OF_AN_ORDER | OF_A_PERSON
OF_AN_OPEN_VISIT = {"5301", "5302"}
"""What a hospital asks of a person while it treats them."""
OF_OWN_VISITS = {"2170", "2171", "5201", "5303"}
"""What is answered from the asker's own visits, and written down nowhere: no id of it is used."""
OF_NOBODY = {"9001", "9002"}
"""What a desk says of itself."""


def test_every_transaction_is_in_the_table():
    assert EVERY.keys() | OF_NOBODY == CARRIERS.keys() == TRANSACTIONS.keys()
    assert len(EVERY) == len(OF_A_VISIT) + len(OF_AN_ORDER) + len(OF_A_PERSON)
    for code, said in EVERY.items():
        assert CARRIERS[code][0] is type(said(P, VisitId("S1"), SETTLED))


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def business(chain: Chain) -> tuple[VisitId, Settled, Settled]:
    """A hospital's registered visit with charges, and a sale and a visit that it settled."""
    visit, sold = registered(chain), done(chain.send(sale(SALE)))
    return visit, sold, done(chain.send(settlement(8, visit)))


def from_another(institution: NodeId, code: str, body: RequestBody) -> Request:
    named = MessageId(f"{institution}20240313090000{99:04d}")
    region = institution[1:7]
    return Request(code, named, institution, institution, region, "630100", body)


def ask(chain: Chain, request: Request) -> Outcome:
    return run(chain.peers_of(request.institution).call(NodeId(request.care_region[:2]), request, 10**8))


def everything(chain: Chain) -> list[object]:
    finals = [books.read_all() for books in chain.books.values()]
    return [(one.visits, one.persons, one.settlements, one.postings, one.charges, one.copies) for one in finals]


@pytest.mark.parametrize("stranger", [NEIGHBOUR, FAR_HOSPITAL])
@pytest.mark.parametrize("code", OF_A_VISIT)
def test_nobody_speaks_of_anothers_business_whatever_they_know_of_it(chain, business, code, stranger):
    """They know the person's number, the visit's id and the settlement's: and learn and move nothing."""
    visit, sold, settled = business
    of_sale = code in ("2103", "2601")
    before = everything(chain)
    said = OF_A_VISIT[code](P, sold.visit if of_sale else visit, sold if of_sale else settled)

    answer = ask(chain, from_another(stranger, code, said))

    assert refusal(answer) in ({"S19"} if code in OF_AN_OPEN_VISIT else {"S01", "D07"})
    told = msgspec.json.encode(answer.reply).decode()
    for secret in (P, HOSPITAL, visit, settled.settlement, sold.settlement, f"{settled.amounts.total_fen}"):
        assert secret not in told
    assert everything(chain) == before


@pytest.mark.parametrize("stranger", [NEIGHBOUR, FAR_HOSPITAL])
@pytest.mark.parametrize("code", OF_AN_ORDER)
def test_nobody_speaks_of_anothers_order_whoever_has_its_number(chain, code, stranger):
    assert done(chain.send(order(ORDERED))).order == NUMBER
    done(confirm(chain, confirmation(1, NUMBER)))
    before = everything(chain)

    answer = ask(chain, from_another(stranger, code, OF_AN_ORDER[code](P, VisitId("S1"), SETTLED)))

    assert refusal(answer) == "D35"
    assert P not in msgspec.json.encode(answer.reply).decode()
    assert everything(chain) == before


@pytest.mark.parametrize("code", OF_A_VISIT)
def test_ones_own_visit_under_another_persons_number_is_no_visit(chain, business, code):
    visit, sold, settled = business
    of_sale = code in ("2103", "2601")
    before = everything(chain)
    said = OF_A_VISIT[code](OTHER_PERSON, sold.visit if of_sale else visit, sold if of_sale else settled)
    request = Request(code, msgid(50), HOSPITAL, HOSPITAL, "330400", "630100", said)

    answer = ask(chain, request)

    assert refusal(answer) == ("S19" if code in OF_AN_OPEN_VISIT else "S01")
    assert P not in msgspec.json.encode(answer.reply).decode()
    assert everything(chain) == before


@pytest.mark.parametrize("code", EVERY)
def test_a_province_speaks_for_its_own_institutions_alone(chain, business, code):
    visit, _, settled = business
    said = EVERY[code](P, visit, settled)
    before = everything(chain)
    theirs = Request(code, msgid(60), NodeId("63"), HOSPITAL, "330400", "630100", said)

    assert refusal(chain.ask("63", HUB, theirs)) == "D09"
    assert everything(chain) == before


FORWARDED = [code for code in EVERY if TRANSACTIONS[code].forwarded]


@pytest.mark.parametrize("code", FORWARDED)
def test_an_insurer_tells_of_its_own_people_alone(chain, business, code):
    """A message that reached the wrong insurer, by a hub that routes as it likes, is told that nobody is there."""
    visit, sold, _ = business
    before = everything(chain)
    said = EVERY[code](P, visit, sold)
    strayed = Request(code, msgid(70), HUB, HOSPITAL, "330400", "630100", said)

    answer = chain.ask("hub", NodeId("33"), strayed)

    assert refusal(answer) == ("D05" if code in OF_ORDERS else "E01")
    assert P not in msgspec.json.encode(answer.reply).decode()
    assert everything(chain) == before


@pytest.mark.parametrize("code", EVERY)
def test_a_used_message_id_tells_the_field_that_differs_and_not_what_was_in_it(chain, business, code):
    """Somebody of the same hospital says another thing under the id of the sale: they learn which field, no more."""
    visit, _, settled = business
    said = EVERY[code](OTHER_PERSON, visit, settled)
    answer = ask(chain, Request(code, msgid(SALE), HOSPITAL, HOSPITAL, "330400", "630100", said))

    told = msgspec.json.encode(answer.reply).decode()
    assert answer.reply.refusal in ({"", "D35"} if code in OF_OWN_VISITS else {"D02", "D08", "S01"}), told
    assert P not in told
    assert settled.settlement not in told
