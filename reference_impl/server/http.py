"""The listening side of a host process: one HTTP connection, one request after another.

Uvicorn keeps the sockets, the signals and the life cycle; this is its protocol class. ``http_reader`` makes requests of
what comes in; here they are served in their order, and a connection ends as it should. A kept connection that is idle
between two requests is left alone: neighbours keep theirs for long. This module must never answer out of order, and
never close a connection whose request was whole.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from reference_impl.server.http_message import HttpReply, HttpRequest, refusal, written
from reference_impl.server.http_reader import Deadline, RequestReader, Unfinished
from reference_impl.server.tls import proved_by

if TYPE_CHECKING:
    from uvicorn.server import ServerState

    from reference_impl.server.config import HttpBounds

__all__ = ["Application", "HttpConnection", "serving"]

GRACE_US = 1_000_000
"""One more look after the time is up: what came while this process stood still waits in the socket, unread."""
LINGER_US = 2_000_000
"""How long a caller who was refused may still send what they had begun."""
_US_PER_S = 1_000_000
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Application = Callable[[HttpRequest], Awaitable[HttpReply]]
"""What answers requests. It raises nothing; cancelled, it still returns what can be said."""
_Waiting = HttpRequest | HttpReply
"""A request, or what ends the connection."""


class HttpConnection(asyncio.Protocol):
    """One connection. Requests that come while one is in work wait for it, and are answered in their order."""

    __slots__ = (
        "_application",
        "_bounds",
        "_ended",
        "_eof",
        "_full",
        "_last",
        "_loop",
        "_reader",
        "_state",
        "_task",
        "_timer",
        "_unfinished",
        "_waiting",
        "transport",
    )

    def __init__(
        self, application: Application, bounds: HttpBounds, state: ServerState, unfinished: Unfinished
    ) -> None:
        self.transport: asyncio.Transport
        self._reader: RequestReader
        self._application = application
        self._bounds = bounds
        self._unfinished = unfinished
        self._state = state
        self._loop = asyncio.get_running_loop()
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
        self._timer: asyncio.TimerHandle | None = None
        """Looks at the deadline now and then: one for each request would cost more than the request's parsing."""

    def shutdown(self) -> None:
        """Close once what was begun is answered; told by uvicorn when it stops."""
        self._last = True
        if self._task is None:
            self._next()

    # --- told by asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class
        self._reader = RequestReader(
            transport.get_extra_info("sockname")[1],
            self._bounds,
            self._unfinished,
            Deadline(self._loop.time),
            take=self._take,
            encourage=self._encourage,
            proved=proved_by(transport),
        )
        self._state.connections.add(cast("Any", self))
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what waits; what is in work is finished, and nobody hears of it."""
        del exc
        self._state.connections.discard(cast("Any", self))
        self._reader.drop_body()
        self._reader.deadline.end()
        self._waiting.clear()
        self._last = True
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read requests, unless the connection is at its end."""
        if self._last or self._ended:
            return
        refused = self._reader.read(data)
        if refused is not None:
            self._end_with(refused)
        elif self._timer is None and self._reader.deadline.due_s is not None:
            self._look()

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

    # --- told by the reader ---

    def _take(self, request: HttpRequest) -> None:
        """Serve a request, or let it wait for the one before."""
        if self._task is None and not self._waiting and not self._full:
            self._serve(request)
        else:
            self._waiting.append(request)
            self.transport.pause_reading()

    def _encourage(self) -> None:
        """Let a caller who asks first send their body, unless an answer to another request is to come before."""
        if self._task is None:
            self.transport.write(_CONTINUE)

    # --- one after another ---

    def _serve(self, request: HttpRequest) -> None:
        self._task = task = self._loop.create_task(self._answer(request))
        self._state.tasks.add(task)

    async def _answer(self, request: HttpRequest) -> None:
        try:
            reply = await self._application(request)
            self._state.total_requests += 1
            self._last = self._last or reply.close or not request.kept
            if not self.transport.is_closing():
                self.transport.write(written(reply, last=self._last, bodiless=request.method == "HEAD"))
        finally:
            if self._task is not None:
                self._state.tasks.discard(self._task)
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
            self.transport.write(written(waiting, last=True))
            self._linger()
        else:
            self._serve(waiting)

    def _end_with(self, reply: HttpReply) -> None:
        """Say ``reply`` after whatever is in work, and close."""
        self._ended = True
        self._reader.drop_body()
        self._waiting.append(reply)
        self.transport.pause_reading()
        if self._task is None:
            self._next()

    def _linger(self) -> None:
        """Say that no more will be said, and read on for a while without taking anything.

        Closed with bytes unread, the connection is reset, and the caller may lose what was said to them.
        """
        if self.transport.can_write_eof():  # over TLS nothing can be closed by half
            self.transport.write_eof()
        self.transport.resume_reading()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_US / _US_PER_S, self.transport.abort)

    # --- in time ---

    def _look(self) -> None:
        """See whether the time is up; what waits behind another request of the same connection is not late."""
        self._timer = None
        deadline, now_s = self._reader.deadline, self._loop.time()
        if deadline.due_s is None or self.transport.is_closing():
            return
        if now_s >= deadline.due_s and deadline.graced and self._task is None:
            self._end_with(refusal(HTTPStatus.REQUEST_TIMEOUT, close=True))
            return
        if now_s >= deadline.due_s:
            deadline.grace(GRACE_US)
        self._timer = self._loop.call_at(deadline.due_s, self._look)


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
