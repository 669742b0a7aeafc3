"""Where a piece of business stands at an instant, for whoever lists what is in flight: each in one place, none in two.

A visit that has its fate may still have something to take back, and one that went to paper has a claim out: both are
in flight until that is done. Must never say what becomes of anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.transactions import FILINGS, SETTLEMENTS, TRIALS
from scenarios.record.fates import PAPER_FATES, Stage

if TYPE_CHECKING:
    from reference_impl.hospital.visit_state import VisitState

__all__ = ["Claim", "claim_of", "is_by_phone", "is_filing", "stage_of"]

_NOTHING_UNDER_WAY = (Stage.DESK_QUEUE, Stage.AT_DESK)
_WAITS_TO_FILE = (Stage.DESK_QUEUE, Stage.PARKED, Stage.OPEN_STAY)


@dataclass(frozen=True, slots=True)
class Claim:
    """A paper claim that is out: the visit has ended, and the patient waits for the money."""

    visit: int
    kind: str
    care_region: str
    insured_region: str
    advance_fen: int
    filing: bool
    """Whether it was a filing that nobody accepted."""
    by_phone: bool
    """Whether that was to be filed by phone."""


def claim_of(journey: VisitState) -> Claim | None:
    """Return the claim that a visit leaves behind; None when it was not paid in full."""
    if journey.fate not in PAPER_FATES:
        return None
    visit = journey.visit
    return Claim(
        visit.visit,
        visit.kind,
        visit.care_region,
        visit.insured_region,
        journey.paper_fen,
        journey.filing_pending,
        journey.filing_pending and not journey.clerk_files,
    )


def is_filing(journey: VisitState) -> bool:
    """Return whether something is being filed for the visit, or waits to be."""
    asked = journey.asker.asked
    return journey.filing_pending or (asked is not None and asked.code in FILINGS)


def is_by_phone(journey: VisitState) -> bool:
    """Return whether that is filed by the patient, and not by a clerk."""
    asked = journey.asker.asked
    return journey.filing_pending and not journey.clerk_files and (asked is None or asked.code not in FILINGS)


def stage_of(journey: VisitState) -> Stage:
    """Return where a visit stands that has not been left: one that has its fate is still taking something back."""
    stage = journey.speaking.stage
    if journey.ended_us >= 0:
        return Stage.REVERSAL_PENDING
    if journey.filing_pending and stage in _WAITS_TO_FILE:
        return Stage.FILING_PENDING
    tried = not journey.done.isdisjoint(TRIALS) and journey.done.isdisjoint(SETTLEMENTS)
    return Stage.TRIED if tried and stage in _NOTHING_UNDER_WAY else stage
