"""The simulated world, protocol and books included, beside two SimPy models that do no business at all.

``Resource`` is what one would write at first: a process a message and node, ``Resource`` for desks, workers and cores,
``AnyOf`` for patience, a writer process that flushes in groups. *Lean* is what a careful hand makes of it: counters and
deques that cost an event only to who must wait, a core's work booked when it is asked for, patience as one callback,
a commit that joins the group under way. Both have the same stations and links, the same patients, the same messages
over the same hops with the same stages at each; they decide nothing, price nothing, write nothing down. Messages per
second of CPU time, medians of interleaved runs; then where the simulated world's time goes, by room.

    PYTHONPATH=. python benchmarks/sim_vs_plain.py [--visits N] [--rounds N] [--memory VISITS] [--grow VISITS]

Visits are outpatients and pharmacy sales, whose messages are known beforehand; nothing goes wrong in this scenario.
"""

from __future__ import annotations

import argparse
import cProfile
import heapq
import pstats
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict, deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simpy

from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.schema import Scenario
from sim.engine.driver import SimClock, Task, TaskGroup, wait
from sim.engine.timeline import Timeline
from sim.model.costs import AS_THE_MEAN, Costs, load_costs, sample_us
from sim.run import simulate

if TYPE_CHECKING:
    from collections.abc import Generator

    Steps = Generator[simpy.Event, Any, None]

OURS = "simulated world"
GROWTH = 8
"""How many times the volume is the larger of two runs that are compared."""
ROOT = Path(__file__).resolve().parents[1]

MESSAGES = {
    "outpatient": ("1101", "2201", "2203", "2204", "2206", "2207"),
    "pharmacy": ("1101", "2101", "2102"),
}
ACTED_ALONE = {"2203", "2204"}
"""Transactions that stay in the care province: one commit, no next node."""
REGIONS = ("11", "31", "32", "33", "34", "37", "41", "44", "51", "63")


def scenario_of(visits: int) -> Scenario:
    """Return a working hour with about ``visits`` visits, one in three within its province."""
    return Scenario.model_validate(
        {
            "name": "sim-vs-plain",
            "horizon": {"start": "2024-03-13T09:00:00", "length": "1h", "drain_limit": "1h"},
            "visits": {
                # 11.5 % of a weekday's visits come between 9 and 10; the fraction makes ``visits`` of both streams.
                "per_day": visits / 1.5 / 0.125,
                "mix": {"outpatient": 0.72, "pharmacy": 0.28, "inpatient": 0},
                "local_per_cross": 0.5,
            },
            "topology": {
                "regions": REGIONS,
                "desks_per_hospital": 6,
                "hub": {"cores": 4},
                "province": {"cores": 2},
            },
        }
    )


# --- with Resource and AnyOf ------------------------------------------------------------------------------------------


class Node:
    """A node of the model with ``Resource``: workers, cores, a writer that flushes in groups."""

    def __init__(self, env: simpy.Environment, spec: Any, costs: Costs) -> None:
        self.env = env
        self.costs = costs
        self.workers = simpy.Resource(env, spec.workers)
        self.cpu = simpy.Resource(env, int(spec.cores))
        self.queue: list[tuple[float, simpy.Event]] = []
        self.wake = env.event()
        env.process(self.write())

    def compute(self, role: Any, code: str, stage: Any) -> Steps:
        """Use a core for one stage."""
        with self.cpu.request() as core:
            yield core
            spread = sample_us(self.costs.file.spread, random.random()) / AS_THE_MEAN
            yield self.env.timeout(self.costs.mean_us(role, code, stage) * spread)

    def commit(self, role: Any, code: str) -> Steps:
        """Wait until the writer has flushed."""
        done = self.env.event()
        spread = sample_us(self.costs.file.spread, random.random()) / AS_THE_MEAN
        self.queue.append((self.costs.mean_us(role, code, "change") * spread, done))
        if not self.wake.triggered:
            self.wake.succeed()
        yield done

    def write(self) -> Steps:
        """Flush in groups for ever."""
        while True:
            yield self.wake
            self.wake = self.env.event()
            while self.queue:
                group, self.queue = self.queue, []
                with self.cpu.request() as core:
                    yield core
                    yield self.env.timeout(self.costs.file.group_us.value + sum(cost for cost, _ in group))
                yield self.env.timeout(sample_us(self.costs.file.flush_us, random.random()))
                for _, done in group:
                    done.succeed()


