"""What a hospital writes into each transaction, from the planned visit and the visit id issued for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_impl.protocol.messages import (
    Admit,
    CancelAdmission,
    CancelDischarge,
    CancelLines,
    CancelRegistration,
    Diagnose,
    Discharge,
    FindPerson,
    PersonNo,
    Register,
    RequestBody,
    SellDrugs,
    Settle,
    UploadLines,
    VisitId,
)

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit

__all__ = ["BODIES"]

_DIAGNOSIS = "R69.x00"
"""ICD-10, illness unspecified: the diagnosis decides nothing in the model."""


def _sell(visit: PlannedVisit, _: VisitId) -> SellDrugs:
    person, lines = PersonNo(visit.person), visit.lines(0, 1)
    return SellDrugs(person=person, insurance=visit.insurance, total_fen=visit.total_fen, lines=lines)


def _register(visit: PlannedVisit, _: VisitId) -> Register:
    return Register(person=PersonNo(visit.person), insurance=visit.insurance, began_us=visit.arrival_us)


def _admit(visit: PlannedVisit, _: VisitId) -> Admit:
    return Admit(
        person=PersonNo(visit.person),
        insurance=visit.insurance,
        began_us=visit.arrival_us,
        diagnosis=_DIAGNOSIS,
    )


def _diagnose(visit: PlannedVisit, visit_id: VisitId) -> Diagnose:
    person = PersonNo(visit.person)
    return Diagnose(person=person, visit=visit_id, diagnosis=_DIAGNOSIS, began_us=visit.arrival_us)


def _upload(visit: PlannedVisit, visit_id: VisitId) -> UploadLines:
    return UploadLines(person=PersonNo(visit.person), visit=visit_id, batch="1", lines=visit.lines(0, 1))


def _settle(visit: PlannedVisit, visit_id: VisitId) -> Settle:
    person = PersonNo(visit.person)
    return Settle(person=person, insurance=visit.insurance, visit=visit_id, total_fen=visit.total_fen)


def _discharge(visit: PlannedVisit, visit_id: VisitId) -> Discharge:
    return Discharge(person=PersonNo(visit.person), visit=visit_id, ended_us=visit.arrival_us + visit.stay_us)


def _cancel_lines(visit: PlannedVisit, visit_id: VisitId) -> CancelLines:
    return CancelLines(person=PersonNo(visit.person), visit=visit_id)


BODIES: dict[str, Callable[[PlannedVisit, VisitId], RequestBody]] = {
    "1101": lambda visit, _: FindPerson(person=PersonNo(visit.person)),
    "2101": _sell,
    "2102": _sell,
    "2201": _register,
    "2202": lambda visit, visit_id: CancelRegistration(person=PersonNo(visit.person), visit=visit_id),
    "2203": _diagnose,
    "2204": _upload,
    "2205": _cancel_lines,
    "2206": _settle,
    "2207": _settle,
    "2302": _cancel_lines,
    "2303": _settle,
    "2304": _settle,
    "2401": _admit,
    "2402": _discharge,
    "2404": lambda visit, visit_id: CancelAdmission(person=PersonNo(visit.person), visit=visit_id),
    "2405": lambda visit, visit_id: CancelDischarge(person=PersonNo(visit.person), visit=visit_id),
}
"""By transaction. The batches of a stay (2301) and the corrections that name another message are the journey's own."""
