"""The national hub (国家异地就医结算系统): routes by insured region, writes down what passed, decides no benefit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.answers import is_known, turned_away
from reference_impl.protocol.door import Doors
from reference_impl.protocol.forwarder import Forwarder
from reference_impl.protocol.messages import Answer, Outcome, Request
from reference_impl.protocol.numbers import NO_NUMBERS, Numbers
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import Key
from reference_impl.protocol.references import province_refusal
from reference_impl.protocol.relay import RelayPolicy
from reference_impl.protocol.restraint import Restraint
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, LeftOpen, Parked, SweepRules

__all__ = ["Hub"]


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
        policy = RelayPolicy(HUB, {province: province for province in provinces}, provinces, numbers)
        self._forwarder = Forwarder(ports, policy, self._send, reference, sweep)

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

    def _send(self, node: NodeId, request: Request) -> Awaitable[Outcome]:
        return self._ports.peers.call(node, request, self._timeout_us)
