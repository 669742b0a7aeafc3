"""The stations against formulas: if a queue of ours were wrong, every prediction of the simulated world would be."""

from __future__ import annotations

from math import factorial, sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sim.engine.driver import SimClock, Task, TaskGroup, wait
from sim.engine.timeline import WORK, Timeline, Wakeup
from sim.model.stations import Cpu, Servers

if TYPE_CHECKING:
    from collections.abc import Callable

CUSTOMERS = 44_000
WARM_UP = 4_000
BATCHES = 20
SERVICE_US = 10_000.0


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a customer of M/M/c has to wait; ``load`` is in Erlang."""
    waiting = load**servers / factorial(servers) * servers / (servers - load)
    return waiting / (sum(load**k / factorial(k) for k in range(servers)) + waiting)


def mmc_wait_us(servers: int, rho: float) -> float:
    return erlang_c(servers, servers * rho) * SERVICE_US / (servers * (1 - rho))


def md1_wait_us(rho: float) -> float:
    return rho * SERVICE_US / (2 * (1 - rho))


def through_cpu(timeline: Timeline, servers: int) -> Callable[[int], Any]:
    cpu = Cpu(timeline, servers)

    async def visit(service_us: int) -> int:
        job, came_us = Job(timeline, service_us), timeline.now_us
        cpu.ask(job)
        await wait(job.ended)
        return timeline.now_us - came_us - service_us

    return visit


class Job:
    """Work of known length that wants a core."""

    def __init__(self, timeline: Timeline, cost_us: int) -> None:
        self.timeline, self.cost_us = timeline, cost_us
        self.had_us = 0
        self.ended = Wakeup()

    def run(self) -> int:
        self.timeline.at(self.timeline.now_us + self.cost_us, WORK, self.ended)
        return self.cost_us


def through_servers(timeline: Timeline, servers: int) -> Callable[[int], Any]:
    station, clock = Servers(timeline, servers), SimClock(timeline)

    async def visit(service_us: int) -> int:
        came_us = timeline.now_us
        await station.seize()
        wait_us = timeline.now_us - came_us
        try:
            await clock.sleep_us(service_us)
        finally:
            station.release()
        return wait_us

    return visit


def waits_us(
    station: Any, servers: int, rho: float, *, seed: int, deterministic: bool = False, many: int = CUSTOMERS
) -> list[int]:
    timeline, group, waits = Timeline(), TaskGroup(), []
    visit = station(timeline, servers)
    random = np.random.default_rng(seed)
    arrivals = np.cumsum(random.exponential(SERVICE_US / (rho * servers), many)).astype(np.int64)
    services = np.full(many, SERVICE_US) if deterministic else random.exponential(SERVICE_US, many)

    async def customer(number: int) -> None:
        waits.append((number, await visit(int(services[number]))))

    def arrive(number: int) -> None:
        Task(timeline, customer(number), group).start()
        if number + 1 < many:
            timeline.call_at(int(arrivals[number + 1]), WORK, lambda: arrive(number + 1))

    timeline.call_at(int(arrivals[0]), WORK, lambda: arrive(0))
    timeline.run_until(int(arrivals[-1]) + 10**9)
    assert len(waits) == many
    return [wait for _, wait in sorted(waits)][WARM_UP:]


def assert_mean(waits: list[int], expected_us: float) -> None:
    """Batch means: the formula lies within four standard errors, and those are small enough to mean something."""
    size = len(waits) // BATCHES
    means = [fmean(waits[k * size : (k + 1) * size]) for k in range(BATCHES)]
    error = stdev(means) / sqrt(BATCHES)
    assert error < 0.15 * expected_us, "too noisy to tell anything"
    assert abs(fmean(means) - expected_us) < 4 * error


@pytest.mark.parametrize("station", [through_cpu, through_servers])
@pytest.mark.parametrize(("servers", "rho"), [(1, 0.5), (1, 0.8), (2, 0.7), (5, 0.75), (8, 0.75)])
def test_waits_of_mmc_follow_erlang_c(station: Any, servers: int, rho: float) -> None:
    waits = waits_us(station, servers, rho, seed=servers * 1000 + int(rho * 100))
    assert_mean(waits, mmc_wait_us(servers, rho))
    share_waiting = fmean(wait > 0 for wait in waits)
    assert share_waiting == pytest.approx(erlang_c(servers, servers * rho), rel=0.1)


@pytest.mark.parametrize("station", [through_cpu, through_servers])
@pytest.mark.parametrize("rho", [0.5, 0.8])
def test_waits_of_md1_are_half_of_mm1(station: Any, rho: float) -> None:
    assert_mean(waits_us(station, 1, rho, seed=int(rho * 100), deterministic=True), md1_wait_us(rho))


@pytest.mark.parametrize("servers", [1, 3])
def test_a_core_and_a_seized_server_give_every_customer_the_same_wait(servers: int) -> None:
    """A CPU that says at the start of a service when it ends is the same queue as one that is seized and released."""
    booked = waits_us(through_cpu, servers, 0.9, seed=7, many=9_000)
    seized = waits_us(through_servers, servers, 0.9, seed=7, many=9_000)
    assert booked == seized


def test_erlang_c_of_one_server_is_its_use() -> None:
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
