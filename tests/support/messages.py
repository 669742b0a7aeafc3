"""The few messages that the stories are told with, and what was answered to them."""

from __future__ import annotations

from typing import Any

import msgspec
from support.chain import FAR_HOSPITAL, HOSPITAL, LINE, PERSON, Chain

from reference_impl.domain.fees import FeeLine, FeeTotals
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import (
    ALL_LINES,
    Admit,
    Answered,
    CancelAdmission,
    CancelDischarge,
    CancelLines,
    CancelRegistration,
    CancelSettlement,
    Discharge,
    FindPerson,
    MessageId,
    Outcome,
    PersonNo,
    Register,
    Request,
    RequestBody,
    Reverse,
    SellDrugs,
    Settle,
    SettlementId,
    UploadLines,
    VisitId,
)

TOTAL_FEN = 10_000
OTHER_PERSON = "63010010000000000002"


def msgid(n: int) -> MessageId:
    return MessageId(f"{HOSPITAL}20240603080000{n:04d}")


def request(code: str, n: int, body: RequestBody, sender: str = HOSPITAL) -> Request:
    return Request(code, msgid(n), NodeId(sender), HOSPITAL, "330400", "630100", body)


def line(total_fen: int = TOTAL_FEN, item: str = LINE.item, serial: str = "1") -> FeeLine:
    """One charge; of a refund the count is negative, and the price is as any other."""
    count_e4 = -10_000 if total_fen < 0 else 10_000
    return FeeLine(serial=serial, item=item, count_e4=count_e4, price_e6=abs(total_fen) * 10_000, total_fen=total_fen)


# --- what was answered ---


def done(answer: Outcome) -> Any:
    """The body of a yes."""
    assert isinstance(answer, Answered), answer
    assert not answer.reply.refusal, answer.reply.reason
    return answer.reply.body


def refusal(answer: Outcome) -> str:
    """The code of a no."""
    assert isinstance(answer, Answered), answer
    return answer.reply.refusal


# --- one message each ---


def find_person(n: int = 1) -> Request:
    return request("1101", n, FindPerson(person=PersonNo(PERSON)))


def sale(n: int = 1, total_fen: int = TOTAL_FEN, *, person: str = PERSON, code: str = "2102") -> Request:
    body = SellDrugs(person=PersonNo(person), insurance="310", total_fen=total_fen, lines=(line(total_fen),))
    return request(code, n, body)


def sale_at_home(n: int = 1) -> Request:
    """A sale to a person of 63 by a pharmacy of 63, which no hub hears of."""
    own = MessageId(f"{FAR_HOSPITAL}20240603080000{n:04d}")
    asked = msgspec.structs.replace(sale(n), msgid=own, sender=FAR_HOSPITAL)
    return msgspec.structs.replace(asked, institution=FAR_HOSPITAL, care_region="630100")


def register(n: int = 1) -> Request:
    return request("2201", n, Register(person=PersonNo(PERSON), insurance="310", began_us=0))


def admit(n: int = 1, *, person: str = PERSON) -> Request:
    return request("2401", n, Admit(person=PersonNo(person), insurance="310", began_us=0, diagnosis="R69"))


def upload(n: int, visit: VisitId, *, code: str = "2204", item: str = LINE.item, person: str = PERSON) -> Request:
    lines = (line(item=item, serial=f"{n}"),)
    return request(code, n, UploadLines(person=PersonNo(person), visit=visit, batch=f"{n}", lines=lines))


def cancel_lines(n: int, visit: VisitId, *, code: str = "2205", named: str = ALL_LINES) -> Request:
    return request(code, n, CancelLines(person=PersonNo(PERSON), visit=visit, named=named))


def cancel_registration(n: int, visit: VisitId) -> Request:
    return request("2202", n, CancelRegistration(person=PersonNo(PERSON), visit=visit))


def cancel_admission(n: int, visit: VisitId) -> Request:
    return request("2404", n, CancelAdmission(person=PersonNo(PERSON), visit=visit))


def discharge(n: int, visit: VisitId) -> Request:
    return request("2402", n, Discharge(person=PersonNo(PERSON), visit=visit, ended_us=1, insurance="310"))


def cancel_discharge(n: int, visit: VisitId) -> Request:
    return request("2405", n, CancelDischarge(person=PersonNo(PERSON), visit=visit))


def settlement(n: int, visit: VisitId, *, code: str = "2207", person: str = PERSON) -> Request:
    body = Settle(person=PersonNo(person), insurance="310", visit=visit, total_fen=TOTAL_FEN)
    return request(code, n, body)


def cancel(n: int, settled: Any, *, code: str = "2103", person: str = PERSON, named: str = "") -> Request:
    """Take ``settled`` back, or the settlement ``named`` of its visit."""
    which = SettlementId(named) if named else settled.settlement
    return request(code, n, CancelSettlement(person=PersonNo(person), visit=settled.visit, settlement=which))


def reversal(n: int = 9, of: int = 1, code: str = "2102", *, person: str = PERSON) -> Request:
    return request("2601", n, Reverse(person=PersonNo(person), original=msgid(of), original_code=code))


# --- as the hub sends it ---


def sale_as_the_hub_sends_it(n: int = 1, visit: str = f"S{HOSPITAL}1") -> Request:
    body = SellDrugs(
        person=PersonNo(PERSON),
        insurance="310",
        total_fen=TOTAL_FEN,
        visit=VisitId(visit),
        hospital_level=3,
        fees=FeeTotals(total_fen=TOTAL_FEN, in_scope_fen=TOTAL_FEN),
    )
    return request("2102", n, body, sender="hub")


def reversal_as_the_hub_sends_it(n: int = 9, of: int = 1, *, person: str = PERSON) -> Request:
    body = Reverse(person=PersonNo(person), original=msgid(of), original_code="2102")
    return request("2601", n, body, sender="hub")


# --- how far a visit has come ---


def registered(chain: Chain) -> VisitId:
    """Messages 1 and 2: an outpatient visit with one line of charges."""
    visit = done(chain.send(register(1))).visit
    done(chain.send(upload(2, visit)))
    return visit


def admitted(chain: Chain) -> VisitId:
    """Messages 1 and 2: a stay with one line of charges."""
    visit = done(chain.send(admit(1))).visit
    done(chain.send(upload(2, visit, code="2301")))
    return visit
