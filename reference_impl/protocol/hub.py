"""The national hub (国家异地就医结算系统): routes by insured region, writes down what passed, decides no benefit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.regions import province_of
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import is_known, turned_away
from reference_impl.protocol.copies import copies_after, copy_refs, settled_visit_of
from reference_impl.protocol.door import Doors
from reference_impl.protocol.forwarder import Forwarder, Prepared
from reference_impl.protocol.messages import Answer, Outcome, Reply, Request, Reverse
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key, MessageRecord, Record, Ref, View
from reference_impl.protocol.references import original_refusal, province_refusal
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, Parked, SweepRules

__all__ = ["Hub"]


class _HubPolicy:
    """Decides for the hub; a ``forwarder.ForwardingPolicy``."""

    __slots__ = ("_numbers", "_provinces")

    def __init__(self, provinces: frozenset[NodeId], numbers: Numbers) -> None:
        self._provinces = provinces
        self._numbers = numbers

    def wants(self, request: Request, original: MessageRecord | None) -> tuple[Ref, ...]:
        return copy_refs(request, settled_visit_of(request, original))

    def held(self, request: Request, view: View) -> bool:
        del request, view
        return False

    def released(self, request: Request, view: View) -> tuple[Record, ...]:
        del request, view
        return ()

    def prepare(
        self, request: Request, view: View, original: MessageRecord | None, opened_us: int
    ) -> Prepared | Refusal:
        del view, opened_us
        insurer = NodeId(province_of(request.insured_region))
        if insurer not in self._provinces:
            return Refusal.NO_SUCH_INSURER
        if isinstance(request.body, Reverse):
            refusal = original_refusal(request, request.body, original, self._numbers)
            if refusal is not None:
                return refusal
        downstream = Request(
            request.code,
            request.msgid,
            HUB,
            request.institution,
            request.care_region,
            request.insured_region,
            request.body,
        )
        return Prepared(downstream, insurer, tombstone=_tombstone(request, original))

    def finish(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        del original
        return reply, copies_after(request, reply, view)


def _tombstone(request: Request, original: MessageRecord | None) -> MessageRecord | None:
    """Return the mark that stops an original which a 2601 has overtaken on its way to the hub."""
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


class Hub:
    """Carries messages from care provinces to insured provinces."""

    __slots__ = ("_forwarder", "_ports", "_timeout_us", "doors", "node", "numbers")

    def __init__(
        self,
        ports: NodePorts,
        provinces: frozenset[NodeId],
        *,
        timeout_us: int,
        reference: Callable[[], str],
        sweep: SweepRules = DEFAULT_SWEEP,
        numbers: Numbers = NO_NUMBERS,
    ) -> None:
        """``timeout_us`` is how long the hub waits for an insured province."""
        self.node = HUB
        self.numbers = numbers
        self.doors = Doors(numbers)
        self._ports = ports
        self._timeout_us = timeout_us
        self._forwarder = Forwarder(ports, _HubPolicy(provinces, numbers), self._send, reference, sweep)

    async def handle(self, request: Request) -> Answer:
        """Serve one message from a care province."""
        stranger = province_refusal(request, self.numbers)
        if stranger is not None:
            return turned_away(stranger)
        if not self.doors.all_open:
            known = is_known((await self._ports.books.look(Key(request.sender, request.msgid))).message)
            refusal = self.doors.refusal(request, Side.CARE, self._ports.clock.now_us(), known=known)
            if refusal is not None:
                return refusal
        return await self._forwarder.forward(request)

    async def recover(self) -> None:
        """Drive the intents that a crash left open to their end, beside the fresh work."""
        await self._forwarder.recover()

    def parked(self) -> tuple[Parked, ...]:
        """Return the messages that cannot be driven, for an operator to read."""
        return self._forwarder.parked()

    def open_intents(self) -> int:
        """Return how many intents stand in line to be driven again."""
        return self._forwarder.sweeper.open

    def _send(self, node: NodeId, request: Request) -> Awaitable[Outcome]:
        return self._ports.peers.call(node, request, self._timeout_us)