class WithResource:
    """The model of a scenario with ``Resource`` and ``AnyOf``."""

    node: type[Any] = Node

    def __init__(self, scenario: Scenario, plan: VisitPlan, costs: Costs) -> None:
        self.env = simpy.Environment()
        self.scenario = scenario
        self.plan = plan
        topology = scenario.topology
        self.nodes: dict[str, Any] = {
            name: self.node(self.env, topology.spec(name), costs) for name in topology.nodes()
        }
        self.desks = {h.code: simpy.Resource(self.env, h.desks) for h in plan.hospitals}
        self.messages = 0
        self.hops = 0

    def run(self) -> None:
        """Run all visits to their end."""
        self.env.process(self.arrivals())
        self.env.run()

    def arrivals(self) -> Steps:
        """Start every visit at its time."""
        for visit in self.plan:
            yield self.env.timeout(visit.arrival_us - self.env.now)
            self.env.process(self.visit(visit))

    def visit(self, visit: Any) -> Steps:
        """Live one visit: desk, handling, messages."""
        env, clients = self.env, self.scenario.clients
        with self.desks[visit.hospital.code].request() as desk:
            result = yield desk | env.timeout(clients.desk_patience)
            if desk not in result:
                return
            yield env.timeout(visit.handling_us)
            care, insured = visit.care_region[:2], visit.insured_region[:2]
            for code in MESSAGES[visit.kind]:
                self.messages += 1
                way = [care] if code in ACTED_ALONE or care == insured else [care, "hub", insured]
                yield from self.call("hospital", way, code, clients.timeout)

    def call(self, caller: str, way: list[str], code: str, timeout_us: int) -> Steps:
        """Send a message and wait for its reply or for patience to run out."""
        links = self.scenario.topology.links
        link = links.hospital_province if caller == "hospital" else links.province_hub
        reply = self.env.process(self.serve(link, way, code, first=caller == "hospital"))
        yield reply | self.env.timeout(timeout_us)

    def serve(self, link: Any, way: list[str], code: str, *, first: bool) -> Steps:
        """Cross the link, be served, cross it back."""
        env, node = self.env, self.nodes[way[0]]
        self.hops += 1
        role = "care" if first else "hub" if way[0] == "hub" else "insured"
        patience = self.scenario.clients.forward_timeout
        yield env.timeout(link.latency + int(link.jitter * random.random()))
        with node.workers.request() as worker:
            yield worker
            yield from node.compute(role, code, "receive")
            yield from node.commit(role, code)
        if role != "insured" and code not in ACTED_ALONE:
            if len(way) > 1:
                yield from node.compute(role, code, "forward")
                yield from self.call(way[0], way[1:], code, patience.care if first else patience.hub)
            else:
                yield from node.commit(role, code)  # the insured side of the same province
            with node.workers.request() as worker:
                yield worker
                yield from node.compute(role, code, "answer")
                yield from node.commit(role, code)
        yield from node.compute(role, code, "reply")
        yield env.timeout(link.latency + int(link.jitter * random.random()))


# --- lean ------------------------------------------------------------------------------------------------------------


class Counter:
    """Servers as a number, and a deque of those who wait."""

    def __init__(self, env: simpy.Environment, free: int) -> None:
        self.env, self.free, self.waiting = env, free, deque[simpy.Event]()

    def take(self) -> bool:
        """Take one if it is free."""
        if self.free:
            self.free -= 1
            return True
        return False

    def turn(self) -> simpy.Event:
        """Return the event of one's turn."""
        turn = self.env.event()
        self.waiting.append(turn)
        return turn

    def release(self) -> None:
        """Give one on."""
        if self.waiting:
            self.waiting.popleft().succeed()
        else:
            self.free += 1


