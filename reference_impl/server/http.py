"""HTTP/1.1 for the listening side of a host process, straight on httptools: one connection, one request after another.

Uvicorn keeps the sockets, the signals and the life cycle; this is its protocol class. Against its own it costs a fifth
of the time a request, and it bounds what a caller may send and how long they may take for it: a head without end would
fill the memory, a half-sent request keep its connection for ever. A kept connection that is idle between two requests
is another matter: neighbours keep theirs for long. This module must never look into a body, never answer out of order,
and never close a connection whose request was whole.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

import httptools
import msgspec

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from reference_impl.server.config import HttpBounds

__all__ = ["HttpReply", "HttpRequest", "refusal", "serving"]

GRACE_US = 1_000_000
"""One more look after the time is up: what came while this process stood still waits in the socket, unread."""
LINGER_US = 2_000_000
"""How long a caller who was refused may still send what they had begun."""
BODY_BYTES_MAX = 4 * 1024 * 1024
FRAMING_BYTES_MAX = 1024 * 1024
"""What may come round a body: sizes and extensions of its chunks, and trailers, which the parser keeps to their end."""
UNFINISHED_BYTES_MAX = 64 * 1024 * 1024
"""What all bodies of a process that are not whole yet may hold together."""
_US_PER_S = 1_000_000
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_JSON = {"content-type": "application/json"}
_CONNECT = b"CONNECT"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PLAIN_PATH = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_.")


class HttpRequest(NamedTuple):
    """A whole request: header names are in lower case, ``port`` is the one it came in by."""

    port: int
    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class HttpReply(NamedTuple):
    """A whole reply; ``close`` ends the connection after it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    close: bool = False


Application = Callable[[HttpRequest], Awaitable[HttpReply]]
"""What answers requests. It raises nothing; cancelled, it still returns what can be said."""
_Waiting = tuple[HttpRequest, bool] | HttpReply
"""A request and whether its connection is kept after it, or what ends the connection."""


def refusal(status: HTTPStatus, why: str = "", *, close: bool = False) -> HttpReply:
    """Return a reply that says in JSON what is wrong."""
    return HttpReply(status, _JSON, msgspec.json.encode({"error": why or status.phrase}), close)


class Unfinished:
    """The bytes of all bodies of a process that are not whole yet: many slow callers may not fill the memory."""

    __slots__ = ("held_bytes",)

    def __init__(self) -> None:
        """Start with none."""
        self.held_bytes = 0


