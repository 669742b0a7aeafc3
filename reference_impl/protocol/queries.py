"""Queries that a care province answers from its own books: an institution asks about its own visits, and no others.

Nothing is written, so nothing is remembered of a query: asked again, it is answered anew. Must never commit, and never
ask another node.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.care_types import care_of, clearing_of
from reference_impl.domain.errors import Refusal
from reference_impl.domain.regions import is_cross_province
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.answers import refused
from reference_impl.protocol.messages import (
    Answered,
    AskDiagnosis,
    AskSettlement,
    DiagnosisTold,
    Reply,
    Request,
    Settled,
    SettlementTold,
)
from reference_impl.protocol.named import Named
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.ports import Books
from reference_impl.protocol.records import Key, Ref, VisitRecord
from reference_impl.protocol.references import visit_refusal

__all__ = ["QUERIES", "answered_from"]

QUERIES = (AskDiagnosis, AskSettlement)
"""What is answered from the books of the care province."""


async def answered_from(books: Books, request: Request, numbers: Numbers, reference: str) -> Answered:
    """Return the answer to a query, as the books stand at this moment."""
    named = Named.by(numbers)
    outdated = None if named is None else named.refusal(request)
    if outdated is not None:
        return Answered(refused(outdated, reference))
    told = await _told(books, request if named is None else named.meant(request), numbers)
    if isinstance(told, Refusal):
        return Answered(refused(told, reference))
    reply = Reply(reference, told)
    return Answered(reply if named is None else named.told(request, reply))


async def _told(books: Books, request: Request, numbers: Numbers) -> DiagnosisTold | SettlementTold | Refusal:
    body = request.body
    assert isinstance(body, QUERIES)  # no other is asked of the books
    key = Key(request.sender, request.msgid)
    visit = (await books.look(key, Ref(VisitRecord, body.visit))).get(VisitRecord)
    refusal = visit_refusal(request, visit, numbers)
    if refusal is not None or visit is None:
        return refusal or Refusal.NO_SUCH_VISIT
    if isinstance(body, AskDiagnosis):
        if not visit.diagnosis:
            return Refusal.NOT_DIAGNOSED
        return DiagnosisTold(visit=visit.visit, diagnosis=visit.diagnosis, began_us=visit.began_us)
    if not visit.settlement or visit.settlement != body.settlement:
        return Refusal.NOT_SETTLED
    settled = (await books.look(Key(request.sender, visit.settled_by))).message
    said = None if settled is None or settled.reply is None else settled.reply.body
    if not isinstance(said, Settled):
        return Refusal.NOT_SETTLED  # books that were moved without the message
    kind, elsewhere = TRANSACTIONS[visit.opened_as].kind, is_cross_province(request.care_region, visit.insured_region)
    assert kind is not None  # what opens a visit is of its kind
    return SettlementTold(
        **msgspec.structs.asdict(said),
        began_us=visit.began_us or said.settled_us,
        ended_us=visit.ended_us or said.settled_us,
        care=care_of(kind, visit.care_type),
        clearing=clearing_of(kind, visit.care_type, elsewhere=elsewhere),
    )