class LeanNode:
    """A node of the lean model."""

    def __init__(self, env: simpy.Environment, spec: Any, costs: Costs) -> None:
        self.env = env
        self.costs = costs
        self.workers = Counter(env, spec.workers)
        self.cores = [0] * int(spec.cores)
        self.flushing = False
        self.next: tuple[list[int], simpy.Event] | None = None

    def book(self, cost_us: int) -> int:
        """Book a core and return in how long the work ends."""
        now_us = int(self.env.now)
        end_us = max(now_us, self.cores[0]) + cost_us
        heapq.heapreplace(self.cores, end_us)
        return end_us - now_us

    def drawn_us(self, role: Any, code: str, stage: Any) -> int:
        """Return what a stage costs this time."""
        spread = sample_us(self.costs.file.spread, random.random())
        return round(self.costs.mean_us(role, code, stage) * spread / AS_THE_MEAN)

    def compute(self, role: Any, code: str, stage: Any) -> simpy.Event:
        """Return when a stage has had its core."""
        return self.env.timeout(self.book(self.drawn_us(role, code, stage)))

    def commit(self, role: Any, code: str) -> simpy.Event:
        """Return when the group is flushed."""
        cost_us = self.drawn_us(role, code, "change")
        if not self.flushing:
            return self.flush(cost_us)
        if self.next is None:
            self.next = ([cost_us], self.env.event())
        else:
            self.next[0].append(cost_us)
        return self.next[1]

    def flush(self, cost_us: int) -> simpy.Event:
        """Begin a flush and return when it ends."""
        self.flushing = True
        flushed = self.env.timeout(
            self.book(round(self.costs.file.group_us.value) + cost_us)
            + sample_us(self.costs.file.flush_us, random.random())
        )
        flushed.callbacks.append(self.flushed)
        return flushed

    def flushed(self, _: simpy.Event) -> None:
        """Go on with the group that has gathered meanwhile."""
        self.flushing = False
        if self.next is not None:
            (costs_us, done), self.next = self.next, None
            self.flush(sum(costs_us)).callbacks.append(lambda _: done.succeed())


class Lean(WithResource):
    """The same model, written lean."""

    node = LeanNode

    def __init__(self, scenario: Scenario, plan: VisitPlan, costs: Costs) -> None:
        super().__init__(scenario, plan, costs)
        self.counters = {h.code: Counter(self.env, h.desks) for h in plan.hospitals}

    def visit(self, visit: Any) -> Steps:
        """Live one visit; a desk's patience of hours never runs out here, and is left out."""
        desk = self.counters[visit.hospital.code]
        if not desk.take():
            yield desk.turn()
        yield self.env.timeout(visit.handling_us)
        care, insured = visit.care_region[:2], visit.insured_region[:2]
        for code in MESSAGES[visit.kind]:
            self.messages += 1
            way = [care] if code in ACTED_ALONE or care == insured else [care, "hub", insured]
            yield from self.call("hospital", way, code, self.scenario.clients.timeout)
        desk.release()

    def call(self, caller: str, way: list[str], code: str, timeout_us: int) -> Steps:
        """Send a message and wait for its reply, or for the callback that says patience has run out."""
        links = self.scenario.topology.links
        link = links.hospital_province if caller == "hospital" else links.province_hub
        reply = self.env.event()

        def give_up(_: simpy.Event) -> None:
            if not reply.triggered:
                reply.succeed()

        self.env.process(self.answer(reply, self.serve(link, way, code, first=caller == "hospital")))
        self.env.timeout(timeout_us).callbacks.append(give_up)
        yield reply

    def answer(self, reply: simpy.Event, work: Steps) -> Steps:
        """Reply once the work is done, unless nobody waits any more."""
        yield from work
        if not reply.triggered:
            reply.succeed()

    def serve(self, link: Any, way: list[str], code: str, *, first: bool) -> Steps:
        """Cross the link, be served, cross it back."""
        env, node = self.env, self.nodes[way[0]]
        self.hops += 1
        role = "care" if first else "hub" if way[0] == "hub" else "insured"
        patience = self.scenario.clients.forward_timeout
        yield env.timeout(link.latency + int(link.jitter * random.random()))
        if not node.workers.take():
            yield node.workers.turn()
        yield node.compute(role, code, "receive")
        yield node.commit(role, code)
        if role != "insured" and code not in ACTED_ALONE:
            if len(way) > 1:
                yield node.compute(role, code, "forward")
                node.workers.release()
                yield from self.call(way[0], way[1:], code, patience.care if first else patience.hub)
                if not node.workers.take():
                    yield node.workers.turn()
            else:
                yield node.commit(role, code)  # the insured side of the same province
            yield node.commit(role, code)
        node.workers.release()
        yield node.compute(role, code, "reply")
        yield env.timeout(link.latency + int(link.jitter * random.random()))


