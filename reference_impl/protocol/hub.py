"""The national hub (国家异地就医结算系统): routes by insured region, writes down what passed, decides no benefit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import is_known, turned_away
from reference_impl.protocol.door import Doors
from reference_impl.protocol.forwarder import Forwarder
from reference_impl.protocol.messages import Answer, Closed, Outcome, Overloaded, Request
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key
from reference_impl.protocol.references import province_refusal
from reference_impl.protocol.relay import RelayPolicy
from reference_impl.protocol.restraint import Restraint
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, LeftOpen, Parked, SweepRules
from reference_impl.protocol.threshold import Threshold

__all__ = ["Hub"]


class Hub:
    """Carries messages from care provinces to insured provinces."""

    __slots__ = ("_forwarder", "_ports", "_threshold", "_timeout_us", "doors", "node", "numbers")

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
        self._threshold = Threshold()
        self._ports = ports
        self._timeout_us = timeout_us
        policy = RelayPolicy(HUB, {province: province for province in provinces}, provinces, numbers)
        self._forwarder = Forwarder(ports, policy, self._send, reference, sweep)

    async def handle(self, request: Request) -> Answer:
        """Serve one message from a care province."""
        stranger = province_refusal(request, self.numbers)
        if stranger is not None:
            return turned_away(stranger)
        if not self.doors.all_open:
            key = Key(request.sender, request.msgid)
            refusal = await self._threshold.crossed(key, self._judged(key, request), self._forwarder.in_work)
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

    async def _judged(self, key: Key, request: Request) -> Closed | Overloaded | None:
        known = is_known((await self._ports.books.look(key)).message)
        return self.doors.refusal(request, Side.CARE, self._ports.clock.now_us(), known=known)

    def _send(self, node: NodeId, request: Request) -> Awaitable[Outcome]:
        return self._ports.peers.call(node, request, self._timeout_us)
