"""At a care province's border: what its hospitals call a visit, a settlement or themselves, and what books call it.

A number changed by a move is meant by its old one, in the province's own books and on the way to the insurer, at any
time; whether it may be used now is another question. What a hospital opens or settles after the move is told to it
under a new number, and so is every visit of a list, for such a number needs no map; whatever else it is told bears the
number that it asked with. Must never look into books.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.renumbering import Numbered
from reference_impl.protocol.messages import (
    Admit,
    AskCharges,
    AskDiagnosis,
    AskSettlement,
    AskVisits,
    Cancelled,
    CancelSettlement,
    DiagnosisTold,
    Reply,
    Request,
    RequestBody,
    SellDrugs,
    Settle,
    Settled,
    SettlementId,
    StaysTold,
    VisitId,
    VisitOpened,
    VisitsTold,
)
from reference_impl.protocol.numbers import Numbers

__all__ = ["Named"]


class Named:
    """The names of a care province's business, by ``Numbers``."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Numbers) -> None:
        """Go by ``numbers``."""
        self._numbers = numbers

    @classmethod
    def by(cls, numbers: Numbers) -> Named | None:
        """Return the names by ``numbers``; None where none but persons' ever change, and every name stays."""
        return cls(numbers) if numbers.kinds - {Numbered.PERSON} else None

    def visit(self, said: VisitId) -> VisitId:
        """Return the visit of the books that is meant."""
        return VisitId(self._numbers.original(Numbered.VISIT, said))

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a message that is new may not use the numbers that it does."""
        wrong = (self._numbers.refusal(of, number) for of, number in _numbers_in(request) if number)
        return next((one for one in wrong if one is not None), None)

    def meant(self, request: Request) -> Request:
        """Return a message with the visits and the settlement of the books that it means."""
        body = request.body
        changed = {
            name: self._numbers.original(of, getattr(body, name))
            for of, name in _fields_of(body)
            if getattr(body, name) != self._numbers.original(of, getattr(body, name))
        }
        if not changed:
            return request
        return msgspec.structs.replace(request, body=msgspec.structs.replace(body, **changed))

    def told(self, request: Request, reply: Reply) -> Reply:
        """Return a reply with the numbers that the hospital is to know its business by."""
        body, asked = reply.body, request.body
        match body:
            case VisitOpened():
                body = VisitOpened(visit=self._new_visit(body.visit))
            case Settled():
                visit = self._new_visit(body.visit) if isinstance(asked, SellDrugs) else _asked_of(asked, body.visit)
                made = SettlementId(self._numbers.issued(Numbered.SETTLEMENT, body.settlement))
                body = msgspec.structs.replace(body, visit=visit, settlement=made)
            case DiagnosisTold():
                body = msgspec.structs.replace(body, visit=_asked_of(asked, body.visit))
            case Cancelled():
                body = msgspec.structs.replace(body, visit=_asked_of(asked, body.visit))
            case VisitsTold():
                one = asked.visit if isinstance(asked, AskVisits) else ""
                named = [msgspec.structs.replace(v, visit=one or self._new_visit(v.visit)) for v in body.visits]
                body = VisitsTold(visits=tuple(named))
            case StaysTold():
                stays = [msgspec.structs.replace(stay, visit=self._new_visit(stay.visit)) for stay in body.stays]
                body = StaysTold(stays=tuple(stays))
            case _:
                return reply
        return msgspec.structs.replace(reply, body=body)

    def meant_by(self, reply: Reply) -> Reply:
        """Return what ``told`` was made of: a reply with the numbers of the province's books."""
        body = reply.body
        match body:
            case Settled():
                made = SettlementId(self._numbers.original(Numbered.SETTLEMENT, body.settlement))
                body = msgspec.structs.replace(body, visit=self.visit(body.visit), settlement=made)
            case Cancelled():
                body = msgspec.structs.replace(body, visit=self.visit(body.visit))
            case _:
                return reply
        return msgspec.structs.replace(reply, body=body)

    def _new_visit(self, visit: VisitId) -> VisitId:
        return VisitId(self._numbers.issued(Numbered.VISIT, visit))


def _numbers_in(request: Request) -> Iterator[tuple[Numbered, str]]:
    """Yield the numbers that a message names its business by; whom it is about is the insurer's to know."""
    yield Numbered.INSTITUTION, request.institution
    for of, name in _fields_of(request.body):
        yield of, getattr(request.body, name)


def _fields_of(body: RequestBody) -> Iterator[tuple[Numbered, str]]:
    if hasattr(body, "visit"):
        yield Numbered.VISIT, "visit"
    if isinstance(body, Settle | Admit):
        yield Numbered.VISIT, "continues"
    if isinstance(body, CancelSettlement | AskSettlement | AskCharges):
        yield Numbered.SETTLEMENT, "settlement"


def _asked_of(asked: RequestBody, visit: VisitId) -> VisitId:
    """Return the visit as the message that is answered called it."""
    return asked.visit if isinstance(asked, Settle | CancelSettlement | AskSettlement | AskDiagnosis) else visit
