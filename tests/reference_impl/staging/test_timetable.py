"""The one timetable: what is done, when, in which order, what is written down; and that both worlds carry out all of it."""

from __future__ import annotations

import sys
from typing import get_args

import pytest

from loadtest.actions import ProcessActions
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.staging.acts import Act, Actions, FreezeNode, ListInflight, MoveDoor, OnlyWritten, ThawNode, perform
from reference_impl.staging.timetable import timetable
from scenarios.record.recorder import EventRow
from scenarios.schema import Scenario
from scenarios.schema.cutover import Phase
from sim.actions import SimActions

S = 1_000_000
STOP = {"scope": "3415", "side": "care", "at": "100s", "stop_before": "10s", "window": "50s", "ramp": "20s"}
METHODS = {name for name in vars(Actions) if not name.startswith("_")}


def steps(*faults: dict, cutover: dict | None = None):
    return timetable(Scenario.model_validate({"name": "planned", "faults": faults, "cutover": cutover}))


class Noting:
    """A world that notes which method was called with what."""

    def __init__(self) -> None:
        self.did: list[tuple] = []

    def __getattr__(self, name: str):
        assert name in METHODS
        return lambda *args, **named: self.did.append((name, *args, *named.values()))


NODE_FAULTS = """
    kind    more      do                       undo
    freeze  -         freeze 63                thaw 63
    kill    -         kill 63                  restart 63
    refuse  -         refuse 63 True           refuse 63 False
    slow    add=5ms   slow 63 5000             slow 63 -5000
"""


@pytest.mark.parametrize("line", NODE_FAULTS.strip().splitlines()[1:])
def test_a_fault_of_a_node_is_done_at_its_time_and_undone_at_its_end(line):
    kind, more, *acts = line.split()
    extra = dict([more.split("=")]) if more != "-" else {}
    world = Noting()

    found = steps({"kind": kind, "node": "63", "at": "1s", "for": "2s", **extra})
    for step in found:
        perform(step.act, world)

    assert [(step.at_us, step.undoes) for step in found] == [(1 * S, False), (3 * S, True)]
    assert [str(word) for did in world.did for word in did] == acts
    assert found[0].row[:4] == (1 * S, 3 * S, kind, "63")
    assert found[1].row == (EventRow(3 * S, None, "restart", "63") if kind == "kill" else None)


def test_what_links_and_books_do_by_themselves_is_only_written_down():
    found = steps(
        {"kind": "lose", "link": ["hospital", "33"], "direction": "reply", "share": "2%", "at": "1s", "for": "2s"},
        {"kind": "delay", "link": ["33", "hub"], "add": "5ms", "at": "2s"},
        {"kind": "lost_commit", "node": "63", "codes": ["2304"]},
        {"kind": "delay", "link": ["33", "hub"], "add": "5ms", "jitter": "1ms", "at": "3s"},
        {"kind": "reset", "link": ["33", "hub"], "direction": "request", "at": "4s"},
        {"kind": "slow_close", "link": ["33", "hub"], "direction": "reply", "after": "1ms", "at": "5s"},
        {"kind": "duplicate", "link": ["33", "hub"], "share": "10%", "after": "1ms", "at": "6s"},
        {"kind": "reorder", "link": ["33", "hub"], "direction": "reply", "by": "1ms", "at": "7s"},
        {"kind": "bandwidth", "link": ["33", "hub"], "bytes_per_second": 9, "burst_bytes": 5, "at": "8s"},
        {"kind": "partition", "groups": [["33", "hospital"], ["hub"]], "at": "9s"},
        {"kind": "half_partition", "from": ["63"], "to": ["hub"], "at": "10s", "for": "1s"},
    )

    assert all(step.act == OnlyWritten() for step in found)
    assert [step.row for step in found] == [
        EventRow(0, None, "lost_commit", "63", "2304, 100%"),
        EventRow(1 * S, 3 * S, "lose", "hospital>33", "replies, 2%"),
        EventRow(2 * S, None, "delay", "33>hub", "+5000 us"),
        EventRow(3 * S, None, "delay", "33>hub", "+5000 us and up to 1000 us"),
        EventRow(4 * S, None, "reset", "33>hub", "requests, 100%"),
        EventRow(5 * S, None, "slow_close", "33>hub", "replies, 100%, after 1000 us"),
        EventRow(6 * S, None, "duplicate", "33>hub", "requests, 10%, after 1000 us"),
        EventRow(7 * S, None, "reorder", "33>hub", "replies, 100%, by 1000 us"),
        EventRow(8 * S, None, "bandwidth", "33>hub", "9 bytes a second, 5 at once"),
        EventRow(9 * S, None, "partition", "33 hospital | hub", ""),
        EventRow(10 * S, 11 * S, "half_partition", "63 > hub", ""),
    ]


