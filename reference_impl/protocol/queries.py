"""Queries that a care province answers from its own books: an institution asks about its own visits, and no others.

Nothing is written, so nothing is remembered of a query: asked again, it is answered anew. Must never commit, and never
ask another node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from reference_impl.domain.care_types import care_of, clearing_of
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeLine, PricedLine, total_of
from reference_impl.domain.regions import is_cross_province
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.answers import refused
from reference_impl.protocol.charges import charges_of, lines_after
from reference_impl.protocol.messages import (
    Answered,
    AskCharges,
    AskDiagnosis,
    AskSettlement,
    ChargesTold,
    ChargeTold,
    DiagnosisTold,
    PersonNo,
    Reply,
    ReplyBody,
    Request,
    Settled,
    SettlementTold,
    UploadLines,
)
from reference_impl.protocol.named import Named
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.order_queries import ASKING_ORDERS, told_of_order
from reference_impl.protocol.orders import payer_of
from reference_impl.protocol.ports import Books
from reference_impl.protocol.records import ChargesRecord, Key, Ref, VisitRecord, VisitsOfPerson
from reference_impl.protocol.references import visit_refusal
from reference_impl.protocol.visit_lists import LISTING, list_refusal, listed

__all__ = ["QUERIES", "answered_from"]

QUERIES = (AskDiagnosis, AskSettlement, AskCharges, *LISTING, *ASKING_ORDERS)
"""What is answered from the books of the care province."""
LINES_TOLD_MAX: Final = 40
"""So many charge lines are sure to fit into the 40,000 characters of an answer."""


async def answered_from(
    books: Books, request: Request, numbers: Numbers, reference: str, orders_over_before_us: int = 0
) -> Answered:
    """Return the answer to a query, as the books stand at this moment.

    Orders placed before ``orders_over_before_us`` may be confirmed no more.
    """
    named = Named.by(numbers)
    outdated = None if named is None else named.refusal(request)
    if outdated is not None:
        return Answered(refused(outdated, reference))
    told = await _told(books, request if named is None else named.meant(request), numbers, orders_over_before_us)
    if isinstance(told, Refusal):
        return Answered(refused(told, reference))
    reply = Reply(reference, told)
    return Answered(reply if named is None else named.told(request, reply))


async def _told(books: Books, request: Request, numbers: Numbers, orders_over_before_us: int) -> ReplyBody | Refusal:
    body, key = request.body, Key(request.sender, request.msgid)
    assert isinstance(body, QUERIES)  # no other is asked of the books
    if isinstance(body, LISTING):
        wrong = list_refusal(body)
        return wrong or listed(request, body, await _visits_of(books, key, body.person, numbers), numbers)
    if isinstance(body, ASKING_ORDERS):
        visits = await _visits_of(books, key, body.person, numbers)
        return await told_of_order(books, request, visits, numbers, orders_over_before_us)
    view = await books.look(key, Ref(VisitRecord, body.visit))
    visit = view.get(VisitRecord)
    refusal = visit_refusal(request, visit, numbers)
    if refusal is not None or visit is None:
        return refusal or Refusal.NO_SUCH_VISIT
    if isinstance(body, AskDiagnosis):
        if not visit.diagnosis:
            return Refusal.NOT_DIAGNOSED
        return DiagnosisTold(visit=visit.visit, diagnosis=visit.diagnosis, began_us=visit.began_us)
    if not visit.settlement or visit.settlement != body.settlement:
        return Refusal.NOT_SETTLED
    return await (
        _lines(books, request, body, visit) if isinstance(body, AskCharges) else _settled(books, request, visit)
    )


async def _visits_of(books: Books, key: Key, person: PersonNo, numbers: Numbers) -> Iterator[VisitRecord]:
    """Return the visits under each number that the person has or had."""
    known_as = {person, numbers.current(person), PersonNo(numbers.original(Numbered.PERSON, person))}
    view = await books.look(key, *(Ref(VisitsOfPerson, number) for number in sorted(known_as)))
    return (visit for found in view.records if isinstance(found, VisitsOfPerson) for visit in found.visits)


async def _settled(books: Books, request: Request, visit: VisitRecord) -> SettlementTold | Refusal:
    settled = (await books.look(Key(payer_of(visit, request.sender), visit.settled_by))).message
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


async def _lines(books: Books, request: Request, body: AskCharges, visit: VisitRecord) -> ChargesTold | Refusal:
    """Return the next lines of a visit: each as it was split, and as the message that charged it said it."""
    kind = TRANSACTIONS[visit.opened_as].kind
    assert kind is not None  # what opens a visit is of its kind
    view = await books.look(Key(request.sender, request.msgid), Ref(ChargesRecord, visit.visit))
    charges = charges_of(visit, view)
    if kind == "pharmacy" or total_of(charges.lines()).total_fen != visit.fees.total_fen:
        return Refusal.LINES_NOT_KEPT
    if body.after and all(line.serial != body.after for line in charges.lines()):
        return Refusal.NO_SUCH_LINE
    care, told = care_of(kind, visit.care_type), list[ChargeTold]()
    for batch, lines in lines_after(charges, body.after, LINES_TOLD_MAX):
        charged = (await books.look(Key(request.sender, batch.charged_by))).message
        if charged is None or charged.request is None or not isinstance(charged.request.body, UploadLines):
            return Refusal.LINES_NOT_KEPT  # of before books said by which message, or moved without it
        stated = {line.serial: line for line in charged.request.body.lines}
        told += [_line(stated[line.serial], line, charged.opened_us, care) for line in lines]
    return ChargesTold(lines=tuple(told))


def _line(stated: FeeLine, priced: PricedLine, charged_us: int, care: str) -> ChargeTold:
    return ChargeTold(
        priced.serial,
        charged_us,
        stated.item,
        stated.count_e4,
        stated.price_e6,
        priced.total_fen,
        priced.own_pay_fen,
        priced.over_limit_fen,
        priced.pre_self_pay_fen,
        priced.in_scope_fen,
        priced.grade,
        priced.category,
        care,
    )
