"""What becomes of a call: every way a connection can go, told by a server that does it on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
import uvloop

from reference_impl.server.client import Destination, Failure, HttpAnswer

ASK = b"POST /34 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi"
GOOD = b"HTTP/1.1 200 OK\r\nX-Yidi-Hops: 34,1,2\r\nContent-Length: 5\r\n\r\nhello"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
HELLO = HttpAnswer(200, {"x-yidi-hops": "34,1,2", "content-length": "5"}, b"hello")
SOON_US = 50_000
LONG_US = 20_000_000


class Server:
    """Does to each request of each connection what its script says next: bytes to write, None to close, ... to be
    silent, or an event to wait for."""

    def __init__(self, *script):
        self.script = list(script)
        self.connections = 0
        self.requests = 0
        self._writers = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.destination = Destination("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_):
        self.destination.close()
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0)

    async def _serve(self, reader, writer):
        self.connections += 1
        self._writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readexactly(len(ASK))
                self.requests += 1
                act = self.script.pop(0)
                if isinstance(act, asyncio.Event):
                    await act.wait()
                    act = GOOD
                if act is None:
                    break
                if act is not ...:
                    writer.write(act)
        writer.close()

    def ask(self, timeout_us=LONG_US):
        return self.destination.exchange(ASK, timeout_us)


async def until(true):
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - the other side is a socket, and has no event for us
            await asyncio.sleep(0)


def story(test):
    def run():
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


@story
async def test_connection_is_kept_and_used_again():
    async with Server(GOOD, GOOD, GOOD) as server:
        assert [await server.ask() for _ in range(3)] == [HELLO] * 3
        assert server.connections == 1


@story
async def test_calls_at_once_have_a_connection_each():
    async with Server(GOOD, GOOD, GOOD) as server:
        assert await asyncio.gather(*(server.ask() for _ in range(3))) == [HELLO] * 3
        assert server.connections == 3


@story
async def test_nobody_listens_is_told_apart():
    async with Server() as server:
        server._server.close()
        await server._server.wait_closed()

        assert await server.ask() is Failure.NOBODY_LISTENS


@story
async def test_silence_ends_with_patience_and_the_connection_is_given_up():
    async with Server(..., GOOD) as server:
        assert await server.ask(SOON_US) is Failure.SILENT
        assert await server.ask() == HELLO
        assert server.connections == 2


@story
async def test_every_request_of_a_connection_has_its_own_patience():
    """The timer is the connection's: neither a longer nor a shorter patience before may be taken for the present one."""
    late = asyncio.Event()
    async with Server(GOOD, late, ...) as server:
        assert await server.ask(SOON_US) == HELLO
        asyncio.get_running_loop().call_later(3 * SOON_US / 1e6, late.set)
        assert await server.ask(LONG_US) == HELLO, "the patience of the first was over by then"
        async with asyncio.timeout(LONG_US / 1e6 / 2):
            assert await server.ask(SOON_US) is Failure.SILENT, "not the patience of the second"
        assert server.connections == 1


@story
async def test_a_late_answer_is_never_taken_for_anothers():
    late = asyncio.Event()
    async with Server(late, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother") as server:
        assert await server.ask(SOON_US) is Failure.SILENT
        late.set()
        answer = await server.ask()

        assert answer.content == b"other"


@story
async def test_broken_after_sending_is_unknown_and_is_not_sent_again():
    async with Server(GOOD, None) as server:
        await server.ask()

        assert await server.ask() is Failure.BROKEN
        assert server.requests == 2


@story
async def test_half_an_answer_is_no_answer():
    async with Server(GOOD[:-2]) as server:
        assert await server.ask(SOON_US) is Failure.SILENT


@story
async def test_a_connection_closed_while_idle_is_passed_over():
    async with Server(GOOD, GOOD) as server:
        await server.ask()
        server._writers[0].close()
        await until(lambda: server.destination._idle[0].closed)

        assert await server.ask() == HELLO
        assert server.connections == 2


@story
async def test_a_server_that_ends_the_connection_is_believed():
    async with Server(LAST, GOOD) as server:
        assert (await server.ask()).content == b"hello"
        assert await server.ask() == HELLO
        assert server.connections == 2


@story
async def test_chunks_are_put_together():
    async with Server(CHUNKED) as server:
        assert (await server.ask()).content == b"hello"


@story
async def test_what_is_not_http_breaks_the_call():
    async with Server(b"SSH-2.0-OpenSSH\r\n") as server:
        assert await server.ask() is Failure.BROKEN


@story
async def test_an_endless_answer_breaks_the_call():
    async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 5_000_000) as server:
        assert await server.ask() is Failure.BROKEN


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 3_000_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;" + b"y" * 3_000_000,
    ],
    ids=["a head without an end", "a chunk without an end"],
)
def test_what_comes_round_an_answer_without_an_end_breaks_the_call(said):
    async def calls():
        async with Server(said, GOOD) as server:
            assert await server.ask() is Failure.BROKEN
            assert await server.ask() == HELLO

    asyncio.run(calls())


