"""The application of a host process: messages at ``POST /{node}``, operators' commands under ``/operator/``.

What a caller may do hangs on the socket it comes in by: hospitals reach provinces and their cities, neighbours the
nodes whose neighbours they are, operators the commands. A message that was begun is finished whatever becomes of its
caller. This module must never look into a message, and never take a sender's name from one.
"""

from __future__ import annotations

import asyncio
from hmac import compare_digest
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from reference_impl.books.final import BooksError
from reference_impl.domain.nodes import HUB, is_city
from reference_impl.domain.telling import told
from reference_impl.domain.unheard import Unheard
from reference_impl.server.caller import Caller
from reference_impl.server.config import Entrance, Ports
from reference_impl.server.gate import not_heard
from reference_impl.server.http_message import HttpReply, HttpRequest, refusal
from reference_impl.server.peers import PATIENCE_HEADER, SENDER_HEADER
from reference_impl.server.traced import heard_in
from reference_impl.telemetry.log import said_of, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference_impl.domain.nodes import NodeId
    from reference_impl.server.gate import HospitalGate
    from reference_impl.server.meter import Meter
    from reference_impl.server.node import BrokenNode, ServedNode
    from reference_impl.server.operator import Operator

__all__ = ["NO_PROOFS", "App", "Proofs"]

_SENDER = SENDER_HEADER.encode("ascii")
_PATIENCE = PATIENCE_HEADER.encode("ascii")
_PATIENCE_DIGITS = 15
_UNREADABLE = -1
_OPERATOR = "/operator/"
_HOSPITAL = ""
"""The sender whom its institution code will name."""


class Proofs(NamedTuple):
    """What a process asks of neighbours and operators: a certificate of their own, a token."""

    certificates: bool
    token: bytes

    def has_token(self, request: HttpRequest) -> bool:
        """Return whether an operator's request shows the token, where there is one."""
        if not self.token:
            return True
        shown = [value for name, value in request.headers if name == b"authorization"]
        return len(shown) == 1 and compare_digest(shown[0], b"Bearer " + self.token)

    def is_proved(self, request: HttpRequest, sender: str | None) -> bool:
        """Return whether a neighbour is who it says; who says nothing sensible is refused for that."""
        return not self.certificates or sender is None or sender in request.proved


NO_PROOFS = Proofs(certificates=False, token=b"")
"""A system in which everybody is honest."""


class App:
    """Routes requests to the nodes served here."""

    __slots__ = ("_entrances", "_gate", "_meter", "_nodes", "_operator", "_proofs", "_traces")

    def __init__(
        self,
        nodes: Mapping[str, ServedNode | BrokenNode],
        operator: Operator,
        meter: Meter | None,
        *,
        ports: Ports,
        gate: HospitalGate | None = None,
        proofs: Proofs = NO_PROOFS,
        traces: bool = False,
    ) -> None:
        """Serve ``nodes`` by name; ``ports`` tell by which entrance a request came, ``gate`` which hospital sends.

        ``proofs`` is what neighbours and operators have to prove. With ``traces`` nodes hear which span calls them.
        """
        self._traces = traces
        self._gate = gate
        self._proofs = proofs
        self._nodes = {f"/{name}": node for name, node in nodes.items()}
        self._operator = operator
        self._meter = meter
        self._entrances = {ports.of(entrance): entrance for entrance in Entrance}

    async def __call__(self, request: HttpRequest) -> HttpReply:
        """Return the answer to one HTTP request."""
        entrance = self._entrances[request.port]
        try:
            if entrance is not Entrance.OPERATORS:
                return await self._pass_on(request, entrance)
            if not request.path.startswith(_OPERATOR):
                return refusal(HTTPStatus.NOT_FOUND, "this is the operators' address; messages are posted to another")
            if not self._proofs.has_token(request):
                return refusal(HTTPStatus.UNAUTHORIZED, "an operator shows the token of this system")
            command = request.path.removeprefix(_OPERATOR)
            return await self._operator.obey(request.method, command, request.body)
        except asyncio.CancelledError:  # the process stops and can wait no longer; what was begun is an open intent
            return _unknown("stopping")
        except BooksError as error:
            say("books.failed", why=told(error))
            return _unknown(str(error))
        except Exception as error:  # noqa: BLE001 - the caller learns that nothing is known; the others are served on
            say("message.failed", **said_of(error))
            return _unknown("our own fault")

    async def _pass_on(self, request: HttpRequest, entrance: Entrance) -> HttpReply:
        node = self._node_at(request.path, entrance)
        if node is None:
            return refusal(HTTPStatus.NOT_FOUND, f"no such node for {entrance} here")
        if request.method != "POST":
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "messages are posted")
        senders = [value.decode("latin-1") for name, value in request.headers if name == _SENDER]
        sender = _sender_of(node, entrance, senders)
        if entrance is Entrance.NEIGHBOURS and not self._proofs.is_proved(request, sender):
            return refusal(HTTPStatus.FORBIDDEN, "the certificate of this connection is not that of its sender")
        if sender is None:
            named = f"{SENDER_HEADER} {', '.join(senders)!r}"
            return refusal(HTTPStatus.FORBIDDEN, f"{named} may not send by the {entrance}' address")
        if self._gate is None or entrance is not Entrance.HOSPITALS:
            return await self._answer(node, request, sender)
        heard = self._gate.hear(node.name, request)
        if isinstance(heard, Unheard):
            node.turned_off(heard)
            return not_heard(heard)
        return self._gate.signed(heard, await self._answer(node, request, sender, speaker=heard.institution))

    async def _answer(
        self, node: ServedNode | BrokenNode, request: HttpRequest, sender: str, *, speaker: NodeId | None = None
    ) -> HttpReply:
        patience_us = _patience_in(request.headers)
        if patience_us == _UNREADABLE:
            return refusal(HTTPStatus.BAD_REQUEST, f"{PATIENCE_HEADER} is no number of microseconds; leave it out")
        span = heard_in(request.headers) if self._traces else None
        work = node.respond(request.body, Caller(sender, speaker, patience_us, span))
        return HttpReply(*await (work if self._meter is None else self._meter.run(work)))

    def _node_at(self, path: str, entrance: Entrance) -> ServedNode | BrokenNode | None:
        """Return the node of a path; hospitals reach no hub; the name of a city that is no node is its province's."""
        found = self._nodes.get(path)
        if entrance is Entrance.NEIGHBOURS:
            return found
        if found is None and is_city(path[1:]):
            found = self._nodes.get(path[:3])
        return None if found is None or found.name == HUB else found


def _patience_in(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return how long a caller says to wait (us); None where none is said, below 0 where it cannot be read."""
    for name, value in headers:
        if name == _PATIENCE:
            return int(value) if value.isdigit() and len(value) <= _PATIENCE_DIGITS else _UNREADABLE
    return None


def _sender_of(node: ServedNode | BrokenNode, entrance: Entrance, senders: list[str]) -> str | None:
    """Return who sends: a neighbour of the node, or a hospital; None when the caller says it is what it is not."""
    if entrance is Entrance.HOSPITALS:
        return None if senders else _HOSPITAL
    return senders[0] if len(senders) == 1 and senders[0] in node.neighbours else None


def _unknown(why: str) -> HttpReply:
    """Return the answer after which the caller knows nothing of what became of the message."""
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, f"{why}; the outcome is unknown")
