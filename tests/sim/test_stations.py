from __future__ import annotations

from typing import Any

import pytest

from sim.engine.driver import SimClock, Task, TaskGroup
from sim.engine.timeline import COMMAND, WORK, Timeline
from sim.engine.timers import TimeoutQueue, Timeouts
from sim.model.desks import SimDesk
from sim.model.loop import Loop
from sim.model.service_times import Rhythm
from sim.model.stations import Cpu, Servers, Tally


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


def start(timeline: Timeline, work: Any, group: TaskGroup | None = None) -> Task:
    task = Task(timeline, work, group or TaskGroup())
    task.start()
    return task


# --- servers ---


def test_a_free_server_costs_no_event(timeline: Timeline) -> None:
    servers = Servers(timeline, 1)

    async def work() -> None:
        await servers.seize()
        servers.release()

    start(timeline, work())
    assert not timeline.heap


def test_servers_are_given_in_the_order_of_asking(timeline: Timeline) -> None:
    servers, clock, order = Servers(timeline, 1), SimClock(timeline), []

    async def work(name: str) -> None:
        await servers.seize()
        order.append(name)
        await clock.sleep_us(10)
        servers.release()

    for name in "abc":
        start(timeline, work(name))
    timeline.run_until(100)
    assert order == ["a", "b", "c"]
    assert servers.free == 1


@pytest.mark.parametrize("cancelled", ["holder", "first in the queue", "last in the queue", "winner before its turn"])
def test_a_cancelled_seize_leaks_no_server(timeline: Timeline, cancelled: str) -> None:
    servers, clock, served = Servers(timeline, 1), SimClock(timeline), []

    async def work(name: int) -> None:
        await servers.seize()
        try:
            served.append(name)
            await clock.sleep_us(10)
        finally:
            servers.release()

    tasks = [start(timeline, work(name)) for name in range(4)]
    if cancelled == "winner before its turn":
        tasks[0].cancel()  # hands its server to 1, whose turn is scheduled and has not come
        tasks[1].cancel()
        expected = [0, 2, 3]
    else:
        number = {"holder": 0, "first in the queue": 1, "last in the queue": 3}[cancelled]
        tasks[number].cancel()
        expected = [n for n in range(4) if n != number or n == 0]
    timeline.run_until(1000)
    assert served == expected
    assert servers.free == 1
    assert not servers.waiting


def test_releasing_what_was_never_seized_is_our_own_mistake(timeline: Timeline) -> None:
    with pytest.raises(AssertionError, match="nobody had seized"):
        Servers(timeline, 1).release()


def test_tallies_are_exact_integrals(timeline: Timeline) -> None:
    """One server, three customers of 10 us at once: waits 0, 10, 20; busy 30. One core, three loops: the same."""
    servers, cpu, clock = Servers(timeline, 1), Cpu(timeline, 1), SimClock(timeline)

    async def work() -> None:
        await servers.seize()
        await clock.sleep_us(10)
        servers.release()

    for _ in range(3):
        start(timeline, work())
        Loop(timeline, cpu, Rhythm(10_000, 0, 0, 1), None).post(lambda _: None, None)
    timeline.run_until(15)
    assert servers.tally()[:2] == cpu.tally()[:2] == (10 + 15, 15)
    timeline.run_until(100)
    assert servers.tally()[:2] == cpu.tally()[:2] == (30, 30)
    assert cpu.tally() == Tally(30, 30, 3, 0)


# --- cpu ---


@pytest.mark.parametrize(
    ("cores", "costs", "ends"),
    [
        (1, [10, 10, 10], [10, 20, 30]),
        (2, [10, 30, 10, 10], [10, 30, 20, 30]),
        (0.5, [10, 10], [20, 40]),
        (2.5, [10, 10, 10, 10], [12, 12, 12, 24]),
    ],
)
def test_cores_are_shared_first_come_first_served(timeline: Timeline, cores: float, costs: Any, ends: Any) -> None:
    cpu, began = Cpu(timeline, cores), []
    for cost in costs:
        cpu.ask(Job(timeline, int(cost * cpu.stretch), began))
    timeline.run_until(1000)
    assert sorted(began) == sorted(ends)
    assert cpu.tally().busy_us == sum(int(cost * cpu.stretch) for cost in costs)


