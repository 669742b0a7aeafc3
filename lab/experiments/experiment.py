"""An experiment: one scenario, one world or both, one replication or several, and the run folder that comes of it.

What was finished is kept: an interrupted run leaves ``NAME.partial`` with ``complete: false``. This module must never
print; it tells a :class:`Watcher`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from lab.analysis.gates import Length, judge_all, overall
from lab.analysis.ramps import refuse_ramps
from lab.analysis.replicated import replicated
from lab.calibration.machine import describe_machine, versions
from lab.runs import file as runs
from lab.runs.file import Replication, RunFile, World
from lab.worlds.conclude import Interrupted
from lab.worlds.generator import Generating, LoadGenerator
from lab.worlds.reached import reached, said_of
from lab.worlds.sim import SimTask, simulate_all, simulate_task
from reference_impl.domain.keyed import replication_seed
from reference_impl.staging.build import refuse_crowds
from scenarios.reading.loader import digest, dump_scenario
from scenarios.reading.scale import slices_of_cores
from scenarios.schema.gates import parse_gates
from sim.model.costs import DEFAULT_COSTS, load_costs

if TYPE_CHECKING:
    from lab.worlds.target import Aim
    from loadtest.inputs import SystemFile
    from reference_impl.books.postgresql.address import Server
    from scenarios.schema import Scenario

ENGINES: dict[World, str] = {"sim": "protocol under SimPy", "load": "reference system under Locust"}
ENGINE_ELSEWHERE = "a system of its own under Locust"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the resolved scenario and how it was named on the command line."""

    scenario: Scenario
    source: str
    variant: str | None = None
    sets: tuple[str, ...] = ()
    costs: Path | None = None
    replications: int = 1
    metered: bool = False
    """Whether the real world's processes measure their costs."""
    server: Server | None = None
    """Where the real world's books are made; None: as files of the run's folder."""
    keeps_books: bool = False
    """Whether the real world's books are there afterwards, beside the record."""
    generator: Callable[[Path], Generating] = LoadGenerator
    """Makes whoever generates the real world's load, for the folder of a replication."""
    aim: Aim | None = None
    """The system of somebody else's that is loaded in the place of the reference system."""
    elsewhere: SystemFile | None = None
    """Where that has answered."""


class Watcher(Protocol):
    """Who is told how a run goes."""

    def begin(self, what: str, total: int) -> None:
        """Say that a phase of ``total`` steps begins."""
        ...

    def advance(self, done: float) -> None:
        """Say how many steps are done."""
        ...

    def note(self, text: str) -> None:
        """Say something worth a line."""
        ...


class Silent:
    """A watcher that looks away."""

    def begin(self, what: str, total: int) -> None:
        """Say nothing."""

    def advance(self, done: float) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


def run_world(question: Question, world: World, folder: Path, watcher: Watcher) -> RunFile:
    """Answer a question in one world; return the run file of the whole run folder."""
    refuse_ramps(question.scenario, load_costs(question.costs))  # told before a folder is made, and a wrong file too
    if world == "load":
        refuse_crowds(question.scenario)
    if question.aim is not None:
        question = replace(question, elsewhere=reached(question.scenario, question.aim, watcher))
    partial = runs.begin(folder)
    done: list[Replication] = []
    try:
        for replication in _REPLICATIONS[world](question, partial, watcher):
            done.append(replication)
            watcher.advance(len(done))
    except BaseException as stop:
        if isinstance(stop, Interrupted):
            done.append(stop.replication)
        _drop_unfinished(partial, done)
        write_partial(question, world, partial, done)
        raise
    return write_whole(question, world, partial, folder, done)


def _simulated(question: Question, partial: Path, watcher: Watcher) -> Iterable[Replication]:
    scenario, count = question.scenario, question.replications
    dumped, costs = dump_scenario(scenario), str(question.costs) if question.costs else None
    tasks = [
        SimTask(
            scenario=dumped, seed=replication_seed(scenario.seed, number), costs=costs, root=str(partial), folder=name
        )
        for number, name in enumerate(_names(count))
    ]
    if count == 1:
        watcher.begin("simulating", 1)
        return (simulate_task(task, watcher.advance) for task in tasks)
    watcher.begin(f"simulating {count} replications", count)
    return simulate_all(tasks, processes=len(os.sched_getaffinity(0)))