class HttpConnection(asyncio.Protocol):
    """One connection. Requests that come while one is in work wait for it, and are answered in their order."""

    __slots__ = (
        "_application",
        "_body",
        "_body_bytes",
        "_bounds",
        "_due_s",
        "_ended",
        "_eof",
        "_full",
        "_graced",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_last",
        "_loop",
        "_parser",
        "_port",
        "_read_bytes",
        "_refused",
        "_state",
        "_task",
        "_timer",
        "_unfinished",
        "_url",
        "_waiting",
        "transport",
    )

    def __init__(
        self, application: Application, bounds: HttpBounds, state: ServerState, unfinished: Unfinished
    ) -> None:
        self.transport: asyncio.Transport
        self._application = application
        self._bounds = bounds
        self._unfinished = unfinished
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._port = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._read_bytes = 0
        """What came since the head was whole, the body's own bytes included."""
        self._in_head = True
        self._head_bytes = 0
        self._refused: HttpReply | None = None
        """What the parser was stopped for by us."""
        self._task: asyncio.Task[None] | None = None
        """The request in work."""
        self._waiting: deque[_Waiting] = deque()
        self._last = False
        """Whether the connection ends with what is in work."""
        self._ended = False
        """Whether nothing more is read: the last that waits ends the connection."""
        self._eof = False
        """Whether the caller has said that they send no more; they may still listen."""
        self._full = False
        """Whether the caller does not read what they are told."""
        self._due_s: float | None = None
        """When the head or the body has to be whole; None between requests."""
        self._graced = False
        self._timer: asyncio.TimerHandle | None = None
        """Looks at ``_due_s`` now and then: setting one for each request would cost more than the request's parsing."""

    def shutdown(self) -> None:
        """Close once what was begun is answered; told by uvicorn when it stops."""
        self._last = True
        if self._task is None:
            self._next()

    # --- told by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class
        self._port = transport.get_extra_info("sockname")[1]
        self._state.connections.add(cast("Any", self))
        self._wait(self._bounds.head_us)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits; what is in work is finished, and nobody hears of it."""
        del exc
        self._state.connections.discard(cast("Any", self))
        self._drop_body()
        self._waiting.clear()
        self._last = True
        self._due_s = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse; a head that goes on and on is refused, also in the middle of a line."""
        if self._last or self._ended:
            return
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._read_bytes += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._end_with(self._refused or self._too_much_of_a_head() or refusal(HTTPStatus.BAD_REQUEST, close=True))
        else:
            if self._in_head and self._head_bytes > self._bounds.head_bytes:
                self._end_with(refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, close=True))
            elif not self._in_head and self._read_bytes - self._body_bytes > FRAMING_BYTES_MAX:
                self._end_with(
                    refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "more round the body than in it", close=True)
                )

    def eof_received(self) -> bool:
        """Answer what was whole, and close then; return whether there is anything to answer."""
        self._eof = True
        return self._task is not None or bool(self._waiting)

    def pause_writing(self) -> None:
        """Take nothing more from a caller who does not read what they are told."""
        self._full = True
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on, when nothing is in work."""
        self._full = False
        if self._task is None:
            self._next()

    # --- told by the parser ---

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._url, self._headers = b"", []
        self._in_head = True
        self._wait(self._bounds.head_us)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, if there is room for one more."""
        self._headers.append((name.lower(), value))
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
        self._wait(self._bounds.body_us)
        if self._task is None and any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in self._headers
        ):
            self.transport.write(_CONTINUE)

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
        """Serve the request, or let it wait for the one before."""
        if self._parser.should_upgrade() and self._parser.get_method() != _CONNECT:
            return  # it is not complete: the parser takes its body for another protocol
        self._due_s = None
        self._in_head = True
        path = _path_of(self._url)
        if path is None:
            self._stop_parsing(refusal(HTTPStatus.BAD_REQUEST, "the path cannot be read", close=True))
            return
        parser = self._parser
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._drop_body()
        request = HttpRequest(self._port, parser.get_method().decode("ascii"), path, self._headers, body)
        kept = parser.should_keep_alive()
        if self._task is None and not self._waiting and not self._full:
            self._serve(request, kept=kept)
        else:
            self._waiting.append((request, kept))
            self.transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        """Feed the parser; who offers another protocol is heard in this one, and the connection ends after it."""
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                if self._parser.get_method() == _CONNECT:
                    self._last = True  # it is served, and what follows it is not HTTP
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

    # --- one after another ---

    def _serve(self, request: HttpRequest, *, kept: bool) -> None:
        self._task = task = self._loop.create_task(self._answer(request, kept=kept))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _answer(self, request: HttpRequest, *, kept: bool) -> None:
        try:
            reply = await self._application(request)
            self._state.total_requests += 1
            self._last = self._last or reply.close or not kept
            if not self.transport.is_closing():
                self.transport.write(_written(reply, last=self._last, bodiless=request.method == "HEAD"))
        finally:
            self._task = None
            self._next()

    def _next(self) -> None:
        """Go on with what waits; with nothing, read again or close."""
        if self._last:
            self._waiting.clear()
            self.transport.close()
        elif self._full or self.transport.is_closing():
            return
        elif not self._waiting and self._eof:
            self.transport.close()
        elif not self._waiting:
            self.transport.resume_reading()
        elif isinstance(waiting := self._waiting.popleft(), HttpReply):
            self.transport.write(_written(waiting, last=True))
            self._linger()
        else:
            self._serve(waiting[0], kept=waiting[1])

    def _drop_body(self) -> None:
        """Hold no more of the body that comes in: it is whole, or will not be."""
        self._unfinished.held_bytes -= self._body_bytes
        self._body, self._body_bytes = [], 0

    def _end_with(self, reply: HttpReply) -> None:
        """Say ``reply`` after whatever is in work, and close."""
        self._ended = True
        self._drop_body()
        self._waiting.append(reply)
        self.transport.pause_reading()
        if self._task is None:
            self._next()

    def _linger(self) -> None:
        """Say that no more will be said, and read on for a while without taking anything.

        Closed with bytes unread, the connection is reset, and the caller may lose what was said to them.
        """
        self.transport.write_eof()
        self.transport.resume_reading()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_US / _US_PER_S, self.transport.abort)

    # --- bounds ---

    def _stop_parsing(self, reply: HttpReply) -> None:
        """Make the parser give up."""
        self._refused = reply
        raise httptools.HttpParserError(reply.status)

    def _too_much_of_a_head(self) -> HttpReply | None:
        """Return what to say when it is the parser that had enough of a head."""
        if self._in_head and self._head_bytes > self._bounds.head_bytes:
            return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, close=True)
        return None

    def _wait(self, limit_us: int) -> None:
        self._graced = False
        self._due_s = self._loop.time() + limit_us / _US_PER_S
        if self._timer is None:
            self._timer = self._loop.call_at(self._due_s, self._look)

    def _look(self) -> None:
        """See whether the time is up; what waits behind another request of the same connection is not late."""
        self._timer = None
        now_s, due_s = self._loop.time(), self._due_s
        if due_s is None or self.transport.is_closing():
            return
        if now_s >= due_s and self._graced and self._task is None:
            self._end_with(refusal(HTTPStatus.REQUEST_TIMEOUT, close=True))
            return
        if now_s >= due_s:
            self._graced = True
            self._due_s = due_s = now_s + GRACE_US / _US_PER_S
        self._timer = self._loop.call_at(due_s, self._look)


def serving(application: Application, bounds: HttpBounds) -> Callable[..., HttpConnection]:
    """Return what makes a connection for uvicorn (its ``http=``): ``application`` answers, within ``bounds``."""
    unfinished = Unfinished()

    def connection(
        config: object,
        server_state: ServerState,
        app_state: object,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> HttpConnection:
        del config, app_state, _loop
        return HttpConnection(application, bounds, server_state, unfinished)

    return connection


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


def _written(reply: HttpReply, *, last: bool, bodiless: bool = False) -> bytes:
    """Return a reply as it goes over the wire."""
    head = _STATUS_LINES[reply.status]
    for name, value in reply.headers.items():
        head += f"{name}: {value}\r\n"
    if last:
        head += "connection: close\r\n"
    head += f"content-length: {len(reply.body)}\r\n\r\n"
    written = head.encode("latin-1")
    return written if bodiless else written + reply.body