class Job:
    """Work of known length."""

    def __init__(self, timeline: Timeline, cost_us: int, ends: list[int]) -> None:
        self.timeline, self.cost_us, self.ends = timeline, cost_us, ends
        self.had_us = 0

    def run(self) -> int:
        self.ends.append(self.timeline.now_us + self.cost_us)
        return self.cost_us


class Process:
    """Asks for a core again as soon as it has had one, so many times, and says each time that it begins."""

    def __init__(self, cpu: Cpu, name: str, cost_us: int, times: int, began: list[str]) -> None:
        self.cpu, self.name, self.cost_us, self.times, self.began = cpu, name, cost_us, times, began
        self.had_us = 0

    def run(self) -> int:
        self.began.append(self.name)
        self.times -= 1
        if self.times:
            self.cpu.ask(self)
        return self.cost_us


@pytest.mark.parametrize(
    ("fair", "order"),
    [
        pytest.param(False, "long long short other long short other short other", id="who asks first"),
        # long has had 90 after its first: the others go three times each, 30 of 30, before it is its turn again.
        pytest.param(True, "long short other short other short other long long", id="who has had least"),
    ],
)
def test_processes_share_a_machine_fairly(timeline: Timeline, *, fair: bool, order: str) -> None:
    cpu, began = Cpu(timeline, 1, fair=fair), list[str]()
    for name, cost_us in (("long", 90), ("short", 30), ("other", 30)):
        cpu.ask(Process(cpu, name, cost_us, 3, began))
    timeline.run_until(10_000)
    assert " ".join(began) == order
    assert cpu.tally().busy_us == 3 * (90 + 30 + 30)


def test_who_has_slept_goes_first_once_and_makes_up_for_nothing(timeline: Timeline) -> None:
    """Both others have had 300 of the core when the sleeper comes: it has no claim to 300 of its own."""
    cpu, began = Cpu(timeline, 1, fair=True), list[str]()
    for name in ("a", "b"):
        cpu.ask(Process(cpu, name, 30, 13, began))
    timeline.call_at(599, WORK, lambda: cpu.ask(Process(cpu, "sleeper", 30, 3, began)))
    timeline.run_until(10_000)
    assert began[:20] == ["a", "b"] * 10
    assert "".join(name[0] for name in began[20:]) in {"sabsabsab", "asbsabsab", "abssabsab", "asbasbasb"}


def test_what_nobody_gets_of_a_machine_makes_it_slower(timeline: Timeline) -> None:
    assert Cpu(timeline, 1, lost_share=0.2).stretch == pytest.approx(1.25)
    assert Cpu(timeline, 2.5, lost_share=0.5).stretch == pytest.approx(2.4)


@pytest.mark.parametrize("cores", [0, -1.0])
def test_a_host_without_cpu_is_refused(timeline: Timeline, cores: float) -> None:
    with pytest.raises(ValueError, match=r"needs some CPU \(got"):
        Cpu(timeline, cores)


def test_a_station_without_servers_is_refused(timeline: Timeline) -> None:
    with pytest.raises(ValueError, match=r"at least one server \(got 0\)"):
        Servers(timeline, 0)


# --- patience and desks ---


class Waiting:
    def __init__(self, timeline: Timeline, told: list[int]) -> None:
        self.timeline, self.told = timeline, told

    def give_up(self) -> None:
        self.told.append(self.timeline.now_us)


def test_patience_runs_out_at_its_time_and_only_for_those_who_still_wait(timeline: Timeline) -> None:
    told: list[int] = []
    queue = TimeoutQueue(timeline, 100)
    waiting = [Waiting(timeline, told) for _ in range(6)]
    for number, one in enumerate(waiting):
        timeline.call_at(number * 10, WORK, lambda one=one: queue.add(one))
    timeline.call_at(55, WORK, lambda: [queue.remove(one) for one in waiting[::2]])
    timeline.run_until(1000)
    assert told == [110, 130, 150]
    assert not len(queue)


