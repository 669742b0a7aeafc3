"""A crowd as one number, against the formulas of queues, against its own arithmetic, and against full journeys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl
import pytest

from lab.analysis.capacity import implied_load
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.engine.driver import SimClock, Task, TaskGroup
from sim.engine.timeline import COMMAND, WORK, Timeline
from sim.engine.timers import Timeouts
from sim.model.costs import load_costs
from sim.model.crowd import Crowd, Demand, Hours, crowd_key
from sim.model.desks import CrowdedDesk
from sim.model.queueing import erlang_c
from sim.model.stations import CrowdedCpu, Sums
from sim.run import simulate

HOUR = Hours(3_600_000_000.0, 0.0)
JOB_US = 1_000.0


def steady(busy: float, *, exponential: bool = True) -> Callable[[int], Demand]:
    """The same at all hours: jobs of one millisecond, or of one on average."""
    return lambda _: Demand(busy, busy * JOB_US * (2.0 if exponential else 1.0))


def looks(crowd: Crowd, *, every_us: float, many: int, seed: int) -> tuple[np.ndarray[Any, Any], int]:
    """Wait times at moments that have nothing to do with the crowd, and the last of these."""
    moments = np.cumsum(np.random.default_rng(seed).exponential(every_us, many)).astype(np.int64)
    return np.array([crowd.wait_us(int(moment)) for moment in moments]), int(moments[-1])


# --- formulas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("servers", "use"), [(1, 0.1), (1, 0.5), (1, 0.9), (2, 0.7), (4, 0.7), (8, 0.3), (24, 0.9), (64, 0.95)]
)
def test_whoever_looks_waits_as_in_mmc(servers: int, use: float) -> None:
    crowd = Crowd(servers, steady(servers * use), HOUR, key=servers)
    waits, last_us = looks(crowd, every_us=50_000, many=40_000, seed=servers)
    waiting = erlang_c(servers * use, servers)

    assert waits.mean() == pytest.approx(waiting * JOB_US / (servers * (1 - use)), rel=0.05, abs=0.3)
    assert (waits > 0).mean() == pytest.approx(waiting, rel=0.05, abs=0.003)
    assert crowd.busy_us(last_us) / last_us == pytest.approx(servers * use, rel=0.02)


@pytest.mark.parametrize("use", [0.5, 0.8])
def test_jobs_that_are_all_alike_make_half_the_wait(use: float) -> None:
    waits, _ = looks(Crowd(1, steady(use, exponential=False), HOUR, key=7), every_us=50_000, many=40_000, seed=2)

    assert waits.mean() == pytest.approx(use * JOB_US / (2 * (1 - use)), rel=0.05)


@pytest.mark.parametrize("every_us", [200.0, 20_000.0])
def test_how_often_one_looks_changes_nothing(every_us: float) -> None:
    waits, _ = looks(Crowd(1, steady(0.6), HOUR, key=3), every_us=every_us, many=150_000, seed=4)

    assert waits.mean() == pytest.approx(0.6 * JOB_US / 0.4, rel=0.08)


def test_work_that_lookers_add_is_waited_for_too() -> None:
    """Half of one server by the crowd and a fifth by those who look: together the wait of an M/G/1 at 0.7."""
    crowd, random = Crowd(1, steady(0.5), HOUR, key=5), np.random.default_rng(6)
    now_us, waits = 0.0, list[int]()
    for _ in range(200_000):
        now_us += random.exponential(5_000)
        waits.append(crowd.wait_us(int(now_us)))
        crowd.add(1_000.0)
    squares = 0.5 * 2 * JOB_US + 0.2 * JOB_US

    assert np.mean(waits) == pytest.approx(squares / (2 * (1 - 0.7)), rel=0.05)
    assert crowd.busy_us(int(now_us)) / now_us == pytest.approx(0.7, rel=0.02)


def test_a_crowd_that_works_ahead_is_a_planted_bug_that_the_formula_finds() -> None:
    """A motion that may sink below zero has no queue to speak of: what the reflection is for."""

    class Ahead(Crowd):
        __slots__ = ()

        def _pass(self, span_us: int) -> None:
            before_us = self._backlog_us
            super()._pass(span_us)
            self._backlog_us = max(0.0, before_us + (self.wanted.busy - 1.0) * span_us)

    waits, _ = looks(Ahead(1, steady(0.8), HOUR, key=1), every_us=50_000, many=20_000, seed=1)

    assert waits.mean() < 0.1 * 0.8 * JOB_US / 0.2


def test_more_than_the_servers_can_do_piles_up_as_it_comes_and_goes_as_it_is_served() -> None:
    def rush(hour: int) -> Demand:
        return Demand(3.0 if hour == 1 else 1.0, 0.001)

    crowd, hour_us = Crowd(2, rush, HOUR, key=9), 3_600_000_000
    at = [crowd.wait_us(round(hours * hour_us)) / hour_us for hours in (0.9, 1.5, 2.0, 2.5)]
    crowd.busy_us(4 * hour_us)

    assert at == pytest.approx([0.0, 0.25, 0.5, 0.25], abs=0.01)
    assert crowd.wait_us(4 * hour_us) == 0
    assert crowd.busy_us(4 * hour_us) / hour_us == pytest.approx(6.0, rel=0.01)


def test_hours_begin_when_the_clock_of_the_business_says() -> None:
    scaled = Hours(3_600_000_000.0 / 200, 8.5 * 3_600_000_000 / 200)

    assert scaled.at(0) == 8
    assert scaled.begins_us(9) == 9_000_000
    assert (scaled.at(8_999_999), scaled.at(9_000_000)) == (8, 9)


def test_nobody_wants_anything_and_nobody_waits() -> None:
    crowd = Crowd(2, lambda _: Demand(0.0, 0.0), HOUR, key=1)
    crowd.wait_us(10)
    crowd.add(5_000.0)

    assert crowd.wait_us(20) == 0
    assert crowd.busy_us(1_000_000) == 5_000


def test_the_same_key_is_the_same_crowd_and_another_name_another() -> None:
    def waits(name: str) -> list[int]:
        crowd = Crowd(1, steady(0.8), HOUR, key=crowd_key(1, name))
        return [crowd.wait_us(at_us) for at_us in range(0, 10_000_000, 50_000)]

    assert waits("33") == waits("33")
    assert waits("33") != waits("34")


# --- what befalls the servers -----------------------------------------------------------------------------------------


def test_who_stands_still_finds_all_that_came_meanwhile() -> None:
    crowd = Crowd(1, steady(0.5), HOUR, key=2)
    crowd.wait_us(1_000_000)
    before_us = crowd.busy_us(1_000_000)
    crowd.stand_still(1_000_000)
    crowd.go_on(11_000_000)

    assert crowd.busy_us(11_000_000) == before_us
    assert crowd.wait_us(11_000_001) > 3_000_000


def test_who_dies_has_lost_the_crowd_until_somebody_comes_again() -> None:
    crowd = Crowd(1, steady(0.9), HOUR, key=2)
    crowd.stand_still(0)
    crowd.leave(10_000_000)
    busy_us = crowd.busy_us(20_000_000)

    assert crowd.wait_us(20_000_000) == 0
    assert busy_us == crowd.busy_us(20_000_000) == 0
    crowd.wait_us(30_000_000)
    assert crowd.busy_us(30_000_000) == pytest.approx(9_000_000, rel=0.1)


# --- desks ------------------------------------------------------------------------------------------------------------


class Counter:
    """A desk with a crowd that keeps whoever comes waiting for ten seconds."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.sums = Sums()
        self.crowd = Crowd(1, lambda _: Demand(1.0, 0.0), HOUR, key=1)
        self.crowd.add(10_000_000.0)
        timeouts = Timeouts(self.timeline)
        self.desk = CrowdedDesk(self.timeline, timeouts, 1, self.sums, crowd=self.crowd, handling_us=2_000_000)
        self.group = TaskGroup()
        self.told: list[tuple[bool, int]] = []

    def let_come(self, patience_us: int) -> None:
        self.come(patience_us)

    def come(self, patience_us: int) -> Task:
        async def patient() -> None:
            served = await self.desk.seize(patience_us)
            self.told.append((served, self.timeline.now_us))
            if served:
                await SimClock(self.timeline).sleep_us(2_000_000)
                self.desk.release()

        task = Task(self.timeline, patient(), self.group)
        task.start()
        return task


