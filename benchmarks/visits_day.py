"""One day of the nation's visits: how long planning takes and how much memory the plan holds.

Run ``python benchmarks/visits_day.py``. Prints seconds and MB per 100,000 visits for the default day (652,000
cross-province visits and the in-province background and open stays that come with them), and what one visit and one
charge line cost to make. Every figure is the best of three, on the machine that is named.
"""

from __future__ import annotations

import platform
import resource
from pathlib import Path
from time import perf_counter

import numpy as np

from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

_ROUNDS = 3
_SAMPLE = 50_000
_BATCHES = 4


def main() -> None:
    """Print the figures."""
    scenario = resolve(Scenario.model_validate({"name": "benchmark-day", "visits": {"day": "average"}}))
    plans = [_timed(scenario) for _ in range(_ROUNDS)]
    plan = plans[0][1]
    seconds = min(seconds for seconds, _ in plans)
    hundred_thousands = len(plan) / 100_000
    columns = plan.columns
    cross = int((~columns.local & ~columns.open_at_start).sum())
    print(f"machine: {platform.machine()}, {_processor()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"visits planned: {len(plan):,}, of them {cross:,} cross-province arrivals of the day")
    print(f"planning: {seconds:.2f} s, {seconds / hundred_thousands:.3f} s per 100,000 visits")
    print(
        f"plan in memory: {plan.bytes / 1e6:.1f} MB, {plan.bytes / 1e6 / hundred_thousands:.2f} MB per 100,000 visits"
    )
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    print(f"one visit as an object: {min(_visit_us(plan) for _ in range(_ROUNDS)):.2f} us")
    print(f"one charge line: {min(_line_us(plan) for _ in range(_ROUNDS)):.2f} us")


def _timed(scenario: Scenario) -> tuple[float, VisitPlan]:
    began = perf_counter()
    plan = plan_visits(scenario)
    return perf_counter() - began, plan


def _visit_us(plan: VisitPlan) -> float:
    began = perf_counter()
    for number in range(_SAMPLE):
        plan.visit(number)
    return (perf_counter() - began) / _SAMPLE * 1e6


def _line_us(plan: VisitPlan) -> float:
    visits = [plan.visit(number) for number in range(_SAMPLE)]
    began = perf_counter()
    lines = sum(len(visit.lines(0, _BATCHES)) for visit in visits)
    return (perf_counter() - began) / lines * 1e6


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
