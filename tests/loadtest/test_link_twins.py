"""One fault, two links: what the proxy does to bytes on sockets, the simulated link does to messages in virtual time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from loadtest.proxy import LinkProxy, ProxiedLink, read_reply, read_request
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, FindPerson, MessageId, PersonNo, Reply, Request, Unknown
from reference_impl.staging.loss import Disturbance, FaultyLink
from sim.engine.timeline import Timeline
from sim.model.calls import Call, Work
from sim.model.links import Link, transits_us

FOREVER_US = 1 << 60
PATIENCE_US = 60_000_000
IMPATIENCE_S = 0.6
MSGIDS = tuple(f"P3304000000120240313090000{n:04d}" for n in range(12))

FAULTS = {
    "a third of requests is lost": {"kind": "lose", "share": 0.3},
    "half of the requests is reset": {"kind": "reset", "share": 0.5},
    "half of the replies is reset": {"kind": "reset", "share": 0.5, "direction": "reply"},
    "half of the requests is closed slowly": {"kind": "slow_close", "share": 0.5, "add_us": 2_000},
    "half of the replies is closed slowly": {"kind": "slow_close", "share": 0.5, "direction": "reply", "add_us": 2_000},
    "half of the requests comes twice": {"kind": "duplicate", "share": 0.5},
    "half of the requests comes again a little later": {"kind": "duplicate", "share": 0.5, "add_us": 3_000},
    "half of the requests is held back": {"kind": "reorder", "share": 0.5, "add_us": 20_000},
    "half of the replies is held back": {"kind": "reorder", "share": 0.5, "direction": "reply", "add_us": 20_000},
    "every message jitters": {"kind": "delay", "add_us": 1_000, "jitter_us": 5_000},
    "the first crossing alone is reset": {"kind": "reset", "share": 1.0, "first": 1},
}


class Fate(NamedTuple):
    """What became of one message: how often its callee read it, and what its caller heard each time it asked."""

    read: int
    heard: tuple[str, ...]


def disturbed(facts: dict[str, Any]) -> FaultyLink:
    fault = Disturbance(**({"number": 4, "caller": "33", "callee": "hub", "at_us": 0, "until_us": FOREVER_US} | facts))
    return FaultyLink(7, "33", "hub", (fault,))


# --- the real world -------------------------------------------------------------------------------------------------


def written(msgid: str) -> bytes:
    body = json.dumps({"infno": "1101", "msgid": msgid}).encode()
    return f"POST / HTTP/1.1\r\nX-Yidi-Msgid: {msgid}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def proxied(faulty: FaultyLink, read: Counter[str]):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (message := await read_request(reader)) is not None:
                read[message.msgid] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    callee = await asyncio.start_server(answer, "127.0.0.1", 0)
    link = ProxiedLink(caller="33", callee="hub", port=0, upstream_port=callee.sockets[0].getsockname()[1])
    proxy = await LinkProxy(link, faulty, time.monotonic_ns()).listen()
    try:
        yield proxy.sockets[0].getsockname()[1]
    finally:
        proxy.close()
        callee.close()


async def ask(port: int, msgid: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(written(msgid))
    try:
        reply = await asyncio.wait_for(read_reply(reader), IMPATIENCE_S)
    except TimeoutError:
        return "nothing"
    except ConnectionResetError:
        return "the end"
    finally:
        writer.transport.abort()
    return "the end" if reply is None else "the answer"


async def for_real(faulty: FaultyLink, reads: int) -> dict[str, Fate]:
    """Ask twice for each message, and wait for so many reads: a copy may come after its answer."""
    read: Counter[str] = Counter()
    async with proxied(faulty, read) as port:
        first = await asyncio.gather(*(ask(port, msgid) for msgid in MSGIDS))
        second = await asyncio.gather(*(ask(port, msgid) for msgid in MSGIDS))
        for _ in range(100):
            if sum(read.values()) >= reads:
                break
            await asyncio.sleep(0.01)
    served = asyncio.all_tasks() - {asyncio.current_task()}
    if served:
        await asyncio.wait(served, timeout=2)
    return {
        msgid: Fate(read[msgid], heard) for msgid, heard in zip(MSGIDS, zip(first, second, strict=True), strict=True)
    }


# --- the simulated world --------------------------------------------------------------------------------------------


class Callee:
    """Answers everything at once."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.read: Counter[str] = Counter()

    def arrive(self, work: Work) -> None:
        self.read[work.request.msgid] += 1
        assert work.call is not None
        work.call.say(Answered(Reply(work.request.msgid)), 0, None)
        work.call.leave(self._timeline.now_us)


def simulated(faulty: FaultyLink) -> dict[str, Fate]:
    timeline = Timeline()
    link, callee = Link(transits_us(100, 0), faulty), Callee(timeline)
    heard: dict[str, list[str]] = {msgid: [] for msgid in MSGIDS}
    for msgid in (*MSGIDS, *MSGIDS):
        person = FindPerson(person=PersonNo("1"))
        said = Request("1101", MessageId(msgid), NodeId("33"), NodeId(msgid[:12]), "330400", "340100", person)
        call = Call(timeline, said, link, PATIENCE_US)
        Work(said, call, 0, callee).leave(timeline.now_us)
        timeline.run_until(timeline.now_us + PATIENCE_US)
        heard[msgid].append(word(call.value) if call.processed else "nothing")
    return {msgid: Fate(callee.read[msgid], tuple(heard[msgid])) for msgid in MSGIDS}


def word(outcome: object) -> str:
    return "the end" if type(outcome) is Unknown else "the answer"


# --- the contract ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", FAULTS.values(), ids=FAULTS)
def test_both_links_do_the_same_to_the_same_messages_and_count_as_many_hits(facts: dict[str, Any]) -> None:
    real, virtual = disturbed(facts), disturbed(facts)

    expected = simulated(virtual)
    assert asyncio.run(for_real(real, sum(fate.read for fate in expected.values()))) == expected
    assert real.hits == virtual.hits
    assert virtual.hits[4] > 0


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"kind": "reset", "share": 1.0}, Fate(0, ("the end", "the end"))),
        ({"kind": "reset", "share": 1.0, "direction": "reply"}, Fate(2, ("the end", "the end"))),
        ({"kind": "slow_close", "share": 1.0, "add_us": 9}, Fate(0, ("the end", "the end"))),
        ({"kind": "duplicate", "share": 1.0}, Fate(4, ("the answer", "the answer"))),
        ({"kind": "reorder", "share": 1.0, "add_us": 9}, Fate(2, ("the answer", "the answer"))),
        ({"kind": "lose", "share": 1.0, "first": 1}, Fate(1, ("nothing", "the answer"))),
    ],
)
def test_half_a_request_is_read_by_nobody_and_half_a_reply_is_an_end_after_the_deed(
    facts: dict[str, Any], expected: Fate
) -> None:
    assert set(simulated(disturbed(facts)).values()) == {expected}
