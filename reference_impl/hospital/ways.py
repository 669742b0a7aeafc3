"""The order of the transactions on a visit's way, by kind: what is sent, and what undoes it (domain facts §1.4)."""

from __future__ import annotations

from collections.abc import Mapping

from reference_impl.domain import transactions as tx
from reference_impl.domain.policies import Kind

__all__ = [
    "ADMISSION",
    "ASKED_AFTER",
    "CANCEL_SETTLEMENT",
    "DISCHARGE",
    "LOOKED_UP",
    "MID_STAY",
    "ORDER",
    "ORDER_CONFIRMED",
    "ORDER_LEFT",
    "OUTPATIENT",
    "PHARMACY",
    "SENT_ONCE",
    "UNDO",
]

PHARMACY = (tx.PERSON, tx.PHARMACY_TRIAL, tx.PHARMACY_SETTLE)
ORDER = (tx.ORDER_PERSON, tx.PLACE_ORDER)
"""What is done at the counter of an order; its settlement comes from the phone."""
ORDER_CONFIRMED = (tx.PHARMACY_SETTLE, tx.ASK_ORDER_SETTLEMENT)
ORDER_LEFT = (tx.ASK_ORDER, tx.CANCEL_ORDER)
"""What is said of it once its person has confirmed it, and once its time was over and nobody had."""
OUTPATIENT = (
    tx.PERSON,
    tx.REGISTER,
    tx.DIAGNOSE,
    tx.OUTPATIENT_LINES,
    tx.OUTPATIENT_TRIAL,
    tx.OUTPATIENT_SETTLE,
)
LOOKED_UP = (tx.PERSON, tx.REGISTER, tx.ASK_RECOGNISED, *OUTPATIENT[2:])
"""The same of a desk that asks which chronic diseases are recognised, before it tells the diagnosis."""
ADMISSION = (tx.PERSON, tx.ADMIT)
DISCHARGE = (*ADMISSION, tx.INPATIENT_LINES, tx.INPATIENT_TRIAL, tx.DISCHARGE, tx.INPATIENT_SETTLE)
"""What must be done before the patient goes home; what was done on admission and during the stay is skipped."""
MID_STAY = (*ADMISSION, tx.INPATIENT_LINES, tx.INPATIENT_TRIAL, tx.INPATIENT_SETTLE, *ADMISSION)
"""A stay settled as far as it has come, and opened anew for the rest."""

SENT_ONCE: Mapping[Kind, tuple[str, ...]] = {
    "outpatient": OUTPATIENT,
    "pharmacy": PHARMACY,
    "inpatient": tuple(code for code in DISCHARGE if code != tx.INPATIENT_LINES),
}
"""What a visit sends once when nothing goes wrong; an inpatient's uploads come on top."""
ASKED_AFTER: Mapping[str, tuple[str, ...]] = {
    tx.REGISTER: (tx.ASK_DESIGNATED,),
    tx.ADMIT: (tx.ASK_DESIGNATED, tx.ASK_STAYS),
    tx.OUTPATIENT_SETTLE: (tx.ASK_VISITS, tx.ASK_DIAGNOSIS, tx.ASK_SETTLEMENT, tx.ASK_CHARGES),
    tx.PHARMACY_SETTLE: (tx.ASK_VISITS, tx.ASK_SETTLEMENT),
    tx.INPATIENT_SETTLE: (tx.ASK_VISITS, tx.ASK_SETTLEMENT, tx.ASK_CHARGES),
}
"""What a desk that asks about its business (``visits.queries``) asks once this is done.

A sale was of no diagnosis, and its province keeps no lines of it.
"""
UNDO: Mapping[Kind, tuple[str, ...]] = {
    "outpatient": (tx.CANCEL_OUTPATIENT_LINES, tx.CANCEL_REGISTRATION),
    "inpatient": (tx.CANCEL_DISCHARGE, tx.CANCEL_INPATIENT_LINES, tx.CANCEL_ADMISSION),
    "pharmacy": (),
}
CANCEL_SETTLEMENT: Mapping[Kind, str] = {
    "pharmacy": tx.PHARMACY_CANCEL,
    "outpatient": tx.OUTPATIENT_CANCEL,
    "inpatient": tx.INPATIENT_CANCEL,
}
