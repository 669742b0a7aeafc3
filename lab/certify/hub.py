"""A hub that certify plays: hears what a care province asks of it, and answers as it is told to, or not at all.

It listens on this machine alone, to a bounded number of connections, within bounds of size and time. What comes is
written down before anything is answered; what nobody planned an answer for gets that of an insurer that keeps its
promises. This module must never judge what it hears.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from lab.certify.insurer import Insurer
from reference_impl.domain.failures import InputError
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.protocol.messages import Answer, Answered, Request
from reference_impl.server.peers import PATIENCE_HEADER, SENDER_HEADER
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.errors import WireError
from reference_impl.wire.neighbour import NeighbourCodec

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["SILENT", "Act", "Came", "Hub", "says"]

_CONNECTIONS_MAX = 64
_BODY_MAX = 4 * 1024 * 1024
_IDLE_S = 120.0
_PATIENCE_S = 60.0
"""So long a caller is taken to wait who does not say so. ASSUMED."""
_LATER_S = 0.4
"""So much later than the caller waits comes what is too late."""
_KEPT_MAX = 100_000
_US_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Came:
    """A message that a care province sent: what it says, or what is wrong with it."""

    request: Request | None
    patience_us: int | None
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What is done about one message.

    ``answer`` makes the verdict, of an honest insurer's reply; ``content`` is what is sent in its place. The answer may
    be too ``late``, cut in its middle (``torn``), said ``twice``, or never come (``silent``).
    """

    answer: Callable[[Answered], Answer] = lambda honest: honest
    content: Callable[[bytes], bytes] = lambda data: data
    late: bool = False
    torn: bool = False
    twice: bool = False
    silent: bool = False


HONEST, SILENT = Act(), Act(silent=True)


def says(answer: Answer) -> Act:
    """Return the act of whoever says just that."""
    return Act(answer=lambda _: answer)


@dataclass(slots=True)
class _Plan:
    """What is done about the messages of a transaction, one after the other, and then for ever."""

    acts: list[Act]
    then: Act


@dataclass(slots=True)
class Hub:
    """The hub at ``address`` (``host:port``), for the care provinces ``callers``; a context, open while it listens."""

    address: str
    clock: BusinessClock
    callers: frozenset[str]
    insurer: Insurer = field(default_factory=Insurer)
    came: list[Came] = field(default_factory=list["Came"])
    _codec: NeighbourCodec = field(init=False)
    _plans: dict[str, _Plan] = field(default_factory=dict["str", "_Plan"])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _began_s: float = field(default_factory=time.monotonic)
    _server: ThreadingHTTPServer | None = None

    def __post_init__(self) -> None:
        """Have its codec ready."""
        self._codec = NeighbourCodec(self.clock)

    @property
    def url(self) -> str:
        """Where it is called."""
        return f"http://{self.address}/{HUB}"

    def __enter__(self) -> Self:
        """Listen.

        Raises:
            InputError: when the address cannot be had.

        """
        host, _, port = self.address.rpartition(":")
        try:
            self._server = _Server((host, int(port)), _handler_of(self))
        except OSError as error:
            why = error.strerror
            raise InputError(f"--neighbour {self.address}: {why}; expected a free address of this machine") from None
        threading.Thread(target=self._server.serve_forever, name="hub", daemon=True).start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Stop listening, and keep nobody waiting."""
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    # --- for cases ---

    @contextmanager
    def playing(self, code: str, *acts: Act, then: Act = HONEST) -> Generator[None]:
        """Have messages of a transaction met with ``acts``, one after the other, and ``then`` for ever."""
        with self._lock:
            self._plans[code] = _Plan(list(acts), then)
        try:
            yield
        finally:
            with self._lock:
                self._plans.pop(code, None)

    def forget(self) -> None:
        """Forget what came: a case is about what comes in it, and a long list of institutions sends much."""
        with self._lock:
            self.came.clear()

    def mark(self) -> int:
        """Return how much has come by now."""
        with self._lock:
            return len(self.came)

    def since(self, mark: int) -> list[Came]:
        """Return what has come since."""
        with self._lock:
            return self.came[mark:]

    # --- for the server ---

    def hear(self, sender: str, patience: str, content: bytes) -> tuple[Came, Act]:
        """Write down what came, and return what is to be done about it."""
        patience_us = int(patience) if patience.isascii() and patience.isdigit() else None
        try:
            if sender not in self.callers:
                raise WireError("request", SENDER_HEADER, sender, f"one of {', '.join(sorted(self.callers))}")
            came = Came(self._codec.decode_request(content, NodeId(sender)), patience_us)
        except WireError as error:
            came = Came(None, patience_us, str(error))
        with self._lock:
            if len(self.came) < _KEPT_MAX:
                self.came.append(came)
            plan = None if came.request is None else self._plans.get(came.request.code)
            act = HONEST if plan is None else plan.acts.pop(0) if plan.acts else plan.then
            return came, act

    def answered(self, came: Came, act: Act) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and content of the answer."""
        now_us = int((time.monotonic() - self._began_s) * _US_PER_S)
        if came.request is None:
            said = self._codec.encode_malformed(WireError("request", "", came.wrong, "a message between nodes"), now_us)
        else:
            with self._lock:
                answer = act.answer(Answered(self.insurer.answer(came.request, now_us)))
            said = self._codec.encode_answer(came.request, answer, now_us)
        return said.status, said.headers, act.content(said.body)

    def wait(self, came: Came) -> None:
        """Wait until the caller has given up, or all is over."""
        patience_s = _PATIENCE_S if came.patience_us is None else came.patience_us / _US_PER_S
        self._over.wait(min(patience_s, _PATIENCE_S) + _LATER_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _CONNECTIONS_MAX

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_CONNECTIONS_MAX)
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._free.release()

    def server_close(self) -> None:
        super().server_close()
        for one in tuple(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that breaks off is no error of ours."""


def _handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _IDLE_S

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if self.path != f"/{HUB}" or not length.isdigit() or int(length) > _BODY_MAX:
                self.close_connection = True
                self._send(400, {}, b"expected a message of known length to the hub")
                return
            content = self.rfile.read(int(length))
            came, act = hub.hear(self.headers.get(SENDER_HEADER, ""), self.headers.get(PATIENCE_HEADER, ""), content)
            status, headers, said = hub.answered(came, act)  # who is late, or silent, has acted all the same
            if act.late or act.silent:
                hub.wait(came)
            if act.silent:
                self.close_connection = True
                return
            self._send(status, headers, said, torn=act.torn)
            if act.twice:
                self._send(status, headers, said)

        def do_GET(self) -> None:
            self._send(405, {}, b"messages are posted")

        def _send(self, status: int, headers: dict[str, str], content: bytes, *, torn: bool = False) -> None:
            self.send_response_only(status)
            for name, value in (headers | {"content-length": f"{len(content)}"}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if torn else content)
            self.close_connection = self.close_connection or torn

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has there
            """Say nothing: what came is in the ledger."""

    return Handler
