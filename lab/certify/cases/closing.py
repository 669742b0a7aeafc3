"""A closed door is no verdict (G2): what comes meanwhile is done afterwards, and what was done stays done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.certify.case import Business, Case
from lab.certify.cases.undoing import asking
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import SETTLE, Visit
from reference_impl.domain.transactions import ASK_SETTLEMENT
from reference_impl.protocol.messages import Settled, SettlementTold

if TYPE_CHECKING:
    from reference_impl.domain.policies import Kind

__all__ = ["cases"]

_OF: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_SETTLEMENT,
    "inpatient": Business.INPATIENT_SETTLEMENT,
    "pharmacy": Business.PHARMACY_SALE,
}


def cases() -> Iterator[Case]:
    """Yield the cases of every kind of visit."""
    for kind, business in _OF.items():
        yield from _of_any(kind, business)


def _of_any(kind: Kind, business: Business) -> Iterator[Case]:
    settle = SETTLE[kind]

    def comes_meanwhile(scene: Scene) -> None:
        visit, msgid = Visit(scene, kind).ready(), scene.next_id()
        body = visit.settling()
        with scene.closed():
            scene.no_verdict(settle, body, msgid=msgid)
        visit.took(scene.done(settle, body, Settled, msgid=msgid))

    yield Case(
        business,
        "at-a-closed-door",
        Proof.DOOR,
        "At a closed door a settlement gets no verdict, and the same message is done once it is open.",
        comes_meanwhile,
        at_a_door=True,
    )

    def was_done(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        first, body = visit.settle(), visit.settling()
        with scene.closed():
            meanwhile = scene.desk.say(settle, body, msgid=visit.settled_by, waits=False).reply
            same = meanwhile is None or meanwhile.body == first
            scene.holds(same, f"at a closed door what was done is answered with {meanwhile!r}")
        told = scene.done(ASK_SETTLEMENT, asking(visit, first), SettlementTold)
        same = told.amounts.total_fen == first.amounts.total_fen  # its parts are the business of the classes of money
        scene.holds(same, f"after the door was closed it is told as {told.amounts}")

    yield Case(
        business,
        "done-before-it-closed",
        Proof.DOOR,
        "What was settled before a door closed is never answered otherwise.",
        was_done,
        at_a_door=True,
    )
