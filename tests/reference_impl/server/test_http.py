"""What one connection may send, and how slowly: a server that others share must not be held by half a request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from reference_impl.server import http
from reference_impl.server.config import HttpBounds
from reference_impl.server.http import bounded

BOUNDS = HttpBounds(head_bytes=2_000, headers=8, head_us=50_000, body_us=50_000)
PATIENT = HttpBounds(head_bytes=2_000, headers=8)
WHOLE = b"POST /33 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"


async def echo(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        more = message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected(bounds):
    settings = uvicorn.Config(echo, http=bounded(bounds), ws="none", lifespan="off", log_config=None, access_log=False)
    settings.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: settings.http_protocol_class(settings, state, {}), "127.0.0.1", 0)
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
