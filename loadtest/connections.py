"""Kept connections to one address, on gevent sockets and geventhttpclient's parser.

The pool never makes a caller wait for a free connection: a hidden queue here would be a coordinated omission. A call
has one deadline for everything in it, and a connection whose call did not end cleanly is closed, never kept.
It must never send a request twice: what a broken connection means is the protocol's to decide.
"""

from __future__ import annotations

import errno
import select as plain_select
import socket as plain
import time
from collections import deque
from typing import Any, NamedTuple, cast

import gevent
from gevent import monkey, socket, ssl
from geventhttpclient.response import HTTPParseError, HTTPSocketResponse

from loadtest.deadlines import Deadlines
from loadtest.whole_answer import Whole, whole_answer

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""More is read of no answer, whatever it announces: no reply of the interface comes near, and memory has an end."""
_BLOCK_BYTES = 65_536
_TO_READ = 1
"""What a watcher of gevent's loop calls readable."""
_looks = monkey.get_original("select", "poll")
"""The system's own poll(2), which says what is there and waits for nothing: a tenth of the price of an exception."""
_deadlines = Deadlines()


class NobodyListensError(ConnectionError):
    """The address refused the connection: the request was never sent."""


class NoAnswerError(ConnectionError):
    """The request may have been sent, and no whole answer came back."""


class NothingLeftError(ConnectionError):
    """This machine had no descriptor, port or memory for a connection: the request never left the generator."""


_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
"""Errors that are the generator's own: the other side has not heard of the call."""


class HttpAnswer(NamedTuple):
    """A whole HTTP response; header names are in lower case.

    ``sent_cpu_ns`` and ``woke_cpu_ns`` are the thread's CPU time when the request was written and when something of
    the answer was there; 0 for a request that had to wait for its connection, or whose time nobody asked for.
    """

    status: int
    headers: dict[str, str]
    content: bytes
    sent_cpu_ns: int = 0
    woke_cpu_ns: int = 0


class Secured(NamedTuple):
    """By what TLS is spoken, and the name that the other side has to prove."""

    context: ssl.SSLContext
    name: str


class _Line:
    """A connection, what looks whether something has come on it, and what waits for it; by TLS neither may."""

    __slots__ = ("_came", "_look", "socket")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._came: Any = None
        if not isinstance(connection, ssl.SSLSocket):
            self._look = _looks()
            self._look.register(connection.fileno(), plain_select.POLLIN)
            self._came = gevent.get_hub().loop.io(connection.fileno(), _TO_READ)

    def first(self) -> bytes:
        """Return what comes first; an answer is never there at once, so nobody looks before having waited."""
        if self._came is not None:
            gevent.get_hub().wait(self._came)
        return self.socket.recv(_BLOCK_BYTES)

    def is_silent(self) -> bool:
        """Return whether nothing has come, as should be while it is idle; readable means closed or out of step."""
        return _tls_is_silent(self.socket) if self._came is None else not self._look.poll(0)

    def close(self) -> None:
        if self._came is not None:
            self._came.close()
        self.socket.close()


