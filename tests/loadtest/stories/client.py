"""The hospitals' client under gevent, against real roles behind a server that can be spoiled."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gevent
import msgspec
from fake_system import FakeSystem
from gevent import socket
from telling import tell

from loadtest.client import GeventPeers
from loadtest.gevent_ports import GeventClock, note_lateness, run_to_end
from loadtest.guard import Guard
from loadtest.inputs import Caps, NodeFacts, SystemFile
from loadtest.own_time import EACH
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    FindPerson,
    MessageId,
    Overloaded,
    PersonFound,
    PersonNo,
    Request,
    Unknown,
    Unreachable,
)
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario

SCENARIO = Scenario.model_validate(
    {
        "name": "two-provinces",
        "horizon": {"length": "1d"},
        "visits": {"per_day": 200, "local_per_cross": 0},
        "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 1, "pharmacy": 1}},
    }
)
VISIT = next(visit for visit in plan_visits(SCENARIO) if visit.kind == "outpatient" and visit.care_region[:2] == "33")
PERSON = PersonNo(VISIT.person)
CARE = NodeId("33")


class Events:
    def __init__(self) -> None:
        self.fired: list[dict[str, Any]] = []

    def fire(self, **facts: Any) -> None:
        self.fired.append(facts)


class Hospital:
    def __init__(self, system: FakeSystem, urls: dict[str, str] | None = None, guard: Guard | None = None) -> None:
        self.events = Events()
        nodes = {node: NodeFacts(url=facts["url"]) for node, facts in system.urls.items()}
        facts = SystemFile(0, nodes, links={"hospital": urls or {}})
        self.peers = GeventPeers(facts, system.speech, system.clock, self.events, guard=guard)

    def ask(self, timeout_us: int = 2_000_000, *, node: NodeId = CARE) -> object:
        msgid = MessageId(f"{VISIT.hospital.code}202403130800000001")
        institution = NodeId(VISIT.hospital.code)
        regions = (VISIT.care_region, VISIT.insured_region)
        request = Request("1101", msgid, institution, institution, *regions, FindPerson(person=PERSON))
        return run_to_end(self.peers.call(node, request, timeout_us))


def _clock() -> GeventClock:
    return GeventClock(time.monotonic_ns())


@contextmanager
def _no_descriptor_left() -> Iterator[None]:
    """All that this process may open is open; what is closed may be opened again."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _always(status: int, output: object, *, infcode: int = 999, headers: str = ""):
    body = msgspec.json.encode({"infcode": infcode, "inf_refmsgid": "", "err_msg": "", "output": output})
    answer = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body
    return lambda *_: answer


def story_message_too_many_for_somebody_elses_system_is_not_sent_and_its_sender_waits_for_the_end():
    said: list[str] = []
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system, guard=Guard(Caps(2, 60_000_000, 0.5), said.append))
        asked = [gevent.spawn(hospital.ask) for _ in range(3)]
        gevent.joinall(asked[:2], timeout=10)
        assert isinstance(asked[0].value, Answered)
        assert not asked[2].dead
        assert len(hospital.events.fired) == 2
        assert said == ["more than 2 messages within a second; the cap (--max-rate) ended the run"]
        gevent.killall(asked)


def story_verdict_arrives_with_its_hops_and_is_reported_to_locust():
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system)
        answered = hospital.ask()
        assert isinstance(answered, Answered)
        assert isinstance(answered.reply.body, PersonFound)
        assert answered.reply.body.person == PERSON
        assert answered.hops[0].node == CARE
        [event] = hospital.events.fired
        assert (event["request_type"], event["name"], event["exception"]) == ("POST", "1101", None)
        assert event["response_length"] > 100
        assert 0 < event["response_time"] < 2_000


def story_door_that_is_shut_is_closed_and_says_when_it_reopens():
    with FakeSystem(SCENARIO, _clock()) as system:
        shut = DoorCommand(scope="33", side=Side.CARE, state=DoorState.CLOSED, reopens_us=10**12)
        system.nodes["33"].doors.obey(shut)
        hospital = Hospital(system)
        closed = hospital.ask()
        assert isinstance(closed, Closed)
        assert (closed.scope, closed.reopens_us) == ("33", 10**12)
        assert str(hospital.events.fired[0]["exception"]) == "closed"


