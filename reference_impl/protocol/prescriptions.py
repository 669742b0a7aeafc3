"""Electronic prescriptions (电子处方) at the insurer: who may dispense by one, and what is kept of that.

The settlement of a follow-up by internet issues it, a sale that names it dispenses by it, once, as long as it is valid,
to its person, and no drug beyond what it says. All of this moves with the person's version, so two sales at once are
decided one after the other. Pure. It must never work out an amount.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.care_types import CareType
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeLine
from reference_impl.domain.prescribed import MOST_E4, Drug, dispensed_beyond, drugs_of, is_prescribed
from reference_impl.protocol.answers import Refused
from reference_impl.protocol.messages import PersonNo, Request, SellDrugs, Settle, SettlementId
from reference_impl.protocol.records import PrescriptionRecord, Ref, SettlementRecord, View

__all__ = [
    "by_prescription_refusal",
    "prescription_refs",
    "prescription_refusal",
    "put_back",
    "used_or_issued",
]


NUMBER_MAX = 30
"""Characters of a number: what a sale can say of it (rxno, FOUND)."""


def by_prescription_refusal(lines: tuple[FeeLine, ...]) -> Refused | None:
    """Return why no sale by a prescription has such lines: each hands something over, and none takes it back."""
    for line in lines:
        if line.count_e4 <= 0:
            return Refused(Refusal.NOT_PRESCRIBED, f"cnt of feedetl_sn {line.serial} is not above nothing")
    for drug in drugs_of(lines):
        if drug.count_e4 > MOST_E4:
            return Refused(Refusal.NOT_PRESCRIBED, f"med_list_codg {drug.item}: no prescription is of so much")
    return None


def prescription_refs(request: Request) -> tuple[Ref, ...]:
    """Name the prescription that a settlement says, if it says one."""
    body = request.body
    named = body.prescription if isinstance(body, Settle | SellDrugs) else ""
    return (Ref(PrescriptionRecord, named),) if named else ()


def prescription_refusal(
    body: Settle | SellDrugs, view: View, person: PersonNo, now_us: int, valid_us: int
) -> Refusal | Refused | None:
    """Return why a settlement may not name its prescription; an insurer holds none where ``valid_us`` is 0."""
    kept = view.get(PrescriptionRecord)
    if isinstance(body, Settle):
        if body.care_type != CareType.INTERNET or not valid_us:
            return Refusal.PRESCRIBES_NOTHING
        if not 0 < len(body.prescription) <= NUMBER_MAX or not is_prescribed(body.drugs):
            return Refusal.NO_DRUGS_PRESCRIBED
        return None if kept is None else Refusal.PRESCRIPTION_TAKEN
    if kept is None:
        return Refusal.NO_SUCH_PRESCRIPTION
    if kept.person != person:
        return Refusal.OTHERS_PRESCRIPTION
    if kept.dispensed:
        return Refusal.PRESCRIPTION_USED
    if now_us > kept.valid_until_us:
        return Refusal.PRESCRIPTION_EXPIRED
    return _beyond(body, kept)


def _beyond(sale: SellDrugs, kept: PrescriptionRecord) -> Refused | None:
    """Return why a sale is not what was prescribed; books of before hold prescriptions that say no drug."""
    if not kept.drugs:
        return None
    beyond = dispensed_beyond(sale.drugs, kept.drugs)
    if sale.drugs and not beyond:
        return None
    return Refused(Refusal.NOT_PRESCRIBED, f"beyond {sale.prescription}: {', '.join(beyond) or 'drugs without names'}")


def used_or_issued(
    settled: SettlementRecord, drugs: tuple[Drug, ...], view: View, person: PersonNo, valid_us: int
) -> tuple[PrescriptionRecord, ...]:
    """Return what is kept of the prescription that a settlement names: dispensed where one stands, else issued."""
    kept = view.get(PrescriptionRecord)
    if kept is not None:
        return (msgspec.structs.replace(kept, settlement=settled.settlement, dispensed=1),)
    until_us = settled.posted_us + valid_us
    return (
        PrescriptionRecord(
            settled.settlement, settled.prescription, person, until_us, dispensed=0, sign=1, drugs=drugs
        ),
    )


def put_back(settled: SettlementRecord, person: PersonNo, by: SettlementId) -> tuple[PrescriptionRecord, ...]:
    """Return what is kept once a settlement is taken back ``by`` a negative one: its prescription is as before it."""
    return (
        PrescriptionRecord(
            by, settled.prescription, person, valid_until_us=0, dispensed=0, sign=-1, reverses=settled.settlement
        ),
    )
