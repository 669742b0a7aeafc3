"""A visit's next version: opened, held by the message that decides about it, let go, moved on.

Pure. Whoever decides names what changes; what is not named stays as the message that opened the visit said.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.fees import ZERO_FEES, FeeTotals
from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.lifecycle import VisitState
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import (
    Admit,
    MessageId,
    Register,
    Request,
    Reverse,
    SellDrugs,
    SettlementId,
    VisitId,
)
from reference_impl.protocol.records import MessageRecord, Record, VisitRecord

__all__ = ["OPENING", "REGISTERING", "held_for", "let_go", "next_version", "opened_visit", "touched", "unopened"]

REGISTERING = (Register, Admit)
OPENING = (Register, Admit, SellDrugs)
"""What opens a visit: a sale is a visit of its own."""


def held_for(request: Request, visit: VisitRecord | None) -> tuple[Record, ...]:
    """Return the visit held by a message that decides about its money, so that nothing else moves it meanwhile."""
    if visit is None or not TRANSACTIONS[request.code].holds:
        return ()
    return (msgspec.structs.replace(visit, version=visit.version + 1, held_by=request.msgid),)


def touched(request: Request, body: Reverse, visit: VisitRecord | None) -> tuple[Record, ...]:
    """Return the visit with a new version: whoever decides about it at this moment must look again and see the mark.

    It is held until the verdict is known: nobody may settle what is about to be cancelled, nor move what turns out to
    be settled. Where the original would open the visit, a cancelled one takes its place, so that there is a version to
    move; what a platform sent opens none.
    """
    if visit is None and (not TRANSACTIONS[body.original_code].opens or is_filing_platform(body.original)):
        return ()
    if visit is None:
        first = opened_visit(request, body.original, body.original_code, VisitState.CANCELLED)
        return (msgspec.structs.replace(first, held_by=request.msgid),)
    return (msgspec.structs.replace(visit, version=visit.version + 1, held_by=request.msgid),)


def let_go(request: Request, visit: VisitRecord | None, original: MessageRecord | None) -> VisitRecord | None:
    """Return the visit once its reversal was refused: held again by the original, where that has no verdict yet.

    One that another reversal has stopped is never driven on, so it would hold the visit for ever.
    """
    if visit is None or visit.held_by != request.msgid:
        return None
    held_by = original.key.msgid if original is not None and _goes_on(original, request.msgid) else MessageId("")
    return msgspec.structs.replace(visit, version=visit.version + 1, held_by=held_by)


def _goes_on(original: MessageRecord, reversal: MessageId) -> bool:
    """Return whether a message is driven on once ``reversal`` of it was refused."""
    in_work = original.request is not None and original.reply is None and not original.withdrawn
    return in_work and original.reversed_by in (None, reversal)


def unopened(request: Request, visit: VisitRecord | None) -> bool:
    """Return whether the visit that ``request`` opens is yet to be; a refused reversal leaves but a cancelled one."""
    return visit is None or (visit.state is VisitState.CANCELLED and visit.opened_by == request.msgid)


def opened_visit(
    request: Request, opened_by: MessageId, opened_as: str, state: VisitState, before: VisitRecord | None = None
) -> VisitRecord:
    """Return the visit that ``opened_by`` opens, as ``request`` has it, in the place of ``before``."""
    body = request.body
    return VisitRecord(
        visit_id(opened_by),
        1 if before is None else before.version + 1,
        request.institution,
        request.insured_region,
        body.person,
        state,
        opened_by,
        opened_as,
        ZERO_FEES,
        insurance=body.insurance if isinstance(body, OPENING) else "",
        began_us=body.began_us if isinstance(body, REGISTERING) else 0,
        continues=body.continues if isinstance(body, Admit) else VisitId(""),
    )


def next_version(
    visit: VisitRecord,
    state: VisitState,
    *,
    fees: FeeTotals | None = None,
    settlement: SettlementId | None = None,
    settled_by: MessageId | None = None,
    ended_us: int | None = None,
    care_type: str | None = None,
    diagnosis: str | None = None,
) -> VisitRecord:
    """Return the next version of ``visit``; what is not given stays."""
    return VisitRecord(
        visit.visit,
        visit.version + 1,
        visit.institution,
        visit.insured_region,
        visit.person,
        state,
        visit.opened_by,
        visit.opened_as,
        visit.fees if fees is None else fees,
        visit.settlement if settlement is None else settlement,
        visit.settled_by if settled_by is None else settled_by,
        ended_us=visit.ended_us if ended_us is None else ended_us,
        insurance=visit.insurance,
        began_us=visit.began_us,
        care_type=visit.care_type if care_type is None else care_type,
        diagnosis=visit.diagnosis if diagnosis is None else diagnosis,
        mid_stay=visit.mid_stay,
        continues=visit.continues,
    )
