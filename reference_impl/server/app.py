"""The raw ASGI application of a host process: messages at ``POST /{node}``, operators' commands under ``/operator/``.

A message that was begun is finished whatever becomes of its caller. This module must never look into a message.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING, Any

from reference_impl.server.peers import SENDER_HEADER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from reference_impl.server.meter import Meter
    from reference_impl.server.node import ServedNode
    from reference_impl.server.operator import Operator

    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["App"]

_BODY_BYTES_MAX = 4 * 1024 * 1024
_SENDER = SENDER_HEADER.encode("ascii")
_JSON = [(b"content-type", b"application/json")]
_OPERATOR = "/operator/"


class App:
    """Routes requests to the nodes served here."""

    __slots__ = ("_meter", "_nodes", "_operator")

    def __init__(self, nodes: Mapping[str, ServedNode], operator: Operator, meter: Meter | None) -> None:
        """Serve ``nodes`` by name; a city's messages go to its province."""
        self._nodes = {f"/{name}": node for name, node in nodes.items()}
        self._operator = operator
        self._meter = meter

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            raise RuntimeError(f"got an ASGI scope of type {scope['type']!r}, expected http")
        path: str = scope["path"]
        try:
            content = await _read_body(receive)
            if content is None:
                await _answer(send, 413, _JSON, b'{"error": "more than 4 MiB"}')
            elif path.startswith(_OPERATOR):
                status, answer = await self._operator.obey(scope["method"], path.removeprefix(_OPERATOR), content)
                await _answer(send, status, _JSON, answer)
            else:
                await self._pass_on(scope, path, content, send)
        except asyncio.CancelledError:  # the process stops and can wait no longer; what was begun is an open intent
            await _answer(send, 500, _JSON, b'{"error": "stopping; the outcome is unknown"}')
        except Exception:  # noqa: BLE001 - the caller learns that nothing is known; the others are served on
            traceback.print_exc(file=sys.stderr)
            await _answer(send, 500, _JSON, b'{"error": "our own fault; the outcome is unknown"}')

    async def _pass_on(self, scope: Message, path: str, content: bytes, send: Send) -> None:
        node = self._nodes.get(path) or self._nodes.get(path[:3])
        if node is None:
            await _answer(send, 404, _JSON, b'{"error": "no such node here"}')
            return
        if scope["method"] != "POST":
            await _answer(send, 405, _JSON, b'{"error": "messages are posted"}')
            return
        sender = next((value for name, value in scope["headers"] if name == _SENDER), b"").decode("latin-1")
        work = node.respond(content, sender)
        status, headers, body = await (work if self._meter is None else self._meter.run(work))
        await _answer(send, status, [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()], body)


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body, or None when it is too long."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False) and len(body) <= _BODY_BYTES_MAX:
        message = await receive()
        body += message.get("body", b"")
    return body if len(body) <= _BODY_BYTES_MAX else None


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode("ascii"))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
