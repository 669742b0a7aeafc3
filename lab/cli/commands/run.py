"""``yidi run``: one world or both, with progress, the checker, the gates and the page."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lab.analysis.gates import EXIT_CODES
from lab.analysis.traffic import Traffic, traffic_of
from lab.calibration.calibrate import costs_or_assumed
from lab.cli import console
from lab.cli.commands.results import as_data, print_run, print_traffic, traffic_data
from lab.cli.commands.smoke import smoke_code, smoke_data, smoke_say
from lab.experiments.experiment import Question, run_world
from lab.report.page import write_report
from lab.report.summarise import two_errors
from lab.report.wording_pair import errors_table
from lab.runs import file as runs
from lab.runs.file import RunFile, World
from scenarios.record.recorder import read_record

if TYPE_CHECKING:
    from lab.worlds.target import Aim
    from scenarios.schema import Scenario


@dataclass(frozen=True, slots=True)
class Request:
    """What was typed."""

    scenario: Scenario
    source: str
    variant: str | None = None
    sets: tuple[str, ...] = ()
    reps: int = 1
    out: Path | None = None
    costs: Path | None = None
    as_json: bool = False
    aim: Aim | None = None

    def question(self) -> Question:
        """Return it as the laboratory is asked; a source that is no text here is written down as the text it is."""
        source = os.fsencode(self.source).decode("utf-8", "backslashreplace")
        asked = Question(self.scenario, source, self.variant, self.sets, self.costs, self.reps)
        return replace(asked, aim=self.aim)


def run(asked: Request, world: str) -> int:
    """Run and return the exit code."""
    folder = asked.out or runs.default_folder(asked.scenario.name, world)
    runs.refuse_taken(folder)
    if world == "both":
        return _both(asked, folder)
    with console.Bar(quiet=asked.as_json) as bar:
        made = run_world(asked.question(), "sim" if world == "sim" else "load", folder, bar)
        write_report(folder)
    smoke = read_record(folder) if asked.aim is not None and asked.aim.once else None
    traffic = _traffic(made, folder)
    if asked.as_json:
        more = {} if traffic is None else {"traffic": traffic_data(traffic)}
        console.say_json(as_data(made, folder) | more | ({} if smoke is None else {"visits": smoke_data(smoke)}))
    else:
        if traffic is not None:
            print_traffic(traffic)
        if smoke is not None:
            smoke_say(smoke)
        print_run(made, folder / runs.REPORT_FILE)
    return EXIT_CODES[made.verdict] or (0 if smoke is None else smoke_code(smoke))


def _traffic(made: RunFile, folder: Path) -> Traffic | None:
    """Return what was sent in a load run; None of several replications, each of which has its own."""
    return traffic_of(read_record(folder)) if made.world == "load" and len(made.replications) == 1 else None


def _both(asked: Request, folder: Path) -> int:
    from lab.experiments.pair import pair_errors, run_pair  # noqa: PLC0415 - only when both are asked for

    with console.Bar(quiet=asked.as_json) as bar:
        costs = asked.costs or costs_or_assumed(bar)
        made = run_pair(replace(asked, costs=costs).question(), folder, bar)
    if asked.as_json:
        data: dict[str, Any] = {world: as_data(one, folder / world) for world, one in made.items()}
        errors = pair_errors(folder)
        told = None if errors is None else msgspec.to_builtins(two_errors(errors))
        console.say_json({"folder": str(folder), "errors": told, **data})
    else:
        for world, one in made.items():
            print_run(one, folder / world / runs.REPORT_FILE)
        errors = pair_errors(folder)
        if errors is not None:
            table = errors_table(two_errors(errors))
            console.table(table.head, table.rows, words=table.words)
            console.say(table.note)
        console.say(f"side by side: {folder / runs.REPORT_FILE}")
    return worst_code(made)


def worst_code(made: dict[World, RunFile]) -> int:
    """Return the exit code of several runs: a failed run before a failed gate."""
    return max(EXIT_CODES[one.verdict] for one in made.values())
