"""What real clients write (``lab.certify.bends``), on the charges of a visit and on the trial of a sale."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from lab.certify.bends import BENDS, Bent
from lab.certify.case import Business, Case
from lab.certify.proofs import Mismatch, Proof
from lab.certify.scene import Scene
from lab.certify.visits import LINES, TRIAL, Visit
from reference_impl.protocol.messages import LinesPriced, Settled

if TYPE_CHECKING:
    from reference_impl.domain.policies import Kind

__all__ = ["cases"]

_OF: dict[Kind, Business] = {
    "outpatient": Business.OUTPATIENT_CHARGES,
    "inpatient": Business.INPATIENT_CHARGES,
    "pharmacy": Business.PHARMACY_SALE,
}


def cases() -> Iterator[Case]:
    """Yield each way to write a message, of every kind of visit."""
    for kind, business in _OF.items():
        for bent in BENDS:
            name = f"written-{bent.name}"
            yield Case(business, name, Proof.CLIENT, bent.promise, partial(_written, kind=kind, bent=bent))


def _written(scene: Scene, *, kind: Kind, bent: Bent) -> None:
    visit = Visit(scene, kind)
    code = TRIAL[kind] if kind == "pharmacy" else LINES[kind]
    body = visit.settling() if kind == "pharmacy" else visit.open().charging()
    reply = scene.verdict(code, body, bend=bent.bend)
    done = isinstance(reply.body, LinesPriced | Settled)
    if bent.tolerated and not done:
        raise Mismatch(f"{code} was refused: [{reply.refusal}] {reply.reason}; expected it done: {bent.promise}")
    if not bent.tolerated and not reply.refusal:
        raise Mismatch(f"{code} was done; expected a refusal: {bent.promise}")
    if kind != "pharmacy":
        _holds_charges(scene, visit, taken=bent.tolerated)


def _holds_charges(scene: Scene, visit: Visit, *, taken: bool) -> None:
    """Prove that what was taken is charged, and that of what was refused nothing is."""
    if not taken:
        scene.done(LINES[visit.kind], visit.charging(), LinesPriced)
    scene.done(TRIAL[visit.kind], visit.settling(), Settled)
