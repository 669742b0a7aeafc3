"""The few messages that the stories are told with."""

from __future__ import annotations

from support.chain import HOSPITAL, LINE, PERSON

from reference_impl.domain.fees import FeeTotals
from reference_impl.protocol.messages import (
    FindPerson,
    MessageId,
    NodeId,
    PersonNo,
    Request,
    RequestBody,
    Reverse,
    SellDrugs,
    VisitId,
)

TOTAL_FEN = 10_000


def msgid(n: int) -> MessageId:
    return MessageId(f"{HOSPITAL}20240603080000{n:04d}")


def request(code: str, n: int, body: RequestBody, sender: str = HOSPITAL) -> Request:
    return Request(code, msgid(n), NodeId(sender), HOSPITAL, "330400", "630100", body)


def find_person(n: int = 1) -> Request:
    return request("1101", n, FindPerson(person=PersonNo(PERSON)))


def sale(n: int = 1, total_fen: int = TOTAL_FEN) -> Request:
    lines = (LINE,) if total_fen == TOTAL_FEN else ()
    return request("2102", n, SellDrugs(person=PersonNo(PERSON), insurance="310", total_fen=total_fen, lines=lines))


def reversal(n: int = 9, of: int = 1) -> Request:
    return request("2601", n, Reverse(person=PersonNo(PERSON), original=msgid(of), original_code="2102"))


def sale_as_the_hub_sends_it(n: int = 1, visit: str = "S1") -> Request:
    body = SellDrugs(
        person=PersonNo(PERSON),
        insurance="310",
        total_fen=TOTAL_FEN,
        visit=VisitId(visit),
        hospital_level=3,
        fees=FeeTotals(total_fen=TOTAL_FEN, in_scope_fen=TOTAL_FEN),
    )
    return request("2102", n, body, sender="hub")


def reversal_as_the_hub_sends_it(n: int = 9, of: int = 1) -> Request:
    body = Reverse(person=PersonNo(PERSON), original=msgid(of), original_code="2102")
    return request("2601", n, body, sender="hub")