def _replayed_elsewhere(question: Question, partial: Path, watcher: Watcher) -> Iterable[Replication]:
    from lab.worlds.elsewhere import replay_elsewhere  # noqa: PLC0415 - as below

    aim, system = question.aim, question.elsewhere
    assert aim is not None  # or nothing would have answered
    assert system is not None
    watcher.begin("load on a system that is not ours", 1)
    timed, generator = not aim.once, question.generator
    yield replay_elsewhere(question.scenario, partial, ".", watcher, system=system, timed=timed, generator=generator)


def _replayed(question: Question, partial: Path, watcher: Watcher) -> Iterable[Replication]:
    if question.elsewhere is not None:
        yield from _replayed_elsewhere(question, partial, watcher)
        return
    from lab.worlds.load import Books, replay  # noqa: PLC0415 - the supervisor and its parts are loaded only where they run

    books = Books(question.server, question.keeps_books)

    for number, name in enumerate(_names(question.replications)):
        scenario = question.scenario.model_copy(update={"seed": replication_seed(question.scenario.seed, number)})
        watcher.begin(f"load on the reference system, replication {number + 1} of {question.replications}", 1)
        yield replay(
            scenario,
            partial / name,
            name,
            watcher,
            meter=question.metered,
            books=books,
            generator=question.generator,
        )


_REPLICATIONS: dict[World, Callable[[Question, Path, Watcher], Iterable[Replication]]] = {
    "sim": _simulated,
    "load": _replayed,
}


def _names(count: int) -> list[str]:
    return ["."] if count == 1 else [f"rep-{number + 1:02}" for number in range(count)]


def _in_order(done: Sequence[Replication]) -> list[Replication]:
    """Return replications as they were asked for, whichever was done first."""
    return sorted(done, key=lambda one: (len(one.folder), one.folder))


def _drop_unfinished(partial: Path, done: Sequence[Replication]) -> None:
    """Leave no folder of a replication that the run file will not list: it may be half written."""
    listed = {replication.folder for replication in done}
    for folder in partial.glob("rep-*"):
        if folder.name not in listed:
            shutil.rmtree(folder, ignore_errors=True)


def write_whole(question: Question, world: World, partial: Path, folder: Path, done: Sequence[Replication]) -> RunFile:
    """Judge a finished run, write its run file and give the folder its name."""
    run = conclude_run(question, world, partial, _in_order(done))
    runs.write_run_file(partial, run)
    runs.finish(partial, folder)
    return run


def write_partial(question: Question, world: World, partial: Path, done: Sequence[Replication]) -> None:
    """Leave what is finished in the partial folder, saying that it is not whole."""
    run = conclude_run(question, world, partial, _in_order(done), complete=False)
    runs.write_run_file(partial, run)


def conclude_run(
    question: Question, world: World, folder: Path, done: Sequence[Replication], *, complete: bool = True
) -> RunFile:
    """Return the run file: what was asked, on what, the measures, the gates and their verdicts."""
    scenario = question.scenario
    valid = all(replication.validity.valid for replication in done)
    together = replicated(folder, done, scenario)
    stated = parse_gates(scenario.gates) if done else ()
    whole = all(replication.validity.whole for replication in done)
    length, books = Length.of(scenario), question.aim is None
    gates = judge_all(stated, together, length=length, valid=valid, books=books, whole=whole)
    costs = load_costs(question.costs)
    run = RunFile(
        complete=complete,
        name=scenario.name,
        title=scenario.title,
        question=scenario.question,
        world=world,
        engine=ENGINES[world] if question.aim is None else ENGINE_ELSEWHERE,
        source=question.source,
        variant=question.variant,
        sets=question.sets,
        seed=scenario.seed,
        scenario=dump_scenario(scenario),
        scenario_hash=digest(scenario),
        costs=f"{costs.file.mark}: {costs.file.source}",
        costs_hash=hashlib.sha256((question.costs or DEFAULT_COSTS).read_bytes()).hexdigest(),
        warm_up_us=scenario.horizon.warm_up,
        time_scale=scenario.scale.time,
        machine=describe_machine(folder),
        versions=versions(),
        replications=tuple(done),
        measures=together.together(),
        gates=gates,
        verdict=overall(gates, valid=valid) if complete else "none",
        notes=_notes(scenario),
        target=msgspec.UNSET if question.aim is None else said_of(question.aim),
    )
    return runs.sealed(run)


def _notes(scenario: Scenario) -> tuple[str, ...]:
    """Return what a reader of the figures has to know of how they were made."""
    slices = slices_of_cores(scenario)
    if not slices:
        return ()
    pool, cores = min(slices.items(), key=lambda item: item[1])
    return (f"Latencies depend on scale.volume: scale.capacity left {pool} {cores:.3g} of a core.",)
