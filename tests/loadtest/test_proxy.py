"""The fault proxy on real sockets: what it loses, what it delays, what it passes on unchanged."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from loadtest.proxy import NOBODY_LISTENS, LinkProxy, Message, ProxiedLink, ProxyConfig, main, read_reply, read_request
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import FindPerson, MessageId, PersonNo, Request, Unknown, Unreachable
from reference_impl.staging.loss import Disturbance, FaultyLink
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.codecs import Codecs

ROOT = Path(__file__).parents[2]
MSGID = MessageId("P33040000001202403130900000001")
FOREVER_US = 1 << 60


def request(msgid: str, code: str = "2207") -> bytes:
    body = json.dumps({"infno": code, "msgid": msgid}).encode()
    head = f"POST /hub HTTP/1.1\r\nHost: h\r\nX-Yidi-Msgid: {msgid}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nX-Yidi-Hops: hub\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


class Callee:
    """Answers every request with its msgid, and remembers the bytes it saw."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.leaves = False
        self.says = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (message := await read_request(reader)) is not None:
            self.seen.append(bytes(message.content))
            if self.leaves:
                break
            writer.write(answer(self.says or message.msgid))
        writer.close()


@asynccontextmanager
async def proxied(*faults: Disturbance, callee: Callee):
    upstream = await asyncio.start_server(callee.serve, "127.0.0.1", 0)
    upstream_port = upstream.sockets[0].getsockname()[1]
    link = ProxiedLink(caller="33", callee="hub", port=0, upstream_port=upstream_port)
    proxy = LinkProxy(link, FaultyLink(7, "33", "hub", faults), time.monotonic_ns())
    server = await proxy.listen()
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        upstream.close()


class Caller:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def call(self, message: bytes, timeout_s: float = 2.0) -> bytes | None:
        """Return the reply; None when patience ran out. Raises ConnectionError when the other side broke off."""
        self._writer.write(message)
        try:
            reply = await asyncio.wait_for(read_reply(self._reader), timeout_s)
        except TimeoutError:
            return None
        if reply is None:
            raise ConnectionError
        return bytes(reply.content)

    def leave(self) -> None:
        self._writer.transport.abort()


def losing(direction: str, share: float = 1.0, **changed: object) -> Disturbance:
    facts = {"number": 0, "kind": "lose", "caller": "33", "callee": "hub", "at_us": 0, "until_us": FOREVER_US}
    return Disturbance(**(facts | {"direction": direction, "share": share} | changed))


def run(story) -> None:
    async def to_its_end() -> None:
        await asyncio.wait_for(story, 10)
        served = asyncio.all_tasks() - {asyncio.current_task()}
        if served:
            await asyncio.wait(served, timeout=2)
        await asyncio.sleep(0.01)  # aborted transports close on the loop's next rounds

    asyncio.run(to_its_end())


