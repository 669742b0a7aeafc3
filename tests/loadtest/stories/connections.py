"""Kept connections under gevent, against a small server that misbehaves as told."""

from __future__ import annotations

import random
import resource
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import gevent
from gevent import socket, ssl
from gevent.server import StreamServer
from geventhttpclient.response import HTTPSocketResponse
from telling import tell

from loadtest.connections import (
    ANSWER_BYTES_MAX,
    Connections,
    NoAnswerError,
    NobodyListensError,
    NothingLeftError,
    Secured,
)
from loadtest.deadlines import Deadlines
from loadtest.whole_answer import Whole, whole_answer
from reference_impl.server.tls import by_hospitals
from reference_impl.trust.authority import certificate_file, make_authority, name_of

REQUEST = b"POST /33 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
GOOD = b"HTTP/1.1 200 OK\r\nX-Yidi-Hops: a\r\nContent-Length: 5\r\n\r\nhello"
BYE = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"


class Server:
    """Answers the n-th request on any connection with ``answer(n, connection)``; counts connections."""

    def __init__(self, answer: Callable[[int, socket.socket], None], **tls: ssl.SSLContext) -> None:
        self.accepted = 0
        self.requests = 0
        self._answer = answer
        self._server = StreamServer(("127.0.0.1", 0), self._serve, **tls)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=0)

    @property
    def port(self) -> int:
        return self._server.server_port

    def _serve(self, connection: socket.socket, _: object) -> None:
        self.accepted += 1
        while connection.recv(4096):
            self.requests += 1
            self._answer(self.requests, connection)


def _says(*answers: bytes) -> Callable[[int, socket.socket], None]:
    return lambda n, connection: connection.sendall(answers[min(n, len(answers)) - 1])


def _raises(error: type[BaseException], act) -> BaseException:
    try:
        act()
    except error as raised:
        return raised
    raise AssertionError(f"expected {error.__name__}")


def story_answer_is_whole_and_the_connection_is_kept():
    with Server(_says(GOOD)) as server:
        lane = Connections("127.0.0.1", server.port)
        for _ in range(3):
            answer = lane.exchange(REQUEST, deadline_s=1)
            assert (answer.status, answer.content, answer.headers["x-yidi-hops"]) == (200, b"hello", "a")
        assert (server.accepted, lane.idle, lane.in_use) == (1, 1, 0)


def story_by_tls_a_connection_is_kept_and_one_that_the_other_side_closed_is_not_used_again():
    with TemporaryDirectory() as folder:
        make_authority(Path(folder), {"care": ["33"]})
        secured = Secured(by_hospitals(Path(folder), ssl.SSLContext), name_of("33"))
        meant, another = _of(Path(folder), "care"), Secured(secured.context, name_of("34"))
    with Server(_says(GOOD, GOOD, BYE, GOOD), ssl_context=meant) as server:
        lane = Connections("127.0.0.1", server.port, secured)
        statuses = [lane.exchange(REQUEST, deadline_s=5).status for _ in range(4)]
        assert statuses == [200, 200, 503, 200]
        assert (server.accepted, lane.idle, lane.in_use) == (2, 1, 0)

        stranger = Connections("127.0.0.1", server.port, another)
        _raises(NobodyListensError, lambda: stranger.exchange(REQUEST, deadline_s=5))
        assert (server.requests, stranger.in_use) == (4, 0)


def story_whoever_speaks_no_tls_is_sent_nothing():
    with TemporaryDirectory() as folder:
        make_authority(Path(folder), {"care": ["33"]})
        secured = Secured(by_hospitals(Path(folder), ssl.SSLContext), name_of("33"))
    with Server(lambda _, connection: connection.sendall(GOOD)) as server:
        lane = Connections("127.0.0.1", server.port, secured)
        _raises(NobodyListensError, lambda: lane.exchange(REQUEST, deadline_s=5))
        assert lane.in_use == lane.idle == 0


