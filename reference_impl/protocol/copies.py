"""What a node keeps of a settlement whose verdict passes it: the money on the way, the same for all that pass it on.

Pure: the record is committed with the outcome. It states what the insurer's reply stated, and must never work out an
amount of its own.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.benefit import Settlement, take_back
from reference_impl.domain.errors import Refusal
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.protocol.ids import negative_settlement_id, visit_id
from reference_impl.protocol.messages import (
    Cancelled,
    CancelSettlement,
    MessageId,
    Reply,
    Request,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    VisitId,
)
from reference_impl.protocol.records import MessageRecord, Ref, SettlementCopy, View

__all__ = ["MOVING_MONEY", "copies_after", "copy_refs", "settled_visit_of"]

MOVING_MONEY = (Settle, SellDrugs, CancelSettlement)
"""What moves a settlement between provinces, but for a 2601."""
_TAKING_BACK = (CancelSettlement, Reverse)


def settled_visit_of(request: Request, original: MessageRecord | None) -> VisitId | None:
    """Return the visit whose settlement a message may move; of a 2601, its original's.

    A sale as the pharmacy sent it names none yet: its care province will know it by the message's id.
    """
    body = request.body
    if isinstance(body, Reverse):
        return None if original is None or original.request is None else settled_visit_of(original.request, None)
    return (body.visit or visit_id(request.msgid)) if isinstance(body, MOVING_MONEY) else None


def copy_refs(request: Request, visit: VisitId | None) -> tuple[Ref, ...]:
    """Name the copy that a cancel or a reversal may take back."""
    return (Ref(SettlementCopy, visit),) if visit and isinstance(request.body, _TAKING_BACK) else ()


def copies_after(request: Request, reply: Reply, view: View) -> tuple[SettlementCopy, ...]:
    """Return what is kept of ``reply``: a settlement, a negative one, or nothing where no money moved."""
    said = reply.body
    if isinstance(said, Settled):
        return (_settled(request, said),) if request.code in SETTLEMENTS else ()
    standing = view.get(SettlementCopy)
    if standing is None:
        return ()
    match request.body:
        case CancelSettlement(settlement=named) if named == standing.settlement:
            if isinstance(said, Cancelled):
                return (_taken_back(standing, request.msgid, said.settled_us, said.amounts),)
            # The insurer does not know it: it is void here too.
            one_sided = reply.refusal == Refusal.ONE_SIDED
            return (_voided(standing, request.msgid),) if one_sided else ()
        case Reverse(original=original) if original == standing.settled_by and not reply.refusal:
            return (_voided(standing, request.msgid),)
        case _:
            return ()


def _settled(request: Request, said: Settled) -> SettlementCopy:
    return SettlementCopy(
        said.settlement, said.visit, request.msgid, request.code, said.settled_us, sign=1, amounts=said.amounts
    )


def _voided(standing: SettlementCopy, by: MessageId) -> SettlementCopy:
    """Return the negative of ``standing`` for a reply that states no amounts and no time of its own."""
    return _taken_back(standing, by, standing.settled_us, take_back(standing.amounts))


def _taken_back(standing: SettlementCopy, by: MessageId, settled_us: int, amounts: Settlement) -> SettlementCopy:
    return msgspec.structs.replace(
        standing,
        settlement=negative_settlement_id(by),
        settled_by=by,
        settled_us=settled_us,
        sign=-1,
        amounts=amounts,
        reverses=standing.settlement,
    )
