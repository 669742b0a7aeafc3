"""How long a backlog takes to drain, simulated, beside the sum on an envelope: T = r D / (h - 1).

    .venv/bin/python benchmarks/cutover_drain.py [--reps 8] [--backlog 2000]

D is how long the door is closed, r the share of the arrivals that parks and comes back, h the capacity of the narrowest
stage over the normal arrivals. One place of care, its desks the narrowest stage; flat arrivals, everybody back at once
when the door opens, no ramp: what the sum assumes. Each cell is sized for the same expected backlog; its interval is
Student's t over the replications, at 95 %.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from lab.analysis.measures import measure
from lab.analysis.statistics import Interval, t_interval
from reference_impl.domain.keyed import replication_seed
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

ROWS = ((2, 0.6), (14, 0.6), (117, 0.3), (134, 0.3), (134, 0.6))
"""Hours closed, and the share that waits."""
ROOM = (1.2, 1.5, 2.0, 3.0)
"""Capacity over normal arrivals."""
CARE, INSURED = "33", "34"
DESKS = 8
US_PER_H = 3_600_000_000
BEFORE_H = 0.5
MESSAGES_S = 0.02
"""What the three messages add to a contact with links that take no time (measured: 19 ms)."""
AFTER = 1.6
"""The arrivals go on so many times as long as the drain should take."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table."""

    closed_h: float
    share: float
    room: float

    @property
    def drain_h(self) -> float:
        """What the sum says."""
        return self.share * self.closed_h / (self.room - 1.0)

    def scenario(self, backlog: float, seed: int) -> Scenario:
        """Return the cell as a scenario, with arrivals for so large a backlog at the reopening."""
        per_h = backlog / (self.closed_h * self.share)
        handling_s = DESKS * 3600 / (per_h * self.room) - MESSAGES_S
        at_once = {"latency": "0s", "jitter": "0s"}
        length_h = BEFORE_H + self.closed_h + AFTER * self.drain_h
        return resolve(
            Scenario.model_validate({
                "name": "drain",
                "seed": seed,
                "horizon": {"start": "2024-03-13T00:00:00", "length": f"{length_h:.4f}h", "drain_limit": "1h"},
                "visits": {
                    "per_day": per_h * 24, "local_per_cross": 0, "hourly": [1] * 24, "weekday": [1] * 7,
                    "mix": {"outpatient": 0, "pharmacy": 1, "inpatient": 0},
                    "flows": {"care_weights": {INSURED: 0}}, "handling": f"{handling_s:.6f}s",
                },
                "topology": {
                    "regions": [CARE, INSURED], "desks_per_hospital": DESKS // 2,
                    "hospitals_per_province": {"hospital": 1, "pharmacy": 1},
                    "links": {"hospital_province": at_once, "province_hub": at_once},
                },
                "clients": {"desk_patience": "1000d", "park": {"share": self.share, "spread": "0s"}},
                "cutover": {
                    "scope": "hub", "at": f"{BEFORE_H}h", "stop_before": "0s",
                    "window": f"{self.closed_h}h", "ramp": "0s",
                },
            })
        )  # fmt: skip


def drained(cell: Cell, backlog: float, seed: int) -> dict[str, float]:
    """Simulate a cell once and return its measures."""
    scenario = cell.scenario(backlog, seed)
    ended = simulate(scenario, plan_visits(scenario), load_costs(None))
    return measure(ended.record(), scenario).scalars


def drain_hours(cell: Cell, backlog: float, seeds: Sequence[int]) -> list[float]:
    """Return the drain times of a cell in hours, one a seed."""
    return [drained(cell, backlog, seed)["cutover.drain"] / US_PER_H for seed in seeds]


def table(backlog: float, reps: int) -> Iterator[tuple[Cell, Interval]]:
    """Yield every cell with its interval."""
    cells = [Cell(closed_h, share, room) for closed_h, share in ROWS for room in ROOM]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        asked = [
            pool.submit(drain_hours, cell, backlog, [replication_seed(number, rep) for rep in range(reps)])
            for number, cell in enumerate(cells)
        ]
        for cell, found in zip(cells, asked, strict=True):
            yield cell, t_interval(found.result())


def main() -> None:
    """Print the table as it stands in docs/drain.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=8)
    parser.add_argument("--backlog", type=float, default=2000.0)
    arguments = parser.parse_args()
    print("| D | r | h | r D / (h - 1) | simulated | 95 % interval | off by |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cell, found in table(arguments.backlog, arguments.reps):
        interval = "" if found.low is None or found.high is None else f"{found.low:.2f} … {found.high:.2f} h"
        off = f"{found.value / cell.drain_h - 1:+.1%}"
        print(
            f"| {cell.closed_h:g} h | {cell.share:g} | {cell.room:g} | {cell.drain_h:.2f} h "
            f"| {found.value:.2f} h | {interval} | {off} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
