"""A tandem of ten M/M/4 stations: our stations and driver, lean SimPy, and SimPy's own ``Resource``.

The same arrivals and services through the same ten queues, three times: *ours* is ``Servers``, ``SimClock`` and
``Task`` of the simulated world; *lean SimPy* is what a careful hand writes, a counter and a deque that make an event
only for who must wait; *Resource* is what SimPy offers. All three must end at the same instant. CPU time, the best of
some rounds, because noise only adds.

    PYTHONPATH=. python benchmarks/tandem.py [--jobs N] [--rounds N]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import simpy

from sim.engine.driver import SimClock, Task, TaskGroup
from sim.engine.timeline import WORK, Timeline
from sim.model.stations import Servers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Steps = Generator[simpy.Event, Any, None]

STATIONS, SERVERS, LOAD, SERVICE_US = 10, 4, 0.8, 1_000_000


def drawn(jobs: int) -> tuple[list[int], list[list[int]]]:
    """Return the arrival of every job and its service at every station, in microseconds."""
    draws = random.Random(1)
    now_us, arrivals = 0, list[int]()
    for _ in range(jobs):
        now_us += 1 + int(draws.expovariate(SERVERS * LOAD / SERVICE_US))
        arrivals.append(now_us)
    return arrivals, [[1 + int(draws.expovariate(1 / SERVICE_US)) for _ in range(STATIONS)] for _ in range(jobs)]


def ours(arrivals: list[int], services: list[list[int]]) -> int:
    """Run the tandem on the stations of the simulated world."""
    timeline = Timeline()
    clock, group = SimClock(timeline), TaskGroup()
    stations = [Servers(timeline, SERVERS) for _ in range(STATIONS)]

    async def job(needs: list[int]) -> None:
        for station, need in zip(stations, needs, strict=True):
            if not station.take():
                await station.seize()
            await clock.sleep_us(need)
            station.release()

    def arrive(number: int) -> None:
        Task(timeline, job(services[number]), group).start()
        if number + 1 < len(arrivals):
            timeline.call_at(arrivals[number + 1], WORK, lambda: arrive(number + 1))

    timeline.call_at(arrivals[0], WORK, lambda: arrive(0))
    last = arrivals[-1]
    while True:
        timeline.run_until(last)
        if not group.tasks:
            return timeline.now_us
        last = timeline.heap[0][0]


class LeanStation:
    """A counter and a deque."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env, self.free, self.waiting = env, SERVERS, deque[simpy.Event]()

    def release(self) -> None:
        """Give the server on."""
        if self.waiting:
            self.waiting.popleft().succeed()
        else:
            self.free += 1


def lean(arrivals: list[int], services: list[list[int]]) -> int:
    """Run the tandem on SimPy, written lean."""
    env = simpy.Environment()
    stations = [LeanStation(env) for _ in range(STATIONS)]

    def job(needs: list[int]) -> Steps:
        for station, need in zip(stations, needs, strict=True):
            if station.free:
                station.free -= 1
            else:
                turn = env.event()
                station.waiting.append(turn)
                yield turn
            yield env.timeout(need)
            station.release()

    return _run(env, arrivals, services, job)


def resource(arrivals: list[int], services: list[list[int]]) -> int:
    """Run the tandem on SimPy's ``Resource``."""
    env = simpy.Environment()
    stations = [simpy.Resource(env, SERVERS) for _ in range(STATIONS)]

    def job(needs: list[int]) -> Steps:
        for station, need in zip(stations, needs, strict=True):
            with station.request() as turn:
                yield turn
                yield env.timeout(need)

    return _run(env, arrivals, services, job)


def _run(
    env: simpy.Environment, arrivals: list[int], services: list[list[int]], job: Callable[[list[int]], Steps]
) -> int:
    def source() -> Steps:
        for at_us, needs in zip(arrivals, services, strict=True):
            yield env.timeout(at_us - env.now)
            env.process(job(needs))

    env.process(source())
    env.run()
    return int(env.now)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    arrivals, services = drawn(arguments.jobs)
    ways = {"ours": ours, "lean SimPy": lean, "SimPy's Resource": resource}
    best = dict.fromkeys(ways, float("inf"))
    ends = set[int]()
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            begun = time.process_time()
            ends.add(way(arrivals, services))
            best[name] = min(best[name], time.process_time() - begun)
    if len(ends) != 1:
        raise SystemExit(f"the three do not do the same work: they end at {sorted(ends)} us")
    print(f"Python {sys.version.split()[0]}, SimPy {simpy.__version__}; {arguments.jobs:,} jobs, {STATIONS} stations")
    for name, seconds in best.items():
        print(
            f"  {name:18} {STATIONS * arguments.jobs / seconds:10,.0f} services/s of CPU time,"
            f" {best['lean SimPy'] / seconds:.2f} of lean SimPy"
        )


if __name__ == "__main__":
    main()
