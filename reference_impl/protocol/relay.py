"""What a relay decides about a message that it passes on: where to, in whose name, and what it keeps: hub and city.

A relay writes down what passed, keeps a copy of the money on the way, and decides no benefit. Everything here is pure;
``forwarder`` runs it. It must never change what a message says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId, is_city
from reference_impl.domain.regions import city_of, province_of
from reference_impl.protocol.answers import believed, busy_with
from reference_impl.protocol.copies import copies_after, copy_refs, settled_visit_of
from reference_impl.protocol.forwarder import UNREACHABLE_RETRY_US, Prepared
from reference_impl.protocol.messages import (
    Answer,
    Busy,
    Outcome,
    Overloaded,
    Reply,
    Request,
    Reverse,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.named import Named
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.records import Key, MessageRecord, Record, Ref, View
from reference_impl.protocol.references import original_refusal

__all__ = ["RelayPolicy", "as_carried", "brought_refusal", "said_on"]


class RelayPolicy:
    """Decides for a relay; a ``forwarder.ForwardingPolicy``."""

    __slots__ = ("_named", "_neighbours", "_node", "_numbers", "_ways")

    def __init__(
        self,
        node: NodeId,
        ways: Mapping[str, NodeId],
        neighbours: Collection[NodeId],
        numbers: Numbers,
        named: Named | None = None,
    ) -> None:
        """Pass on by ``ways``: the next node by the province of the insured.

        What ``neighbours`` sent goes on in the name of ``node``; what an institution sent, in its own. ``named`` says
        what the institutions' province calls its business in its books; None where that is what all call it.
        """
        self._node = node
        self._ways = ways
        self._neighbours = neighbours
        self._numbers = numbers
        self._named = named

    def wants(self, request: Request, original: MessageRecord | None) -> tuple[Ref, ...]:
        """Return the copy that a cancel or a reversal may take back."""
        visit = settled_visit_of(request, original)
        return copy_refs(request, visit if self._named is None or not visit else self._named.visit(visit))

    def held(self, request: Request, view: View) -> bool:
        """Return that nothing is: whoever keeps visits decides which message waits."""
        del request, view
        return False

    def released(self, request: Request, view: View) -> tuple[Record, ...]:
        """Return that nothing was held."""
        del request, view
        return ()

    def prepare(
        self, request: Request, view: View, original: MessageRecord | None, opened_us: int
    ) -> Prepared | Refusal:
        """Return the message as it goes on, word for word, or why it does not."""
        del view, opened_us
        next_node = self._ways.get(province_of(request.insured_region))
        if next_node is None:
            return Refusal.NO_SUCH_INSURER
        if isinstance(request.body, Reverse):
            refusal = original_refusal(request, request.body, original, self._numbers)
            if refusal is not None:
                return refusal
        downstream = Request(
            request.code,
            request.msgid,
            self._node if request.sender in self._neighbours else request.sender,
            request.institution,
            request.care_region,
            request.insured_region,
            request.body,
            request.seal,
        )
        return Prepared(downstream, next_node, tombstone=_tombstone(request, original))

    def finish(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        """Return the reply as it came, and what is kept of the money in it."""
        del original
        if self._named is None:
            return reply, copies_after(request, reply, view)
        return reply, copies_after(self._named.meant(request), self._named.meant_by(reply), view)


def as_carried(request: Request) -> Request:
    """Return a message that a city brought its province: of its own institutions, in the institution's name.

    The institution's key is the message's all through its side, whichever way it came: a copy of it that came past
    the relay has no second effect (G1).
    """
    carrier = request.sender
    if not is_city(carrier) or city_of(request.care_region) != carrier:
        return request
    return msgspec.structs.replace(request, sender=request.institution)


def brought_refusal(request: Request) -> Refusal | None:
    """Return why a city may not bring its province a message for the people it insures: not its own."""
    if city_of(request.insured_region) != request.sender:
        return Refusal.OTHER_INSURER
    return Refusal.OTHER_CARE_REGION if province_of(request.care_region) == province_of(request.sender) else None


def said_on(outcome: Outcome, request: Request) -> Answer:
    """Return what a node says that asked another on its caller's behalf and kept nothing of it."""
    heard = believed(outcome, request.code)
    match heard:
        case Unknown() | Busy():
            return busy_with(request.msgid)
        case Unreachable():
            return Overloaded(UNREACHABLE_RETRY_US)
        case _:
            return heard


def _tombstone(request: Request, original: MessageRecord | None) -> MessageRecord | None:
    """Return the mark that stops an original which a 2601 has overtaken on its way to the relay."""
    body = request.body
    if not isinstance(body, Reverse):
        return None
    return MessageRecord(
        Key(request.sender, body.original),
        body.original_code,
        opened_us=original.opened_us if original else 0,
        request=original.request if original else None,
        reversed_by=request.msgid,
    )
