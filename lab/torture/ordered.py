"""Orders in a tortured world, confirmed from the phone: the laws of them after each commit, by an account of its own.

It hears what a care province writes of orders and what insurers have made. It must never ask what an order may do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.transactions import PLACE_ORDER
from reference_impl.protocol.messages import CancelOrder, RefundOrder
from reference_impl.protocol.records import Change, SettlementRecord, VisitRecord

__all__ = ["OrderLaws"]


class OrderLaws:
    """Holds what becomes of orders, which may be confirmed for ``valid_us``."""

    def __init__(self, valid_us: int, made: Callable[[str], SettlementRecord | None]) -> None:
        """Ask ``made`` for the settlement of a number, wherever it was made."""
        self._valid_us = valid_us
        self._made = made
        self._kept: dict[str, VisitRecord] = {}

    def committed(self, change: Change) -> Iterator[str]:
        """Yield what is wrong with a change."""
        visit = change.get(VisitRecord)
        if visit is None or visit.opened_as != PLACE_ORDER:
            return
        before = self._kept.get(visit.visit)
        self._kept[visit.visit] = visit
        was = VisitState.OPEN if before is None else before.state
        if visit.state is VisitState.SETTLED and was is not VisitState.SETTLED:
            yield from self._paid(change, visit)
        if was is VisitState.CANCELLED and visit.state is not was:
            yield f"order {visit.visit} was over, and is {visit.state}"
        body = None if change.message.request is None else change.message.request.body
        done = change.message.reply is not None and not change.message.reply.refusal
        if done and isinstance(body, RefundOrder | CancelOrder) and visit.state is not VisitState.CANCELLED:
            yield f"order {visit.visit} was ended by {change.message.code}, and is {visit.state}"

    def _paid(self, change: Change, order: VisitRecord) -> Iterator[str]:
        late_us = change.message.opened_us - order.began_us - self._valid_us
        if not is_filing_platform(order.settled_by):
            yield f"order {order.visit} is paid by {order.settled_by}, which is no platform's"
        if late_us > 0:
            yield f"order {order.visit} was confirmed {late_us} us after its end"
        paid = self._made(order.settlement)
        if paid is None or paid.amounts.total_fen != order.fees.total_fen:
            yield f"order {order.visit} is of {order.fees.total_fen} fen, and was paid by {paid}"
