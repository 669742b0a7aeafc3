"""Bounds on what a connection may send and on how long it may take, before a request is one.

Uvicorn bounds neither: a head without end fills the memory, and a half-sent request keeps its connection for ever. A
kept connection that is idle between two requests is another matter: neighbours keep theirs for long. This module must
never look into a body, and never close a connection whose request was whole.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference_impl.server.config import HttpBounds

__all__ = ["bounded"]

GRACE_US = 1_000_000
"""One more look after the time is up: what came while this process stood still waits in the socket, unread."""
_US_PER_S = 1_000_000


_TOO_MUCH = "more of a head than may be"
"""Raised through the parser, which gives up; ``send_400_response`` then says what it was."""


class _Bounded(HttpToolsProtocol):
    """One connection, whose bounds are those of its class."""

    bounds: HttpBounds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._head_bytes = 0
        self._due_s: float | None = None
        """When the head or the body has to be whole; None between requests."""
        self._graced = False
        self._timer: asyncio.TimerHandle | None = None
        """Looks at ``_due_s`` now and then: setting one for each request would cost more than the request's parsing."""

    # --- told by asyncio ---

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(self.bounds.head_us)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._due_s = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; a head that goes on and on is refused, also in the middle of a line."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self.bounds.head_bytes and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # --- told by the parser ---

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._in_head = True
        self._wait(self.bounds.head_us)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if there is room for one more."""
        super().on_header(name, value)
        if len(self.headers) > self.bounds.headers:
            raise httptools.HttpParserError(_TOO_MUCH)

    def on_headers_complete(self) -> None:
        """Begin the body, if the head was no longer than it may be."""
        written = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if written > self.bounds.head_bytes:
            raise httptools.HttpParserError(_TOO_MUCH)
        self._in_head = False
        self._head_bytes = 0
        self._wait(self.bounds.body_us)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait no more: the request is whole."""
        self._due_s = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read, or what we stopped it reading."""
        too_much = self._in_head and (
            len(self.headers or ()) > self.bounds.headers or self._head_bytes > self.bounds.head_bytes
        )
        if too_much:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    # --- inside ---

    def _refuse(self, status: HTTPStatus) -> None:
        body = msgspec.json.encode({"error": status.phrase})
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode("ascii") + body)
        self.transport.close()

    def _wait(self, limit_us: int) -> None:
        self._graced = False
        self._due_s = self.loop.time() + limit_us / _US_PER_S
        if self._timer is None:
            self._timer = self.loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        """See whether the time is up; what waits behind another request of the same connection is not late."""
        self._timer = None
        now_s, due_s = self.loop.time(), self._due_s
        if due_s is None or self.transport.is_closing():
            return
        if now_s >= due_s and (self._graced and not self.pipeline):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            return
        if now_s >= due_s:
            self._graced = True
            self._due_s = due_s = now_s + GRACE_US / _US_PER_S
        self._timer = self.loop.call_at(due_s, self._look)


def bounded(bounds: HttpBounds) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol within ``bounds``."""
    return type("BoundedProtocol", (_Bounded,), {"bounds": bounds})
