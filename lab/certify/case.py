"""What a case is: one promise about one kind of business, and how it is played at one institution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from reference_impl.domain.policies import Kind

__all__ = ["KINDS_OF", "Business", "Case", "Neighbour", "business_of"]


class Business(StrEnum):
    """The sixteen kinds of business that are certified. SEED 004 counts sixteen; which they are is ASSUMED."""

    PERSON = "person"
    FILING = "filing"
    REGISTRATION = "registration"
    OUTPATIENT_CHARGES = "outpatient-charges"
    OUTPATIENT_SETTLEMENT = "outpatient-settlement"
    OUTPATIENT_CANCEL = "outpatient-cancel"
    OUTPATIENT_REVERSAL = "outpatient-reversal"
    ADMISSION = "admission"
    INPATIENT_CHARGES = "inpatient-charges"
    INPATIENT_SETTLEMENT = "inpatient-settlement"
    INPATIENT_CANCEL = "inpatient-cancel"
    INPATIENT_REVERSAL = "inpatient-reversal"
    PHARMACY_SALE = "pharmacy-sale"
    PHARMACY_UNDOING = "pharmacy-undoing"
    PHARMACY_ORDER = "pharmacy-order"
    ENQUIRY = "enquiry"


class Neighbour(StrEnum):
    """The two ends of a hub, where certify plays it: who asks it, and whom it asks."""

    CARE = "neighbour-care"
    INSURED = "neighbour-insured"


def business_of(name: str) -> Business | Neighbour:
    """Return what a name is of; raises ``ValueError`` for one that is of nothing."""
    return Neighbour(name) if name.startswith("neighbour-") else Business(name)


_ALL: frozenset[Kind] = frozenset(("outpatient", "inpatient", "pharmacy"))
_OUTPATIENT: frozenset[Kind] = frozenset(("outpatient",))
_INPATIENT: frozenset[Kind] = frozenset(("inpatient",))
_PHARMACY: frozenset[Kind] = frozenset(("pharmacy",))
KINDS_OF: dict[Business | Neighbour, frozenset[Kind]] = {
    Neighbour.CARE: _ALL,
    Neighbour.INSURED: _ALL,
    Business.PERSON: _ALL,
    Business.FILING: _OUTPATIENT | _INPATIENT,
    Business.REGISTRATION: _OUTPATIENT,
    Business.OUTPATIENT_CHARGES: _OUTPATIENT,
    Business.OUTPATIENT_SETTLEMENT: _OUTPATIENT,
    Business.OUTPATIENT_CANCEL: _OUTPATIENT,
    Business.OUTPATIENT_REVERSAL: _OUTPATIENT,
    Business.ADMISSION: _INPATIENT,
    Business.INPATIENT_CHARGES: _INPATIENT,
    Business.INPATIENT_SETTLEMENT: _INPATIENT,
    Business.INPATIENT_CANCEL: _INPATIENT,
    Business.INPATIENT_REVERSAL: _INPATIENT,
    Business.PHARMACY_SALE: _PHARMACY,
    Business.PHARMACY_UNDOING: _PHARMACY,
    Business.PHARMACY_ORDER: _PHARMACY,
    Business.ENQUIRY: _OUTPATIENT | _INPATIENT,
}
"""Which visits an institution has to offer for a business to be its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """One promise: ``name`` is unique within its business, ``promise`` a sentence about what must hold.

    ``levels`` are those of the institutions to which it applies. One ``at_a_door`` needs somebody who closes it, one
    of ``new_numbers`` a person who had another number before, one of ``seals`` institutions that seal what they ask.
    """

    business: Business | Neighbour
    name: str
    proof: Proof
    promise: str
    play: Callable[[Scene], None]
    levels: frozenset[int] = frozenset((1, 2, 3))
    at_a_door: bool = False
    new_numbers: bool = False
    seals: bool = False

    @property
    def id(self) -> str:
        """Its name among all cases."""
        return f"{self.business.value}.{self.name}"
