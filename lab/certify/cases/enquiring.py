"""Questions about one's own business, and the session of a desk that asks them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.certify.case import Business, Case
from lab.certify.cases.undoing import asking
from lab.certify.proofs import Proof
from lab.certify.scene import NOBODYS_VISIT, Scene
from lab.certify.visits import Visit
from reference_impl.domain import transactions as tx
from reference_impl.domain.policies import Kind
from reference_impl.protocol.messages import (
    AskCharges,
    AskDesignated,
    AskDiagnosis,
    AskRecognised,
    AskVisits,
    ChargesTold,
    Designated,
    DiagnosisTold,
    FindPerson,
    PersonFound,
    Recognised,
    SettlementTold,
    SignedIn,
    SignedOut,
    SignIn,
    SignOut,
    VisitsTold,
)

__all__ = ["cases"]

_B = Business.ENQUIRY
_HOUR_US = 3_600_000_000
_OPERATOR = "certify"


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(_B, "settlement-told", Proof.MONEY, "A settlement is told as it was answered.", _settlement)
    yield Case(_B, "charges-told", Proof.MONEY, "The charges of a settlement are told, and come to it.", _charges)
    yield Case(_B, "visit-told", Proof.VERDICT, "A visit is told among those of its time.", _visit)
    yield Case(_B, "diagnosis-told", Proof.VERDICT, "A diagnosis is told; that of nobody's visit is not.", _diagnosis)
    yield Case(_B, "filings-told", Proof.VERDICT, "Diseases and institutions of a person are told.", _filings)
    yield Case(_B, "nobodys-visit", Proof.VERDICT, "Of a visit that nobody opened nothing is told.", _nobodys)
    yield Case(_B, "session", Proof.VERDICT, "A desk signs in, works under its session, and signs out.", _session)


def _kind(scene: Scene) -> Kind:
    return "outpatient" if "outpatient" in scene.listed.kinds else "inpatient"


def _settlement(scene: Scene) -> None:
    visit = Visit(scene, _kind(scene)).ready()
    settled = visit.settle()
    told = scene.done(tx.ASK_SETTLEMENT, asking(visit, settled), SettlementTold)
    scene.holds(told.amounts == settled.amounts, f"settled with {settled.amounts}, and told as {told.amounts}")


def _charges(scene: Scene) -> None:
    visit = Visit(scene, _kind(scene)).ready()
    settled = visit.settle()
    body = AskCharges(person=scene.listed.person, visit=visit.visit, settlement=settled.settlement)
    told = scene.done(tx.ASK_CHARGES, body, ChargesTold)
    total_fen = sum(line.total_fen for line in told.lines)
    scene.holds(total_fen == visit.total_fen, f"the charges told come to {total_fen} fen; expected {visit.total_fen}")


def _visit(scene: Scene) -> None:
    kind = _kind(scene)
    visit = Visit(scene, kind).open()
    now_us = scene.now_us()
    body = AskVisits(
        person=scene.listed.person, from_us=now_us - _HOUR_US, until_us=now_us + _HOUR_US, care=kind, visit=visit.visit
    )
    told = scene.done(tx.ASK_VISITS, body, VisitsTold)
    named = [one.visit for one in told.visits]
    scene.holds(named == [visit.visit], f"visit {visit.visit} was opened; told were {', '.join(named) or 'none'}")


def _diagnosis(scene: Scene) -> None:
    if _kind(scene) == "inpatient":
        return
    visit = Visit(scene, "outpatient").open()
    body = AskDiagnosis(person=scene.listed.person, visit=visit.visit)
    told = scene.done(tx.ASK_DIAGNOSIS, body, DiagnosisTold)
    scene.holds(told.visit == visit.visit and told.diagnosis != "", f"told was {told!r}")


def _filings(scene: Scene) -> None:
    person, visit = scene.listed.person, Visit(scene, _kind(scene)).open()
    scene.done(tx.ASK_RECOGNISED, AskRecognised(person=person, visit=visit.visit), Recognised)
    scene.done(tx.ASK_DESIGNATED, AskDesignated(person=person, visit=visit.visit), Designated)


def _nobodys(scene: Scene) -> None:
    body = AskDiagnosis(person=scene.listed.person, visit=NOBODYS_VISIT)
    scene.refused(tx.ASK_DIAGNOSIS, body, "S", "nobody opened this visit")


def _session(scene: Scene) -> None:
    session = scene.done(tx.SIGN_IN, SignIn(operator=_OPERATOR), SignedIn).session
    scene.done(tx.PERSON, FindPerson(person=scene.listed.person), PersonFound, session=session)
    scene.done(tx.SIGN_OUT, SignOut(operator=_OPERATOR, session=session), SignedOut)