def story_busy_and_overloaded_are_told_apart():
    door = {"door": {"state": "busy", "retry_after_us": 5_000}}
    with FakeSystem(SCENARIO, _clock(), spoil=_always(409, door)) as system:
        assert Hospital(system).ask() == Busy(5_000)
    with FakeSystem(SCENARIO, _clock(), spoil=_always(503, {}, headers="Retry-After: 3\r\n")) as system:
        assert Hospital(system).ask() == Overloaded(3_000_000)


def story_silence_is_unknown_after_the_patience():
    with FakeSystem(SCENARIO, _clock(), spoil=lambda *_: gevent.sleep(5)) as system:
        hospital = Hospital(system)
        unknown = hospital.ask(timeout_us=30_000)
        assert isinstance(unknown, Unknown)
        assert unknown.waited_us >= 30_000
        assert str(hospital.events.fired[0]["exception"]) == "unknown"
        assert hospital.peers.in_use == 0


def story_broken_connection_is_unknown_at_once():
    with FakeSystem(SCENARIO, _clock(), spoil=lambda *_: None) as system:
        unknown = Hospital(system).ask()
        assert isinstance(unknown, Unknown)
        assert unknown.waited_us < 1_000_000
        assert system.served == ["1101"]


def story_answer_nobody_can_read_is_unknown_and_not_a_refusal():
    with FakeSystem(SCENARIO, _clock(), spoil=_always(500, {})) as system:
        assert isinstance(Hospital(system).ask(), Unknown)
    with FakeSystem(SCENARIO, _clock(), spoil=_always(200, {"baseinfo": 7}, infcode=0)) as system:
        assert isinstance(Hospital(system).ask(), Unknown)


def story_nobody_listening_is_unreachable():
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system, {"33": f"http://127.0.0.1:{taken.getsockname()[1]}/33"})
        assert hospital.ask() == Unreachable()
        assert str(hospital.events.fired[0]["exception"]) == "unreachable"


def story_connection_that_idles_at_one_node_makes_room_for_a_call_to_another():
    busy = {"door": {"state": "busy", "retry_after_us": 5_000}}
    with FakeSystem(SCENARIO, _clock()) as system, FakeSystem(SCENARIO, _clock(), spoil=_always(409, busy)) as other:
        hospital = Hospital(system, urls={"63": other.urls["63"]["url"]})
        assert isinstance(hospital.ask(), Answered)
        with _no_descriptor_left():
            assert hospital.ask(node=NodeId("63")) == Busy(5_000)
        assert (hospital.peers.own_failures, hospital.peers.in_use) == (0, 0)


def story_call_for_which_no_room_can_be_made_is_the_generators_own_failure():
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system)
        with _no_descriptor_left():
            assert hospital.ask() == Unreachable()
        assert hospital.peers.own_failures == 1


def story_address_of_a_proxy_takes_the_place_of_the_nodes():
    with FakeSystem(SCENARIO, _clock()) as system, FakeSystem(SCENARIO, _clock()) as proxied:
        hospital = Hospital(system, {"33": proxied.urls["33"]["url"]})
        hospital.ask()
        assert (system.served, proxied.served) == ([], ["1101"])


def story_response_time_counts_from_the_moment_the_message_was_meant_to_leave():
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system)
        note_lateness(500_000)
        hospital.ask()
        hospital.ask()
        late, prompt = (event["response_time"] for event in hospital.events.fired)
        assert late >= 500
        assert prompt < 500


def story_own_time_of_a_message_is_counted_once_its_connection_is_there():
    """One of so many is looked at, and a call that waits for its connection, while anything may run, tells nothing."""
    with FakeSystem(SCENARIO, _clock()) as system:
        hospital = Hospital(system)
        own = hospital.peers.own_time
        for _ in range(EACH - 1):
            hospital.ask()
        hospital.peers.close()
        hospital.ask()
        assert (own.write_us, own.read_us) == (0.0, 0.0)
        began_ns = time.thread_time_ns()
        for _ in range(EACH):
            hospital.ask()
        whole_us = (time.thread_time_ns() - began_ns) / 1_000 / EACH
        assert own.write_us > 0
        assert own.read_us > 0
        assert own.write_us + own.read_us < whole_us


if __name__ == "__main__":
    tell(globals())
