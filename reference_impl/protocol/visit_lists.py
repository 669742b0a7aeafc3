"""What a care province tells an institution of a person's visits there: which there were (5201), which lie (5303).

Pure: visits and a question go in, the answer or a refusal comes out. Of other institutions, other insurers and visits
that were cancelled nothing is told, not even that they are there. An answer is whole or refused: never a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reference_impl.domain.care_types import care_of
from reference_impl.domain.errors import Refusal
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.policies import Kind
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.messages import AskStays, AskVisits, Request, StaysTold, StayTold, VisitsTold, VisitTold
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.records import VisitRecord
from reference_impl.protocol.references import visit_refusal

__all__ = ["LISTING", "VISITS_TOLD_MAX", "list_refusal", "listed"]

LISTING = (AskVisits, AskStays)
"""What is asked of a person's visits together."""
VISITS_TOLD_MAX: Final = 60
"""So many rows are sure to fit into the 40,000 characters of an answer."""


def list_refusal(body: AskVisits | AskStays) -> Refusal | None:
    """Return what is wrong with a question, whatever the books hold."""
    if not body.person:
        return Refusal.NOBODY_NAMED
    return Refusal.PERIOD_REVERSED if body.until_us < body.from_us else None


def listed(
    request: Request, body: AskVisits | AskStays, visits: Iterable[VisitRecord], numbers: Numbers
) -> VisitsTold | StaysTold | Refusal:
    """Return what is told, of all ``visits`` of the person in the province."""
    own = (visit for visit in visits if visit_refusal(request, visit, numbers) is None)
    asked_for = [*(_visits_for(body, own) if isinstance(body, AskVisits) else _stays_for(body, own))]
    if len(asked_for) > VISITS_TOLD_MAX:
        return Refusal.TOO_MANY_TO_TELL
    if isinstance(body, AskStays):
        return StaysTold(stays=tuple(StayTold(stay.visit, stay.began_us) for stay in asked_for))
    return VisitsTold(visits=tuple(map(_told, asked_for)))


def _visits_for(body: AskVisits, own: Iterable[VisitRecord]) -> Iterator[VisitRecord]:
    for visit in own:
        meant = body.visit in ("", visit.visit) and _care_of(visit) == body.care
        if meant and visit.state is not VisitState.CANCELLED and _is_within(body, visit):
            yield visit


def _stays_for(body: AskStays, own: Iterable[VisitRecord]) -> Iterator[VisitRecord]:
    return (visit for visit in own if _lies(visit) and _is_within(body, visit))


def _is_within(body: AskVisits | AskStays, visit: VisitRecord) -> bool:
    """Return whether a visit began in the period; of one from before books kept when, it may have."""
    return not visit.began_us or body.from_us <= visit.began_us <= body.until_us


def _told(visit: VisitRecord) -> VisitTold:
    return VisitTold(visit.visit, visit.began_us, visit.ended_us or visit.began_us, _care_of(visit), _lies(visit))


def _lies(visit: VisitRecord) -> bool:
    """Return whether somebody lies in hospital by this visit: a part settled in the middle goes on as another one."""
    in_bed = visit.state is VisitState.OPEN or (visit.state is VisitState.SETTLED and not visit.mid_stay)
    return in_bed and _kind_of(visit) == "inpatient"


def _care_of(visit: VisitRecord) -> str:
    return care_of(_kind_of(visit), visit.care_type)


def _kind_of(visit: VisitRecord) -> Kind:
    kind = TRANSACTIONS[visit.opened_as].kind
    assert kind is not None  # what opens a visit is of its kind
    return kind