def test_at_one_instant_faults_come_first_and_keep_their_order():
    found = steps(
        {"kind": "freeze", "node": "63", "at": "90s", "for": "1s"},
        {"kind": "freeze", "node": "33", "at": "90s", "for": "1s"},
        cutover=STOP,
    )

    assert [type(step.act) for step in found[:4]] == [FreezeNode, FreezeNode, ListInflight, MoveDoor]
    assert [step.act for step in found if isinstance(step.act, ThawNode)] == [ThawNode("63"), ThawNode("33")]


def test_a_cutover_lists_what_is_in_flight_and_then_moves_its_doors_phase_by_phase():
    found = steps(cutover=STOP)

    facts = {"scope": "3415", "side": Side.CARE, "reopens_us": 150 * S, "full_us": 170 * S}
    states = (DoorState.DRAINING, DoorState.CLOSED, DoorState.RAMP, DoorState.OPEN)
    assert [step.act for step in found if isinstance(step.act, MoveDoor)] == [
        MoveDoor(NodeId("34"), DoorCommand(state=state, **facts)) for state in states
    ]
    assert [(step.act.phase, step.at_us) for step in found if isinstance(step.act, ListInflight)] == [
        (Phase.STOP_ACCEPT, 90 * S),
        (Phase.CLOSE, 100 * S),
        (Phase.REOPEN, 150 * S),
    ]
    assert [step.row[:4] for step in found if step.row] == [
        (90 * S, 100 * S, "stop_accept", "3415"),
        (100 * S, 150 * S, "close", "3415"),
        (150 * S, 170 * S, "reopen", "3415"),
        (170 * S, None, "full", "3415"),
    ]


@pytest.mark.parametrize(
    ("changed", "keeper", "sides"),
    [
        ({"scope": "34", "side": "both"}, "34", [Side.CARE, Side.INSURED]),
        ({"scope": "34", "side": "insured"}, "34", [Side.INSURED]),
        ({"scope": "hub", "side": "both"}, "hub", [Side.CARE]),
    ],
)
def test_who_keeps_the_doors_and_which_sides_close(changed, keeper, sides):
    closing = [step for step in steps(cutover=STOP | changed) if step.at_us == 100 * S]

    doors = [step.act for step in closing if isinstance(step.act, MoveDoor)]
    assert {door.node for door in doors} == {keeper}
    assert [door.command.side for door in doors] == sides
    assert sum(step.row is not None for step in closing) == 1


def test_a_phase_of_no_length_is_left_out_and_its_business_listed_all_the_same():
    found = steps(cutover=STOP | {"ramp": "0s", "stop_before": "0s"})

    assert [step.row.kind for step in found if step.row] == ["close", "full"]
    assert [(step.act.phase, step.at_us) for step in found if isinstance(step.act, ListInflight)] == [
        (Phase.STOP_ACCEPT, 100 * S),
        (Phase.CLOSE, 100 * S),
        (Phase.REOPEN, 150 * S),
    ]
    for at_us in (100 * S, 150 * S):  # what is in flight before the door moves
        acts = [type(step.act) for step in found if step.at_us == at_us]
        assert acts == sorted(acts, key=[ListInflight, MoveDoor].index)


@pytest.mark.parametrize("world", [SimActions, ProcessActions])
def test_each_world_can_do_everything_that_can_be_planned(world):
    assert set(vars(world)) >= METHODS


def test_every_act_is_offered():
    assert all(act.__name__ in sys.modules[act.__module__].__all__ for act in get_args(Act))


@pytest.mark.parametrize(("share", "backlog_e4"), [(0.00001, 1), (0.4, 4_000), (0.99999, 9_999)])
def test_both_lanes_of_a_token_bucket_let_somebody_in(share, backlog_e4):
    ramp = {"kind": "token_bucket", "over": "300s", "admit": 1, "every": "10s", "backlog_share": share}
    doors = [step.act.command for step in steps(cutover=STOP | {"ramp": ramp}) if isinstance(step.act, MoveDoor)]

    assert [door.bucket.backlog_e4 for door in doors if door.bucket] == [backlog_e4]