@story
async def test_a_server_that_goes_on_in_another_protocol_is_not_asked_again():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    async with Server(b"HTTP/1.1 101 Other\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", GOOD) as server:
        assert (await server.ask()).status == 101
        assert await server.ask() == HELLO
        assert server.connections == 2
    assert complaints == []


@story
async def test_a_cancelled_call_gives_up_its_connection():
    async with Server(..., GOOD) as server:
        calling = asyncio.ensure_future(server.ask())
        await until(lambda: server.requests)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

        assert await server.ask() == HELLO
        assert server.connections == 2


@story
async def test_words_nobody_asked_for_end_the_connection():
    async with Server(GOOD + GOOD, GOOD) as server:
        await server.ask()

        assert await server.ask() == HELLO
        assert server.connections == 2


def test_the_next_request_goes_out_though_the_one_before_was_answered_in_its_last_instant():
    """A host's loop is uvloop: what it is to do within half a millisecond is a handle that has no ``when``."""
    timeout_us, callers, requests = 20_000, 20, 50

    async def answer_at_the_last(reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for number in range(callers * requests):
                await reader.readexactly(len(ASK))
                at_s = time.perf_counter() + (timeout_us + (number % 7 - 3) * 500) / 1_000_000
                await asyncio.sleep((timeout_us - 3_500) / 1_000_000)
                while time.perf_counter() < at_s:  # noqa: ASYNC110 - a timer is not as fine as this
                    await asyncio.sleep(0)
                writer.write(GOOD)
        writer.close()

    async def ask_on_and_on(destination):
        return [await destination.exchange(ASK, timeout_us) for _ in range(requests)]

    async def play():
        server = await asyncio.start_server(answer_at_the_last, "127.0.0.1", 0)
        destination = Destination("127.0.0.1", server.sockets[0].getsockname()[1])
        heard = await asyncio.gather(*(ask_on_and_on(destination) for _ in range(callers)), return_exceptions=True)
        destination.close()
        server.close()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        await asyncio.sleep(0)
        return heard

    heard = uvloop.run(play())

    assert [one for one in heard if isinstance(one, BaseException)] == []
    assert {type(one) for all_of_one in heard for one in all_of_one} <= {HttpAnswer, Failure}


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nX-Yidi-Hops: 9,9,9\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"],
)
@pytest.mark.parametrize("later", [False, True])
def test_what_a_server_says_without_being_asked_is_nobodys_answer(more, later):
    """With the answer or after it: the answer stands as it was given, and the next request goes over a new connection."""
    wait = asyncio.Event

    async def story():
        go_on = wait()

        class Talkative(Server):
            async def _serve(self, reader, writer):
                self.connections += 1
                self._writers.append(writer)
                with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                    await reader.readexactly(len(ASK))
                    writer.write(GOOD if later else GOOD + more)
                    if later:
                        await go_on.wait()
                        writer.write(more)
                    await reader.readexactly(len(ASK))
                    writer.write(GOOD)
                    await writer.drain()

        async with Talkative() as server:
            first = await server.destination.exchange(ASK, LONG_US)
            go_on.set()
            await asyncio.sleep(0.05)
            kept = HttpAnswer(first.status, dict(first.headers), first.content)
            second = await server.destination.exchange(ASK, LONG_US)
            return kept, first, second, server.connections

    kept, first, second, connections = asyncio.run(story())

    assert kept == first == HELLO
    assert second == HELLO
    assert connections == 2
