"""The asyncio ports: the clock, work beside the messages, and what a call's end means."""

from __future__ import annotations

import asyncio
import time

import pytest
from server_samples import PERSON, codecs_of, config, find_person

from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, Hop, Overloaded, PersonFound, Reply, Unknown, Unreachable
from reference_impl.server.client import Failure, HttpAnswer
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import AsyncioTasks, RunClock
from reference_impl.server.workers import Slot, current_slot

WORLD = config()
CODEC = codecs_of(WORLD).neighbours


def test_the_clock_counts_from_the_epoch_all_processes_share():
    clock = RunClock(time.monotonic_ns() - 5_000_000_000)

    assert clock.now_us() >= 5_000_000
    clock.epoch_ns = time.monotonic_ns() + 60_000_000_000
    assert clock.now_us() < 0


def test_sleeping_for_nothing_does_not_even_yield():
    work = RunClock(0).sleep_us(0)

    with pytest.raises(StopIteration):
        work.send(None)


def test_sleeping_waits():
    began = time.monotonic()
    asyncio.run(RunClock(0).sleep_us(2_000))

    assert time.monotonic() - began >= 0.002


def test_work_that_fails_is_reported_and_ends_alone(capsys):
    ended = []

    async def fail():
        raise ValueError("planted")

    async def go_on():
        await asyncio.sleep(0)
        ended.append("well")

    async def run():
        tasks = AsyncioTasks()
        tasks.start(fail())
        tasks.start(go_on())
        while len(tasks):  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0)
        return tasks.failed

    assert (asyncio.run(run()), ended) == (1, ["well"])
    [line] = capsys.readouterr().err.splitlines()
    assert "ValueError at server/test_ports.py:" in line
    assert "planted" not in line, "the words of an exception may be a message's"


def test_stopping_cancels_what_runs():
    async def run():
        tasks = AsyncioTasks()
        tasks.start(asyncio.Event().wait())
        await tasks.stop()
        return len(tasks), tasks.failed

    assert asyncio.run(run()) == (0, 0)


def test_work_beside_holds_no_worker_of_whoever_started_it():
    seen = []

    async def look():
        seen.append(current_slot.get())

    async def run():
        current_slot.set(Slot(None))
        tasks = AsyncioTasks()
        tasks.start(look())
        await asyncio.sleep(0)

    asyncio.run(run())

    assert seen == [None]


def found():
    facts = PersonFound(
        person=PERSON, insurance="310", person_type="active", insured_region="340100", balance_fen=0, age_e1=470
    )
    answer = Answered(Reply("34" + "0" * 28, facts), (Hop(NodeId("33"), 1, 2),))
    status, headers, body = CODEC.encode_answer(find_person(1), answer, 0)
    return answer, HttpAnswer(status, headers, body)


def overloaded():
    status, headers, body = CODEC.encode_answer(find_person(1), Overloaded(7), 0)
    return Overloaded(7), HttpAnswer(status, headers, body)


class Heard:
    """A destination that answers what the test says."""

    def __init__(self, answer):
        self.answer = answer
        self.sent = b""

    async def exchange(self, request, timeout_us):
        self.sent = request
        return self.answer


def call(answer, node="33"):
    peers = HttpPeers({"33": "127.0.0.1:1"}, CODEC, RunClock(time.monotonic_ns()), sender="hub")
    destination = Heard(answer)
    peers._destinations["33"] = (destination, peers._destinations["33"][1])
    return asyncio.run(peers.call(NodeId(node), find_person(1), 5)), destination.sent


def test_a_verdict_and_a_door_are_told_as_they_are():
    for outcome, answer in (found(), overloaded()):
        assert call(answer)[0] == outcome


ENDS = [
    (Failure.NOBODY_LISTENS, Unreachable),
    (Failure.SILENT, Unknown),
    (Failure.BROKEN, Unknown),
    (HttpAnswer(500, {}, b"{}"), Unknown),
    (HttpAnswer(200, {}, b"no json"), Unknown),
    (HttpAnswer(200, {}, b"[" * 100_000), Unknown),
    (HttpAnswer(200, {}, b'{"reference": "", "refusal": "E01", "more": "\xff"}'), Unknown),
    (HttpAnswer(200, {}, b'{"reference": ""}'), Unknown),
    (HttpAnswer(400, {}, b'{"error": "a head of no HTTP"}'), Unknown),
    (HttpAnswer(503, {}, b'{"error": "too many connections"}'), Unknown),
]


@pytest.mark.parametrize(("end", "outcome"), ENDS)
def test_only_nobody_listening_is_surely_not_acted(end, outcome):
    assert type(call(end)[0]) is outcome


def test_a_neighbour_without_an_address_is_unreachable():
    assert call(None, node="99") == (Unreachable(), b"")


def test_a_request_names_its_sender_and_its_key_outside_the_body():
    head, _, body = call(Failure.SILENT)[1].partition(b"\r\n\r\n")

    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /33 HTTP/1.1"
    assert "x-yidi-sender: hub" in lines
    assert f"x-yidi-msgid: {find_person(1).msgid}" in lines
    assert f"content-length: {len(body)}" in lines
