"""From the bytes of a connection to whole requests, straight on httptools, within bounds.

A head without end would fill the memory and a half-sent request keep its connection for ever, so what a caller may send
and how long they may take for it is bounded here: heads, headers, bodies, what stands round a body, and all bodies of a
process together. This module must never look into a body, and knows no connection: it says what to refuse, and how long
to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from reference_impl.server.http_message import HttpReply, HttpRequest, refusal

if TYPE_CHECKING:
    from reference_impl.server.config import HttpBounds

__all__ = ["Deadline", "RequestReader", "Unfinished"]

BODY_BYTES_MAX = 4 * 1024 * 1024
FRAMING_BYTES_MAX = 1024 * 1024
"""What may come round a body: sizes and extensions of its chunks, and trailers, which the parser keeps to their end."""
UNFINISHED_BYTES_MAX = 64 * 1024 * 1024
"""What all bodies of a process that are not whole yet may hold together."""
_US_PER_S = 1_000_000
_CONNECT = b"CONNECT"
_PLAIN_PATH = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.")


class Unfinished:
    """The bytes of all bodies of a process that are not whole yet: many slow callers may not fill the memory."""

    __slots__ = ("held_bytes",)

    def __init__(self) -> None:
        """Start with none."""
        self.held_bytes = 0


class Deadline:
    """When the head or the body that is awaited has to be whole; ``due_s`` is None between requests."""

    __slots__ = ("_now_s", "due_s", "graced")

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Count by the clock ``now_s``, in seconds; nothing is awaited yet."""
        self._now_s = now_s
        self.due_s: float | None = None
        self.graced = False
        """Whether the one more look has been given that a process needs which itself stood still."""

    def begin(self, limit_us: int) -> None:
        """Await something for as long from now."""
        self.graced = False
        self.due_s = self._now_s() + limit_us / _US_PER_S

    def grace(self, more_us: int) -> None:
        """Give so much more, once."""
        self.graced = True
        self.due_s = self._now_s() + more_us / _US_PER_S

    def end(self) -> None:
        """Await nothing."""
        self.due_s = None


