"""yidi (异地): cross-province medical-insurance settlement, its speed, its faults and its cutovers, asked from Python.

One scenario is the question; two worlds answer it.

>>> import yidi
>>> scenario = yidi.load("jiaxing-qinghai", variant="quick")
>>> answer = yidi.simulate(scenario)
>>> answer.findings.lost, [gate.verdict for gate in answer.gates]
(1, ['pass', 'pass', 'pass', 'pass'])
>>> answer.record.visits.filter(answer.record.visits["fate"] != "direct")["fate"].to_list()
['reversed_then_paper']

``yidi.run`` does what the command ``yidi run`` does and leaves a run folder; ``yidi.read`` reads one. Tables are polars
frames with documented columns (``scenarios.record.tables``); times are microseconds of the run's clock, money is fen.
Whatever goes wrong is a :class:`YidiError`: what was wrong, what was got, what was expected, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from lab.errors import LabError
from lab.experiments import asked
from lab.experiments.experiment import Question, Silent, Watcher, run_world
from lab.experiments.pair import run_pair
from lab.report.page import write_report
from lab.runs.file import RunFile, default_folder, read_run_file, worlds_in
from lab.runs.opened import Opened, open_run
from lab.worlds.conclude import Answer, answer
from lab.worlds.sim import simulate_here
from reference_impl.books.final import BooksError
from reference_impl.domain.failures import FailedRunError, InputError, InvalidRunError, YidiError
from reference_impl.server.errors import StartError
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import Record, RecordError
from scenarios.schema import Scenario
from sim.model.costs import CostError

__all__ = [
    "Answer",
    "BooksError",
    "CostError",
    "FailedRunError",
    "InputError",
    "InvalidRunError",
    "LabError",
    "Opened",
    "Record",
    "RecordError",
    "RunFile",
    "Scenario",
    "ScenarioError",
    "StartError",
    "YidiError",
    "load",
    "read",
    "run",
    "simulate",
]


def load(
    source: str | Path, *, variant: str | None = None, sets: Iterable[str] = (), seed: int | None = None
) -> Scenario:
    """Return a scenario, checked and resolved; ``source`` is a file or a name of the library.

    Raises:
        ScenarioError: saying file, line, column, key, what was got and what was expected.
        InputError: when an argument is not what it should be.

    >>> load("national-day", variant="quick", sets=["scale.volume=0.001"]).scale.volume
    0.001

    """
    return load_scenario(
        asked.source_of(source),
        variant=asked.variant_of(variant),
        sets=asked.settings_of(sets),
        seed=asked.seed_of(seed),
    )


def simulate(scenario: Scenario, *, costs: Path | str | None = None) -> Answer:
    """Answer a scenario in the simulated world, in this process and in memory.

    ``costs`` is a cost file of ``yidi calibrate``; without it the packaged one is used, so that the same seed gives the
    same ``digest`` on any machine. Ctrl-C ends it early and raises KeyboardInterrupt.

    Raises:
        InputError: when ``scenario`` is none, or ``costs`` no cost file (a CostError).

    """
    outcome, interrupted = simulate_here(asked.scenario_of(scenario), asked.costs_of(costs))
    if interrupted:
        raise KeyboardInterrupt
    return answer(outcome)


def run(  # noqa: PLR0913 - the options of the command, all by name
    source: str | Path,
    *,
    world: Literal["sim", "load", "both"] = "sim",
    variant: str | None = None,
    sets: Iterable[str] = (),
    seed: int | None = None,
    reps: int = 1,
    costs: Path | str | None = None,
    out: Path | str | None = None,
    watcher: Watcher | None = None,
) -> Path:
    """Do what ``yidi run`` does and return the run folder, with its tables, ``run.json`` and report page.

    Raises:
        ScenarioError: when the scenario is wrong; nothing was made.
        InputError: when another argument is wrong, or the output folder exists; nothing was made.
        FailedRunError: when the run fails; what was finished is in the ``.partial`` folder.

    """
    where, count = asked.world_of(world), asked.replications_of(reps)
    told = asked.watcher_of(watcher) or Silent()
    given, place = asked.settings_of(sets), asked.out_of(out)
    scenario = load(source, variant=variant, sets=given, seed=seed)
    question = Question(scenario, str(source), variant, given, asked.costs_of(costs), count)
    folder = place or default_folder(scenario.name, where)
    if where == "both":
        run_pair(question, folder, told)
    else:
        run_world(question, where, folder, told)
        write_report(folder)
    return folder


def read(folder: Path | str) -> dict[str, Opened]:
    """Return what a run folder holds, by world (``sim``, ``load``): run file, scenario, first replication's tables.

    Raises:
        InputError: when it is no run folder, or holds no finished replication.
        RecordError: when a table is missing or has other columns.

    """
    found = worlds_in(asked.run_folder_of(folder))
    return {world: open_run(inner, read_run_file(inner)) for world, inner in found.items()}
