"""What a frozen or killed process does to the work inside it, to the microsecond."""

from __future__ import annotations

from typing import Any

import pytest

from reference_impl.books.memory import MemoryBooks
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, FindPerson, MessageId, PersonNo, Reply, Request, Unknown
from scenarios.schema import NodeSpec
from scenarios.schema.durations import MachineDrawn
from sim.engine.driver import Task, TaskGroup, wait
from sim.engine.timeline import COMMAND, WORK, Timeline
from sim.model.calls import Call, Work
from sim.model.costs import load_costs
from sim.model.hosts import Host
from sim.model.links import Link, transits_us
from sim.model.loop import LoopClock
from sim.model.node import SimNode
from sim.model.service_times import Rhythm, ServiceTimeTables
from sim.model.stations import Cpu

LATENCY_US = 1000
REQUEST = Request(
    "1101", MessageId("m" * 30), NodeId("H"), NodeId("H"), "330400", "630100", FindPerson(person=PersonNo("p"))
)


class Sleeper:
    """A role that takes a second of no CPU."""

    def __init__(self, clock: LoopClock) -> None:
        self.clock = clock
        self.recovered = 0

    async def handle(self, request: Request) -> Answered:
        await self.clock.sleep_us(1_000_000)
        return Answered(Reply("r"))

    async def recover(self) -> None:
        self.recovered += 1


class Rig:
    """One node on one host, and callers."""

    def __init__(self, workers: int = 1) -> None:
        self.timeline = Timeline()
        times = ServiceTimeTables(load_costs())
        self.host = Host(self.timeline, "33", Cpu(self.timeline, 1), times.rhythm, own_cpu=True)
        spec = NodeSpec(workers=workers, queue=2)
        self.node = SimNode(self.timeline, NodeId("33"), self.host, spec, service_times=times, seed=1)
        self.node.open(MemoryBooks(), lambda node: Sleeper(LoopClock(self.timeline, node.host.loop)))
        self.heard: list[tuple[str, int]] = []

    def call(self, at_us: int) -> None:
        def send() -> None:
            call = Call(self.timeline, REQUEST, Link(transits_us(LATENCY_US, 0), None), 60_000_000)
            call.callbacks.append(lambda c: self.heard.append((type(c.value).__name__, self.timeline.now_us)))
            work = Work(REQUEST, call, key=7)
            work.callbacks.append(self.node.arrive)
            self.timeline.at(self.timeline.now_us + LATENCY_US, WORK, work)

        self.timeline.call_at(at_us, WORK, send)

    def run(self, *commands: tuple[int, Any]) -> list[tuple[str, int]]:
        for at_us, act in commands:
            self.timeline.call_at(at_us, COMMAND, act)
        self.timeline.run_until(60_000_000)
        assert self.node.workers.free == self.node.workers.servers
        assert not self.node.in_work
        return self.heard


@pytest.fixture
def undisturbed_us() -> int:
    rig = Rig()
    rig.call(0)
    ((_, at_us),) = rig.run()
    return at_us


@pytest.mark.parametrize(
    ("freeze_us", "moves"),
    [
        (500, "arrives frozen"),
        (LATENCY_US + 50, "while it is received"),
        (500_000, "in the middle"),
    ],
)
def test_a_freeze_moves_an_answer_by_what_was_missed(undisturbed_us: int, freeze_us: int, moves: str) -> None:
    """CPU still owed is owed after the thaw; a sleep that ran out meanwhile goes on at the thaw."""
    rig = Rig()
    rig.call(0)
    thaw_us = 3_000_000
    ((said, at_us),) = rig.run((freeze_us, rig.host.freeze), (thaw_us, rig.host.thaw))
    assert said == "Answered"
    if moves == "arrives frozen":
        assert at_us == undisturbed_us + thaw_us - LATENCY_US
    elif moves == "while it is received":
        assert at_us == undisturbed_us + thaw_us - freeze_us
    else:
        reply_us = undisturbed_us - LATENCY_US - 1_000_000
        assert thaw_us + LATENCY_US < at_us < thaw_us + LATENCY_US + reply_us


def test_a_reply_already_on_the_link_is_heard_though_its_sender_stands_still(undisturbed_us: int) -> None:
    rig = Rig()
    rig.call(0)
    freeze_us = undisturbed_us - LATENCY_US + 1
    assert rig.run((freeze_us, rig.host.freeze), (9_000_000, rig.host.thaw)) == [("Answered", undisturbed_us)]


def test_a_reply_still_being_computed_when_the_process_dies_never_leaves(undisturbed_us: int) -> None:
    rig = Rig()
    rig.call(0)
    kill_us = undisturbed_us - LATENCY_US - 10
    assert rig.run((kill_us, rig.host.kill)) == [("Unknown", kill_us + LATENCY_US)]


