"""A small world of two provinces, messages for it, and a hospital to send them, for the tests of the server."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import msgspec

from reference_impl.domain.fees import FeeLine
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import FindPerson, MessageId, Request, Reverse, SellDrugs
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock
from reference_impl.staging.build import system_config
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codecs import Codecs
from scenarios.schema import Scenario

PHARMACY = NodeId("P33040010001")
PERSON = "34010000000000000007"
LINES = tuple(FeeLine(f"{number}", f"X{number}", 10_000, 50_000_000, 5000) for number in range(2))
TIMEOUT_US = 20_000_000


def scenario(hosts=None, **more):
    """Two provinces and the hub; in one process unless ``hosts`` says otherwise."""
    hosts = hosts or {"all": ["hub", "33", "34"]}
    topology = {
        "regions": ["33", "34"],
        "cities": ["3304"],
        "hosts": {name: {"nodes": nodes} for name, nodes in hosts.items()},
        **more.pop("topology", {}),
    }
    return Scenario.model_validate({"name": "small", "topology": topology, "visits": {"per_day": 0}, **more})


def config(hosts=None, **more):
    """What the processes of that world are told."""
    return system_config(scenario(hosts, **more))


def msgid(number):
    return MessageId(f"{PHARMACY}20240313090000{number:04d}")


def request(code, number, body):
    return Request(code, msgid(number), PHARMACY, PHARMACY, "330400", "340100", body)


def find_person(number, person=PERSON):
    return request("1101", number, FindPerson(person=person))


def sale(number, person=PERSON, total_fen=10_000):
    return request("2102", number, SellDrugs(person=person, insurance="310", total_fen=total_fen, lines=LINES))


def reversal(number, of, person=PERSON):
    return request("2601", number, Reverse(person=person, original=msgid(of), original_code="2102"))


def codecs_of(told):
    return Codecs.at(BusinessClock(told.starts_at, told.time_scale))


def codec_of(told):
    """The hospitals' codec."""
    return codecs_of(told).hospitals


@contextmanager
def hospital(system, runner):
    """Yield a function that sends requests together, each to its care province, and returns their outcomes."""
    clock = RunClock(system.epoch_ns)
    peers = HttpPeers({"33": system.address("33")}, codec_of(system.config), clock, sender=None)

    async def send_all(requests, timeout_us):
        return await asyncio.gather(*(peers.call(NodeId("33"), each, timeout_us) for each in requests))

    def send(*requests, timeout_us=TIMEOUT_US):
        outcomes = runner.run(send_all(requests, timeout_us))
        return outcomes if len(outcomes) > 1 else outcomes[0]

    async def close():
        peers.close()
        await asyncio.sleep(0)

    try:
        yield send
    finally:
        runner.run(close())


def same_but_hops(answered):
    return msgspec.structs.replace(answered, hops=())
