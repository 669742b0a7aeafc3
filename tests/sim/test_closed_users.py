"""Closed users against the machine-repair formula, whatever their thinks are drawn from, and in a world that stands still."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from support.tiny_world import HUB, S, assert_lawful, assert_nothing_leaked, live, scenario

from lab.analysis.measures import measure
from scenarios.patients.closed import planned_begins_us, users_of
from scenarios.patients.visits import plan_visits
from scenarios.schema import Scenario
from sim.engine.driver import SimClock, Task, TaskGroup
from sim.engine.timeline import Timeline
from sim.model.stations import Servers
from sim.users import ClosedUsers

SERVICE_US = 100_000.0
MIX = {"outpatient": 0, "pharmacy": 1, "inpatient": 0}
THINKS: dict[str, Any] = {
    "always the same": "400ms",
    "even": {"distribution": "uniform", "low": "0s", "high": "800ms"},
    "skewed": {"distribution": "lognormal", "median": "300ms", "spread": 1},
}


def closed(arrivals: dict[str, Any], *, length: str = "60s", **more: Any) -> Scenario:
    """One desk too many for everybody, nothing open, and purchases alone."""
    return scenario(
        visits={"explicit": (), "handling": "0s", "mix": MIX, "arrivals": {"kind": "closed"} | arrivals},
        topology={"desks_per_hospital": 50},
        horizon={"start": "2024-03-13T09:00:00", "length": length, "drain_limit": "1min"},
        **more,
    )


def machine_repair(users: int, think_us: float) -> tuple[float, float]:
    """Return throughput a second and mean response of M/M/1//N: N machines that break, one who mends them."""
    ratio, weights = SERVICE_US / think_us, [1.0]
    for k in range(users):
        weights.append(weights[-1] * (users - k) * ratio)
    busy = 1 - weights[0] / sum(weights)
    rate = busy * 1e6 / SERVICE_US
    return rate, users * 1e6 / rate - think_us


@pytest.mark.parametrize("think", THINKS.values(), ids=THINKS)
@pytest.mark.parametrize("users", [1, 3, 8])
def test_closed_users_of_one_server_follow_the_machine_repair_formula(users: int, think: Any) -> None:
    """The response depends on the mean think alone: a pause has no queue of its own."""
    asked = closed({"users": users, "think": think}, length="40min")
    names, begins_us = planned_begins_us(asked, asked.visits.arrivals)  # pyright: ignore[reportArgumentType]
    order = np.lexsort((names, begins_us))
    timeline, group, random = Timeline(), TaskGroup(), np.random.default_rng(users)
    clock, station, took_us = SimClock(timeline), Servers(timeline, 1), list[int]()

    async def visit(number: int) -> None:
        came_us = timeline.now_us
        await station.seize()
        await clock.sleep_us(int(random.exponential(SERVICE_US)))
        station.release()
        took_us.append(timeline.now_us - came_us)
        made.ended(number)

    def begin(number: int, at_us: int) -> None:
        assert timeline.now_us == at_us
        Task(timeline, visit(number), group).start()

    made = ClosedUsers(timeline, users_of(asked, np.arange(len(order)), names[order]), begin)
    timeline.run_until(asked.horizon.length * 2)

    rate, response_us = machine_repair(users, asked.visits.arrivals.think_mean_us)  # pyright: ignore[reportAttributeAccessIssue]
    batch = len(took_us) // 20
    means = [fmean(took_us[k * batch : (k + 1) * batch]) for k in range(20)]
    assert abs(fmean(took_us) - response_us) < 4 * stdev(means) / sqrt(20)
    assert len(took_us) / (asked.horizon.length / S) == pytest.approx(rate, rel=0.05)
    assert not made.left
    assert not group.tasks


def test_a_user_makes_one_visit_at_a_time_and_begins_none_after_the_horizon():
    asked = closed({"users": 5, "throughput": "4/s"})
    plan, run = plan_visits(asked), live(asked)
    visits = run.record().visits

    for rows in plan.users.rows:
        mine = visits.filter(visits["visit"].is_in(rows)).sort("arrival_us")
        assert mine.height > 200
        assert (mine["arrival_us"][1:] >= mine["ended_us"][:-1]).all()
        assert (mine["arrival_us"].diff().drop_nulls() >= 250_000).all()
    assert visits["arrival_us"].max() < asked.horizon.length
    assert visits["person"].n_unique() == visits.height
    assert_lawful(run, settled=visits.height)
    assert_nothing_leaked(run)


def test_who_holds_its_pace_begins_as_planned_whatever_the_system_takes():
    """Fast enough a system gives a closed loop no way to slow down, and then it is an open one."""
    asked = closed({"users": 3, "throughput": "1/s"})

    visits = live(asked).record().visits

    assert sorted(visits["arrival_us"]) == plan_visits(asked).columns.arrival_us.tolist()


STOP = {"kind": "freeze", "node": HUB, "at": "20s", "for": "10s"}


def test_a_stop_is_hidden_by_who_waits_and_comes_back_with_what_was_not_asked():
    """Ten seconds of sixty: one contact of two users each is held up, and twenty a user are never begun."""
    clients = {"timeout": "30s", "deadline": "60s", "forward_timeout": {"care": "29s", "hub": "28s"}}
    asked = closed({"users": 2, "throughput": "2/s"}, faults=[STOP], clients=clients)
    found = measure(live(asked).record(), asked)

    calm_us = found.value("contact.latency", "p50") or 0.0
    said_us, true_us = ((found.value(name, "mean") or 0.0) - calm_us for name in ("contact.latency", "closed.latency"))
    assert found.value("closed.unasked") == pytest.approx(2 * 19, abs=2)
    assert true_us == pytest.approx((10 / 60) * 5e6, rel=0.15)
    assert said_us < true_us / 5
    assert found.value("contact.latency", "p95") < 1e6 < found.value("closed.latency", "p95")


def test_of_users_who_think_nobody_says_what_they_would_have_asked():
    asked = closed({"users": 2, "think": "500ms"}, faults=[STOP])

    found = measure(live(asked).record(), asked)

    assert found.value("contact.latency", "mean") is not None
    assert found.value("closed.latency", "mean") is None
    assert found.value("closed.unasked") is None
    assert not any(name.startswith("closed") for name in found.flat())


def test_the_same_seed_gives_the_same_closed_run_and_another_seed_another():
    arrivals = {"users": 3, "think": THINKS["skewed"]}
    first, again, other = (live(closed(arrivals, seed=seed)).digest() for seed in (1, 1, 2))

    assert first == again != other
