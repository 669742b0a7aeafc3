"""Every node crashed, and every workflow cancelled, at each of its awaits: nothing is lost, doubled or leaked."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import (
    CARE,
    HUB,
    INSURED,
    KINDS,
    SEQUENCES,
    S,
    assert_lawful,
    assert_nothing_leaked,
    fates,
    live,
    prepare,
    scenario,
    visit,
)

from reference_impl.domain.nodes import NodeId
from sim.engine.driver import Task
from sim.engine.timeline import COMMAND
from sim.run import Simulation


def instants_of_work(asked: Any, node: str) -> list[int]:
    """Return every instant at which a task of ``node`` runs: between two of them it stands at an await."""
    simulation = prepare(asked)
    group = simulation.world.nodes[NodeId(node)].host.group
    seen: set[int] = set()
    resume = Task.resume

    def noted(task: Task, event: Any) -> None:
        if task._group is group:
            seen.add(simulation.world.timeline.now_us)
        resume(task, event)

    try:
        Task.resume = noted  # type: ignore[method-assign]
        simulation.run()
    finally:
        Task.resume = resume  # type: ignore[method-assign]
    return sorted(seen)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("node", [CARE, HUB, INSURED])
@pytest.mark.parametrize("down_us", [100_000, pytest.param(3 * S, marks=pytest.mark.slow)])
def test_a_crash_of_any_node_at_any_await_loses_and_doubles_nothing(kind: str, node: str, down_us: int) -> None:
    """Killed at each step, restarted on its books: all is driven to its end without an operator (G7, G13)."""
    asked = scenario(visit(kind))
    instants = instants_of_work(asked, node)
    assert len(instants) >= 6
    for at_us in instants:
        simulation = prepare(asked)
        host = simulation.world.nodes[NodeId(node)].host
        simulation._schedule(at_us, host.kill, None)
        simulation._schedule(at_us + down_us, host.restart, None)
        run = simulation.run()
        (fate,) = fates(run)
        assert fate in {"direct", "direct_after_retry"}, f"killed at {at_us} us"
        assert run.settled
        assert_lawful(run, settled=1)
        assert_nothing_leaked(run)


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("node", [CARE, HUB, INSURED])
def test_a_nodes_work_cancelled_at_any_await_leaks_no_worker_and_no_lock(node: str, *, holds: bool) -> None:
    """Without a crash: the task alone is gone, the process and its commits go on, and the message is asked again."""
    spec = {"hold_while_waiting": holds}
    asked = scenario(visit("outpatient"), topology={"hub": spec, "province": spec})
    for at_us in instants_of_work(asked, node):
        simulation = prepare(asked)
        group = simulation.world.nodes[NodeId(node)].host.group
        simulation._schedule(at_us, lambda group=group: group.cancel_all(), None)
        run = simulation.run()
        assert fates(run)[0] in {"direct", "direct_after_retry"}, f"cancelled at {at_us} us"
        assert_lawful(run, settled=1)
        assert_nothing_leaked(run)


def test_a_refund_cancelled_at_any_await_leaks_nothing() -> None:
    lost = {"kind": "lost_commit", "node": INSURED, "count": 1}
    cancelled = 0
    while True:
        run = live(scenario(visit("outpatient"), faults=[lost]))
        frame = run.recorder.frames()["visits"]
        world, begun_us = run.simulation.world, run.ended_us
        world.timeline.call_at(begun_us + 20_000 * cancelled, COMMAND, world.outside.cancel_all)
        run.follow_up([(0, frame["visit_id"][0], frame["settlement_id"][0])], limit_us=600 * S)
        assert_nothing_leaked(run)
        if fates(run)[-1] == "reversed_then_paper":
            break
        cancelled += 1
    assert cancelled >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_journey_cancelled_at_any_await_leaks_nothing(kind: str) -> None:
    """The hospital's side of the contract: desk, patience and the nodes' workers are free again."""
    asked = scenario(visit(kind, at="10s"), visit("outpatient", at="11s"))
    awaits = 0
    while True:
        simulation = prepare(asked)
        if not cancel_after(simulation, awaits):
            break
        awaits += 1
        run = simulation.run()
        assert_nothing_leaked(run)
        world = run.simulation.world
        for node in world.stores.values():
            assert sum(leg.amount_fen for posting in node.read_all().postings for leg in posting.legs) == 0
    assert awaits > len(SEQUENCES[kind])


def cancel_after(simulation: Simulation, awaits: int) -> bool:
    """Cancel the first patient once they have awaited so often; return False when they have ended before."""
    world, timeline = simulation.world, simulation.world.timeline
    while not world.outside.tasks:
        timeline.run_until(timeline.now_us + S)
    journey = next(iter(world.outside.tasks))
    for _ in range(awaits):
        waited = journey._waits_for
        while journey._waits_for is waited and not journey.ended:
            timeline.run_until(max(timeline.now_us, timeline.heap[0][0]))
        if journey.ended:
            if not world.journeys.resting:
                return False
            while world.journeys.resting:  # a stay lies without a task of its own, and goes on in another
                timeline.run_until(max(timeline.now_us, timeline.heap[0][0]))
            journey = next(reversed(world.outside.tasks))
    journey.cancel()
    return True
