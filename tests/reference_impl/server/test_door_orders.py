"""A door's order that no door could obey is refused; one that is obeyed lets messages in or turns them away, never fails."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_samples import find_person, sale
from test_node import World

from reference_impl.domain.money import E4
from reference_impl.domain.scopes import Business, Side
from reference_impl.protocol.bucket import BucketRule
from reference_impl.protocol.door import DoorCommand, DoorState, DoorStep
from reference_impl.protocol.messages import Answered, Closed, Overloaded
from reference_impl.protocol.unmended import UnmendedRows
from reference_impl.server.operator import Operator
from reference_impl.server.running import Running

whole = st.integers(-5, 5) | st.integers(-(10**13), 10**13) | st.integers(-(2**63), 2**63 - 1) | st.just(10**30)
shares = st.floats(0, 1) | st.floats(allow_nan=False, allow_infinity=False)
rules = st.builds(BucketRule, admits=whole, every_us=whole, burst=whole, backlog_e4=whole | st.just(E4), backlog_before=st.text(max_size=14))  # fmt: skip
rows = st.builds(UnmendedRows, key=whole, persons=shares, visits=shares, frozen_at=st.text(max_size=14), from_us=whole, until_us=whole)  # fmt: skip
steps = st.builds(DoorStep, whole, shares, st.just(()) | st.just(("34",)), st.just(()) | st.just(("pharmacy",)))
said = {
    "reopens_us": whole,
    "full_us": whole,
    "steps": st.lists(steps, max_size=2).map(tuple),
    "bucket": st.none() | rules,
    "by_word": st.booleans(),
    "unmended": st.none() | rows,
}
in_the_way = st.builds(
    DoorCommand,
    scope=st.just("33"),
    side=st.just(Side.CARE),
    state=st.sampled_from([DoorState.RAMP, DoorState.CLOSED, DoorState.OPEN]),
    **said,
)
anywhere = st.builds(
    DoorCommand,
    scope=st.sampled_from(["33", "34", "3304", "hub", "", "x", "\uff13\uff13"]),
    side=st.sampled_from(Side),
    state=st.sampled_from(DoorState),
    business=st.sampled_from(Business),
    **said,
)
commands = in_the_way | in_the_way | anywhere


def order(world, node, command):
    """What the operator's door answers to an order, as it comes over the wire."""
    moves = {name: SimpleNamespace(books=SimpleNamespace(frozen=False)) for name in world.nodes}
    operator = Operator("all", world.clock, Running(world.nodes, {}, moves, {}), tasks=None, stop=None, meter=None)
    content = msgspec.json.encode({"node": node, "command": command})
    answer = asyncio.run(operator.obey("POST", "door", content))
    return answer.status, json.loads(answer.body)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("doors")


@given(command=commands, node=st.sampled_from(["33", "33", "hub", "34"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_behind_any_order_that_was_obeyed_a_message_is_let_in_or_turned_away(place, command, node):
    world = World(place)
    for name in world.nodes:
        (place / f"{name}.doors.json").unlink(missing_ok=True)
    world.nodes = {name: world.node(name) for name in world.books}

    status, said = order(world, node, command)

    assert status in (200, 400), said
    for message in (find_person(1), sale(2), find_person(3, "34010000000000000011")):
        answer = asyncio.run(world.ask(message))
        assert isinstance(answer, Answered | Closed | Overloaded)
        assert isinstance(answer, Answered) or status == 200
    if status == 400:
        assert "error" in said
        assert world.nodes[node].doors() == (), "an order that was refused moved a door"
    assert world.node(node).doors() == world.nodes[node].doors(), "a restart finds another door"


def ramp(**more):
    return DoorCommand(scope="33", side=Side.CARE, state=DoorState.RAMP, reopens_us=0, full_us=10**9, **more)


def bucket(**more):
    return ramp(bucket=BucketRule(**({"admits": 1, "every_us": 1_000_000} | more)))


UNSOUND = {
    "a scope that is none": (msgspec.structs.replace(ramp(), scope="330"), "scope '330': expected 'hub'"),
    "an end beyond the calendar": (msgspec.structs.replace(ramp(), full_us=2**62), f"full_us {2**62}: expected a moment"),
    "a step beyond the calendar": (ramp(steps=(DoorStep(-(2**62), 0.5),)), "a step's at_us -46"),
    "a share above all": (ramp(steps=(DoorStep(0, 1.5),)), "a step's share 1.5: expected 0 to 1"),
    "by word, of no step": (ramp(by_word=True), "neither steps nor a bucket"),
    "nobody a time": (bucket(admits=0), "bucket.admits 0: expected 1 to"),
    "in no time": (bucket(every_us=0), "bucket.every_us 0: expected 1 to"),
    "new business never": (bucket(backlog_e4=E4), f"bucket.backlog_e4 {E4}: expected 0 to 9999"),
    "rows mended before they are wrong": (
        ramp(unmended=UnmendedRows(key=1, persons=0.5, visits=0.5, frozen_at="20240313000000", from_us=5, until_us=5)),
        "an end after the beginning",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("command", "told"), UNSOUND.values(), ids=UNSOUND)
def test_an_order_that_no_door_could_obey_is_refused_and_moves_none(tmp_path, command, told):
    world = World(tmp_path)

    status, said = order(world, "33", command)

    assert (status, told in said["error"], "no door has moved" in said["error"]) == (400, True, True), said
    assert world.nodes["33"].doors() == ()
