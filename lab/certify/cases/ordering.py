"""Orders of a pharmacy (异地就医购药): placed, asked about, and taken back before anybody has paid.

An order is paid from its person's phone, by a platform that a pharmacy does not speak for: that is not played.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import TOTAL_FEN, Visit
from reference_impl.domain import transactions as tx
from reference_impl.protocol.messages import (
    AskOrder,
    BuyerFound,
    CancelOrder,
    Done,
    FindPerson,
    OrderNo,
    OrderPlaced,
    OrderTold,
    RefundOrder,
)

__all__ = ["cases"]

_B = Business.PHARMACY_ORDER
_WAITING_MAX = 100


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(_B, "buyer-is-found", Proof.VERDICT, "The person is found for an order.", _buyer)
    yield Case(_B, "placed-and-cancelled", Proof.VERDICT, "An order is placed, told, and cancelled.", _placed)
    yield Case(_B, "placed-once", Proof.REPEAT, "An order placed again by the same message is one order.", _once)
    yield Case(_B, "cancelled-twice", Proof.ORDER, "A cancelled order is not cancelled again.", _cancelled_twice)
    yield Case(_B, "refunded-unpaid", Proof.ORDER, "An order that nobody paid is not refunded.", _refunded_unpaid)
    yield Case(_B, "pays-nothing", Proof.MONEY, "An order that waits has moved no money.", _pays_nothing)


def _place(scene: Scene) -> OrderNo:
    return scene.yes(tx.PLACE_ORDER, Visit(scene, "pharmacy").settling(), OrderPlaced).order


def _later(scene: Scene, order: OrderNo) -> None:
    scene.afterwards.append(lambda: scene.verdict(tx.CANCEL_ORDER, CancelOrder(order=order)) and None)


def _buyer(scene: Scene) -> None:
    one = scene.listed
    found = scene.done(tx.ORDER_PERSON, FindPerson(person=one.person), BuyerFound)
    scene.holds(found.person == one.person, f"asked for {one.person}, answered with {found.person}")


def _none_waits(scene: Scene) -> None:
    """Cancel the person's orders that wait here: what was interrupted may have left some, and the oldest is told."""
    for _ in range(_WAITING_MAX):
        waits = scene.verdict(tx.ASK_ORDER, AskOrder(person=scene.listed.person)).body
        if not isinstance(waits, OrderTold):
            return
        scene.verdict(tx.CANCEL_ORDER, CancelOrder(order=waits.order))


def _placed(scene: Scene) -> None:
    _none_waits(scene)
    order = scene.done(tx.PLACE_ORDER, Visit(scene, "pharmacy").settling(), OrderPlaced).order
    told = scene.done(tx.ASK_ORDER, AskOrder(person=scene.listed.person), OrderTold)
    scene.holds(told.order == order, f"order {order} waits; told of was {told.order}")
    expected_fen = TOTAL_FEN["pharmacy"]
    scene.holds(told.total_fen == expected_fen, f"the order is told with {told.total_fen} fen; expected {expected_fen}")
    scene.done(tx.CANCEL_ORDER, CancelOrder(order=order), Done)


def _once(scene: Scene) -> None:
    body, msgid = Visit(scene, "pharmacy").settling(), scene.next_id()
    first = scene.yes(tx.PLACE_ORDER, body, OrderPlaced, msgid=msgid)
    _later(scene, first.order)
    again = scene.verdict(tx.PLACE_ORDER, body, msgid=msgid).body
    scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")


def _cancelled_twice(scene: Scene) -> None:
    order = _place(scene)
    scene.yes(tx.CANCEL_ORDER, CancelOrder(order=order), Done)
    scene.refused(tx.CANCEL_ORDER, CancelOrder(order=order), "DS", "the order was cancelled before")


def _refunded_unpaid(scene: Scene) -> None:
    order = _place(scene)
    _later(scene, order)
    scene.refused(tx.REFUND_ORDER, RefundOrder(order=order), "DS", "nobody has paid the order")


def _pays_nothing(scene: Scene) -> None:
    before_fen = scene.balance_fen()
    _later(scene, _place(scene))
    now_fen = scene.balance_fen()
    scene.holds(now_fen == before_fen, f"the account went from {before_fen} to {now_fen} fen by an order that waits")