def test_a_patient_waits_for_those_before_and_is_before_those_behind() -> None:
    counter = Counter()
    counter.come(60_000_000)
    counter.timeline.call_at(10_000_000, WORK, partial(counter.let_come, 60_000_000))
    counter.timeline.run_until(100_000_000)

    assert counter.told == [(True, 10_000_000), (True, 20_000_000)]  # ten seconds of the crowd came meanwhile
    assert counter.sums.tally(100_000_000).busy_us == 4_000_000


@pytest.mark.parametrize(("patience_us", "left_us"), [(3_000_000, 3_000_000), (0, 0)])
def test_a_patient_whose_patience_is_shorter_leaves_when_it_ends(patience_us: int, left_us: int) -> None:
    counter = Counter()
    counter.come(patience_us)
    counter.timeline.run_until(100_000_000)

    tally = counter.sums.tally(100_000_000)
    assert counter.told == [(False, left_us)]
    assert (tally.arrivals, tally.refused, tally.waited_us) == (1, 1, left_us)


def test_a_patient_called_away_from_the_crowds_queue_leaves_no_trace_in_it() -> None:
    counter = Counter()
    task = counter.come(60_000_000)
    counter.timeline.call_at(4_000_000, COMMAND, task.cancel)
    counter.timeline.run_until(100_000_000)

    assert counter.told == []
    assert counter.sums.waiting == 0
    assert counter.sums.tally(100_000_000).waited_us == 4_000_000