def _of(folder: Path, host: str) -> ssl.SSLContext:
    certificate = certificate_file(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context


def story_calls_at_once_get_connections_of_their_own():
    def slow(_: int, connection: socket.socket) -> None:
        gevent.sleep(0.02)
        connection.sendall(GOOD)

    with Server(slow) as server:
        lane = Connections("127.0.0.1", server.port)
        calls = [gevent.spawn(lane.exchange, REQUEST, deadline_s=1) for _ in range(5)]
        gevent.joinall(calls)
        assert [call.get().status for call in calls] == [200] * 5
        assert (server.accepted, lane.idle) == (5, 5)


def story_nobody_listening_is_told_apart_from_silence():
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    lane = Connections("127.0.0.1", taken.getsockname()[1])
    _raises(NobodyListensError, lambda: lane.exchange(REQUEST, deadline_s=1))
    assert lane.in_use == 0


def story_a_generator_without_descriptors_is_told_apart_from_the_systems_silence():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Server(_says(GOOD)) as server:
        lane = Connections("127.0.0.1", server.port)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))  # all that are allowed are open
        try:
            _raises(NothingLeftError, lambda: lane.exchange(REQUEST, deadline_s=1))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert (lane.in_use, server.requests) == (0, 0)


def story_deadlines_ring_for_each_that_is_late_in_their_order_and_for_nobody_else():
    deadlines, heard = Deadlines(), []

    def call(name: str, takes_s: float) -> None:
        deadlines.begin(0.05)
        try:
            gevent.sleep(takes_s)
        except gevent.Timeout as rang:
            heard.append(name if deadlines.rang(rang) else "somebody else's")
        finally:
            deadlines.end(0.05)

    calls = [gevent.spawn(call, "first", 5), gevent.spawn(call, "quick", 0), gevent.spawn(call, "last", 5)]
    gevent.joinall(calls, timeout=3, raise_error=True)
    assert heard == ["first", "last"]


def story_silence_ends_at_the_deadline_and_its_connection_is_not_kept():
    with Server(lambda _, __: gevent.sleep(0.2)) as server:
        lane = Connections("127.0.0.1", server.port)
        error = _raises(NoAnswerError, lambda: lane.exchange(REQUEST, deadline_s=0.02))
        assert "within 0.02 s" in str(error)
        assert (lane.idle, lane.in_use) == (0, 0)


def story_half_an_answer_is_no_answer():
    def half(_: int, connection: socket.socket) -> None:
        connection.sendall(GOOD[:-3])
        connection.close()

    with Server(half) as server:
        lane = Connections("127.0.0.1", server.port)
        _raises(NoAnswerError, lambda: lane.exchange(REQUEST, deadline_s=1))
        assert (lane.idle, lane.in_use) == (0, 0)


def story_rubbish_is_no_answer():
    with Server(_says(b"what?\r\n\r\n")) as server:
        lane = Connections("127.0.0.1", server.port)
        _raises(NoAnswerError, lambda: lane.exchange(REQUEST, deadline_s=1))
        assert lane.in_use == 0


STATUS_LINES = (b"HTTP/1.1 200 OK", b"HTTP/1.1 503 X Y", b"HTTP/1.1 204 No", b"HTTP/1.1 100 Go on", b"HTTP/1.0 200 OK",
                b"HTTP/1.1 2x0 OK", b"HTTP/1.1 200", b"HTTP/1.1  200 OK", b"ICY 200 OK")  # fmt: skip
HEADER_LINES = (b"Content-Length: 5", b"content-length: 4", b"Content-Length:5", b"Content-Length:  5", b"content-length: +5",
                b"content-length: 05", b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: Close",
                b"Connection: keep-alive", b"Connection: a, close", b"X-Yidi-Hops: 33,1,2;hub,3,4", b"x-yidi-hops: 33,5,6", b"X: ",
                b"X-A: \xe5", b"X A: b", b" folded", b"X-B:b", b"no colon", b"Retry-After: 3", b"X-C: a\tb")  # fmt: skip
