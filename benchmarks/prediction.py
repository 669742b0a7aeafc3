"""Predicted and measured, by scenario and load: the table of docs/curve.md, with model error and machine drift.

Calibrates once, then runs each load in both worlds: predicted with the costs of that very run (error of the model) and
with those of the calibration (drift of the machine). Loads are shares of what the arithmetic takes for full. Leave the
machine alone meanwhile; on two cores it takes about 17 minutes.

    PYTHONPATH=. python benchmarks/prediction.py [--out DIR] [--costs FILE] [--seconds 28]
        [--mixture 'the rush'] [--loads 0.1 0.5]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.calibration.calibrate import calibrate
from lab.cli import console
from lab.experiments.curve import at_rate, capacity_per_s, loaded
from lab.experiments.experiment import Question
from lab.experiments.pair import pair_errors, run_pair
from lab.report.format import MISSING, show
from lab.report.summarise import unit_of
from scenarios.reading.loader import load_scenario
from sim.model.costs import load_costs

if TYPE_CHECKING:
    from lab.analysis.prediction import Predicted, PredictionErrors
    from lab.runs.file import RunFile
    from scenarios.schema import Scenario

ASKED: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = (
    ("the rush", (), (0.1, 0.4, 0.7)),
    ("no stays", ("visits.mix={outpatient: 0.5, pharmacy: 0.5, inpatient: 0}",), (0.1, 0.4, 0.7, 0.9, 1.0, 1.2, 1.5)),
    ("within provinces", ("visits.local_per_cross=4",), (0.1, 0.5, 0.85)),
)
"""Variations of one scenario and the loads as shares of their capacity; faults and peaks are left out of all.

Near full only visits of a day: a generator that begins with the open stays of a nation at that rate, a hundred thousand
patients asleep, cannot make the load.
"""
AS_THEY_ARE: tuple[tuple[str, str], ...] = (("slow-province", "real"), ("cutover-luan-2021", "real"))
"""Scenarios with their own faults, stops and rates."""
SCENARIO, VARIANT = "national-day", "quick"
WARM_UP_S = 8
"""Processes that have just started, and connections that are made then, are no steady state."""
SHOWN = ("settlements.rate", "settlement.latency.p50", "settlement.latency.p95", "bottleneck.utilisation")


def lasting(scenario: Scenario, seconds: int) -> Scenario:
    """Return the scenario with arrivals for so many seconds of the run's clock."""
    times = {"length": seconds * 1_000_000, "warm_up": WARM_UP_S * 1_000_000}
    return scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update=times)})


def cells(row: Predicted) -> str:
    """Return a measure: measured, predicted with own costs, and both errors."""
    unit = unit_of(row.measure)
    own, drift = (MISSING if share is None else f"{share:+.0%}" for share in (row.model_error, row.drift))
    return f"{show(row.measured, unit)}, {show(row.own, unit)} ({own}; {drift})"


def line(name: str, load: str, run: RunFile, errors: PredictionErrors | None) -> str:
    """Return the line of one load."""
    offered = run.measures["offered.rate"] or 0.0
    valid = "" if all(one.validity.valid for one in run.replications) else " invalid"
    if errors is None:
        return f"| {name} | {load}{valid} | {offered:.1f} /s | nothing metered | | | | | |"
    rows = {row.measure: row for row in errors.rows}
    shown = " | ".join(cells(rows[measure]) for measure in SHOWN)
    speed = errors.speed_us / errors.earlier_speed_us - 1 if errors.earlier_speed_us else 0.0
    return f"| {name} | {load}{valid} | {offered:.1f} /s | {shown} | {speed:+.0%} | {errors.foreign_share:.0%} |"


def main() -> None:
    """Calibrate, run every load, print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--costs", type=Path)
    parser.add_argument("--seconds", type=int, default=28)
    names = [*(name for name, _, _ in ASKED), *(name for name, _ in AS_THEY_ARE)]
    parser.add_argument("--mixture", choices=names, help="one mixture of patients alone")
    parser.add_argument("--loads", type=float, nargs="+", help="these loads alone, as shares of what is full")
    given = parser.parse_args()
    root = given.out or Path(tempfile.mkdtemp(prefix="yidi-prediction-"))
    root.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with console.Bar(quiet=not sys.stderr.isatty()) as bar:
        costs: Path = given.costs or root / "costs.json"
        if given.costs is None:
            calibrate(costs, bar)
        head = "| scenario | load | offered | settled | p50 | p95 | core | speed | others |"
        lines = [head, "|---" * 9 + "|"]

        def tell(row: str) -> None:
            lines.append(row)
            sys.stderr.write(f"{time.monotonic() - begun:4.0f} s  {row}\n")

        for name, sets, usual in (asked for asked in ASKED if given.mixture in (None, asked[0])):
            base = lasting(loaded(load_scenario(SCENARIO, variant=VARIANT, sets=sets)), given.seconds)
            capacity = capacity_per_s(base, load_costs(costs))
            for share in given.loads or usual:
                folder = root / f"{name.replace(' ', '-')}-{round(share * 100)}"
                question = Question(at_rate(base, capacity * share), SCENARIO, VARIANT, sets, costs=costs)
                made = run_pair(question, folder, bar)
                tell(line(name, f"{share:.0%}", made["load"], pair_errors(folder)))
        for name, variant in (asked for asked in AS_THEY_ARE if given.mixture in (None, asked[0])):
            question = Question(load_scenario(name, variant=variant), name, variant, (), costs=costs)
            made = run_pair(question, root / name, bar)
            tell(line(name, "its own", made["load"], pair_errors(root / name)))
    print("measured, predicted with the run's own costs (model error; drift since the calibration)\n")
    print("\n".join(lines))
    print(f"\n{load_costs(costs).file.machine}; {root}")


if __name__ == "__main__":
    main()