def test_cores_count_what_a_crowd_had_of_them() -> None:
    timeline = Timeline()
    cpu = CrowdedCpu(timeline, 2.0, Crowd(2, steady(1.0), HOUR, key=1))
    timeline.call_at(60_000_000, WORK, lambda: None)
    timeline.run_until(60_000_000)

    assert cpu.tally().busy_us == pytest.approx(60_000_000, rel=0.02)


# --- full journeys ----------------------------------------------------------------------------------------------------

LEVELS = {kind: {"tertiary": 0.6, "secondary": 0.22, "primary": 0.18} for kind in ("outpatient", "inpatient")}
MIX = {"outpatient": 0.7, "pharmacy": 0.3, "inpatient": 0.0}
PEOPLE_E3 = (592 + 720) * 10


def small(per_day: float, local: float, *, journeys: bool, counts: dict[str, int], **keys: Any) -> Scenario:
    """Two provinces whose local business, ``local`` visits for one between them, has journeys or has none."""
    rhythm: dict[str, Any] = {"per_day": per_day, "hourly": [1] * 24, "day": "average", "mix": MIX}
    if journeys:
        rhythm["local_per_cross"] = local
    else:
        background = {"per_1000": per_day * local / PEOPLE_E3, "mix": MIX, "levels": LEVELS}
        rhythm |= {"local_per_cross": 0, "local_background": background}
    stated = {
        "name": "small",
        "horizon": {"start": "2024-03-13 08:00:00", "length": keys["length"], "drain_limit": "1h"},
        "visits": rhythm | {"handling": keys["handling"]},
        "nation": {"provinces": {"63": counts, "64": counts}, "visitors": LEVELS},
        "topology": {"regions": ["63", "64"], "province": {"cores": keys["cores"]}, "hub": {"cores": 4}},
    }
    return resolve(Scenario.model_validate(stated))


def figures(scenario: Scenario) -> dict[str, float]:
    record = simulate(scenario, plan_visits(scenario), load_costs()).record()
    cross = record.visits.filter(~pl.col("local"))
    messages = record.messages.join(cross.select("visit"), on="visit", how="semi").filter(pl.col("outcome") == "ok")
    seen = record.stations.filter(pl.col("at_us") <= scenario.horizon.length)
    use = {name: seen.filter(pl.col("station") == name)["utilisation"] for name in ("cpu", "desk")}
    return {
        "message": fmean((messages["done_us"] - messages["sent_us"]).to_list()),
        "cpu": fmean(use["cpu"].to_list()),
        "desk": fmean(use["desk"].to_list()),
        "wait": fmean(cross["desk_wait_us"].to_list()),
        "waiting": fmean((cross["desk_wait_us"] > 0).to_list()),
    }


