"""Strangers with sockets of their own against a served process: what they send by halves, at once, in pieces, in disguise.

What must hold: everybody else is served meanwhile, memory stays within what the named limits allow, answers come in
order, and no message is acted on twice, by half, or from inside another.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
import ssl
import struct

import psutil
import pytest
from attack import raw_client as raw
from attack.target import ANHUI

from reference_impl.server.http_reader import UNFINISHED_BYTES_MAX

pytestmark = pytest.mark.slow

LIMIT_S = 60
"""Bound of a wait that ends far earlier; none is asserted to be quick."""
KIB, MIB = 1024, 1024 * 1024
ABUSERS = 400
EACH_BYTES = 512 * KIB
"""What a connection may hold: a read of the loop (256 KiB), a reply that is not fetched, the head, the objects."""
SLACK_BYTES = 64 * MIB
"""What a process grows by that serves, and what its allocator keeps."""


def message(target, person, msgid):
    """A registration in bytes: what comes of it stands in the books under its id."""
    return json.dumps(target.home.envelope("2201", ANHUI, raw.register(person), msgid)).encode()


def posted(content, *lines, path="/33"):
    head = [f"POST {path} HTTP/1.1", "host: a", *lines, f"content-length: {len(content)}", "", ""]
    return "\r\n".join(head).encode() + content


def acted_on(target, msgid):
    return [row["code"] for row in target.rows("33", "SELECT code FROM messages WHERE msgid = ?", msgid)]


def connected(target):
    host, _, port = target.address("33").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT_S)


def until_closed(connection):
    """Return what is said until the other side ends; a reset ends it too."""
    came = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            came += part
    return came


# --- one request inside another ---

HIDING = {
    "behind a length that is shorter": (b"content-length: 0\r\ncontent-length: {n}", b""),
    "behind two lengths in one line": (b"content-length: 0, {n}", b""),
    "behind a length with a sign": (b"content-length: +{n}", b""),
    "behind a length in hexadecimal": (b"content-length: 0x{n}", b""),
    "behind a length and chunks": (b"content-length: {n}\r\ntransfer-encoding: chunked", b"0\r\n\r\n"),
    "behind chunks and a length": (b"transfer-encoding: chunked\r\ncontent-length: {n}", b"0\r\n\r\n"),
    "behind chunks that are not the last coding": (b"transfer-encoding: chunked, identity", b"0\r\n\r\n"),
    "behind a coding of nobody": (b"transfer-encoding: xchunked", b"0\r\n\r\n"),
    "behind a coding with a tab": (b"transfer-encoding:\tchunked\x0b", b"0\r\n\r\n"),
    "behind a name with a blank": (b"content-length : 0", b""),
    "behind a folded header": (b"x: y\r\n content-length: 0", b""),
    "behind bare line feeds": (b"x: y\ncontent-length: 0\n\n", b""),
    "behind a bare carriage return": (b"x: y\rcontent-length: 0", b""),
    "behind a NUL": (b"x: \x00\r\ncontent-length: 0", b""),
    "behind a chunk with a sign": (b"transfer-encoding: chunked", b"-1\r\n\r\n"),
    "behind a chunk size without an end": (b"transfer-encoding: chunked", b"00000000000000000000000000000000001\r\n"),
    "behind a chunk that is longer than it says": (b"transfer-encoding: chunked", b"1\r\nxx\r\n0\r\n\r\n"),
    "behind an extension with a line feed": (b"transfer-encoding: chunked", b"0;x\ny\r\n\r\n"),
}


@pytest.mark.parametrize("how", HIDING)
def test_a_request_that_two_readers_would_cut_otherwise_ends_its_connection(target, how):
    """A door before this one may have read it as one request; here nothing behind it is ever served."""
    lines, between = HIDING[how]
    hidden = target.home.fresh()
    inside = posted(message(target, target.person(), hidden))
    head = b"POST /33 HTTP/1.1\r\nhost: a\r\n" + lines.replace(b"{n}", b"%d" % len(inside)) + b"\r\n\r\n"

    with connected(target) as connection:
        connection.sendall(head + between + inside)
        connection.shutdown(socket.SHUT_WR)
        came = until_closed(connection)

    assert set(raw.statuses(came)) <= {400, 501}, came[:300]
    assert acted_on(target, hidden) == []


@pytest.mark.parametrize("offer", ["h2c", "websocket", "TLS/1.0"])
def test_a_request_inside_the_body_of_one_that_offers_another_protocol_is_its_body(target, offer):
    outer, hidden = target.home.fresh(), target.home.fresh()
    inside = posted(message(target, target.person(), hidden))
    content = message(target, target.person(), outer)[:-1] + b',"memo":' + json.dumps(inside.decode()).encode() + b"}"
    sent = posted(content, "connection: upgrade", f"upgrade: {offer}")

    with connected(target) as connection:
        connection.sendall(sent + inside)
        came = until_closed(connection)

    assert raw.statuses(came) == [200]
    assert (acted_on(target, outer), acted_on(target, hidden)) == (["2201"], [])


# --- hundreds at once, in pieces ---


def test_hundreds_of_requests_in_odd_pieces_are_answered_in_their_order_and_acted_on_once(target):
    people = [target.person() for _ in range(60)]
    ids = [target.home.fresh() for _ in people]
    round_ = [posted(message(target, person, msgid)) for person, msgid in zip(people, ids, strict=True)]
    stream, draws = b"".join(round_ * 5), random.Random(5)  # each message five times, a round after the other

    with connected(target) as connection:
        came = b""
        while stream:
            size = draws.choice((1, 13, 700, 9_000))
            connection.sendall(stream[:size])
            stream = stream[size:]
        connection.sendall(b"GET /end HTTP/1.1\r\nconnection: close\r\n\r\n")
        came = until_closed(connection)

    visits = re.findall(rb'"mdtrt_id":"([^"]+)"', came)
    assert raw.statuses(came) == [200] * 300 + [404]
    assert visits == visits[:60] * 5
    assert len(set(visits)) == 60
    assert [acted_on(target, msgid) for msgid in ids] == [["2201"]] * 60


def test_a_caller_who_resets_the_connection_has_been_heard_once_or_not_at_all(target):
    for end in (1, 60, -1, None):
        person, msgid = target.person(), target.home.fresh()
        whole = posted(message(target, person, msgid))
        with connected(target) as connection:
            connection.sendall(whole[:end])
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        heard = target.home.ask("2201", ANHUI, raw.register(person), msgid)

        assert heard.done, heard
        assert acted_on(target, msgid) == ["2201"]


def test_who_begins_with_tls_at_a_plain_door_is_turned_away(target):
    host, _, port = target.address("33").rpartition(":")
    context = ssl.create_default_context()
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname="localhost")

    target.assert_sound()


# --- a crowd of them ---


def crowd(target):
    """Bytes with which each of a crowd begins; none of them ever ends, or reads what it is told."""
    content = message(target, target.person(), target.home.fresh())
    find = json.dumps(target.home.envelope("1101", ANHUI, raw.find(target.person()), target.home.fresh())).encode()
    return (
        b"",
        b"P",
        b"POST /33 HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 12_000,
        posted(content)[:-1],
        b"POST /33 HTTP/1.1\r\ncontent-length: 4000000\r\n\r\n" + b"x" * 1_000_000,
        b"POST /33 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"1;" + b"x" * 100_000,
        posted(find) * 200,
        b"GET / HTTP/1.1\r\n\r\n" * 10_000,
        b"\x16\x03\x01" * 1_000,
    )


@contextlib.contextmanager
def abused(target, count):
    """Hold so many connections, each with as much sent as the other side takes at once."""
    ways = crowd(target)
    with contextlib.ExitStack() as stack:
        for number in range(count):
            connection = stack.enter_context(connected(target))
            connection.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                connection.send(ways[number % len(ways)])
            yield_to(connection)
        yield


def yield_to(connection):
    """Send one byte more, as somebody slow does."""
    with contextlib.suppress(BlockingIOError, ConnectionError):
        connection.send(b"x")


def test_a_crowd_of_abusers_keeps_nobody_from_being_served_and_fills_no_memory(target):
    process = psutil.Process(target.system.pid("33"))
    target.assert_sound()
    before = process.memory_info().rss

    for _ in range(3):
        with abused(target, ABUSERS):
            target.assert_sound()
            grown = process.memory_info().rss - before
            assert grown < UNFINISHED_BYTES_MAX + ABUSERS * EACH_BYTES + SLACK_BYTES, f"{grown / MIB:.0f} MiB"
        target.assert_sound()

    assert process.memory_info().rss - before < UNFINISHED_BYTES_MAX + SLACK_BYTES, "what they held is given back"
    print(f"grown by {grown / MIB:.0f} MiB under {ABUSERS}")  # noqa: T201 - for docs/fuzz.md