class RequestReader:
    """The requests of one connection; ``take`` is handed each."""

    __slots__ = (
        "_awaited_us",
        "_body",
        "_body_bytes",
        "_bounds",
        "_encourage",
        "_expects",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_over",
        "_parser",
        "_port",
        "_proved",
        "_read_bytes",
        "_refused",
        "_take",
        "_unfinished",
        "_url",
        "deadline",
    )

    def __init__(
        self,
        port: int,
        bounds: HttpBounds,
        unfinished: Unfinished,
        deadline: Deadline,
        *,
        take: Callable[[HttpRequest], None],
        encourage: Callable[[], None],
        proved: frozenset[str] = frozenset(),
    ) -> None:
        """Read what comes in by ``port``; ``encourage`` tells a caller who asks first to go on with the body.

        ``proved`` is who the connection proves its other end to be.
        """
        self._proved = proved
        self._port = port
        self._bounds = bounds
        self._unfinished = unfinished
        self._take = take
        self._encourage = encourage
        self.deadline = deadline
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False
        """Whether the caller waits for leave to send the body."""
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._read_bytes = 0
        """What came since the head was whole, the body's own bytes included."""
        self._in_head = True
        self._head_bytes = 0
        self._refused: HttpReply | None = None
        """What the parser was stopped for by us."""
        self._over = False
        """Whether what follows is no HTTP any more."""
        self._awaited_us = 0
        """How long may take what this read has begun and not seen whole."""
        deadline.begin(bounds.head_us)

    def read(self, data: bytes) -> HttpReply | None:
        """Parse what came; return what the connection is to end with, or None while all is well."""
        if self._over:
            return None
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._read_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            return self._refused or self._too_much() or refusal(HTTPStatus.BAD_REQUEST, close=True)
        if self._awaited_us:
            self.deadline.begin(self._awaited_us)
            self._awaited_us = 0
        return self._too_much()

    def drop_body(self) -> None:
        """Hold no more of the body that comes in: it is whole, or will not be."""
        self._unfinished.held_bytes -= self._body_bytes
        self._body, self._body_bytes = [], 0

    # --- told by the parser ---

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._url, self._headers, self._expects = b"", [], False
        self._in_head = True
        self._awaited_us = self._bounds.head_us

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if there is room for one more."""
        name = name.lower()
        self._headers.append((name, value))
        self._expects = self._expects or (name == b"expect" and value.lower() == b"100-continue")
        if len(self._headers) > self._bounds.headers:
            self._stop_parsing(refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, close=True))

    def on_headers_complete(self) -> None:
        """Begin the body, if the head was no longer than it may be."""
        if self._head_bytes > self._bounds.head_bytes:  # it may be the body that is long
            written = len(self._url) + sum(len(name) + len(value) for name, value in self._headers)
            if written > self._bounds.head_bytes:
                self._stop_parsing(refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, close=True))
        self._in_head = False
        self._head_bytes = self._read_bytes = 0
        self._awaited_us = self._bounds.body_us
        if self._expects:
            self._encourage()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, if there is room for it."""
        self._body.append(body)
        self._body_bytes += len(body)
        self._unfinished.held_bytes += len(body)
        if self._body_bytes > BODY_BYTES_MAX:
            self._stop_parsing(refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "more than 4 MiB", close=True))
        if self._unfinished.held_bytes > UNFINISHED_BYTES_MAX:
            why = "too many requests are under way and not whole; nothing was done"
            self._stop_parsing(refusal(HTTPStatus.SERVICE_UNAVAILABLE, why, close=True))

    def on_message_complete(self) -> None:
        """Hand on a whole request."""
        self._over = self._parser.get_method() == _CONNECT
        if self._parser.should_upgrade() and not self._over:
            return  # it is not complete: the parser takes its body for another protocol
        self.deadline.end()
        self._awaited_us = 0
        self._in_head = True
        path = _path_of(self._url)
        if path is None:
            self._stop_parsing(refusal(HTTPStatus.BAD_REQUEST, "the path cannot be read", close=True))
            return
        parser = self._parser
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self.drop_body()
        kept = parser.should_keep_alive() and not self._over
        method = parser.get_method().decode("ascii")
        self._take(HttpRequest(self._port, method, path, self._headers, body, kept, self._proved))

    def _parse(self, data: bytes) -> None:
        """Feed the parser; who offers another protocol is heard in this one, and the connection ends after it."""
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                if self._over:
                    return
                data = self._head_without_offer() + data[offered.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            else:
                return

    def _head_without_offer(self) -> bytes:
        """Return the head that was just read, without its upgrade header and as the last of its connection."""
        parser = self._parser
        head = b"%b %b HTTP/%b\r\n" % (parser.get_method(), self._url, parser.get_http_version().encode("ascii"))
        kept = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
        return b"".join((head, *kept, b"connection: close\r\n\r\n"))

    def _stop_parsing(self, reply: HttpReply) -> None:
        """Make the parser give up."""
        self._refused = reply
        raise httptools.HttpParserError(reply.status)

    def _too_much(self) -> HttpReply | None:
        """Return what to say when more came than may, of a head or round a body."""
        if self._in_head and self._head_bytes > self._bounds.head_bytes:
            return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, close=True)
        if not self._in_head and self._read_bytes - self._body_bytes > FRAMING_BYTES_MAX:
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "more round the body than in it", close=True)
        return None


def _path_of(url: bytes) -> str | None:
    r"""Return the path of a request's target, its escapes resolved; None when it is none.

    >>> _path_of(b"/33"), _path_of(b"/%33%33?x=1"), _path_of(b"http://a/33"), _path_of(b"/\\xe4")
    ('/33', '/33', '/33', None)
    """
    if _PLAIN_PATH.issuperset(url):
        return url.decode("ascii")
    try:
        return unquote(httptools.parse_url(url).path.decode("ascii"))
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, AttributeError):
        return None
