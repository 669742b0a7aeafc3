"""What one connection may send, and how slowly: a server that others share must not be held by half a request."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from reference_impl.server import http, http_reader
from reference_impl.server.config import HttpBounds
from reference_impl.server.http import serving
from reference_impl.server.http_message import HttpReply

BOUNDS = HttpBounds(head_bytes=2_000, headers=8, head_us=50_000, body_us=50_000)
PATIENT = HttpBounds(head_bytes=2_000, headers=8)
WHOLE = b"POST /33 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"


async def echo(request):
    return HttpReply(200, {}, request.body)


@asynccontextmanager
async def connected(bounds, application=echo):
    state = ServerState()
    make = serving(application, bounds)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: make(None, state, {}), "127.0.0.1", 0)
    try:
        yield await asyncio.open_connection(*server.sockets[0].getsockname())
    finally:
        server.close()
        for connection in tuple(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


def said_to(*parts, bounds=PATIENT):
    """Send ``parts`` one by one and return all that is said until the server closes the connection."""

    async def story():
        async with connected(bounds) as (reader, writer):
            for part in parts:
                writer.write(part)
                await writer.drain()
            said = await reader.read()
            writer.transport.abort()
            return said

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def _no_grace(monkeypatch):
    monkeypatch.setattr(http, "GRACE_US", 1_000)


MUCH = {
    "a header without an end": (b"POST /33 HTTP/1.1\r\nx: ", b"y" * 3_000),
    "a path without an end": (b"POST /", b"y" * 3_000),
    "many headers": (b"POST /33 HTTP/1.1\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(9)) + b"\r\n",),
    "a head that is whole and too long": (b"POST /33 HTTP/1.1\r\nx: " + b"y" * 3_000 + b"\r\n\r\n",),
}


@pytest.mark.parametrize("parts", MUCH.values(), ids=MUCH)
def test_too_much_of_a_head_is_refused_and_the_connection_closed(parts):
    assert said_to(*parts).startswith(b"HTTP/1.1 431 ")


SLOW = {
    "nothing at all": (),
    "half a line": (b"POST /33 HT",),
    "half a head": (b"POST /33 HTTP/1.1\r\nhost: a\r\n",),
    "half a body": (WHOLE[:-1],),
    "half a second request": (WHOLE, b"POST /33 HTTP"),
}


@pytest.mark.parametrize("parts", SLOW.values(), ids=SLOW)
def test_a_half_sent_request_ends_in_a_timeout_and_the_connection_is_closed(parts):
    assert b"HTTP/1.1 408 " in said_to(*parts, bounds=BOUNDS)


def test_a_request_that_trickles_in_is_not_given_more_time_for_each_byte():
    async def story():
        async with connected(BOUNDS) as (reader, writer):
            reading = asyncio.ensure_future(reader.read())
            while not reading.done():
                writer.write(b"x")
                await asyncio.sleep(0.005)
            writer.transport.abort()
            return reading.result()

    assert asyncio.run(story())[:12] in (b"HTTP/1.1 408", b"HTTP/1.1 400")


def test_a_kept_connection_that_is_idle_between_requests_stays_open():
    async def story():
        async with connected(BOUNDS) as (reader, writer):
            heard = []
            for _ in range(3):
                writer.write(WHOLE)
                heard.append(await reader.readuntil(b"{}"))
                await asyncio.sleep(4 * BOUNDS.head_us / 1e6)
            writer.transport.abort()
            return heard

    assert [each[:12] for each in asyncio.run(story())] == [b"HTTP/1.1 200"] * 3


def test_what_is_no_http_is_answered_400():
    assert said_to(b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_many_small_requests_on_one_connection_are_not_taken_for_one_long_head():
    async def story():
        async with connected(PATIENT) as (reader, writer):
            for _ in range(100):
                writer.write(WHOLE)
                await reader.readuntil(b"{}")
            writer.transport.abort()

    asyncio.run(story())


# --- one after another ---


def story_of(*parts, application=echo, bounds=PATIENT):
    async def story():
        async with connected(bounds, application) as (reader, writer):
            for part in parts:
                writer.write(part)
            writer.write(b"POST /last HTTP/1.1\r\nconnection: close\r\ncontent-length: 4\r\n\r\nlast")
            said = await reader.read()
            writer.transport.abort()
            return said

    return asyncio.run(story())


async def slow_first(request):
    await asyncio.sleep(0.05 if request.body == b"0" else 0)
    return HttpReply(200, {}, b"<%s>" % request.body)


def numbered(number):
    return b"POST /33 HTTP/1.1\r\ncontent-length: 1\r\n\r\n%d" % number


def test_requests_sent_at_once_are_answered_in_their_order():
    said = story_of(*map(numbered, range(8)), application=slow_first)

    assert re.findall(rb"<(.+?)>", said) == [b"%d" % number for number in range(8)] + [b"last"]


def test_what_is_no_http_behind_a_request_in_work_does_not_take_its_answer():
    said = story_of(numbered(0), b"\x16\x03\x01\r\n\r\n", application=slow_first)

    assert said.index(b"<0>") < said.index(b"HTTP/1.1 400 ")


def test_one_request_of_a_connection_is_in_work_at_a_time():
    most = now = 0

    async def counting(request):
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return HttpReply(200, {}, request.body)

    story_of(*map(numbered, range(5)), application=counting)

    assert (most, now) == (1, 0)


@given(sizes=st.lists(st.integers(1, 40), max_size=30))
@settings(max_examples=25, deadline=None)
def test_a_request_is_the_same_however_its_bytes_arrive(sizes):
    async def telling(request):
        return HttpReply(200, {"x-saw": f"{request.method} {request.path}"}, request.body)

    whole = (
        WHOLE + b"PUT http://a/%33%34?x=1 HTTP/1.1\r\nX-A: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )
    parts, rest = [], whole
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]

    assert story_of(*parts, rest, application=telling) == story_of(whole, application=telling)
    assert b"x-saw: PUT /34\r\n" in story_of(whole, application=telling)


def test_a_caller_who_does_not_read_is_not_read_either():
    served = 0

    async def big(request):
        nonlocal served
        served += 1
        return HttpReply(200, {}, b"x" * 1_000_000)

    async def story():
        async with connected(PATIENT, big) as (_reader, writer):
            for number in range(200):
                writer.write(numbered(number % 10))
            await asyncio.sleep(0.2)
            before = served
            writer.transport.abort()
            return before

    assert asyncio.run(story()) < 50


def test_a_caller_who_left_does_not_stop_their_request():
    ended = []

    async def slow(request):
        await asyncio.sleep(0.02)
        ended.append(request.body)
        return HttpReply(200, {}, b"")

    async def story():
        async with connected(PATIENT, slow) as (_, writer):
            writer.write(numbered(7))
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.transport.abort()
            await asyncio.sleep(0.05)

    asyncio.run(story())

    assert ended == [b"7"]


def test_a_caller_who_waits_for_leave_to_send_the_body_gets_it():
    async def story():
        async with connected(PATIENT) as (reader, writer):
            writer.write(WHOLE.replace(b"host: a", b"expect: 100-continue")[:-2])
            leave = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"{}")
            said = await reader.readuntil(b"{}")
            writer.transport.abort()
            return leave, said

    leave, said = asyncio.run(story())
    assert (leave[:12], said[:12]) == (b"HTTP/1.1 100", b"HTTP/1.1 200")


ENDS = {
    "a path that is none": (b"POST /\xe4 HTTP/1.1\r\nhost: a\r\n\r\n", b" 400 "),
    "two lengths": (b"POST /33 HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", b" 400 "),
    "a length and chunks": (
        b"POST /33 HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b" 400 ",
    ),
    "an upgrade": (b"POST /33 HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n", b" 200 "),
    "an old client": (b"POST /33 HTTP/1.0\r\ncontent-length: 2\r\n\r\n{}", b" 200 "),
    "only the head asked for": (b"HEAD /33 HTTP/1.1\r\nconnection: close\r\n\r\n", b" 200 "),
    "too much of a body": (b"POST /33 HTTP/1.1\r\ncontent-length: 5000000\r\n\r\n" + b"x" * 5_000_000, b" 413 "),
}


@pytest.mark.parametrize(("sent", "status"), ENDS.values(), ids=ENDS)
def test_what_ends_a_connection_is_answered_once(sent, status):
    said = said_to(sent)

    assert (said[8:13], said.count(b"HTTP/1.1 ")) == (status, 1)
    assert b"connection: close" in said


def test_a_server_that_stops_answers_what_is_in_work_and_closes():
    async def story():
        state = ServerState()
        make = serving(slow_first, PATIENT)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: make(None, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(numbered(0))
        await asyncio.sleep(0.02)
        for connection in tuple(state.connections):
            connection.shutdown()
        said = await reader.read()
        server.close()
        writer.transport.abort()
        return said, state.tasks

    said, tasks = asyncio.run(story())

    assert b"connection: close" in said
    assert said.endswith(b"<0>")
    assert tasks == set()


ENDLESS = {
    "a trailer without an end": (b"0\r\nx: ", b"y" * 65_536),
    "a chunk's extension without an end": (b"5;", b"y" * 65_536),
    "chunks that are more size than body": (b"", b"1;" + b"y" * 65_534 + b"\r\n \r\n"),
}


@pytest.mark.parametrize(("first", "more"), ENDLESS.values(), ids=ENDLESS)
def test_what_comes_round_a_body_is_bounded_as_the_body_is(first, more):
    head = b"POST /33 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"

    async def story():
        async with connected(PATIENT) as (reader, writer):
            writer.write(head + first)
            for _ in range(2 * http_reader.FRAMING_BYTES_MAX // len(more)):
                if reader.at_eof():
                    break
                writer.write(more)
                await writer.drain()
            said = await asyncio.wait_for(reader.read(), 5)
            writer.transport.abort()
            return said

    assert asyncio.run(story()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("requests", [1, 3])
def test_a_caller_who_says_at_once_that_they_send_no_more_is_answered(requests):
    async def slow(request):
        await asyncio.sleep(0.02)
        return await echo(request)

    async def story():
        async with connected(PATIENT, slow) as (reader, writer):
            writer.write(WHOLE * requests)
            writer.write_eof()
            said = await asyncio.wait_for(reader.read(), 5)
            writer.transport.abort()
            return said

    assert asyncio.run(story()).count(b"HTTP/1.1 200 ") == requests


@pytest.mark.parametrize("size", [1, 1_000])
def test_a_request_that_offers_another_protocol_is_served_whole_in_this_one(size):
    offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
    sent = WHOLE.replace(b"host: a\r\n", b"host: a\r\n" + offer)
    said = said_to(*[sent[start : start + size] for start in range(0, len(sent), size)])

    assert re.findall(rb"HTTP/1\.1 (\d+)|({})", said) == [(b"200", b""), (b"", b"{}")]


def test_leave_to_send_the_body_is_asked_for_in_any_case_of_letters():
    async def story():
        async with connected(PATIENT) as (reader, writer):
            writer.write(b"POST /33 HTTP/1.1\r\nhost: a\r\nExpect: 100-Continue\r\ncontent-length: 2\r\n\r\n")
            said = await asyncio.wait_for(reader.readline(), 5)
            writer.transport.abort()
            return said

    assert asyncio.run(story()).startswith(b"HTTP/1.1 100 ")


def test_bodies_that_are_never_whole_hold_only_so_much_together(monkeypatch):
    """Sixty callers with four mebibytes each, none of them whole, filled a quarter of a gigabyte."""
    monkeypatch.setattr(http_reader, "UNFINISHED_BYTES_MAX", 300_000)
    half = b"POST /33 HTTP/1.1\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000

    async def story():
        state, loop = ServerState(), asyncio.get_running_loop()
        make = serving(echo, PATIENT)
        server = await loop.create_server(lambda: make(None, state, {}), "127.0.0.1", 0)
        callers = [await asyncio.open_connection(*server.sockets[0].getsockname()) for _ in range(6)]
        for _, writer in callers:
            writer.write(half)
            await asyncio.sleep(0.02)
        told = [await reader.read(12) for reader, _ in callers if reader._buffer]
        callers[1][1].transport.abort()  # one who gave up lets another finish
        await asyncio.sleep(0.02)
        callers[0][1].write(b"x" * 100_000)
        whole = await callers[0][0].read(12)
        for _, writer in callers:
            writer.transport.abort()
        await asyncio.sleep(0.02)
        _, writer = after = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(WHOLE)
        served = await after[0].readuntil(b"{}")
        writer.transport.abort()
        server.close()
        return told, whole, served[:12]

    told, whole, served = asyncio.run(story())

    assert told == [b"HTTP/1.1 503"] * 3
    assert (whole, served) == (b"HTTP/1.1 200", b"HTTP/1.1 200")
