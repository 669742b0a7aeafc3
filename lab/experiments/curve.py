"""A curve: throughput and p95 against offered load, from idle through saturation, predicted and measured.

Arrivals come evenly and desks are never short, so that the system alone is loaded. The loads are shares of what
queueing arithmetic thinks the busiest station can bear; what it thinks is only used to choose them. The distance
between prediction and measurement is shown as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.analysis.capacity import implied_load
from lab.experiments.experiment import Question, Watcher, run_world
from lab.experiments.pair import as_measured
from lab.runs import file as runs
from lab.runs.file import RunFile, World
from reference_impl.domain.failures import InputError
from scenarios.schema.arrivals import Profile
from sim.model.costs import Costs, load_costs

if TYPE_CHECKING:
    from scenarios.schema import Scenario

CURVE_FILE = "curve.json"
LOWEST, HIGHEST = 0.1, 1.25
"""The first and the last load, as shares of the arithmetic's capacity.

The last is above 1: the real system must be full too, and a busy one still commits and reads in larger groups.
"""
DESKS = 1000
_FAR_TOO_MANY_PER_S = 1e6
"""Visits a second that no system bears: what their work alone comes to is in proportion to them."""
_EVEN_DAY, _EVEN_WEEK = (1.0,) * 24, (1.0,) * 7


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One load in one world. Rates are a second of the run's clock, latencies in microseconds."""

    load: float
    world: World
    offered: float
    throughput: float
    p50_us: float | None
    p95_us: float | None
    direct_rate: float | None
    bottleneck_utilisation: float | None
    valid: bool
    digest: str
    folder: str


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """``curve.json``."""

    format: int = runs.FORMAT
    complete: bool
    name: str
    title: str
    source: str
    variant: str | None
    sets: tuple[str, ...]
    seed: int
    capacity: float
    capacity_interval: tuple[float, float] | None = None
    """What the doubt about the costs leaves of it; None in curves of before."""
    costs: str
    machine: dict[str, str | int | float]
    points: tuple[Point, ...]


def draw_curve(question: Question, worlds: Sequence[World], loads: int, folder: Path, watcher: Watcher) -> Curve:
    """Run every load in every world into ``folder`` and return the points; what is finished is kept."""
    refuse_unloaded(question.scenario)
    base = loaded(question.scenario)
    capacity = capacity_per_s(base, load_costs(question.costs))
    partial = runs.begin(folder)
    points: list[Point] = []
    machine: dict[str, str | int | float] = {}
    try:
        for number, share in enumerate(shares(loads)):
            scenario = at_rate(base, capacity * share)
            for world in worlds:
                watcher.note(f"load {number + 1} of {loads}: {capacity * share:.1f} visits/s, {world}")
                name = f"load-{number + 1}-{world}"
                run = run_world(replace(question, scenario=scenario), world, partial / name, watcher)
                machine = run.machine
                points.append(_point(run, share, name))
    finally:
        whole = len(points) == loads * len(worlds)
        curve = _curve(question, capacity, machine, points, complete=whole)
        (partial / CURVE_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(curve), indent=1) + b"\n")
    return curve


def shares(loads: int) -> list[float]:
    """Return the loads as shares of the capacity.

    >>> shares(5)
    [0.1, 0.3875, 0.675, 0.9625, 1.25]
    """
    step = (HIGHEST - LOWEST) / (loads - 1)
    return [round(LOWEST + step * number, 4) for number in range(loads)]


def loaded(scenario: Scenario) -> Scenario:
    """Return the scenario with even arrivals, desks for everybody, no gates and no faults, on the measured machine."""
    even: dict[str, object] = {
        "arrivals": Profile(kind="profile"),
        "hourly": _EVEN_DAY,
        "hourly_by_kind": None,
        "weekday": _EVEN_WEEK,
        "explicit": (),
    }
    visits = scenario.visits.model_copy(update=even)
    scenario = as_measured(scenario)
    topology = scenario.topology.model_copy(update={"desks_per_hospital": DESKS})
    rest: dict[str, object] = {"gates": {}, "faults": (), "cutover": ()}
    if scenario.nation is not None:
        rest["nation"] = scenario.nation.model_copy(update={"desk_use": 1 / DESKS})
    return scenario.model_copy(update={"visits": visits, "topology": topology, **rest})


def refuse_unloaded(scenario: Scenario) -> None:
    """Raise when a scenario has no rate that could be raised."""
    if scenario.visits.open_per_day <= 0:
        raise InputError(
            "no visits come at a rate (visits.per_day is 0, or visits.arrivals a trace or closed): a curve needs a "
            "scenario whose visits are generated at a rate"
        )
    if scenario.visits.local_background is not None:
        raise InputError(
            "visits.local_background stays what it is at every load of a curve, and its machine has one core for all; "
            "expected a scenario without it: add --set visits.local_background=null"
        )


def capacity_per_s(scenario: Scenario, costs: Costs) -> float:
    """Return the cross-province visits a second at which the busiest cores are always busy.

    Then turns have many pieces and groups many changes: what each costs whatever is in it is shared by all of them.
    """
    load = implied_load(at_rate(scenario, _FAR_TOO_MANY_PER_S), costs)
    return load.settlements_per_s / max(station.utilisation for station in load.stations if station.station == "cpu")


def at_rate(scenario: Scenario, per_s: float) -> Scenario:
    """Return the scenario with so many cross-province visits a second of the run's clock."""
    per_day = per_s * 86_400 / scenario.scale.time / scenario.scale.volume
    return scenario.model_copy(update={"visits": scenario.visits.model_copy(update={"per_day": per_day})})


def _point(run: RunFile, share: float, folder: str) -> Point:
    measured = run.measures
    return Point(
        load=share,
        world=run.world,
        offered=measured["offered.rate"] or 0.0,
        throughput=measured["settlements.rate"] or 0.0,
        p50_us=measured.get("settlement.latency.p50"),
        p95_us=measured.get("settlement.latency.p95"),
        direct_rate=measured.get("direct_rate"),
        bottleneck_utilisation=measured.get("bottleneck.utilisation"),
        valid=all(replication.validity.valid for replication in run.replications),
        digest=run.digest,
        folder=folder,
    )


def _curve(
    question: Question, capacity: float, machine: dict[str, str | int | float], points: list[Point], *, complete: bool
) -> Curve:
    costs = load_costs(question.costs).file
    base = loaded(question.scenario)
    low, high = (capacity_per_s(base, load_costs(question.costs).at_bound(bound)) for bound in ("high", "low"))
    return Curve(
        complete=complete,
        name=question.scenario.name,
        title=question.scenario.title,
        source=question.source,
        variant=question.variant,
        sets=question.sets,
        seed=question.scenario.seed,
        capacity=capacity,
        capacity_interval=(low, high),
        costs=f"{costs.mark}: {costs.source}; {costs.machine}",
        machine=machine,
        points=tuple(points),
    )


def read_curve(folder: Path) -> Curve:
    """Read ``curve.json``."""
    path = folder / CURVE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Curve)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"cannot read {path}: {error}; expected the {CURVE_FILE} of 'yidi curve'") from error
