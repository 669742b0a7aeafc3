"""The hub's end of the way to an insured province: says one message as the hub says it, and hears the verdict.

What nodes tell each other is written as ``reference_impl.wire.neighbour`` writes it: ASSUMED, the real form is not
published. This module must never judge what it hears.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.certify.desk import Bend, Heard, Line, asked, at_once
from lab.worlds.handshake import HttpAnswer, carried
from loadtest.secured import secured_for
from loadtest.written import METHOD, SYNTHETIC_HEADER
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.protocol.messages import MessageId, Request, RequestBody
from reference_impl.server.peers import MSGID_HEADER, PATIENCE_HEADER, SENDER_HEADER
from reference_impl.wire.errors import WireError
from reference_impl.wire.neighbour import NeighbourCodec

if TYPE_CHECKING:
    from lab.certify.roll import Listed
    from loadtest.inputs import SystemFile
    from reference_impl.protocol.messages import SessionNo
    from reference_impl.wire.clock import BusinessClock

__all__ = ["HubDesk", "Onward", "onward_to"]

_US_PER_S = 1_000_000
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Onward:
    """The way to insured provinces: ``exchange`` sends the rest of a head, and a body, to a node."""

    codec: NeighbourCodec
    exchange: Callable[[str, str, bytes], HttpAnswer]


def onward_to(system: SystemFile, clock: BusinessClock) -> Onward:
    """Return the way to ``system``, whose nodes are where the hub sends."""
    context, names = secured_for(system)

    def exchange(node: str, lines: str, body: bytes) -> HttpAnswer:
        address = system.address(node)
        head = (
            f"{METHOD} {address.path} HTTP/1.1\r\nhost: {address.host}:{address.port}\r\n"
            f"content-type: application/json\r\n{SYNTHETIC_HEADER}: 1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        )
        return carried(address, head.encode("ascii") + body, context, names.get(node, ""))

    return Onward(NeighbourCodec(clock), exchange)


@dataclass(frozen=True, slots=True)
class HubDesk:
    """Where the hub speaks for one institution to the insurer of its test person, which ``door`` is."""

    line: Line
    listed: Listed
    door: NodeId
    onward: Onward

    def say(
        self,
        code: str,
        body: RequestBody,
        *,
        msgid: MessageId | None = None,
        session: SessionNo | None = None,
        bend: Bend | None = None,
        waits: bool = True,
        sender: str = HUB,
        insured_region: str = "",
    ) -> Heard:
        """Say one message and return its verdict; unless it ``waits`` whatever was said first.

        Raises:
            NobodyAnswered: when none came in time.

        """
        del session  # a desk's, which never leaves its province
        request = self._request(code, body, msgid, insured_region)
        content = self._written(request, bend)
        return asked(
            lambda: content,
            lambda data: self._exchanged(request, data, sender),
            self.line.patience_s,
            waits=waits,
            what=code,
        )

    def say_at_once(self, code: str, body: RequestBody, msgid: MessageId) -> tuple[Heard | None, ...]:
        """Say one message by two connections at the same instant; None where one got no answer."""
        request = self._request(code, body, msgid, "")
        content = self._written(request, None)
        return at_once([lambda: self._exchanged(request, content, HUB)] * _AT_ONCE)

    def _request(self, code: str, body: RequestBody, msgid: MessageId | None, insured_region: str) -> Request:
        one, holder = self.listed, self.line.holder
        region = insured_region or one.insured_region
        msgid = msgid or self.line.next_id(one.institution)
        request = Request(code, msgid, HUB, one.institution, one.region, region, body)
        return request if holder is None else holder.sealed(request)

    def _written(self, request: Request, bend: Bend | None) -> bytes:
        content = self.onward.codec.encode_request(request, 0)
        return content if bend is None else bend(content)

    def _exchanged(self, request: Request, content: bytes, sender: str) -> Heard:
        codec, msgid = self.onward.codec, request.msgid
        lines = (
            f"{SENDER_HEADER}: {sender}\r\n{MSGID_HEADER}: {msgid}\r\n"
            f"{PATIENCE_HEADER}: {int(self.line.patience_s * _US_PER_S)}\r\n"
        )
        answer = self.onward.exchange(self.door, lines, content)
        try:
            outcome = codec.decode_answer(answer.status, answer.headers, answer.content, request.code)
        except WireError as error:
            return Heard(msgid, None, wrong=f"no reply between nodes (HTTP {answer.status}): {error}")
        return Heard(msgid, outcome)
