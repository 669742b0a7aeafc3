"""A visit as cases have it: opened, charged, settled and taken back, each step as preparation for what they prove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.fees import FeeLine
from reference_impl.hospital.ways import CANCEL_SETTLEMENT, UNDO
from reference_impl.protocol.messages import (
    Admit,
    CancelAdmission,
    CancelDischarge,
    Cancelled,
    CancelLines,
    CancelRegistration,
    CancelSettlement,
    Diagnose,
    Discharge,
    Done,
    LinesPriced,
    MessageId,
    Register,
    RequestBody,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    UploadLines,
    VisitId,
    VisitOpened,
)

if TYPE_CHECKING:
    from lab.certify.scene import Scene
    from reference_impl.domain.policies import Kind

__all__ = ["LINES", "OPEN", "SETTLE", "TOTAL_FEN", "TRIAL", "Visit", "bill", "reversal"]

TOTAL_FEN: dict[Kind, int] = {"outpatient": 60_007, "inpatient": 1_200_011, "pharmacy": 30_005}
"""Bills. ASSUMED: enough to pass a deductible, and odd, so that parts have to be rounded."""
OPEN: dict[Kind, str] = {"outpatient": tx.REGISTER, "inpatient": tx.ADMIT}
LINES: dict[Kind, str] = {"outpatient": tx.OUTPATIENT_LINES, "inpatient": tx.INPATIENT_LINES}
TRIAL: dict[Kind, str] = {
    "outpatient": tx.OUTPATIENT_TRIAL,
    "inpatient": tx.INPATIENT_TRIAL,
    "pharmacy": tx.PHARMACY_TRIAL,
}
SETTLE: dict[Kind, str] = {
    "outpatient": tx.OUTPATIENT_SETTLE,
    "inpatient": tx.INPATIENT_SETTLE,
    "pharmacy": tx.PHARMACY_SETTLE,
}
_DIAGNOSIS = "R69.x00"
_ONE_E4 = 10_000
_FEN_E6 = 10_000
_APPROVED = "1"


def bill(items: tuple[str, ...], total_fen: int, first: int = 1) -> tuple[FeeLine, ...]:
    """Return charges that come to ``total_fen``, one an item, numbered from ``first`` on."""
    each_fen = total_fen // len(items)
    amounts = [each_fen] * (len(items) - 1)
    amounts.append(total_fen - sum(amounts))
    return tuple(
        FeeLine(f"{first + at}", item, _ONE_E4, fen * _FEN_E6, fen, _APPROVED)
        for at, (item, fen) in enumerate(zip(items, amounts, strict=True))
    )


@dataclass(slots=True)
class Visit:
    """A visit of the scene's person. ``visit`` is empty until it is open, ``settled`` is the settlement that stands."""

    scene: Scene
    kind: Kind
    total_fen: int = 0
    visit: VisitId = VisitId("")
    settled: Settled | None = None
    settled_by: MessageId = MessageId("")
    discharged: bool = False

    def __post_init__(self) -> None:
        """Have it taken back once its case is over."""
        self.total_fen = self.total_fen or TOTAL_FEN[self.kind]
        self.scene.afterwards.append(self._leave)

    # --- what is said of it ---

    def opening(self) -> Register | Admit:
        """Return what opens it, now."""
        one, now_us = self.scene.listed, self.scene.now_us()
        if self.kind == "inpatient":
            return Admit(person=one.person, insurance=one.insurance, began_us=now_us, diagnosis=_DIAGNOSIS)
        return Register(person=one.person, insurance=one.insurance, began_us=now_us)

    def charging(self, total_fen: int = 0, first: int = 1) -> UploadLines:
        """Return its charges."""
        one = self.scene.listed
        lines = bill(one.items, total_fen or self.total_fen, first)
        return UploadLines(person=one.person, visit=self.visit, batch=f"{first}", lines=lines)

    def settling(self) -> Settle | SellDrugs:
        """Return what settles it, on trial or for good."""
        one = self.scene.listed
        if self.kind == "pharmacy":
            lines = bill(one.items, self.total_fen)
            return SellDrugs(person=one.person, insurance=one.insurance, total_fen=self.total_fen, lines=lines)
        return Settle(person=one.person, insurance=one.insurance, visit=self.visit, total_fen=self.total_fen)

    def cancelling(self) -> CancelSettlement:
        """Return what takes its settlement back by a negative one."""
        assert self.settled is not None  # cases cancel what they settled
        one = self.scene.listed
        return CancelSettlement(person=one.person, visit=self.visit, settlement=self.settled.settlement)

    def undoing(self, code: str) -> RequestBody:
        """Return what undoes a step of it."""
        person, visit = self.scene.listed.person, self.visit
        match code:
            case tx.CANCEL_REGISTRATION:
                return CancelRegistration(person=person, visit=visit)
            case tx.CANCEL_ADMISSION:
                return CancelAdmission(person=person, visit=visit)
            case tx.CANCEL_DISCHARGE:
                return CancelDischarge(person=person, visit=visit)
            case _:
                return CancelLines(person=person, visit=visit)

    # --- what is done with it on the way ---

    def open(self) -> Visit:
        """Open it."""
        opened = self.scene.yes(OPEN[self.kind], self.opening(), VisitOpened)
        self.visit = opened.visit
        if self.kind == "outpatient":
            said = Diagnose(
                person=self.scene.listed.person,
                visit=self.visit,
                diagnosis=_DIAGNOSIS,
                began_us=self.scene.now_us(),
            )
            self.scene.yes(tx.DIAGNOSE, said, Done)
        return self

    def charge(self) -> Visit:
        """Have its charges up, of a sale nothing."""
        if self.kind in LINES:
            self.scene.yes(LINES[self.kind], self.charging(), LinesPriced)
        return self

    def ready(self) -> Visit:
        """Bring it so far that it can be settled."""
        return self if self.kind == "pharmacy" else self.open().charge()

    def leave_bed(self) -> Visit:
        """Discharge a stay; of any other visit nothing."""
        if self.kind == "inpatient":
            self.scene.yes(tx.DISCHARGE, self.leaving(), Done)
            self.discharged = True
        return self

    def leaving(self) -> Discharge:
        """Return what ends a stay now."""
        one, now_us = self.scene.listed, self.scene.now_us()
        return Discharge(person=one.person, visit=self.visit, ended_us=now_us, insurance=one.insurance)

    def tried(self) -> Settled:
        """Settle it on trial."""
        return self.scene.yes(TRIAL[self.kind], self.settling(), Settled)

    def settle(self, msgid: MessageId | None = None) -> Settled:
        """Settle it for good."""
        self.settled_by = msgid or self.scene.next_id()
        return self.took(self.scene.yes(SETTLE[self.kind], self.settling(), Settled, msgid=self.settled_by))

    def took(self, settled: Settled) -> Settled:
        """Remember how it was settled."""
        self.settled, self.visit = settled, self.visit or settled.visit
        return settled

    def cancel(self) -> Cancelled:
        """Take its settlement back."""
        cancelled = self.scene.yes(CANCEL_SETTLEMENT[self.kind], self.cancelling(), Cancelled)
        self.settled = None
        return cancelled

    def _leave(self) -> None:
        scene = self.scene
        if self.settled is not None:
            scene.verdict(CANCEL_SETTLEMENT[self.kind], self.cancelling())
        for code in UNDO[self.kind]:
            if self.visit and (code != tx.CANCEL_DISCHARGE or self.discharged):
                scene.verdict(code, self.undoing(code))


def reversal(scene: Scene, code: str, original: MessageId) -> Reverse:
    """Return the 2601 of a message."""
    return Reverse(person=scene.listed.person, original=original, original_code=code)