def test_calls_answered_in_time_arm_one_event_between_them(timeline: Timeline) -> None:
    queue, events = TimeoutQueue(timeline, 1_000_000), []
    for number in range(1000):
        timeline.call_at(number, WORK, lambda: (queue.add(w := Waiting(timeline, [])), events.append(w)))
        timeline.call_at(number + 1, WORK, lambda number=number: queue.remove(events[number]))
    timeline.run_until(2000)
    assert len(timeline.heap) == 1


@pytest.mark.parametrize(
    ("timeout_us", "served", "at_us"), [(9, False, 9), (10, True, 10), (11, True, 10), (0, False, 0)]
)
def test_a_patient_waits_as_long_as_their_patience_and_no_longer(
    timeline: Timeline, timeout_us: int, served: bool, at_us: int
) -> None:
    """At a tie the desk is won: it was free before the patience had run out."""
    desk, clock, told = SimDesk(timeline, Timeouts(timeline), 1), SimClock(timeline), []

    async def holder() -> None:
        await desk.seize(5)
        await clock.sleep_us(10)
        desk.release()

    async def patient() -> None:
        got = await desk.seize(timeout_us)
        told.append((got, timeline.now_us))
        if got:
            desk.release()

    start(timeline, holder())
    start(timeline, patient())
    timeline.run_until(100)
    assert told == [(served, at_us)]
    assert desk.free == 1
    assert desk.tally().refused == (not served)


@pytest.mark.parametrize("at_us", [0, 5, 10, 12])
def test_a_cancelled_patient_leaks_no_desk(timeline: Timeline, at_us: int) -> None:
    patience = Timeouts(timeline)
    desk, clock, group = SimDesk(timeline, patience, 1), SimClock(timeline), TaskGroup()

    async def visit() -> None:
        if not await desk.seize(100):
            return
        try:
            await clock.sleep_us(10)
        finally:
            desk.release()

    start(timeline, visit())
    second = start(timeline, visit(), group)
    start(timeline, visit())
    timeline.call_at(at_us, COMMAND, second.cancel)
    timeline.run_until(1000)
    assert desk.free == 1
    assert not len(patience[100])
    assert not group.tasks


def test_a_process_that_was_alone_for_long_is_not_starved_by_one_that_begins(timeline: Timeline) -> None:
    """What the first had while nobody else wanted the core is no debt: from the second's first turn on, each has half."""
    cpu = Cpu(timeline, 1, fair=True)
    first, second = Hog(timeline, cpu, 1_000), Hog(timeline, cpu, 1_000)
    timeline.call_at(0, WORK, lambda: cpu.ask(first))
    timeline.call_at(10_000_000, WORK, lambda: cpu.ask(second))
    for second_s in (11, 12, 20):
        timeline.run_until(second_s * 1_000_000)
        together_us = (second_s - 10) * 1_000_000
        assert abs(second.got_us - together_us // 2) <= 2_000
        assert abs(first.got_us - 10_000_000 - together_us // 2) <= 2_000


def test_loops_that_were_alone_for_long_are_not_starved_either(timeline: Timeline) -> None:
    """The same of loops, whose turns of one piece on an idle core are served without asking for it."""
    cpu = Cpu(timeline, 1, fair=True)
    rhythm = Rhythm(1_000_000, 0, 0, 1)
    loops = [Loop(timeline, cpu, rhythm, None) for _ in range(2)]
    for ms in range(5_000):
        timeline.call_at(ms * 1_000, WORK, lambda: loops[0].post(lambda _: None, None))
    timeline.run_until(5_000_000)
    turns = loops[0].turns
    for ms in range(5_000, 6_000):
        for loop in loops:
            timeline.call_at(ms * 1_000, WORK, lambda loop=loop: loop.post(lambda _: None, None))
    timeline.run_until(6_000_000)
    assert abs((loops[0].turns - turns) - loops[1].turns) <= 2


class Hog:
    """Asks for the core again when its turn is over, for ever."""

    def __init__(self, timeline: Timeline, cpu: Cpu, turn_us: int) -> None:
        self.timeline, self.cpu, self.turn_us = timeline, cpu, turn_us
        self.had_us = self.got_us = 0

    def run(self) -> int:
        self.got_us += self.turn_us
        self.timeline.call_at(self.timeline.now_us + self.turn_us, WORK, lambda: self.cpu.ask(self))
        return self.turn_us
