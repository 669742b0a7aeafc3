"""A lean HTTP/1.1 client on asyncio and httptools: kept connections, one request at a time on each.

It says exactly what happened, because the protocol must know: nobody listened (surely not acted), no answer in time, or
the connection broke with the request on its way (both unknown). It must never send a request twice, and never use a
connection again whose answer it did not hear: a late reply would be taken for another's.
"""

from __future__ import annotations

import asyncio
import math
from enum import Enum, auto
from ssl import SSLContext
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import httptools

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Destination", "Failure", "HttpAnswer", "Secured"]

_IDLE_MAX = 512
"""Kept connections to one destination; beyond it an idle one is closed."""
_ANSWER_BYTES_MAX = 4 * 1024 * 1024
_FRAMING_BYTES_MAX = 1024 * 1024
"""What may come round the body of an answer: its head, sizes and extensions of its chunks, trailers."""
_US_PER_S = 1_000_000
_LAST_LOOK_S = 0.001
"""Longer than a turn of an idle loop: between two of its timers it reads what has come."""


class HttpAnswer(NamedTuple):
    """A whole answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes


class Secured(NamedTuple):
    """TLS to somebody of that name, in asyncio's words."""

    ssl: SSLContext
    server_hostname: str


class Failure(Enum):
    """Why there is no answer."""

    NOBODY_LISTENS = auto()
    SILENT = auto()
    BROKEN = auto()


class _Connection(asyncio.Protocol):
    """One connection. ``answer`` is the future of the request on it, None while it is idle."""

    __slots__ = (
        "_answer",
        "_came",
        "_content",
        "_due_s",
        "_headers",
        "_looks_s",
        "_loop",
        "_parser",
        "_size",
        "_timer",
        "closed",
        "on_closed",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, on_closed: Callable[[_Connection], None]) -> None:
        self.on_closed = on_closed
        self._loop = loop
        self._due_s = 0.0
        """When the answer that is waited for is late."""
        self._timer: asyncio.TimerHandle | None = None
        """Looks at that now and then: one for each request would cost as much as its parsing."""
        self._looks_s = math.inf
        """When it does: uvloop's handle of a moment that is all but here knows no longer when it was meant for."""
        self.transport: asyncio.Transport | None = None
        self.closed = False
        self._answer: asyncio.Future[HttpAnswer | Failure] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._content: list[bytes] = []
        self._size = 0
        self._came = 0
        """What came since the request was sent, the body of its answer included."""

    # --- asked by the destination ---

    async def exchange(self, request: bytes, timeout_us: int) -> HttpAnswer | Failure:
        """Send ``request`` and wait for its answer; unless it is whole the connection is gone afterwards."""
        transport, loop = self.transport, self._loop
        assert transport is not None
        answer: asyncio.Future[HttpAnswer | Failure] = loop.create_future()
        self._answer = answer
        self._headers, self._content, self._size, self._came = {}, [], 0, 0
        self._due_s = loop.time() + timeout_us / _US_PER_S
        if self._looks_s > self._due_s:
            self._look_at(self._due_s)
        transport.write(request)
        try:
            heard = await answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
        if isinstance(heard, Failure):
            self.close()
        return heard

    def close(self) -> None:
        """Drop the connection at once."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def _look_at(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._looks_s = at_s
        self._timer = self._loop.call_at(at_s, self._look)

    def _look(self) -> None:
        """See whether an answer is late; when none is waited for, the next request sets a timer of its own."""
        self._timer, self._looks_s = None, math.inf
        if self._answer is not None and not self.closed:
            if self._loop.time() < self._due_s:
                self._look_at(self._due_s)
            else:
                self._give_up(self._answer)

    def _give_up(self, late: asyncio.Future[HttpAnswer | Failure]) -> None:
        """Give up after one more look at the socket.

        A loop that stood still (a frozen process, a busy core) finds its timers due before it has read what came in
        time: an answer that lies there is an answer.
        """

        def silent() -> None:
            if self._answer is late:
                self._fail(Failure.SILENT)

        self._loop.call_later(_LAST_LOOK_S, silent)

    def _break_off(self) -> None:
        """Give up an answer that is none."""
        self._fail(Failure.BROKEN)
        self.close()

    def _waited_for(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _fail(self, why: Failure) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(why)

    # --- told by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class

    def data_received(self, data: bytes) -> None:
        self._came += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._break_off()
        if self._came - self._size > _FRAMING_BYTES_MAX:
            self._break_off()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # whatever the reason, nobody knows what became of the request
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(Failure.BROKEN)
        self.on_closed(self)

    # --- told by httptools ---

    def on_message_begin(self) -> None:
        self._headers, self._content, self._size = {}, [], 0  # those of an answer that was given are not touched
        if not self._waited_for():
            self.close()  # said without being asked: whoever asks next would take it for their answer

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > _ANSWER_BYTES_MAX:
            self._break_off()
        else:
            self._content.append(body)

    def on_message_complete(self) -> None:
        waited_for = self._waited_for()
        if not waited_for or not self._parser.should_keep_alive():
            self.close()
        if self._answer is not None and waited_for:
            content = self._content[0] if len(self._content) == 1 else b"".join(self._content)
            self._answer.set_result(HttpAnswer(self._parser.get_status_code(), self._headers, content))


class Destination:
    """One address and the connections kept to it."""

    __slots__ = ("_host", "_idle", "_open", "_port", "_secured")

    def __init__(self, host: str, port: int, secured: Secured | None = None) -> None:
        """Connect when first asked; ``secured`` with TLS, to whom."""
        self._secured = secured
        self._host = host
        self._port = port
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    async def exchange(self, request: bytes, timeout_us: int) -> HttpAnswer | Failure:
        """Send ``request`` and return its answer, or why there is none within ``timeout_us``, connecting included.

        A kept connection that the other side has closed meanwhile is passed over before a byte is written.
        """
        connection = self._kept()
        if connection is None:
            loop = asyncio.get_running_loop()
            started_s = loop.time()
            connected = await self._connect(timeout_us)
            if isinstance(connected, Failure):
                return connected
            connection = connected
            timeout_us = max(0, timeout_us - int((loop.time() - started_s) * _US_PER_S))
        heard = await connection.exchange(request, timeout_us)
        if not connection.closed:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
            else:
                connection.close()
        return heard

    def close(self) -> None:
        """Drop every connection."""
        for connection in tuple(self._open):
            connection.close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed and connection.transport is not None and not connection.transport.is_closing():
                return connection
        return None

    async def _connect(self, timeout_us: int) -> _Connection | Failure:
        loop = asyncio.get_running_loop()
        connection = _Connection(loop, self._open.discard)
        try:
            async with asyncio.timeout(timeout_us / _US_PER_S):
                secured: dict[str, Any] = {} if self._secured is None else self._secured._asdict()
                await loop.create_connection(lambda: connection, self._host, self._port, **secured)
        except TimeoutError:
            return Failure.SILENT
        except OSError:
            return Failure.NOBODY_LISTENS
        self._open.add(connection)
        return connection
