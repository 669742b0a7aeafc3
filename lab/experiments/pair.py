"""Both worlds: predict first, measure then, predict again with what that very run cost, and lay them side by side.

The simulated half is told what the real half is made of: all processes share one core. The first prediction knows
nothing of the run; the second knows what its processes metered of their own CPU, and no latency. The first is off by
the model and by how the machine has changed, the second by the model alone.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.analysis.prediction import PredictionErrors, prediction_errors
from lab.analysis.ramps import refuse_ramps
from lab.calibration.costfile import Metered, measured_costs, other_machine
from lab.calibration.machine import describe_machine
from lab.experiments.experiment import Question, Watcher, run_world
from lab.report.page import write_report
from lab.report.pages import write_comparison
from lab.runs import file as runs
from lab.runs.file import RunFile, World, read_run_file
from lab.runs.opened import open_run
from lab.worlds.load import METERED_FILE
from reference_impl.domain.failures import InvalidRunError
from reference_impl.staging.build import refuse_crowds
from scenarios.schema import Link, Links
from sim.model.costs import DEFAULT_COSTS, load_costs, write_costs

if TYPE_CHECKING:
    from scenarios.schema import Scenario

WORLDS: tuple[World, World] = ("sim", "load")
REAL_CORES = 1.0
"""The supervisor pins every process of the system to one core."""
LOOPBACK = Links(hospital_province=Link(latency=0, jitter=0), province_hub=Link(latency=0, jitter=0))


OWN = "sim-own"
"""The folder of the prediction with the costs of the very run that it predicts."""
OWN_COSTS, EARLIER_COSTS = "costs.json", "costs-earlier.json"
OWN_BOUNDS = "sim-own-bounds.json"
BOUNDS: tuple[Literal["low"], Literal["high"]] = ("low", "high")


def run_pair(question: Question, folder: Path, watcher: Watcher) -> dict[World, RunFile]:
    """Answer a question in both worlds, into ``folder``'s ``sim``, ``load`` and ``sim-own``."""
    costs = load_costs(question.costs)  # a wrong file is told before a folder is made
    refuse_ramps(question.scenario, costs)
    refuse_crowds(question.scenario)
    partial = runs.begin(folder)
    elsewhere = other_machine(costs.file, describe_machine(partial))
    if elsewhere:
        watcher.note(elsewhere)
    predicted = replace(question, scenario=as_measured(question.scenario))
    made: dict[World, RunFile] = {}
    for world in WORLDS:
        asked = predicted if world == "sim" else replace(question, metered=True)
        made[world] = run_world(asked, world, partial / world, watcher)
        write_report(partial / world)
    shutil.copyfile(question.costs or DEFAULT_COSTS, partial / EARLIER_COSTS)
    if _write_own_costs(partial, watcher):
        run_world(replace(predicted, costs=partial / OWN_COSTS), "sim", partial / OWN, watcher)
        write_report(partial / OWN)
        _predict_at_bounds(predicted, partial, watcher)
    write_pair_page(partial)
    runs.finish(partial, folder)
    return made


def _write_own_costs(folder: Path, watcher: Watcher) -> bool:
    """Write what the processes of the run itself cost; False when they metered too little to tell."""
    metered = sorted((folder / "load").rglob(METERED_FILE))
    loads = [msgspec.json.decode(path.read_bytes(), type=Metered) for path in metered]
    for path in metered:
        path.unlink()
    source = "yidi run --world both: metered in the run that is predicted"
    try:
        write_costs(measured_costs(loads, source, describe_machine(folder)), folder / OWN_COSTS)
    except InvalidRunError as error:
        watcher.note(f"no prediction with the run's own costs: {error}")
        return False
    return True


def _predict_at_bounds(predicted: Question, folder: Path, watcher: Watcher) -> None:
    """Write what is predicted with all of the run's own costs at the low end of their intervals, and at the high."""
    costs = load_costs(folder / OWN_COSTS)
    made: list[dict[str, float | None]] = []
    with tempfile.TemporaryDirectory(prefix="yidi-bounds-") as name:
        for bound in BOUNDS:
            place = Path(name) / f"{bound}.json"
            write_costs(costs.at_bound(bound).file, place)
            made.append(run_world(replace(predicted, costs=place), "sim", Path(name) / bound, watcher).measures)
    (folder / OWN_BOUNDS).write_bytes(msgspec.json.encode(made))


def pair_errors(folder: Path) -> PredictionErrors | None:
    """Return by how much both predictions in a folder are off; None when there is but one."""
    if not (folder / OWN / runs.RUN_FILE).is_file():
        return None
    measured, own, earlier = (read_run_file(folder / name).measures for name in ("load", OWN, "sim"))
    costs = load_costs(folder / OWN_COSTS).file, load_costs(folder / EARLIER_COSTS).file
    bounds: list[dict[str, float | None]] = []
    if (folder / OWN_BOUNDS).is_file():
        bounds = msgspec.json.decode((folder / OWN_BOUNDS).read_bytes(), type=list[dict[str, float | None]])
    return prediction_errors(measured, own, earlier, costs, bounds)


def as_measured(scenario: Scenario) -> Scenario:
    """Return the scenario on what the real world has: one core for all processes of the system, loopback for links.

    What loopback costs is CPU of the processes, and counted there; beside it there is no delay worth a number.
    """
    changes: dict[str, object] = {"links": LOOPBACK}
    if scenario.topology.machine_cores is None:
        changes["machine_cores"] = REAL_CORES
    return scenario.model_copy(update={"topology": scenario.topology.model_copy(update=changes)})


def write_pair_page(folder: Path) -> None:
    """Write the page that lays the two worlds of a folder side by side."""
    opened = [open_run(folder / world, read_run_file(folder / world)) for world in WORLDS]
    write_comparison(opened[0], opened[1], folder / runs.REPORT_FILE, pair_errors(folder))
