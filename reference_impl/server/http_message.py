"""HTTP messages as an application sees them: a whole request, a whole reply, and how a reply goes over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import msgspec

__all__ = ["HttpReply", "HttpRequest", "refusal", "written"]

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_JSON = {"content-type": "application/json"}


class HttpRequest(NamedTuple):
    """A whole request: header names are in lower case, ``port`` is the one it came in by.

    After one that is not ``kept`` its connection ends. ``proved`` are the nodes that its connection proves.
    """

    port: int
    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    kept: bool = True
    proved: frozenset[str] = frozenset()


class HttpReply(NamedTuple):
    """A whole reply; ``close`` ends the connection after it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    close: bool = False


def refusal(status: HTTPStatus, why: str = "", *, close: bool = False) -> HttpReply:
    """Return a reply that says in JSON what is wrong."""
    return HttpReply(status, _JSON, msgspec.json.encode({"error": why or status.phrase}), close)


def written(reply: HttpReply, *, last: bool, bodiless: bool = False) -> bytes:
    """Return a reply as it goes over the wire."""
    head = _STATUS_LINES[reply.status]
    for name, value in reply.headers.items():
        head += f"{name}: {value}\r\n"
    if last:
        head += "connection: close\r\n"
    head += f"content-length: {len(reply.body)}\r\n\r\n"
    written = head.encode("latin-1")
    return written if bodiless else written + reply.body