ENDS = (b"\r\n\r\nhello", b"\r\n\r\nhell", b"\r\n\r\nhello!", b"\n\nhello", b"\r\n", b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


def story_what_is_read_at_once_is_what_the_whole_parser_reads():
    """Whatever the quick way takes for an answer, the other takes for the same one; and it takes what nodes say."""
    draw = random.Random(20_240_313)
    taken = 0
    for _ in range(20_000):
        lines = draw.sample(HEADER_LINES, draw.randrange(4))
        if draw.random() < 0.7:
            lines.insert(draw.randrange(len(lines) + 1), HEADER_LINES[0])
        answer = b"\r\n".join((draw.choice(STATUS_LINES[: draw.choice((1, 2, 9))]), *lines)) + draw.choice(ENDS)
        quick = whole_answer(answer)
        if quick is not None:
            taken += 1
            assert quick == _parsed(answer), answer
    assert taken > 500
    assert whole_answer(GOOD) == (200, {"x-yidi-hops": "a", "content-length": "5"}, b"hello", True)
    assert whole_answer(BYE) == (503, {"connection": "close", "content-length": "2"}, b"no", False)


def _parsed(answer: bytes) -> Whole:
    one, other = socket.socketpair()
    with one, other:
        response = HTTPSocketResponse(one, block_size=65_536, method="POST", pre_buffered=answer)
        content = response.read()
        kept = response.message_complete and not response.should_close()
        return Whole(response.status_code, dict(response.info().iterlower()), content, kept)


def story_an_answer_without_end_is_none_and_is_not_read_to_its_end():
    def endless(_: int, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        while True:
            connection.sendall(bytes(1_000_000))

    with Server(endless) as server:
        lane = Connections("127.0.0.1", server.port)
        error = _raises(NoAnswerError, lambda: lane.exchange(REQUEST, deadline_s=50))
        assert f"more than {ANSWER_BYTES_MAX:,} bytes" in str(error)
        assert lane.idle == lane.in_use == 0


def story_connection_that_says_close_is_not_kept():
    with Server(_says(BYE, GOOD)) as server:
        lane = Connections("127.0.0.1", server.port)
        assert lane.exchange(REQUEST, deadline_s=1).status == 503
        assert lane.idle == 0
        assert lane.exchange(REQUEST, deadline_s=1).status == 200
        assert server.accepted == 2


def story_connection_closed_while_idle_is_replaced_before_anything_is_sent():
    def answer_and_leave(n: int, connection: socket.socket) -> None:
        connection.sendall(GOOD)
        if n == 1:
            connection.shutdown(socket.SHUT_RDWR)

    with Server(answer_and_leave) as server:
        lane = Connections("127.0.0.1", server.port)
        lane.exchange(REQUEST, deadline_s=1)
        gevent.sleep(0.01)
        assert lane.exchange(REQUEST, deadline_s=1).status == 200
        assert (server.accepted, server.requests, lane.in_use) == (2, 2, 0)


def story_killed_caller_leaves_no_connection_behind():
    with Server(lambda _, __: gevent.sleep(0.2)) as server:
        lane = Connections("127.0.0.1", server.port)
        call = gevent.spawn(lane.exchange, REQUEST, deadline_s=5)
        gevent.sleep(0.01)
        assert lane.in_use == 1
        call.kill()
        assert (lane.idle, lane.in_use) == (0, 0)


def story_somebody_elses_timeout_is_not_ours():
    with Server(lambda _, __: gevent.sleep(0.2)) as server:
        lane = Connections("127.0.0.1", server.port)

        def call() -> None:
            with gevent.Timeout(0.02):
                lane.exchange(REQUEST, deadline_s=5)

        _raises(gevent.Timeout, call)
        assert lane.in_use == 0


def story_close_closes_what_is_kept():
    with Server(_says(GOOD)) as server:
        lane = Connections("127.0.0.1", server.port)
        lane.exchange(REQUEST, deadline_s=1)
        lane.close()
        assert (lane.idle, lane.in_use) == (0, 0)


if __name__ == "__main__":
    tell(globals())