def test_a_death_cuts_off_whoever_is_served_or_queued_and_nobody_connects_before_the_restart() -> None:
    rig = Rig()
    for at_us in (0, 10, 20, 30, 700_000, 2_000_000):
        rig.call(at_us)
    heard = rig.run((500_000, rig.host.kill), (1_000_000, rig.host.restart))
    assert [said for said, _ in heard] == ["Overloaded", "Unknown", "Unknown", "Unknown", "Unreachable", "Answered"]
    assert [at_us for _, at_us in heard[1:5]] == [501_000, 501_000, 501_000, 702_000]
    assert rig.node.role.recovered == 1  # type: ignore[attr-defined]


def test_a_death_while_frozen_cuts_off_who_waits_at_the_door() -> None:
    rig = Rig()
    rig.call(0)
    rig.call(600_000)
    heard = rig.run((500_000, rig.host.freeze), (800_000, rig.host.kill), (900_000, rig.host.restart))
    assert heard == [("Unknown", 801_000), ("Unknown", 801_000)]


def test_killing_the_dead_and_thawing_the_running_change_nothing(undisturbed_us: int) -> None:
    rig = Rig()
    rig.call(2_000_000)
    host = rig.host
    heard = rig.run(
        (1, host.thaw), (2, host.restart), (10, host.kill), (20, host.kill), (25, host.freeze), (30, host.restart)
    )
    assert heard == [("Answered", 2_000_000 + undisturbed_us)]


def turn_of(cost_us: int) -> Rhythm:
    return Rhythm(turn_ns=cost_us * 1000, group_ns=0, cold_1024ths=0, cooling_us=1)


def test_a_paused_cpu_counts_no_work_while_it_is_paused() -> None:
    """And the turn that was under way ends as much later, and with it the next one begins."""
    timeline = Timeline()
    cpu = Cpu(timeline, 1)
    host = Host(timeline, "33", cpu, turn_of(100), own_cpu=True)
    begun: list[int] = []
    for at_us in (0, 10):
        timeline.call_at(at_us, WORK, lambda: host.loop.post(lambda _: begun.append(timeline.now_us), None))
    timeline.call_at(30, COMMAND, host.freeze)
    timeline.run_until(500)
    assert cpu.tally().busy_us == 30
    timeline.call_at(1030, COMMAND, host.thaw)
    timeline.run_until(1060)
    assert cpu.tally().busy_us == 60
    timeline.run_until(2000)
    assert (cpu.tally().busy_us, begun) == (200, [0, 1100])


@pytest.mark.parametrize(("befalls", "begun"), [("freeze", [300]), ("kill", [])])
def test_a_process_that_stands_still_or_dies_leaves_the_core_it_had_asked_for_to_the_others(
    befalls: str, begun: list[int]
) -> None:
    timeline = Timeline()
    cpu = Cpu(timeline, 1)
    first, second, third = (Host(timeline, name, cpu, turn_of(100), own_cpu=False) for name in "abc")
    told: dict[str, list[int]] = {"b": [], "c": []}
    first.loop.post(lambda _: None, None)
    for host in (second, third):
        host.loop.post(lambda _, name=host.name: told[name].append(timeline.now_us), None)
    timeline.call_at(50, COMMAND, getattr(second, befalls))
    timeline.call_at(300, COMMAND, second.thaw)
    timeline.run_until(1000)
    assert told == {"b": begun, "c": [100]}


def test_a_caller_that_gave_up_does_not_hear_the_late_answer() -> None:
    rig = Rig()
    heard: list[Any] = []
    call = Call(rig.timeline, REQUEST, Link(transits_us(LATENCY_US, 0), None), 60_000_000)

    async def caller() -> None:
        heard.append(await wait(call))

    Task(rig.timeline, caller(), TaskGroup()).start()
    work = Work(REQUEST, call, key=7)
    work.callbacks.append(rig.node.arrive)
    rig.timeline.at(LATENCY_US, WORK, work)
    rig.timeline.call_at(5_000, WORK, call.give_up)
    rig.run()
    assert heard == [Unknown(5_000)]
    assert rig.node.workers.tally().busy_us > 1_000_000, "the zombie cost its worker all the same"


@pytest.mark.parametrize(
    ("said", "mean_us"),
    [
        ({"distribution": "gamma", "mean": "15ms", "cv": 0.8}, 15_000),
        ({"distribution": "hyperexponential", "mean": "15ms", "cv": 2}, 15_000),
        ({"distribution": "uniform", "low": "1ms", "high": "9ms"}, 5_000),
    ],
)
def test_a_link_of_a_drawn_latency_takes_as_long_on_average_and_never_less_for_a_larger_number(said, mean_us):
    takes_us = transits_us(MachineDrawn.model_validate(said), 400)

    assert sum(takes_us) / len(takes_us) == pytest.approx(mean_us + 200, rel=2e-3)
    assert list(takes_us) == sorted(takes_us)


def test_a_link_of_one_latency_takes_that_and_its_jitter():
    takes_us = transits_us(100, 50)

    assert (takes_us[0], takes_us[512], takes_us[1023]) == (100, 125, 149)
