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
    own = [one for one in visits if _is_own_order(request, one, numbers)]
    if isinstance(request.body, AskOrder):
        return await _told_waiting(books, request, own, over_before_us)
    assert isinstance(request.body, AskOrderSettlement)  # the other of the two
    named = order_visit(request.body.order) if request.body.order else None
    return await _told_paid(books, request, own if named is None else [one for one in own if one.visit == named])


async def _told_waiting(
    books: Books, request: Request, orders: list[VisitRecord], over_before_us: int
) -> OrderTold | Refusal:
    """Tell of the order that waits longest: one in time before one that is to be cancelled."""
    waiting = [one for one in orders if one.state is VisitState.OPEN]
    in_time = [one for one in waiting if one.began_us >= over_before_us]
    if not waiting:
        return Refusal.NO_SUCH_ORDER
    order = min(in_time or waiting, key=_placed_at)
    lines = await _lines(books, Key(request.sender, order.opened_by))
    if isinstance(lines, Refusal):
        return lines
    return OrderTold(
        order=order_no(order.visit),
        person_type=type_of(order.person),
        insurance=order.insurance,
        total_fen=order.fees.total_fen,
        placed_us=order.began_us,
        lines=lines,
    )


async def _told_paid(books: Books, request: Request, orders: list[VisitRecord]) -> OrderSettlementTold | Refusal:
    """Tell how the order was paid that was paid last, by the clock of its insurer."""
    if not orders:
        return Refusal.NO_SUCH_ORDER
    paid = [(said, one) for one in orders if (said := await _settlement(books, request, one)) is not None]
    if not paid:
        return Refusal.NOT_SETTLED
    said, order = max(paid, key=_paid_at)
    lines = await _lines(books, Key(request.sender, order.opened_by))
    if isinstance(lines, Refusal):
        return lines
    return OrderSettlementTold(
        order=order_no(order.visit),
        person_type=type_of(order.person),
        insurance=order.insurance,
        total_fen=said.amounts.total_fen,
        cash_fen=said.amounts.cash_fen,
        account_fen=said.amounts.account_fen,
        lines=lines,
    )


def _is_own_order(request: Request, visit: VisitRecord, numbers: Numbers) -> bool:
    own = numbers.same(Numbered.INSTITUTION, visit.institution, request.institution)
    return own and visit.opened_as == PLACE_ORDER and visit.insured_region == request.insured_region


def _placed_at(order: VisitRecord) -> tuple[int, str]:
    return order.began_us, order.visit


def _paid_at(paid: tuple[Settled, VisitRecord]) -> tuple[int, str]:
    said, order = paid
    return said.settled_us, order.visit


async def _settlement(books: Books, request: Request, order: VisitRecord) -> Settled | None:
    """Return what settled an order; None where nothing did, and of books that were moved without the message."""
    if order.state is not VisitState.SETTLED:
        return None
    paid = (await books.look(Key(payer_of(order, request.sender), order.settled_by))).message
    said = None if paid is None or paid.reply is None else paid.reply.body
    return said if isinstance(said, Settled) else None


async def _lines(books: Books, placed_by: Key) -> tuple[OrderLine, ...] | Refusal:
    placed = (await books.look(placed_by)).message
    if placed is None or placed.request is None or not isinstance(placed.request.body, SellDrugs):
        return Refusal.LINES_NOT_KEPT  # books that were moved without the message
    return tuple(
        OrderLine(line.item, line.count_e4, line.price_e6, line.total_fen) for line in placed.request.body.lines
    )
