"""Orders of a pharmacy (异地就医购药) in their care province: placed on trial, confirmed from the phone, paid once.

An order is a visit that its trial opens: waiting while that is open, paid while it is settled, over once it is
cancelled. Who confirms does so on the national platform, which pays in the pharmacy's name (ASSUMED: no source says
how). What leaves the province is a sale like any other. Pure; it must never work out an amount.
"""

from __future__ import annotations

from typing import Final

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS, Institution, is_filing_platform
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.person import type_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import GOES_ON_AS, PHARMACY_SETTLE, PLACE_ORDER
from reference_impl.protocol.ids import order_no, order_visit, visit_id
from reference_impl.protocol.messages import (
    BuyerFound,
    Cancelled,
    CancelOrder,
    CancelSettlement,
    OrderNo,
    OrderPlaced,
    OrderRefunded,
    PersonFound,
    RefundOrder,
    Reply,
    Request,
    SellDrugs,
    VisitId,
)
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.records import VisitRecord

__all__ = [
    "ORDER_VALID_US",
    "as_sold",
    "named_order",
    "order_refusal",
    "paid_by_platform",
    "payer_of",
    "placed",
    "said_of_order",
    "state_refusal",
]

ORDER_VALID_US: Final = 30 * 60 * 1_000_000
"""How long an order may be confirmed, in business time, where nobody says otherwise. ASSUMED."""


def named_order(request: Request) -> VisitId | None:
    """Return the visit of the order that a message names, empty for a number that is nobody's; None without one."""
    body = request.body
    if isinstance(body, RefundOrder | CancelOrder) or (isinstance(body, SellDrugs) and body.order):
        return order_visit(body.order)
    return None


def paid_by_platform(request: Request) -> bool:
    """Return whether a platform pays an order: nobody else may, and it sells nothing of its own."""
    body = request.body
    return (
        request.code == PHARMACY_SETTLE
        and is_filing_platform(request.sender)
        and isinstance(body, SellDrugs)
        and bool(body.order)
    )


def payer_of(visit: VisitRecord, institution: NodeId) -> NodeId:
    """Return who sent what settled a visit of ``institution``: of an order a platform, whose code begins the id."""
    by_platform = is_filing_platform(visit.settled_by)
    return NodeId(visit.settled_by[:INSTITUTION_CHARS]) if by_platform else institution


def order_refusal(request: Request, visit: VisitRecord | None, numbers: Numbers) -> Refusal | None:
    """Return why a message may not speak of an order: another pharmacy's, or another person's, is none."""
    if visit is None or visit.opened_as != PLACE_ORDER:
        return Refusal.NO_SUCH_ORDER
    body = request.body
    own = numbers.same(Numbered.INSTITUTION, visit.institution, request.institution)
    if not own and not is_filing_platform(request.sender):
        return Refusal.NO_SUCH_ORDER
    if body.person and not numbers.same(Numbered.PERSON, visit.person, body.person):
        return Refusal.NO_SUCH_ORDER
    return Refusal.OTHER_INSURER if visit.insured_region != request.insured_region else None


def state_refusal(request: Request, visit: VisitRecord, now_us: int, valid_us: int) -> Refusal | None:
    """Return why an order is not to be paid, refunded or cancelled any more, or not yet, at this moment."""
    waits, body = visit.state is VisitState.OPEN, request.body
    if isinstance(body, RefundOrder):
        unpaid = Refusal.NOT_SETTLED if waits else Refusal.ORDER_CANCELLED
        return None if visit.state is VisitState.SETTLED else unpaid
    if not waits:
        return Refusal.ORDER_PAID if visit.state is VisitState.SETTLED else Refusal.ORDER_CANCELLED
    if isinstance(body, CancelOrder):
        return None
    assert isinstance(body, SellDrugs)  # what pays it
    if now_us - visit.began_us > valid_us:
        return Refusal.ORDER_EXPIRED
    return _other_than_placed(body, visit)


def _other_than_placed(paying: SellDrugs, order: VisitRecord) -> Refusal | None:
    """Return what a confirmation says otherwise than the order did that it pays."""
    if paying.prescription:
        return Refusal.NOT_PRESCRIBED  # what pays an order bears no lines to hold against one
    if paying.lines:
        return Refusal.ORDER_HAS_LINES
    if paying.insurance != order.insurance:
        return Refusal.OTHER_INSURANCE
    if paying.care_type != order.care_type:
        return Refusal.OTHER_CARE_TYPE
    return None if paying.total_fen == order.fees.total_fen else Refusal.TOTALS_DIFFER


def as_sold(request: Request, visit: VisitRecord, pharmacy: Institution) -> Request:
    """Return what is asked of an order as it is asked of a sale of the pharmacy's, whoever asks.

    A pharmacy asks under the code that its message id begins with, which is not always that of when it was placed.
    """
    body = request.body
    if isinstance(body, SellDrugs):
        body = msgspec.structs.replace(
            body,
            insurance=visit.insurance,
            lines=(),
            visit=visit.visit,
            hospital_level=pharmacy.level,
            fees=visit.fees,
            care_type=visit.care_type,
            order=OrderNo(""),
        )
    elif isinstance(body, RefundOrder | CancelOrder):
        body = CancelSettlement(person=visit.person, visit=visit.visit, settlement=visit.settlement)
    return msgspec.structs.replace(
        request,
        code=GOES_ON_AS.get(request.code, request.code),
        institution=visit.institution if is_filing_platform(request.sender) else request.institution,
        care_region=pharmacy.region,
        body=body,
    )


def placed(sale: SellDrugs, opened: VisitRecord, at_us: int) -> VisitRecord:
    """Return the visit that an order is, from its priced ``sale`` and the moment at which it was taken in."""
    assert sale.fees is not None  # it was priced before it was tried
    return msgspec.structs.replace(opened, fees=sale.fees, began_us=at_us, care_type=sale.care_type)


def said_of_order(request: Request, reply: Reply, visit: VisitRecord | None) -> Reply:
    """Return a yes of the insurer's in the words of orders: the message was of one."""
    body = reply.body
    match body:
        case PersonFound():
            told = BuyerFound(
                person=body.person,
                insurance=body.insurance,
                person_type=body.person_type,
                insured_region=body.insured_region,
                balance_fen=body.balance_fen,
            )
        case Cancelled() if visit is not None:
            told = _refunded(visit, body)
        case _:
            told = OrderPlaced(order=order_no(visit_id(request.msgid)))
    return msgspec.structs.replace(reply, body=told)


def _refunded(visit: VisitRecord, taken_back: Cancelled) -> OrderRefunded:
    """Return what is told of an order that was given back."""
    amounts = taken_back.amounts
    return OrderRefunded(
        order=order_no(visit.visit),
        person_type=type_of(visit.person),
        insurance=visit.insurance,
        total_fen=amounts.total_fen,
        cash_fen=amounts.cash_fen,
        account_fen=amounts.account_fen,
    )
