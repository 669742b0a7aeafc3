"""The neighbours over HTTP: what a call's end means for the protocol (G3: no reply means unknown).

Nobody listening means surely not acted; silence and a broken connection mean unknown. This module must never turn the
one into the other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reference_impl.protocol.messages import Outcome, Unknown, Unreachable
from reference_impl.server.client import Destination, Failure, Secured
from reference_impl.server.traced import traceparent_line
from reference_impl.telemetry.log import say
from reference_impl.trust.authority import name_of
from reference_impl.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from ssl import SSLContext

    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Request
    from reference_impl.protocol.ports import Clock
    from reference_impl.server.client import HttpAnswer
    from reference_impl.trust.holder import Holder
    from reference_impl.trust.signing import Signed
    from reference_impl.wire.codecs import AnyCodec

_PROBE_US = 1_000_000
"""How long a neighbour that is asked whether it is there may take."""
__all__ = ["MSGID_HEADER", "PATIENCE_HEADER", "SENDER_HEADER", "HttpPeers"]

SENDER_HEADER = "x-yidi-sender"
"""The neighbour that sent the request; a hospital, which sends none, is known by its institution code."""
MSGID_HEADER = "x-yidi-msgid"
"""The message id, so that a proxy on the link need not read the body."""
PATIENCE_HEADER = "x-yidi-patience-us"
"""How long the caller waits for the answer, in microseconds: what is not begun by then is begun in vain."""


class HttpPeers:
    """The neighbours of one node, or of a hospital."""

    __slots__ = ("_clock", "_codec", "_destinations", "_holder")

    def __init__(
        self,
        routes: Mapping[str, str],
        codec: AnyCodec,
        clock: Clock,
        *,
        sender: str | None,
        holder: Holder | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        """``routes`` gives each neighbour's ``host:port``; ``sender`` is the node that calls, None a hospital.

        ``codec`` is that of the sender: a node's neighbours, or hospitals'. ``holder`` signs for hospitals,
        ``tls`` is how nodes prove which they are.
        """
        self._holder = holder
        named = "" if sender is None else f"{SENDER_HEADER}: {sender}\r\n"
        self._codec = codec
        self._clock = clock
        self._destinations: dict[str, tuple[Destination, bytes]] = {}
        for node, address in routes.items():
            host, _, port = address.rpartition(":")
            line = f"POST /{node} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n{named}"
            secured = None if tls is None else Secured(tls, name_of(node))
            self._destinations[node] = Destination(host, int(port), secured), line.encode("ascii")

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node`` and return what became of it."""
        known = self._destinations.get(node)
        if known is None:
            return Unreachable()
        destination, line = known
        began_us = self._clock.now_us()
        holder = self._holder
        if holder is not None:
            request = holder.sealed(request)
        content = self._codec.encode_request(request, began_us)
        signed = None if holder is None else holder.sign(("POST", f"/{node}"), request, content, door=node)
        lines = "" if signed is None else signed.lines
        rest = (
            f"{lines}{traceparent_line()}{MSGID_HEADER}: {request.msgid}\r\n{PATIENCE_HEADER}: {timeout_us}\r\n"
            f"content-length: {len(content)}"
        )
        message = b"".join((line, rest.encode("ascii"), b"\r\n\r\n", content))
        heard = await destination.exchange(message, timeout_us)
        if heard is Failure.NOBODY_LISTENS:
            return Unreachable()
        if not isinstance(heard, Failure) and self._is_believed(signed, heard):
            try:
                outcome = self._codec.decode_answer(heard.status, heard.headers, heard.content, request.code)
            except WireError as error:
                told = {"transaction": request.code, "msgid": request.msgid}
                say("answer.unreadable", neighbour=node, why=f"{error.path}: expected {error.expected}", **told)
            else:
                if not isinstance(outcome, Unknown):
                    return outcome
        return Unknown(self._clock.now_us() - began_us)

    async def silent(self, nodes: Collection[str]) -> tuple[str, ...]:
        """Return those of ``nodes`` that give no answer of any kind at this moment; no message is sent."""
        asked = [node for node in sorted(nodes) if node in self._destinations]
        heard = await asyncio.gather(*map(self._answers, asked))
        return tuple(node for node, answers in zip(asked, heard, strict=True) if not answers)

    async def _answers(self, node: str) -> bool:
        destination, line = self._destinations[node]
        question = line.replace(b"POST ", b"GET ", 1) + b"content-length: 0\r\n\r\n"
        return not isinstance(await destination.exchange(question, _PROBE_US), Failure)

    def _is_believed(self, signed: Signed | None, heard: HttpAnswer) -> bool:
        """Return whether an answer is of whom was asked; nodes have a connection of their own for that."""
        if signed is None or self._holder is None:
            return True
        return self._holder.believes(signed, heard.status, heard.headers, heard.content)

    def close(self) -> None:
        """Drop every connection."""
        for destination, _ in self._destinations.values():
            destination.close()
