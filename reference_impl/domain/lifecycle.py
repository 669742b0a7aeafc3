"""The life of a visit in its care province, as data: every (state, event) pair is a move or a written refusal."""

from __future__ import annotations

from enum import StrEnum

from reference_impl.domain.errors import Refusal

__all__ = ["MOVES", "REFUSED", "VisitEvent", "VisitState", "move"]


class VisitState(StrEnum):
    """Where a visit stands."""

    OPEN = "open"
    DISCHARGED = "discharged"
    SETTLED = "settled"
    SETTLED_DISCHARGED = "settled_discharged"
    """Settled after the medical discharge; vendors differ in the order of 2402 and 2304 (domain facts §1.4)."""
    CANCELLED = "cancelled"


class VisitEvent(StrEnum):
    """What may happen to it."""

    DIAGNOSE = "diagnose"
    CHARGE = "charge"
    CANCEL_CHARGES = "cancel_charges"
    DISCHARGE = "discharge"
    CANCEL_DISCHARGE = "cancel_discharge"
    TRY_SETTLE = "try_settle"
    SETTLE = "settle"
    TAKE_BACK = "take_back"
    CANCEL_VISIT = "cancel_visit"


_S, _E = VisitState, VisitEvent

MOVES: dict[tuple[VisitState, VisitEvent], VisitState] = {
    (_S.OPEN, _E.DIAGNOSE): _S.OPEN,
    (_S.OPEN, _E.CHARGE): _S.OPEN,
    (_S.OPEN, _E.CANCEL_CHARGES): _S.OPEN,
    (_S.OPEN, _E.DISCHARGE): _S.DISCHARGED,
    (_S.OPEN, _E.TRY_SETTLE): _S.OPEN,
    (_S.OPEN, _E.SETTLE): _S.SETTLED,
    (_S.OPEN, _E.CANCEL_VISIT): _S.CANCELLED,
    (_S.DISCHARGED, _E.CANCEL_DISCHARGE): _S.OPEN,
    (_S.DISCHARGED, _E.TRY_SETTLE): _S.DISCHARGED,
    (_S.DISCHARGED, _E.SETTLE): _S.SETTLED_DISCHARGED,
    (_S.SETTLED, _E.DISCHARGE): _S.SETTLED_DISCHARGED,
    (_S.SETTLED, _E.TAKE_BACK): _S.OPEN,
    (_S.SETTLED_DISCHARGED, _E.TAKE_BACK): _S.DISCHARGED,
}

REFUSED: dict[tuple[VisitState, VisitEvent], Refusal] = {
    **{(_S.CANCELLED, event): Refusal.VISIT_CANCELLED for event in VisitEvent},
    **{
        (state, event): Refusal.ALREADY_SETTLED
        for state in (_S.SETTLED, _S.SETTLED_DISCHARGED)
        for event in VisitEvent
        if (state, event) not in MOVES
    },
    **{(_S.DISCHARGED, event): Refusal.ALREADY_DISCHARGED for event in (_E.DIAGNOSE, _E.CHARGE, _E.DISCHARGE)},
    (_S.DISCHARGED, _E.CANCEL_CHARGES): Refusal.ALREADY_DISCHARGED,
    (_S.DISCHARGED, _E.CANCEL_VISIT): Refusal.ALREADY_DISCHARGED,
    (_S.DISCHARGED, _E.TAKE_BACK): Refusal.NOT_SETTLED,
    (_S.OPEN, _E.TAKE_BACK): Refusal.NOT_SETTLED,
    (_S.OPEN, _E.CANCEL_DISCHARGE): Refusal.NOT_DISCHARGED,
}


def move(state: VisitState, event: VisitEvent) -> VisitState | Refusal:
    """Return the state after ``event``, or why it is refused.

    >>> move(VisitState.OPEN, VisitEvent.SETTLE)
    <VisitState.SETTLED: 'settled'>
    >>> move(VisitState.SETTLED, VisitEvent.CHARGE)
    <Refusal.ALREADY_SETTLED: 'S03'>
    """
    pair = (state, event)
    after = MOVES.get(pair)
    return REFUSED[pair] if after is None else after