# --- measuring --------------------------------------------------------------------------------------------------------


def run_model(model: type[WithResource], scenario: Scenario, plan: VisitPlan, costs: Costs) -> tuple[int, int, float]:
    """Return messages, hops and CPU seconds of a model that does no business."""
    random.seed(1)
    begun = time.process_time()
    made = model(scenario, plan, costs)
    made.run()
    return made.messages, made.hops, time.process_time() - begun


def run_sim(scenario: Scenario, plan: VisitPlan, costs: Costs) -> tuple[int, int, float]:
    """Return messages, hops and CPU seconds of the simulated world."""
    begun = time.process_time()
    run = simulate(scenario, plan, costs)
    spent = time.process_time() - begun
    messages = run.recorder.frames()["messages"]
    hops = sum(messages[f"{place}_in_us"].count() for place in ("care", "hub", "insured"))
    if set(messages["outcome"]) != {"ok"}:
        raise SystemExit("something went wrong in a scenario without faults: compare nothing")
    return len(messages), hops, spent


def room_of(function: tuple[str, int, str]) -> str:
    """Return the room a profiled function belongs to."""
    path = function[0]
    if "site-packages" in path:
        return path.split("site-packages/")[1].split("/")[0]
    if path.startswith(str(ROOT)):
        parts = Path(path).relative_to(ROOT).parts
        return "/".join(parts[:2] if parts[0] == "reference_impl" else parts[:1])
    return "python"


def shares_by_room(profile: cProfile.Profile) -> dict[str, float]:
    """Return seconds by room; what C functions take is their callers'."""
    stats: Any = pstats.Stats(profile)
    seconds: dict[str, float] = defaultdict(float)
    for function, (_, _, own, _, callers) in stats.stats.items():
        if function[0] == "~" and callers:
            for caller, numbers in callers.items():
                seconds[room_of(caller)] += numbers[2]
        else:
            seconds[room_of(function)] += own
    return seconds


def show_where(scenario: Scenario, plan: VisitPlan, costs: Costs) -> None:
    """Profile one run of the simulated world and print shares by room and the costliest functions."""
    profile = cProfile.Profile()
    profile.enable()
    simulate(scenario, plan, costs)
    profile.disable()
    seconds = shares_by_room(profile)
    total = sum(seconds.values())
    print("\nwhere the simulated world's time goes (cProfile: small functions look dearer than they are)")
    for room, own in sorted(seconds.items(), key=lambda item: -item[1])[:8]:
        print(f"  {room:28} {own / total:6.1%}")
    stats: Any = pstats.Stats(profile)
    print("costliest functions, own time")
    for function, row in sorted(stats.stats.items(), key=lambda item: -item[1][2])[:16]:
        name = f"{Path(function[0]).name}:{function[1]} {function[2]}" if function[0] != "~" else function[2]
        print(f"  {row[2] / total:6.1%}  {row[0]:9,} calls  {name}")


def driver_us(drive: str, rounds: int) -> float:
    """Return CPU microseconds of one await (or yield) under a driver: the best of some rounds, as noise only adds."""
    awaits, workers = 500, 200

    def once() -> float:
        timeline = Timeline()
        clock, group = SimClock(timeline), TaskGroup()

        def bare() -> Steps:
            for _ in range(awaits):
                yield timeline.timeout(10)

        async def nap() -> None:
            await wait(timeline.timeout(10))

        async def work() -> None:
            for _ in range(awaits):
                await (clock.sleep_us(10) if drive == "task" else nap())

        def driven() -> Steps:
            yield from work().__await__()

        for _ in range(workers):
            if drive == "task":
                Task(timeline, work(), group).start()
            else:
                timeline.process(bare() if drive == "bare" else driven())
        begun = time.process_time()
        timeline.run_until(10 * awaits + 10)
        return (time.process_time() - begun) / (awaits * workers) * 1e6

    return min(once() for _ in range(rounds))


def show_driver(rounds: int) -> None:
    """Print what an await costs under the driver, beside SimPy's own processes."""
    print("\none await, in microseconds of CPU time (best of the rounds)")
    for drive, label in (
        ("task", "coroutine driven by a Task"),
        ("bare", "yield of a bare SimPy process"),
        ("driven", "coroutine driven by a SimPy process"),
    ):
        print(f"  {label:38} {driver_us(drive, rounds):.2f}")


