"""A small system whose province 34 moves its books: what is said to it before and after, and the steps of a move."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager

import msgspec
from server_samples import codecs_of, reversal, sale, same_but_hops

from reference_impl.books.journal import Stage
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import Answered, Settled
from reference_impl.server.config import Entrance
from reference_impl.server.move_steps import MoveAction
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock

HOSTS = {"others": ["hub", "33"], "moved": ["34"]}
LIMIT_S = 60
SLOW = 20
"""Rows a second: slow enough to be met in the midst of it."""
DONE = {Stage.MIGRATED, Stage.COPIED}


@contextmanager
def as_hub(system, runner):
    """Send as the hub does: what is remembered must be the moved province's own memory."""
    clock = RunClock(system.epoch_ns)
    routes = {"34": system.address("34", Entrance.NEIGHBOURS)}
    hub = HttpPeers(routes, codecs_of(system.config).neighbours, clock, sender=HUB)

    async def call(request):
        return await hub.call(NodeId("34"), msgspec.structs.replace(request, sender=HUB), LIMIT_S * 1_000_000)

    async def close():
        hub.close()
        await asyncio.sleep(0)

    yield lambda request: runner.run(call(request))
    runner.run(close())


def doors(system, state):
    for side in Side:
        system.door("34", DoorCommand(scope="34", side=side, state=state))


def step(system, action, rows_per_s=0, to=""):
    return system.move("34", MoveAction(action), rows_per_s, to=to)


def passed(system):
    """Wait until a pass is over and return how far the move has come."""
    deadline = time.monotonic() + LIMIT_S
    while (status := system.move_status("34"))["stage"] not in DONE:
        assert time.monotonic() < deadline, status
        assert not status["trouble"], status
        time.sleep(0.02)
    return status


def crash(system):
    system.kill("34")
    system.restart("34")


def insist(send, request, kind=Answered):
    """Send the same message until it has a verdict, as a hospital does; a killed process breaks connections off."""
    deadline = time.monotonic() + LIMIT_S
    while not isinstance(outcome := send(request), kind):
        assert time.monotonic() < deadline, outcome
        time.sleep(0.02)
    return outcome


def person(number):
    return f"34010000000000000{number:03d}"


def told(number):
    """A sale as the place of care passes it on: priced, with the visit that it opened."""
    asked = sale(number, person=person(number))
    parts = (10_000, 0, 0, 0, 10_000, (10_000, *(0,) * 13))
    priced = {"lines": (), "visit": visit_id(asked.msgid), "hospital_level": 2, "fees": FeeTotals(*parts)}
    return msgspec.structs.replace(asked, body=msgspec.structs.replace(asked.body, **priced))


def before(send):
    """Settle three, take one back, and take back one that nobody has seen; return what was answered."""
    answers = {number: send(told(number)) for number in (1, 2, 3)}
    assert all(isinstance(answer.reply.body, Settled) for answer in answers.values()), answers
    send(reversal(13, of=3, person=person(3)))
    send(reversal(14, of=4, person=person(4)))
    return answers


def after(send, answers):
    """Hold the node to what it said before: old requests, a late reversal, a request that came behind its reversal."""
    for number in (1, 2):
        assert same_but_hops(insist(send, told(number))) == same_but_hops(answers[number])
    assert insist(send, told(4)).reply.refusal
    assert not insist(send, reversal(12, of=2, person=person(2))).reply.refusal
    assert isinstance(insist(send, told(5)).reply.body, Settled)


def settled_in(system):
    """The serials of the messages that settled, from the final books; what balances must balance."""
    books = system.place_of("34").read_final()
    assert sum(leg.amount_fen for posting in books.postings for leg in posting.legs) == 0
    return [one.settled_by[-4:] for one in books.settlements if one.sign == 1]


def go(system, action, rows_per_s=0, to=""):
    """Do a step and wait until it is through."""
    step(system, action, rows_per_s, to)
    if action in ("copy", "migrate"):
        passed(system)


MOVE = ("copy", "freeze", "migrate", "verify", "switch")
