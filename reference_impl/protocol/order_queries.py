"""What a pharmacy is told of its orders: the one of a person that waits, and how one was paid (2170, 2171).

Answered from the care province's own books, and written down nowhere. The interface has no field for the state of an
order: one that 2170 tells waits, one that 2171 tells is paid (ASSUMED). Must never tell of another pharmacy's.
"""

from __future__ import annotations

from collections.abc import Iterable

from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.person import type_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import PLACE_ORDER
from reference_impl.protocol.ids import order_no, order_visit
from reference_impl.protocol.messages import (
    AskOrder,
    AskOrderSettlement,
    OrderLine,
    OrderSettlementTold,
    OrderTold,
    Request,
    SellDrugs,
    Settled,
)
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.orders import payer_of
from reference_impl.protocol.ports import Books
from reference_impl.protocol.records import Key, VisitRecord

__all__ = ["ASKING_ORDERS", "told_of_order"]

ASKING_ORDERS = (AskOrder, AskOrderSettlement)


async def told_of_order(
    books: Books, request: Request, visits: Iterable[VisitRecord], numbers: Numbers, over_before_us: int
) -> OrderTold | OrderSettlementTold | Refusal:
    """Return what is asked of the orders among a person's ``visits``, or why nothing is told.

    The time of an order that was placed before ``over_before_us`` of the node's clock is over.
    """
    found = _meant(request, [one for one in visits if _is_own_order(request, one, numbers)], over_before_us)
    if isinstance(found, Refusal):
        return found
    lines = await _lines(books, Key(request.sender, found.opened_by))
    if isinstance(lines, Refusal):
        return lines
    order, person_type = order_no(found.visit), type_of(found.person)
    if isinstance(request.body, AskOrder):
        return OrderTold(
            order=order,
            person_type=person_type,
            insurance=found.insurance,
            total_fen=found.fees.total_fen,
            placed_us=found.began_us,
            lines=lines,
        )
    paid = (await books.look(Key(payer_of(found, request.sender), found.settled_by))).message
    said = None if paid is None or paid.reply is None else paid.reply.body
    if not isinstance(said, Settled):
        return Refusal.NOT_SETTLED  # books that were moved without the message
    return OrderSettlementTold(
        order=order,
        person_type=person_type,
        insurance=found.insurance,
        total_fen=said.amounts.total_fen,
        cash_fen=said.amounts.cash_fen,
        account_fen=said.amounts.account_fen,
        lines=lines,
    )


def _is_own_order(request: Request, visit: VisitRecord, numbers: Numbers) -> bool:
    own = numbers.same(Numbered.INSTITUTION, visit.institution, request.institution)
    return own and visit.opened_as == PLACE_ORDER and visit.insured_region == request.insured_region


def _meant(request: Request, orders: list[VisitRecord], over_before_us: int) -> VisitRecord | Refusal:
    """Return the order that a question is about: of those that wait, one in time before one that is to be cancelled."""
    body = request.body
    if isinstance(body, AskOrder):
        waiting = [one for one in orders if one.state is VisitState.OPEN]
        in_time = [one for one in waiting if one.began_us >= over_before_us]
        return min(in_time or waiting, key=_placed_at) if waiting else Refusal.NO_SUCH_ORDER
    assert isinstance(body, AskOrderSettlement)  # the other of the two
    if body.order:
        orders = [one for one in orders if one.visit == order_visit(body.order)]
    if not orders:
        return Refusal.NO_SUCH_ORDER
    paid = [one for one in orders if one.state is VisitState.SETTLED]
    return max(paid, key=_placed_at) if paid else Refusal.NOT_SETTLED


def _placed_at(order: VisitRecord) -> tuple[int, str]:
    return order.began_us, order.visit


async def _lines(books: Books, placed_by: Key) -> tuple[OrderLine, ...] | Refusal:
    placed = (await books.look(placed_by)).message
    if placed is None or placed.request is None or not isinstance(placed.request.body, SellDrugs):
        return Refusal.LINES_NOT_KEPT  # books that were moved without the message
    return tuple(
        OrderLine(line.item, line.count_e4, line.price_e6, line.total_fen) for line in placed.request.body.lines
    )