FEW = {"hospital": 2, "tertiary": 1, "secondary": 1, "inpatient": 1, "pharmacy": 1}
MANY = {"hospital": 40, "tertiary": 10, "secondary": 10, "inpatient": 20, "pharmacy": 30}


@pytest.mark.slow
def test_desks_keep_visitors_waiting_as_long_as_if_everybody_had_a_journey() -> None:
    kept: dict[str, Any] = {"counts": FEW, "length": "8h", "handling": "60s", "cores": 8}
    full, crowd = (figures(small(1_500, 19, journeys=journeys, **kept)) for journeys in (True, False))

    assert crowd["desk"] == pytest.approx(full["desk"], rel=0.1)
    assert crowd["waiting"] == pytest.approx(full["waiting"], rel=0.2)
    assert crowd["wait"] == pytest.approx(full["wait"], rel=0.3)


@pytest.mark.slow
@pytest.mark.parametrize(("per_day", "cores", "length"), [(100_000, 0.12, "10min"), (100_000, 0.04, "10min")])
def test_messages_take_as_long_as_if_everybody_had_a_journey(per_day: float, cores: float, length: str) -> None:
    kept: dict[str, Any] = {"counts": MANY, "length": length, "handling": "1s", "cores": cores}
    full, crowd = (figures(small(per_day, 9, journeys=journeys, **kept)) for journeys in (True, False))

    assert crowd["message"] == pytest.approx(full["message"], rel=0.05)
    assert full["cpu"] < crowd["cpu"] < 1.3 * full["cpu"]  # the arithmetic of turns lies as far above


def test_what_check_implies_of_a_process_is_the_same_with_journeys_and_without() -> None:
    """The residents of both provinces share the same visits either way."""
    kept: dict[str, Any] = {"counts": MANY, "length": "1h", "handling": "1s", "cores": 0.1}
    loads = [implied_load(small(20_000, 9, journeys=journeys, **kept), load_costs()) for journeys in (True, False)]
    uses = [
        {
            station.name: station.utilisation
            for station in load.stations
            if station.station in ("cpu", "writer", "workers")
        }
        for load in loads
    ]

    assert uses[1] == pytest.approx(uses[0], rel=1e-6)
    assert loads[0].local_visits == pytest.approx(loads[1].background_visits)


def test_a_short_run_with_a_crowd_is_the_same_run_twice_and_settles_everybody() -> None:
    kept: dict[str, Any] = {"counts": FEW, "length": "20min", "handling": "60s", "cores": 1}
    asked = small(4_000, 5, journeys=False, **kept)
    runs = [simulate(asked, plan_visits(asked), load_costs()) for _ in range(2)]

    assert runs[0].digest() == runs[1].digest()
    assert runs[0].settled
    assert set(runs[0].record().visits["local"].to_list()) == {False}


@pytest.mark.parametrize("kind", ["kill", "freeze"])
def test_a_process_with_a_crowd_that_is_stopped_serves_everybody_afterwards(kind: str) -> None:
    kept: dict[str, Any] = {"counts": FEW, "length": "10min", "handling": "10s", "cores": 0.2}
    asked = small(8_000, 9, journeys=False, **kept)
    fault = {"kind": kind, "node": "63", "at": "4min", "for": "20s"}
    asked = resolve(Scenario.model_validate(asked.model_dump(mode="json") | {"faults": [fault]}))
    run = simulate(asked, plan_visits(asked), load_costs())

    assert run.settled
    use = run.record().stations.filter((pl.col("node") == "63") & (pl.col("station") == "cpu"))["utilisation"].to_list()
    assert 0.0 <= min(use) <= max(use) <= 1.05
