"""What a hospital writes into each transaction, from the planned visit and the visit id issued for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.care_types import CareType
from reference_impl.domain.filing import FilingKind
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import (
    Admit,
    AskRecognised,
    CancelAdmission,
    CancelDischarge,
    CancelLines,
    CancelRegistration,
    Diagnose,
    Discharge,
    File,
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
    from scenarios.patients.care_types import CareTypeDraws
    from scenarios.patients.visits import PlannedVisit

__all__ = ["BODIES", "said_as"]

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
    ended_us = visit.arrival_us + visit.stay_us
    return Discharge(person=PersonNo(visit.person), visit=visit_id, ended_us=ended_us, insurance=visit.insurance)


def _cancel_lines(visit: PlannedVisit, visit_id: VisitId) -> CancelLines:
    return CancelLines(person=PersonNo(visit.person), visit=visit_id)


def _file(visit: PlannedVisit, _: VisitId) -> File:
    """File as what the patient is here for: nobody is referred at the desk of the hospital they were to be sent to."""
    kind = FilingKind.TEMPORARY if visit.temporary else FilingKind.LONG_TERM
    hospital = NodeId(visit.hospital.code)
    return File(person=PersonNo(visit.person), kind=kind.value, region=visit.care_region, hospital=hospital)


BODIES: dict[str, Callable[[PlannedVisit, VisitId], RequestBody]] = {
    tx.PERSON: lambda visit, _: FindPerson(person=PersonNo(visit.person)),
    tx.ORDER_PERSON: lambda visit, _: FindPerson(person=PersonNo(visit.person)),
    tx.PLACE_ORDER: _sell,
    tx.ASK_RECOGNISED: lambda visit, visit_id: AskRecognised(person=PersonNo(visit.person), visit=visit_id),
    tx.PHARMACY_TRIAL: _sell,
    tx.PHARMACY_SETTLE: _sell,
    tx.REGISTER: _register,
    tx.CANCEL_REGISTRATION: lambda visit, visit_id: CancelRegistration(person=PersonNo(visit.person), visit=visit_id),
    tx.DIAGNOSE: _diagnose,
    tx.OUTPATIENT_LINES: _upload,
    tx.CANCEL_OUTPATIENT_LINES: _cancel_lines,
    tx.OUTPATIENT_TRIAL: _settle,
    tx.OUTPATIENT_SETTLE: _settle,
    tx.CANCEL_INPATIENT_LINES: _cancel_lines,
    tx.INPATIENT_TRIAL: _settle,
    tx.INPATIENT_SETTLE: _settle,
    tx.ADMIT: _admit,
    tx.DISCHARGE: _discharge,
    tx.FILE: _file,
    tx.CANCEL_ADMISSION: lambda visit, visit_id: CancelAdmission(person=PersonNo(visit.person), visit=visit_id),
    tx.CANCEL_DISCHARGE: lambda visit, visit_id: CancelDischarge(person=PersonNo(visit.person), visit=visit_id),
}
"""By transaction. The batches of a stay (2301) and the corrections that name another message are the journey's own."""


def said_as(body: RequestBody, visit: PlannedVisit, draws: CareTypeDraws) -> RequestBody:
    """Return what is said of a visit with its care type (医疗类别): in the diagnosis, and again to settle it."""
    if not isinstance(body, Diagnose | Settle | SellDrugs):
        return body
    care_type = draws.care_type(visit)
    if visit.prescription and not isinstance(body, Diagnose):
        body = msgspec.structs.replace(body, prescription=visit.prescription)
        if isinstance(body, Settle):
            body = msgspec.structs.replace(body, drugs=visit.drugs)
    typed = msgspec.structs.replace(body, care_type=care_type.value)
    if isinstance(typed, Diagnose) and care_type is CareType.CHRONIC:
        return msgspec.structs.replace(typed, diagnosis=draws.disease(visit.person))
    if isinstance(typed, Settle) and care_type is CareType.EMERGENCY:
        return msgspec.structs.replace(typed, emergency=True)
    return typed
