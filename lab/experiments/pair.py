"""Both worlds: predict first, measure then, and lay the two side by side on one page.

The simulated half is told what the real half is made of: all processes share one core. It must never be told what was
measured in the run it predicts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.experiments.experiment import Question, Watcher, run_world
from lab.report.page import write_report
from lab.report.pages import write_comparison
from lab.runs import file as runs
from lab.runs.file import RunFile, World, read_run_file
from lab.runs.opened import open_run
from scenarios.schema import Link, Links
from sim.model.costs import load_costs

if TYPE_CHECKING:
    from scenarios.schema import Scenario

WORLDS: tuple[World, World] = ("sim", "load")
REAL_CORES = 1.0
"""The supervisor pins every process of the system to one core."""
LOOPBACK = Links(hospital_province=Link(latency=0, jitter=0), province_hub=Link(latency=0, jitter=0))


def run_pair(question: Question, folder: Path, watcher: Watcher) -> dict[World, RunFile]:
    """Answer a question in both worlds, into ``folder``'s ``sim`` and ``load``."""
    load_costs(question.costs)  # a wrong file is told before a folder is made
    partial = runs.begin(folder)
    made: dict[World, RunFile] = {}
    for world in WORLDS:
        asked = replace(question, scenario=as_measured(question.scenario)) if world == "sim" else question
        made[world] = run_world(asked, world, partial / world, watcher)
        write_report(partial / world)
    write_pair_page(partial)
    runs.finish(partial, folder)
    return made


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
    write_comparison(opened[0], opened[1], folder / runs.REPORT_FILE)
