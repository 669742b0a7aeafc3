"""The raw ASGI application of a host process: messages at ``POST /{node}``, operators' commands under ``/operator/``.

What a caller may do hangs on the socket it comes in by: hospitals reach provinces and their cities, neighbours the
nodes whose neighbours they are, operators the commands. A message that was begun is finished whatever becomes of its
caller. This module must never look into a message, and never take a sender's name from one.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.books.final import BooksError
from reference_impl.domain.nodes import HUB, is_city
from reference_impl.server.config import Entrance, Ports
from reference_impl.server.peers import SENDER_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from reference_impl.server.meter import Meter
    from reference_impl.server.node import BrokenNode, ServedNode
    from reference_impl.server.operator import Operator

    Headers = Sequence[tuple[bytes, bytes]]
    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["App"]

_BODY_BYTES_MAX = 4 * 1024 * 1024
_SENDER = SENDER_HEADER.encode("ascii")
_CLOSE = [(b"connection", b"close")]
"""With what was not read to its end still on its way, the connection serves no further request."""
_JSON = [(b"content-type", b"application/json")]
_OPERATOR = "/operator/"
_HOSPITAL = ""
"""The sender whom its institution code will name."""


class App:
    """Routes requests to the nodes served here."""

    __slots__ = ("_entrances", "_meter", "_nodes", "_operator")

    def __init__(
        self, nodes: Mapping[str, ServedNode | BrokenNode], operator: Operator, meter: Meter | None, *, ports: Ports
    ) -> None:
        """Serve ``nodes`` by name; ``ports`` tell by which entrance a request came."""
        self._nodes = {f"/{name}": node for name, node in nodes.items()}
        self._operator = operator
        self._meter = meter
        self._entrances = {ports.of(entrance): entrance for entrance in Entrance}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"got an ASGI scope of type {scope['type']!r}, expected http")
        path: str = scope["path"]
        entrance = self._entrances[scope["server"][1]]
        try:
            content = await _read_body(receive)
            if content is None:
                return  # the caller left in the middle of it: there is no request, and nobody to answer
            if len(content) > _BODY_BYTES_MAX:
                await _refuse(send, 413, "more than 4 MiB", _CLOSE)
            elif entrance is not Entrance.OPERATORS:
                await self._pass_on(scope, entrance, content, send)
            elif path.startswith(_OPERATOR):
                status, answer = await self._operator.obey(scope["method"], path.removeprefix(_OPERATOR), content)
                await _answer(send, status, _JSON, answer)
            else:
                await _refuse(send, 404, "this is the operators' address; messages are posted to another")
        except asyncio.CancelledError:  # the process stops and can wait no longer; what was begun is an open intent
            await _answer(send, 500, _JSON, b'{"error": "stopping; the outcome is unknown"}')
        except BooksError as error:
            sys.stderr.write(f"{error}\n")
            await _refuse(send, 500, f"{error}; the outcome is unknown")
        except Exception:  # noqa: BLE001 - the caller learns that nothing is known; the others are served on
            traceback.print_exc(file=sys.stderr)
            await _answer(send, 500, _JSON, b'{"error": "our own fault; the outcome is unknown"}')

    async def _pass_on(self, scope: Message, entrance: Entrance, content: bytes, send: Send) -> None:
        node = self._node_at(scope["path"], entrance)
        if node is None:
            await _refuse(send, 404, f"no such node for {entrance} here")
            return
        if scope["method"] != "POST":
            await _refuse(send, 405, "messages are posted")
            return
        senders = [value.decode("latin-1") for name, value in scope["headers"] if name == _SENDER]
        sender = _sender_of(node, entrance, senders)
        if sender is None:
            await _refuse(send, 403, f"{SENDER_HEADER} {', '.join(senders)!r} may not send by the {entrance}' address")
            return
        work = node.respond(content, sender)
        status, headers, body = await (work if self._meter is None else self._meter.run(work))
        await _answer(send, status, [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()], body)

    def _node_at(self, path: str, entrance: Entrance) -> ServedNode | BrokenNode | None:
        """Return the node of a path; hospitals reach provinces alone, and a province by the name of its city too."""
        found = self._nodes.get(path)
        if entrance is Entrance.NEIGHBOURS:
            return found
        if found is None and is_city(path[1:]):
            found = self._nodes.get(path[:3])
        return None if found is None or found.name == HUB else found


def _sender_of(node: ServedNode | BrokenNode, entrance: Entrance, senders: list[str]) -> str | None:
    """Return who sends: a neighbour of the node, or a hospital; None when the caller says it is what it is not."""
    if entrance is Entrance.HOSPITALS:
        return None if senders else _HOSPITAL
    return senders[0] if len(senders) == 1 and senders[0] in node.neighbours else None


async def _refuse(send: Send, status: int, why: str, more: Headers = ()) -> None:
    await _answer(send, status, [*_JSON, *more], msgspec.json.encode({"error": why}))


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or as much as shows that it is too long; None when the caller left before its end."""
    body, more = b"", True
    while more and len(body) <= _BODY_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
