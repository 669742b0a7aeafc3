"""What a node says to a message that it does not carry on, and what of another's answer may be believed.

A message not carried on is refused, is busy, or has its answer in the books already. Pure: what is said follows from
the books and the message. This module must never ask another node.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple, assert_never

from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.domain.idempotency import Judgement, differing_field, judge
from reference_impl.domain.transactions import TRIALS
from reference_impl.protocol.messages import (
    CARRIERS,
    Answer,
    Answered,
    Busy,
    Cancelled,
    Filed,
    MessageId,
    OrderPlaced,
    OrderRefunded,
    Outcome,
    Reply,
    Request,
    Settled,
    Unknown,
    VisitOpened,
)
from reference_impl.protocol.records import MessageRecord, View, VisitRecord

__all__ = [
    "BUSY_RETRY_US",
    "NO",
    "Refused",
    "answer_known",
    "believed",
    "busy_with",
    "is_known",
    "refused",
    "turned_away",
    "waits_for",
]

BUSY_RETRY_US = 200_000


_RECEIPTS = {code: receipt for code, (_, receipt) in CARRIERS.items()}
_NUMBER_OF = {
    VisitOpened: attrgetter("visit"),
    Filed: attrgetter("filing"),
    Settled: attrgetter("settlement"),
    Cancelled: attrgetter("settlement"),
    OrderPlaced: attrgetter("order"),
    OrderRefunded: attrgetter("order"),
}
_NUMBERS = {code: _NUMBER_OF[receipt] for code, receipt in _RECEIPTS.items() if receipt in _NUMBER_OF} | dict.fromkeys(
    code for code in TRIALS if _RECEIPTS[code] is Settled
)
"""How the number is read that a receipt is for; a trial settles nothing, and others bear none."""


class Refused(NamedTuple):
    """A refusal that names what it is about."""

    refusal: Refusal
    detail: str


NO = (Refusal, Refused)
"""How a decision says no."""


def believed(outcome: Outcome, code: str) -> Outcome:
    """Return what may be believed of an answer to transaction ``code``: a yes has its receipt, and no error beside it.

    Platforms have said yes with an error text, and yes without what the yes is about. Neither is a verdict, and neither
    is a no: nobody knows whether the other side acted (G3), so the same message is asked again.
    """
    if type(outcome) is not Answered:
        return outcome
    reply = outcome.reply
    if reply.refusal:
        return outcome
    body = reply.body
    if type(body) is not _RECEIPTS[code] or reply.reason:
        return Unknown(0)
    number = _NUMBERS.get(code)
    return outcome if number is None or number(body) else Unknown(0)


def refused(refusal: Refusal | Refused, reference: str, detail: str = "") -> Reply:
    """Return the verdict no, in words a clerk can act on."""
    if isinstance(refusal, Refused):
        refusal, detail = refusal
    reason = REASONS[refusal]
    return Reply(reference, refusal=refusal.value, reason=f"{reason} ({detail})" if detail else reason)


def turned_away(refusal: Refusal) -> Answered:
    """Return the answer to what the node does not hear: never stored, so in the same words however often it is sent."""
    return Answered(refused(refusal, ""))


def busy_with(msgid: MessageId) -> Busy:
    """Return the answer to whoever has to wait for a message in work."""
    return Busy(BUSY_RETRY_US, msgid)


def waits_for(request: Request, view: View) -> MessageId:
    """Return the message that holds the visit which ``request`` is about; its own, where nothing does."""
    visit = view.get(VisitRecord)
    return (visit.held_by if visit is not None else "") or request.msgid


def answer_known(message: MessageRecord | None, request: Request, reference: Callable[[], str]) -> Answer | None:
    """Return the answer the books already hold for ``request``, or None when it is fresh."""
    if message is None or not is_known(message):
        return None
    stored = message.request
    verdict = judge(
        stored=stored,
        content=request,
        replied=message.reply is not None,
        reversed_=message.reversed_by is not None,
    )
    match verdict:
        case Judgement.FRESH:
            return None
        case Judgement.BUSY:
            return busy_with(request.msgid)
        case Judgement.REVERSED:
            return Answered(refused(Refusal.REVERSED, message.reversed_by or reference()))
        case Judgement.CONFLICT:
            assert stored is not None  # a tombstone has no content to differ from
            field = differing_field(stored, request)
            if field == "body":
                field = differing_field(stored.body, request.body)
            return Answered(refused(Refusal.OTHER_CONTENT, reference(), f"field {field!r} differs"))
        case Judgement.REPLAY:
            assert message.reply is not None  # judge saw it
            return Answered(message.reply)
        case _:
            assert_never(verdict)


def is_known(message: MessageRecord | None) -> bool:
    """Return whether a message is in work or has its verdict; a withdrawn one has, once it is reversed."""
    return message is not None and (not message.withdrawn or message.reversed_by is not None)