class Connections:
    """The connections to one host and port."""

    __slots__ = ("_address", "_idle", "_open", "_secured")

    def __init__(self, host: str, port: int, secured: Secured | None = None) -> None:
        """Connect by TLS where ``secured``."""
        self._secured = secured
        self._address = (host, port)
        self._idle: deque[_Line] = deque()
        self._open = 0

    @property
    def in_use(self) -> int:
        """Connections that carry a call now."""
        return self._open - len(self._idle)

    @property
    def idle(self) -> int:
        """Connections kept for the next call."""
        return len(self._idle)

    def exchange(self, request: bytes, *, deadline_s: float, timed: bool = False) -> HttpAnswer:
        """Send one request and return its answer; the deadline covers connecting, sending and reading.

        ``timed`` asks for the thread's CPU time on the way.
        """
        _deadlines.begin(deadline_s)
        line: _Line | None = None
        try:
            line = self._kept()
            timed = timed and line is not None
            line = line or self._connect()
            _send(line.socket, request)
            sent_ns = time.thread_time_ns() if timed else 0
            first = line.first()
            woke_ns = time.thread_time_ns() if timed else 0
            status, headers, content, reusable = whole_answer(first) or _read_on(line.socket, first)
            answer = HttpAnswer(status, headers, content, sent_ns, woke_ns)
        except gevent.Timeout as rang:
            if not _deadlines.rang(rang):
                raise
            raise NoAnswerError(f"no answer from {self._address} within {deadline_s} s") from None
        except (NobodyListensError, NothingLeftError):
            raise
        except (OSError, HTTPParseError) as error:
            raise NoAnswerError(f"the connection to {self._address} broke: {error}") from error
        else:
            if reusable:
                self._idle.append(line)
                line = None
            return answer
        finally:
            _deadlines.end(deadline_s)
            if line is not None:
                self._close(line)

    def close(self) -> None:
        """Close what is kept."""
        while self.close_one():
            pass

    def close_one(self) -> bool:
        """Close the connection that has been kept longest; return whether there was one."""
        if not self._idle:
            return False
        self._close(self._idle.popleft())
        return True

    def _kept(self) -> _Line | None:
        """Return a kept connection that the other side has not closed, if there is one. The last used comes first."""
        while self._idle:
            kept = self._idle.pop()
            if kept.is_silent():
                return kept
            self._close(kept)
        return None

    def _connect(self) -> _Line:
        try:
            fresh = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError as error:
            raise _own(error) from None
        self._open += 1
        try:
            fresh.setsockopt(plain.IPPROTO_TCP, plain.TCP_NODELAY, 1)
            fresh.connect(self._address)
            if self._secured is not None:
                fresh = self._begin_tls(fresh, self._secured)
        except ConnectionRefusedError as error:
            self._close(fresh)
            raise NobodyListensError(f"nobody listens at {self._address}") from error
        except OSError as error:
            self._close(fresh)
            raise _own(error) from None
        except BaseException:
            self._close(fresh)
            raise
        return _Line(fresh)

    def _begin_tls(self, plainly: socket.socket, secured: Secured) -> socket.socket:
        """Return a connection to whoever proves to be the one that is meant; nothing was sent to anybody else."""
        try:
            return secured.context.wrap_socket(plainly, server_hostname=secured.name)
        except (ssl.SSLError, ConnectionError) as error:
            raise ConnectionRefusedError(f"{secured.name} is not there: {error}") from error

    def _close(self, connection: _Line | socket.socket) -> None:
        connection.close()
        self._open -= 1


def _own(error: OSError) -> OSError:
    """Return the error as the generator's own when it is one, else as it is."""
    return NothingLeftError(f"no connection could be opened: {error}") if error.errno in _OWN else error


def _send(connection: socket.socket, request: bytes) -> None:
    """Send all of it; at once, which nearly every request fits into, at half the price."""
    sent = connection.send(request)
    if sent < len(request):
        connection.sendall(memoryview(request)[sent:])


class _Bounded:
    """A connection of which no more is read than an answer may have."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._left = ANSWER_BYTES_MAX

    def recv(self, size: int) -> bytes:
        block: bytes = self._line.recv(size)
        self._left -= len(block)
        if self._left < 0:
            raise HTTPParseError(f"an answer of more than {ANSWER_BYTES_MAX:,} bytes")
        return block

    def close(self) -> None:
        self._line.close()


def _read_on(connection: socket.socket, first: bytes) -> Whole:
    """Return an answer that began with ``first``, in whatever shape it comes."""
    line = cast("socket.socket", _Bounded(connection))
    response = HTTPSocketResponse(line, block_size=_BLOCK_BYTES, method="POST", pre_buffered=first)
    content = response.read()
    reusable = response.message_complete and not response.should_close()
    return Whole(response.status_code, dict(response.info().iterlower()), content, reusable)


def _tls_is_silent(kept: socket.socket) -> bool:
    """Return whether an idle connection by TLS is silent: what is there may be no answer, and cannot be peeked into."""
    kept.settimeout(0.0)
    try:
        kept.recv(1)
    except ssl.SSLWantReadError:
        kept.settimeout(None)
        return True
    except OSError:
        return False
    return False
