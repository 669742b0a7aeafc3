"""What a message may refer to: its own institution's business, as it was opened, and nothing else.

A visit keeps institution, insured region and person from the message that opened it, a settlement also its care
region; whatever names others is refused, at both ends of the chain; two numbers of one person, or two codes of one
institution, are no others (``numbers``). Pure: each function returns why not, or None.
A stranger learns no more than that there is no such visit.
"""

from __future__ import annotations

from collections.abc import Mapping

from reference_impl.domain.century import CENTURY
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import INSTITUTION_CHARS, PLATFORM_LETTER, Institution, filing_platform
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.regions import province_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import OF_ORDERS, PHARMACY_SETTLE, REVERSE, REVERSIBLE, TRANSACTIONS
from reference_impl.protocol.ids import opened_by_code
from reference_impl.protocol.messages import Request, Reverse, SellDrugs, VisitId
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.orders import paid_by_platform
from reference_impl.protocol.records import MessageRecord, SettlementRecord, VisitRecord

__all__ = [
    "opening_refusal",
    "original_refusal",
    "province_refusal",
    "sender_refusal",
    "settlement_refusal",
    "visit_refusal",
]


_BY_PLATFORM = (PHARMACY_SETTLE, REVERSE)
"""What a platform sends in a pharmacy's name, to pay an order and to take that back."""


def sender_refusal(request: Request, institutions: Mapping[NodeId, Institution], numbers: Numbers) -> Refusal | None:
    """Return why a message of a hospital or pharmacy is not heard in its care province.

    Its sender is known by the code that the register has, whichever code the message bears.
    The message id, and one that a 2601 names, begins with the code of the institution: so no other can take it first.
    Its time is of this century, which the ids derived from it leave out.
    """
    place = institutions.get(request.sender)
    transaction = TRANSACTIONS.get(request.code)
    if transaction is None:
        return Refusal.NO_SUCH_TRANSACTION
    if request.sender != numbers.original(Numbered.INSTITUTION, request.institution) or place is None:
        return Refusal.NOT_NETWORKED
    if request.care_region != place.region:
        return Refusal.OTHER_CARE_REGION
    of_order = isinstance(request.body, SellDrugs) and request.body.order != ""
    pays = of_order and paid_by_platform(request)
    if transaction.kind is not None and transaction.kind not in place.kinds and not pays:
        return Refusal.NOT_NETWORKED
    if of_order and not pays:
        return Refusal.NOT_NETWORKED
    return _message_id_refusal(request, request.institution, numbers)


def province_refusal(request: Request, numbers: Numbers) -> Refusal | None:
    """Return why the hub does not hear a message of a care province: it speaks for another's institutions."""
    if request.code not in TRANSACTIONS:
        return Refusal.NO_SUCH_TRANSACTION
    if province_of(request.care_region) != request.sender or province_of(request.institution[1:]) != request.sender:
        return Refusal.OTHER_CARE_REGION
    if request.code in OF_ORDERS:
        return Refusal.NO_SUCH_TRANSACTION
    code = request.institution
    if request.code in _BY_PLATFORM and request.msgid.startswith(PLATFORM_LETTER):
        code = filing_platform(request.sender).code  # it pays orders of its province's pharmacies
    return _message_id_refusal(request, code, numbers)


def _message_id_refusal(request: Request, code: NodeId, numbers: Numbers) -> Refusal | None:
    """Return why a message does not bear an id of ``code``, or reverses one that does not."""
    body = request.body
    own = request.msgid.startswith(f"{code}{CENTURY}")
    if own and isinstance(body, Reverse):  # what it takes back may have been sent under the code of before
        named, rest = body.original[:INSTITUTION_CHARS], body.original[INSTITUTION_CHARS:]
        one = numbers.original(Numbered.INSTITUTION, named) == numbers.original(Numbered.INSTITUTION, code)
        own = one and rest.startswith(CENTURY)
    return None if own else Refusal.NOT_YOUR_MESSAGE_ID


def visit_refusal(request: Request, visit: VisitRecord | None, numbers: Numbers) -> Refusal | None:
    """Return why ``request`` may not speak of ``visit``."""
    if visit is None or not numbers.same(Numbered.INSTITUTION, visit.institution, request.institution):
        return Refusal.NO_SUCH_VISIT
    if not numbers.same(Numbered.PERSON, visit.person, request.body.person):
        return Refusal.NO_SUCH_VISIT
    if visit.insured_region != request.insured_region:
        return Refusal.OTHER_INSURER
    kind = TRANSACTIONS[request.code].kind
    return Refusal.OTHER_KIND if kind not in (None, TRANSACTIONS[visit.opened_as].kind) else None


def opening_refusal(request: Request, visit: VisitId, numbers: Numbers) -> Refusal | None:
    """Return why ``request`` may not settle ``visit`` at the insurer: a visit's id names the institution it is of."""
    own = numbers.same(Numbered.INSTITUTION, opened_by_code(visit), request.institution)
    return None if own else Refusal.NO_SUCH_VISIT


def settlement_refusal(request: Request, settled: SettlementRecord, numbers: Numbers) -> Refusal | None:
    """Return why ``request`` may not speak of the settlement ``settled``, at the insurer."""
    if not numbers.same(Numbered.INSTITUTION, settled.institution, request.institution):
        return Refusal.NO_SUCH_VISIT
    if not numbers.same(Numbered.PERSON, settled.person, request.body.person):
        return Refusal.NO_SUCH_VISIT
    if settled.care_region != request.care_region or settled.insured_region != request.insured_region:
        return Refusal.NO_SUCH_VISIT
    return None


def original_refusal(
    request: Request, body: Reverse, original: MessageRecord | None, numbers: Numbers
) -> Refusal | None:
    """Return why a 2601 may not reverse ``original``: what the node holds under the message id it names, if anything.

    One that names itself would wait for its own end.
    Whoever holds nothing yet has nothing to hold against it: the mark it leaves stops the original when it comes (G4).
    """
    if body.original_code not in REVERSIBLE:
        return Refusal.NOT_REVERSIBLE
    if body.original == request.msgid:
        return Refusal.OTHER_TRANSACTION
    if original is None:
        return None
    asked = original.request
    if asked is not None:
        if not numbers.same(Numbered.INSTITUTION, asked.institution, request.institution):
            return Refusal.NO_SUCH_VISIT
        if not numbers.same(Numbered.PERSON, asked.body.person, body.person):
            return Refusal.NO_SUCH_VISIT
        if asked.insured_region != request.insured_region or asked.care_region != request.care_region:
            return Refusal.OTHER_INSURER
    return None if original.code == body.original_code else Refusal.OTHER_TRANSACTION