def test_without_a_fault_bytes_pass_unchanged_on_kept_connections():
    async def story() -> None:
        callee = Callee()
        async with proxied(callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            replies = [await caller.call(request(msgid)) for msgid in "abc"]
            assert replies == [answer(msgid) for msgid in "abc"]
            assert callee.seen == [request(msgid) for msgid in "abc"]
            assert proxy.counts == {"requests": 3}
            caller.leave()

    run(story())


def test_lost_request_never_reaches_the_callee_and_leaves_the_caller_waiting():
    async def story() -> None:
        callee = Callee()
        async with proxied(losing("request"), callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            assert await caller.call(request("a"), timeout_s=0.05) is None
            assert callee.seen == []
            assert proxy.counts["lost_requests"] == 1
            caller.leave()

    run(story())


def test_lost_reply_is_swallowed_after_the_callee_acted():
    async def story() -> None:
        callee = Callee()
        async with proxied(losing("reply"), callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            assert await caller.call(request("a"), timeout_s=0.05) is None
            assert callee.seen == [request("a")]
            assert proxy.counts["lost_replies"] == 1
            caller.leave()

    run(story())


def test_only_the_named_transactions_are_lost():
    async def story() -> None:
        async with proxied(losing("request", codes=("2102",)), callee=Callee()) as (_, port):
            caller = await Caller.to(port)
            assert await caller.call(request("a", "2207")) == answer("a")
            assert await caller.call(request("a", "2102"), timeout_s=0.05) is None
            caller.leave()

    run(story())


@pytest.mark.parametrize("caller", ["P33040000001", "33", "hub"])
def test_the_transaction_is_found_in_what_hospitals_send_and_in_what_nodes_send(caller):
    """A person's number that looks like a transaction is text, and decides nothing."""
    named = caller if caller != "P33040000001" else ""
    codec = Codecs.at(BusinessClock(datetime(2024, 3, 13), 1.0)).of(named, b"{}")
    person = PersonNo('"infno":"2102"')
    sent = Request("1101", MSGID, NodeId(caller), NodeId(MSGID[:12]), "330400", "340100", FindPerson(person=person))
    message = Message()
    message.content += codec.encode_request(sent, 0)

    assert message.code == "1101"


def test_delay_is_added_each_way():
    async def story() -> None:
        slow = Disturbance(number=0, kind="delay", caller="*", callee="*", at_us=0, until_us=FOREVER_US, add_us=20_000)
        async with proxied(slow, callee=Callee()) as (_, port):
            caller = await Caller.to(port)
            began = time.monotonic()
            assert await caller.call(request("a")) == answer("a")
            assert time.monotonic() - began >= 0.04
            caller.leave()

    run(story())


def test_on_a_narrow_link_the_bytes_of_the_content_are_waited_for_each_way():
    async def story() -> None:
        narrow = losing("request", kind="bandwidth", bytes_per_second=2_000)
        async with proxied(narrow, callee=Callee()) as (proxy, port):
            caller = await Caller.to(port)
            content = request("a").partition(b"\r\n\r\n")[2]
            began = time.monotonic()
            assert await caller.call(request("a")) == answer("a")
            assert time.monotonic() - began >= (len(content) + 1) / 2_000
            assert proxy.hits == {0: 2}
            caller.leave()

    run(story())


@pytest.mark.parametrize("kind", ["reset", "slow_close"])
def test_a_connection_that_is_to_end_ends_also_where_nobody_listens(kind):
    async def story() -> None:
        async with proxied(losing("request", kind=kind), callee=Callee()) as (proxy, port):
            proxy.link = msgspec.structs.replace(proxy.link, upstream_port=1)
            caller = await Caller.to(port)
            with pytest.raises(ConnectionError):
                await caller.call(request("a"))
            assert proxy.counts["cut"] == 1
            caller.leave()

    run(story())


def test_a_copy_to_which_nobody_listens_harms_nobody():
    async def story() -> None:
        callee = Callee()
        async with proxied(losing("request", kind="duplicate", add_us=10_000), callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            assert await caller.call(request("a")) == answer("a")
            proxy.link = msgspec.structs.replace(proxy.link, upstream_port=1)
            for _ in range(2000):
                await asyncio.sleep(0.001)
                if proxy.counts["copies"]:
                    break
            assert proxy.counts["copies"] == 1
            assert callee.seen == [request("a")]
            caller.leave()

    run(story())


def test_nobody_listening_is_told_as_such_because_nothing_was_handed_on():
    async def story() -> None:
        async with proxied(callee=Callee()) as (proxy, port):
            proxy.link = msgspec.structs.replace(proxy.link, upstream_port=1)
            caller = await Caller.to(port)
            assert await caller.call(request("a")) == NOBODY_LISTENS
            assert await caller.call(request("b")) == NOBODY_LISTENS
            assert proxy.counts["refused"] == 2
            caller.leave()

    run(story())
    codec = Codec(BusinessClock(datetime(2024, 3, 13), 1.0))
    assert codec.decode_answer(502, {"x-yidi-nobody-listens": "1"}, b"", "2207") == Unreachable()
    assert isinstance(codec.decode_answer(502, {}, b"", "2207"), Unknown)


def test_broken_callee_is_passed_on_as_a_broken_connection():
    async def story() -> None:
        callee = Callee()
        callee.leaves = True
        async with proxied(callee=callee) as (_, port):
            caller = await Caller.to(port)
            with pytest.raises(ConnectionError):
                await caller.call(request("a"))
            caller.leave()

    run(story())


FALSE = {
    "not acted, with an error": ("yes_with_error_text", 0.0, b"", 0),
    "acted, with an error": ("yes_with_error_text", 1.0, b"r1", 1),
    "not acted, no receipt": ("yes_without_receipt", 0.0, b"", 0),
    "acted, no receipt": ("yes_without_receipt", 1.0, b"r1", 1),
}


@pytest.mark.parametrize(("kind", "acted", "reference", "seen"), FALSE.values(), ids=FALSE)
def test_a_false_yes_is_said_in_place_of_the_callees_own(kind, acted, reference, seen):
    """Whether the callee has acted or never saw the request, what the caller reads is a yes that is none."""

    async def story() -> None:
        callee = Callee()
        callee.says = '{"reference":"r1","body":{"type":"done"}}'
        lie = losing("request", kind=kind, acted=acted, first=1)
        async with proxied(lie, callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            told = await caller.call(request("a"))
            head, _, body = told.partition(b"\r\n\r\n")
            said = json.loads(body)
            assert head.startswith(b"HTTP/1.1 200")
            assert f"content-length: {len(body)}".encode() in head
            assert said["reference"] == reference.decode()
            assert bool(said.get("reason")) == (kind == "yes_with_error_text")
            assert bool(said.get("body")) == (kind == "yes_with_error_text" and acted > 0)
            assert len(callee.seen) == seen
            assert proxy.hits == {0: 1}
            assert await caller.call(request("a")) == answer(callee.says), "its second crossing is sound"
            caller.leave()

    run(story())


def test_a_refusal_is_never_spoilt():
    async def story() -> None:
        callee = Callee()
        callee.says = '{"reference":"r1","refusal":"S03","reason":"the visit is settled"}'
        async with proxied(losing("request", kind="yes_without_receipt", acted=1.0), callee=callee) as (proxy, port):
            caller = await Caller.to(port)
            assert await caller.call(request("a")) == answer(callee.says)
            assert not proxy.hits
            caller.leave()

    run(story())


def test_proxy_and_simulator_lose_the_same_messages():
    """The contract between the worlds: the real proxy's losses are the pure decision's, attempt by attempt."""
    faults = (losing("request", 0.3), losing("reply", 0.3, number=1))
    msgids = [f"m{n}" for n in range(12)]

    def predicted() -> list[str]:
        link = FaultyLink(7, "33", "hub", faults)
        outcomes = []
        for msgid in msgids * 2:
            sent = link.request(msgid, "2207", 1)
            back = sent.lost or link.reply(msgid, "2207", 1, sent=sent, yes=True).lost
            outcomes.append("lost" if back else "answered")
        return outcomes

    async def story() -> None:
        async with proxied(*faults, callee=Callee()) as (_, port):
            outcomes = []
            for msgid in msgids * 2:
                caller = await Caller.to(port)
                reply = await caller.call(request(msgid), timeout_s=0.04)
                outcomes.append("lost" if reply is None else "answered")
                caller.leave()
            assert outcomes == predicted()
            assert {"lost", "answered"} == set(outcomes)

    run(story())


def test_process_says_when_it_is_ready_and_what_it_lost(tmp_path):
    link = ProxiedLink(caller="33", callee="hub", port=0, upstream_port=1)
    config = ProxyConfig(epoch_monotonic_ns=0, seed=1, links=(link,), faults=(losing("request"),))
    path = tmp_path / "proxy.json"
    path.write_bytes(msgspec.json.encode(config))

    with subprocess.Popen(
        [sys.executable, "-m", "loadtest.proxy", str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        ready = json.loads(process.stdout.readline())
        process.terminate()
        said = [json.loads(line) for line in process.stdout]

    assert ready == {"event": "ready", "ports": [ready["ports"][0]]}
    assert ready["ports"][0] > 0
    assert said == [{"event": "link", "caller": "33", "callee": "hub", "hits": []}]
    assert process.returncode == 0


def test_config_that_is_not_one_is_refused(tmp_path, capsys):
    path = tmp_path / "proxy.json"
    path.write_text("{")

    assert main([str(path)]) == 2
    assert "cannot start from" in capsys.readouterr().err


def test_a_callee_that_died_while_nobody_asked_is_one_where_nobody_listens_and_no_broken_line():
    """A caller of its own would have seen the connection end. Told that it broke, it left an intent open, and who
    came for that visit found it busy and came again: under a kill links counted more hits than in the simulated world.
    """

    async def story() -> None:
        ends: list[asyncio.StreamWriter] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ends.append(writer)
            while (message := await read_request(reader)) is not None:
                writer.write(answer(message.msgid))
            writer.close()

        upstream = await asyncio.start_server(serve, "127.0.0.1", 0)
        link = ProxiedLink(caller="33", callee="hub", port=0, upstream_port=upstream.sockets[0].getsockname()[1])
        proxy = LinkProxy(link, FaultyLink(7, "33", "hub", ()), time.monotonic_ns())
        server = await proxy.listen()
        caller = await Caller.to(server.sockets[0].getsockname()[1])
        assert await caller.call(request("a")) == answer("a")

        upstream.close()
        ends[0].transport.abort()
        await asyncio.sleep(0.05)

        assert await caller.call(request("b")) == NOBODY_LISTENS
        assert proxy.counts == {"requests": 2, "refused": 1}
        caller.leave()
        server.close()

    run(story())