def day_of(visits: int) -> Scenario:
    """Return a day of the nation with about ``visits`` visits of every kind."""
    return Scenario.model_validate(
        {
            "name": "memory-of-a-day",
            "horizon": {"start": "2024-03-13T00:00:00", "length": "1d", "drain_limit": "2h"},
            "visits": {"per_day": visits / 1.5, "local_per_cross": 0.5},
            "topology": {"hub": {"cores": 4}, "province": {"cores": 2}},
        }
    )


def hold_a_day(visits: int) -> None:
    """Simulate a day and print its visits and the memory it has grown to, in MiB: a process of its own."""
    scenario = day_of(visits)
    plan = plan_visits(scenario)
    run = simulate(scenario, plan, load_costs())
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(len(plan), peak_mib, run.tables().rows("messages"))


def measure_memory(visits: int) -> None:
    """Print what 100,000 visits of a simulated day take: the slope between two days of different size."""
    sizes: list[tuple[int, float]] = []
    for size in (visits // 3, visits):
        command = [sys.executable, __file__, "--hold", str(size)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        sizes.append((int(said[0]), float(said[1])))
    (few, low_mib), (many, high_mib) = sizes
    each = (high_mib - low_mib) / (many - few) * 100_000
    print(f"\nmemory of a simulated day: {each:,.0f} MiB per 100,000 visits")
    print(f"  (peak {low_mib:,.0f} MiB with {few:,} visits, {high_mib:,.0f} MiB with {many:,})")


def show_growth(visits: int, rounds: int) -> None:
    """Print what a message costs in the simulated world as the volume of an hour grows eightfold."""
    costs, sizes = load_costs(), (visits, GROWTH * visits)
    scenarios = [(scenario, plan_visits(scenario)) for scenario in map(scenario_of, sizes)]
    spent_us: list[list[float]] = []
    for _ in range(rounds):
        runs = [run_sim(scenario, plan, costs) for scenario, plan in scenarios]
        spent_us.append([spent / messages * 1e6 for messages, _, spent in runs])
    few_us, many_us = (statistics.median(column) for column in zip(*spent_us, strict=True))
    ratios = sorted(many / few for few, many in spent_us)
    print(
        f"\na message costs {few_us:.0f} us with {len(scenarios[0][1]):,} visits and {many_us:.0f} us with"
        f" {len(scenarios[1][1]):,}: {statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=30_000, help="visits of the memory run; 0 leaves it out")
    parser.add_argument("--grow", type=int, default=0, help="measure growth alone: from so many visits an hour on")
    parser.add_argument("--hold", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.hold:
        hold_a_day(arguments.hold)
        return
    if arguments.grow:
        show_growth(arguments.grow, arguments.rounds)
        return
    scenario, costs = scenario_of(arguments.visits), load_costs()
    plan = plan_visits(scenario)
    runs = {
        "SimPy, Resource and AnyOf": partial(run_model, WithResource),
        "SimPy, lean": partial(run_model, Lean),
        OURS: run_sim,
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    sizes: dict[str, tuple[int, int]] = {}
    for _ in range(arguments.rounds):
        for name, run in runs.items():
            messages, hops, spent = run(scenario, plan, costs)
            rates[name].append(messages / spent)
            sizes[name] = (messages, hops)
    if len({*sizes.values()}) != 1:
        raise SystemExit(f"they do not do the same work: (messages, hops) are {sizes}")
    messages, hops = sizes[OURS]
    print(
        f"Python {sys.version.split()[0]}, SimPy {simpy.__version__};"
        f" {len(plan):,} visits, {messages:,} messages, {hops:,} hops"
    )
    for name, every in rates.items():
        ratios = sorted(ours / theirs for ours, theirs in zip(rates[OURS], every, strict=True))
        print(
            f"  {name:26} {statistics.median(every):8,.0f} messages/s of CPU time (from {min(every):,.0f} to"
            f" {max(every):,.0f}); ours over it {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    show_driver(arguments.rounds)
    show_where(scenario, plan, costs)
    if arguments.memory:
        measure_memory(arguments.memory)


if __name__ == "__main__":
    main()
