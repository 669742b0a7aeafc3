"""Who a person is, and visits opened and taken back before anything was charged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import LINES, OPEN, Visit, reversal
from reference_impl.domain import transactions as tx
from reference_impl.hospital.ways import UNDO
from reference_impl.protocol.messages import Done, FindPerson, PersonFound, PersonNo, VisitOpened

if TYPE_CHECKING:
    from reference_impl.domain.policies import Kind

__all__ = ["cases"]

_OF: dict[Kind, Business] = {"outpatient": Business.REGISTRATION, "inpatient": Business.ADMISSION}
_OTHERS_INSURANCE = "399"


def cases() -> Iterator[Case]:
    """Yield the cases of persons, and of every kind of visit that is opened."""
    yield Case(Business.PERSON, "is-found", Proof.VERDICT, "The test person is found, and insured there.", _is_found)
    yield Case(Business.PERSON, "nobody", Proof.VERDICT, "A number that nobody has is refused.", _nobody)
    yield Case(
        Business.PERSON, "not-reversible", Proof.VERDICT, "What asks a question is not reversed.", _question_reversed
    )
    for kind, business in _OF.items():
        yield from _of_visits(kind, business)
    yield Case(
        Business.ADMISSION, "reversed", Proof.RESTORE, "A reversed admission has opened no stay.", _admission_reversed
    )
    yield Case(
        Business.ADMISSION,
        "reversed-before-it-came",
        Proof.ORDER,
        "An admission that was reversed before it came opens no stay.",
        _admission_reversed_before,
    )


def _is_found(scene: Scene) -> None:
    one = scene.listed
    found = scene.done(tx.PERSON, FindPerson(person=one.person), PersonFound)
    scene.holds(found.person == one.person, f"asked for {one.person}, answered with {found.person}")
    scene.holds(
        found.insured_region == one.insured_region,
        f"the person is answered as insured in {found.insured_region}; expected {one.insured_region}, as listed",
    )
    scene.holds(
        found.insurance == one.insurance,
        f"the person is answered with insutype {found.insurance}; expected {one.insurance}, as listed",
    )


def _nobody(scene: Scene) -> None:
    person = PersonNo("0" * len(scene.listed.person))
    scene.refused(tx.PERSON, FindPerson(person=person), "E", "nobody has this number")


def _question_reversed(scene: Scene) -> None:
    msgid = scene.next_id()
    scene.yes(tx.PERSON, FindPerson(person=scene.listed.person), PersonFound, msgid=msgid)
    scene.refused(tx.REVERSE, reversal(scene, tx.PERSON, msgid), "D", "2601 does not cover 1101")


def _of_visits(kind: Kind, business: Business) -> Iterator[Case]:
    opens, cancels = OPEN[kind], UNDO[kind][-1]

    def opens_and_cancels(scene: Scene) -> None:
        visit = Visit(scene, kind)
        visit.visit = scene.done(opens, visit.opening(), VisitOpened).visit
        scene.done(cancels, visit.undoing(cancels), Done)
        scene.refused(LINES[kind], visit.charging(), "S", "the visit was cancelled")

    yield Case(
        business,
        "opened-and-cancelled",
        Proof.VERDICT,
        "A visit is opened and cancelled, and then nothing is charged on it.",
        opens_and_cancels,
    )

    def two(scene: Scene) -> None:
        first, second = Visit(scene, kind).open(), Visit(scene, kind).open()
        scene.holds(first.visit != second.visit, f"two visits were opened as {first.visit}; expected a number for each")

    yield Case(business, "two-visits", Proof.VERDICT, "Two messages open two visits.", two)

    def opened_once(scene: Scene) -> None:
        visit, msgid = Visit(scene, kind), scene.next_id()
        body = visit.opening()
        visit.visit = scene.yes(opens, body, VisitOpened, msgid=msgid).visit
        again = scene.verdict(opens, body, msgid=msgid).body
        scene.holds(again == VisitOpened(visit=visit.visit), f"sent again it was answered with {again!r}")

    yield Case(business, "opened-once", Proof.REPEAT, "Opened again by the same message it is one visit.", opened_once)

    def other_content(scene: Scene) -> None:
        visit, msgid = Visit(scene, kind), scene.next_id()
        body = visit.opening()
        visit.visit = scene.yes(opens, body, VisitOpened, msgid=msgid).visit
        altered = msgspec.structs.replace(body, insurance=_OTHERS_INSURANCE)
        scene.refused(opens, altered, "D", "other content under a used message id", msgid=msgid)

    yield Case(
        business, "other-content", Proof.CONTENT, "Another content under a used message id is refused.", other_content
    )

    def cancelled_twice(scene: Scene) -> None:
        visit = Visit(scene, kind).open()
        scene.yes(cancels, visit.undoing(cancels), Done)
        scene.refused(cancels, visit.undoing(cancels), "S", "the visit was cancelled before")

    yield Case(business, "cancelled-twice", Proof.ORDER, "A cancelled visit is not cancelled again.", cancelled_twice)

    def charged_stays(scene: Scene) -> None:
        visit = Visit(scene, kind).ready()
        scene.refused(cancels, visit.undoing(cancels), "S", "charges remain on the visit")

    yield Case(
        business, "charges-remain", Proof.ORDER, "A visit is not cancelled while charges are on it.", charged_stays
    )


def _admission_reversed(scene: Scene) -> None:
    visit, msgid = Visit(scene, "inpatient"), scene.next_id()
    visit.visit = scene.yes(tx.ADMIT, visit.opening(), VisitOpened, msgid=msgid).visit
    scene.done(tx.REVERSE, reversal(scene, tx.ADMIT, msgid), Done)
    scene.refused(tx.INPATIENT_LINES, visit.charging(), "S", "its admission was reversed")


def _admission_reversed_before(scene: Scene) -> None:
    visit, msgid = Visit(scene, "inpatient"), scene.next_id()
    scene.done(tx.REVERSE, reversal(scene, tx.ADMIT, msgid), Done)
    scene.refused(tx.ADMIT, visit.opening(), "S", "it was reversed before it came", msgid=msgid)
