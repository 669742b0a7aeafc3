"""Where it breaks: the largest even rate of visits at which a scenario still keeps its own gates.

Each load is a whole run of Poisson arrivals. The rate is doubled until a gate fails, or halved until all pass, and then
the gap between the two is halved, on a scale of ratios, until it is narrow enough. The search ends early, and says why,
where a run cannot be judged: an invalid or undecided one is neither a yes nor a no. Must never loosen a gate.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from lab.experiments.curve import at_rate
from lab.experiments.experiment import Question, Watcher, run_world
from lab.runs import file as runs
from lab.runs.file import World
from reference_impl.domain.failures import InputError
from scenarios.reading.checks import problems
from scenarios.schema.arrivals import Poisson

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.schema import Scenario

__all__ = ["BREAK_POINT_FILE", "BreakPoint", "Search", "Trial", "find_break_point", "refuse_unbreakable", "searched"]

BREAK_POINT_FILE = "break-point.json"

Verdict = Literal["pass", "fail", "inconclusive", "invalid", "none"]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One load: cross-province visits a second of the run's clock, and whether all gates passed."""

    per_s: float
    verdict: Verdict
    failed: tuple[str, ...] = ()
    """The gates that did not pass."""
    folder: str = ""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """The rule by which a search begins and ends."""

    start_per_s: float
    within: float
    """It ends once the rate that breaks is at most this share above one that holds."""
    runs_max: int


class BreakPoint(msgspec.Struct, frozen=True, kw_only=True):
    """``break-point.json``: between which rates it breaks, as far as was found, and every trial."""

    format: int = runs.FORMAT
    name: str
    world: World
    seed: int
    search: Search
    holds_per_s: float | None
    breaks_per_s: float | None
    ended: str
    """Why the search ended: "found", or what kept it from that."""
    trials: tuple[Trial, ...]

    @property
    def found(self) -> bool:
        """Whether the gap is as narrow as was asked."""
        return self.ended == "found"


def refuse_unbreakable(scenario: Scenario) -> None:
    """Raise when a scenario has no rate that could be raised, or nothing that could break.

    Raises:
        InputError: naming the key that is missing.

    """
    if scenario.visits.open_per_day <= 0:
        raise InputError(
            "no visits come at a rate (visits.per_day is 0, or visits.arrivals a trace or closed): a break point needs "
            "open arrivals; set visits.per_day and visits.arrivals={kind: poisson}"
        )
    if not scenario.gates:
        raise InputError(
            "no gates: a break point is where a gate fails; add one, such as --set 'gates.contact.latency=p95 < 1s'"
        )


def find_break_point(question: Question, world: World, search: Search, folder: Path, watcher: Watcher) -> BreakPoint:
    """Search in one world and write what was found; each run has a folder of its own inside the partial ``folder``."""
    refuse_unbreakable(question.scenario)
    base = question.scenario
    even = base.model_copy(
        update={"visits": base.visits.model_copy(update={"arrivals": Poisson(kind="poisson"), "hourly_by_kind": None})}
    )
    partial = runs.begin(folder)

    def run(per_s: float, number: int) -> Trial:
        asked = at_rate(even, per_s)
        for problem in problems(asked):
            return Trial(per_s=per_s, verdict="none", failed=(f"{problem.got}: {problem.what}",))
        watcher.note(f"run {number}: {per_s:.4g} visits/s, {world}")
        name = f"run-{number}"
        made = run_world(replace(question, scenario=asked), world, partial / name, watcher)
        failed = tuple(f"{gate.measure} {gate.expression}" for gate in made.gates if gate.verdict != "pass")
        return Trial(per_s=per_s, verdict=made.verdict, failed=failed, folder=name)

    trials, holds, breaks, ended = searched(run, search)
    found = BreakPoint(
        name=base.name,
        world=world,
        seed=base.seed,
        search=search,
        holds_per_s=holds,
        breaks_per_s=breaks,
        ended=ended,
        trials=tuple(trials),
    )
    (partial / BREAK_POINT_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return found


def searched(run: Callable[[float, int], Trial], search: Search) -> tuple[list[Trial], float | None, float | None, str]:
    """Return the trials, the largest rate that holds, the smallest above it that breaks, and why the search ended."""
    trials: list[Trial] = []
    holds: float | None = None
    breaks: float | None = None
    while len(trials) < search.runs_max:
        per_s = _next(search, holds, breaks)
        trial = run(per_s, len(trials) + 1)
        trials.append(trial)
        if trial.verdict == "pass":
            holds = per_s
        elif trial.verdict == "fail":
            breaks = per_s
        else:
            why = "; ".join(trial.failed) if trial.verdict == "none" else trial.verdict
            return trials, holds, breaks, f"{per_s:.4g} visits/s could not be judged: {why}"
        if holds is not None and breaks is not None and breaks <= holds * (1 + search.within):
            return trials, holds, breaks, "found"
    return trials, holds, breaks, f"{search.runs_max} runs were not enough"


def _next(search: Search, holds: float | None, breaks: float | None) -> float:
    if holds is None:
        return search.start_per_s if breaks is None else breaks / 2
    return holds * 2 if breaks is None else math.sqrt(holds * breaks)
