"""Orders as stories tell them: a pharmacy places one, its person confirms it from the phone, the pharmacy asks."""

from __future__ import annotations

from support.chain import PERSON, WAIT_US, Chain, run
from support.messages import TOTAL_FEN, done, line, request

from reference_impl.domain.institution import filing_platform
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import (
    AskOrder,
    AskOrderSettlement,
    CancelOrder,
    MessageId,
    OrderNo,
    Outcome,
    PersonNo,
    RefundOrder,
    Request,
    RequestBody,
    Reverse,
    SellDrugs,
)

PLATFORM = filing_platform("33")


def order(n: int = 1, total_fen: int = TOTAL_FEN, *, person: str = PERSON) -> Request:
    body = SellDrugs(person=PersonNo(person), insurance="310", total_fen=total_fen, lines=(line(total_fen),))
    return request("2166", n, body)


def ordered(chain: Chain, n: int = 1, *, person: str = PERSON) -> OrderNo:
    """Message n: an order that waits."""
    return done(chain.send(order(n, person=person))).order


def phone_id(n: int) -> MessageId:
    return MessageId(f"{PLATFORM.code}20240603080000{n:04d}")


def from_phone(code: str, n: int, body: RequestBody) -> Request:
    """What the platform says to the care province."""
    return Request(code, phone_id(n), PLATFORM.code, PLATFORM.code, PLATFORM.region, "630100", body)


def confirmation(n: int, number: str, total_fen: int = TOTAL_FEN, *, person: str = PERSON) -> Request:
    body = SellDrugs(person=PersonNo(person), insurance="310", total_fen=total_fen, order=OrderNo(number))
    return from_phone("2102", n, body)


def taken_back_by_phone(n: int, of: int, *, person: str = PERSON) -> Request:
    return from_phone("2601", n, Reverse(person=PersonNo(person), original=phone_id(of), original_code="2102"))


def confirm(chain: Chain, said: Request) -> Outcome:
    return run(chain.peers_of(PLATFORM.code).call(NodeId("33"), said, 10 * WAIT_US))


def refund(n: int, number: str) -> Request:
    return request("2163", n, RefundOrder(order=OrderNo(number)))


def cancelled_order(n: int, number: str) -> Request:
    return request("2167", n, CancelOrder(order=OrderNo(number)))


def ask_order(n: int, *, person: str = PERSON) -> Request:
    return request("2170", n, AskOrder(person=PersonNo(person)))


def ask_paid(n: int, number: str = "", *, person: str = PERSON) -> Request:
    return request("2171", n, AskOrderSettlement(person=PersonNo(person), order=OrderNo(number)))
