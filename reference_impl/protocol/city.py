"""A city (统筹区) with a relay of its own: between its institutions and its province, and between that and the insured.

It writes down what passed, as any forwarder, and asks its province on either side: the province keeps the visits of
the place of care and the books of the insured. It must never decide a benefit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import Institution
from reference_impl.domain.nodes import NodeId, care_node
from reference_impl.domain.regions import PROVINCES, city_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import is_known, turned_away
from reference_impl.protocol.door import Doors
from reference_impl.protocol.forwarder import Forwarder
from reference_impl.protocol.messages import Answer, Closed, Outcome, Overloaded, Request, SessionNo
from reference_impl.protocol.named import Named
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key
from reference_impl.protocol.references import sender_refusal
from reference_impl.protocol.relay import RelayPolicy
from reference_impl.protocol.restraint import Restraint
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, LeftOpen, Parked, SweepRules
from reference_impl.protocol.threshold import Threshold

__all__ = ["City"]


class City:
    """Carries messages between a city and its province."""

    __slots__ = (
        "_forwarder",
        "_institutions",
        "_ports",
        "_province",
        "_threshold",
        "_timeout_us",
        "doors",
        "node",
        "numbers",
    )

    def __init__(
        self,
        ports: NodePorts,
        node: NodeId,
        institutions: Mapping[NodeId, Institution],
        *,
        timeout_us: int,
        reference: Callable[[], str],
        sweep: SweepRules = DEFAULT_SWEEP,
        numbers: Numbers = NO_NUMBERS,
    ) -> None:
        """``institutions`` are those of the city; ``timeout_us`` is how long it waits for its province."""
        self.node = node
        self.numbers = numbers
        self.doors = Doors(numbers)
        self._threshold = Threshold()
        self._ports = ports
        self._institutions = institutions
        self._province = care_node(node)
        self._timeout_us = timeout_us
        ways = dict.fromkeys(PROVINCES, self._province)
        policy = RelayPolicy(node, ways, (self._province,), numbers, Named.by(numbers))
        self._forwarder = Forwarder(ports, policy, self._send, reference, sweep)

    async def handle(self, request: Request) -> Answer:
        """Serve one message of an institution of the city, or of its province for a person insured here."""
        insured = request.sender == self._province
        if request.session:  # it is the province that desks sign in at
            request = msgspec.structs.replace(request, session=SessionNo(""))
        if not insured:
            request = self._from_institution(request)
        stranger = self._not_ours(request) if insured else sender_refusal(request, self._institutions, self.numbers)
        if stranger is not None:
            return turned_away(stranger)
        if not self.doors.all_open:
            key, side = Key(request.sender, request.msgid), Side.INSURED if insured else Side.CARE
            refusal = await self._threshold.crossed(key, self._judged(key, request, side), self._forwarder.in_work)
            if refusal is not None:
                return refusal
        answer, threshold = await self._forwarder.forward(request), self._threshold
        return threshold.beside(answer, Key(request.sender, request.msgid)) if threshold.standing else answer

    @property
    def restraint(self) -> Restraint | None:
        """What holds its calls to other nodes back; None where nothing does."""
        return self._ports.restraint

    async def recover(self) -> None:
        """Drive the intents that a crash left open to their end, beside the fresh work."""
        await self._forwarder.recover()

    def parked(self) -> tuple[Parked, ...]:
        """Return the messages that cannot be driven, for an operator to read."""
        return self._forwarder.parked()

    def open_intents(self) -> int:
        """Return how many intents stand in line to be driven again."""
        return self._forwarder.sweeper.open

    def left_open(self) -> LeftOpen:
        """Return what they are."""
        return self._forwarder.sweeper.left_open()

    def _from_institution(self, request: Request) -> Request:
        """Return a message with its sender as the register knows it: one institution has one memory of its keys."""
        sender = NodeId(self.numbers.original(Numbered.INSTITUTION, request.sender))
        return request if sender == request.sender else msgspec.structs.replace(request, sender=sender)

    def _not_ours(self, request: Request) -> Refusal | None:
        return None if city_of(request.insured_region) == self.node else Refusal.OTHER_INSURER

    async def _judged(self, key: Key, request: Request, side: Side) -> Closed | Overloaded | None:
        known = is_known((await self._ports.books.look(key)).message)
        return self.doors.refusal(request, side, self._ports.clock.now_us(), known=known)

    def _send(self, node: NodeId, request: Request) -> Awaitable[Outcome]:
        return self._ports.peers.call(node, request, self._timeout_us)
