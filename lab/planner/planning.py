"""From a question about a planned stop to a folder with its answer: search, judgement, front and run book.

A folder keeps what it was asked, every trial and every replication, so that the same call again goes on with one
that was ended. Must never go on with another question in a folder that holds one.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lab.calibration.machine import describe_machine, versions
from lab.planner.draft import Start, start_of
from lab.planner.evaluate import evaluator, fits, fresh_seeds, search_seeds
from lab.planner.harm import COMPONENTS
from lab.planner.judgement import Judged, evaluations, judge
from lab.planner.knobs import Knob, applied, knobs_of
from lab.planner.levers import told
from lab.planner.search import Aim, Limit, Question, Searched, refuse_wrong_keys, search
from lab.runs.file import refuse_unnameable
from reference_impl.domain.failures import InputError
from reference_impl.domain.unreadable import NO_JSON
from scenarios.patients.streams import arrivals_expected
from scenarios.reading.loader import digest
from scenarios.reading.scale import resolve
from scenarios.schema.arrivals import Closed, Trace
from sim.model.costs import DEFAULT_COSTS, load_costs

if TYPE_CHECKING:
    from lab.experiments.experiment import Watcher
    from scenarios.schema import Scenario

__all__ = ["PLAN_FILE", "Asked", "Planned", "Tried", "plan_stop"]

ASKED_FILE, PLAN_FILE = "asked.json", "plan.json"
US_PER_DAY = 86_400_000_000
PILOT_VISITS = 1_000
TRIALS_WANTED = 40
"""Where time is the budget, visits are left out until so many trials fit into it."""
VISITS_MIN = 500
"""Fewer visits say too little of a plan, however many trials there are."""
HALVINGS_MAX = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked. Without ``volume``, visits are left out until a budget of ``seconds`` is enough."""

    source: str | Path
    variant: str | None = None
    sets: tuple[str, ...] = ()
    levers: tuple[str, ...] = ()
    nights: bool = False
    weights: tuple[tuple[str, float], ...] = ()
    against: str = "closed_hours"
    trials: int | None = None
    seconds: float | None = None
    replications: int = 4
    fresh: int = 12
    volume: float | None = None
    costs: Path | None = None


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What makes a search this one: with any of it changed it is another."""

    source: str
    variant: str | None
    sets: tuple[str, ...]
    scenario: str
    levers: dict[str, list[Any]]
    weights: dict[str, float]
    against: str
    replications: int
    volume: float
    costs: str
    versions: dict[str, str] = {}
    """That it was simulated with; empty in a folder of before they were kept."""


class Tried(msgspec.Struct, frozen=True):
    """One trial as it is written down."""

    number: int
    levers: dict[str, str]
    harm: float
    against: float
    refused: str = ""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: what was asked, what was tried, what was found, and what it is worth."""

    name: str
    title: str
    source: str
    variant: str | None
    sets: tuple[str, ...]
    seed: int
    weights: dict[str, float]
    against: str
    replications: int
    fresh: int
    volume: float
    visits: int
    """That one replication simulates, about."""
    seconds: float | None
    nights: bool
    trials: tuple[Tried, ...]
    best: int
    settings: tuple[str, ...]
    """The found plan, as --set takes it."""
    judged: Judged
    machine: dict[str, Any]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer, and the scenarios as stated that it is about."""

    planned: Planned
    start: Scenario
    found: Scenario


def plan_stop(asked: Asked, folder: Path, watcher: Watcher) -> Answered:
    """Search, judge and return the answer; what is finished is in ``folder`` at any moment.

    Raises:
        InputError: when what is asked is wrong, too little for one trial, or not what ``folder`` holds.
        LabError: when a simulating process ended before its time.

    """
    load_costs(asked.costs)
    whole = start_of(asked.source, variant=asked.variant, sets=asked.sets)
    knobs = knobs_of(whole.stated, asked.levers, nights=asked.nights)
    if asked.against not in {one.name for one in COMPONENTS}:
        names = ", ".join(one.name for one in COMPONENTS)
        raise InputError(f"against: got {asked.against!r}; expected a figure of harm: {names}")
    if not fits(resolve(whole.stated)):
        raise InputError(
            f"{whole.stated.name}: its stop begins within horizon.warm_up, or somebody comes back after the end; "
            "expected one that is measured whole; lengthen horizon.length or shorten warm_up"
        )
    processes = len(os.sched_getaffinity(0))
    visit_s = _visit_s(whole, asked, watcher) / processes if asked.seconds is not None else 0.0
    volume = _kept_volume(folder, asked) or _volume(asked, len(knobs), whole, visit_s)
    start = _at_volume(whole, volume)
    aim = Aim(dict(asked.weights), asked.against)
    question = Question(start, knobs, aim, search_seeds(start.stated.seed, asked.replications))
    refuse_wrong_keys(question)
    limit = _limit(asked, question, _visits(start.stated) * visit_s)
    _make(folder)
    _keep(folder, _identity(asked, question, volume))
    with evaluator(folder, asked.costs, processes=processes) as simulating:
        searched = search(question, limit, folder, simulating, watcher)
        judged = judge(question, searched, fresh_seeds(start.stated.seed, asked.fresh), simulating, watcher)
    draft = applied(knobs, searched.best.point, start.draft())
    answer = _planned(asked, question, searched, judged, draft.settings(), volume, folder)
    _written(folder / PLAN_FILE, answer)
    return Answered(answer, start.stated, draft.stated())


# --- the budget ---


def _visits(stated: Scenario) -> float:
    """Return about how many visits one replication simulates."""
    visits = stated.visits
    if isinstance(visits.arrivals, Trace | Closed):
        return arrivals_expected(resolve(stated))
    days = stated.horizon.length / US_PER_DAY
    return visits.per_day * stated.scale.volume * days * (1 + visits.local_per_cross) + len(visits.explicit)


def _visit_s(whole: Start, asked: Asked, watcher: Watcher) -> float:
    """Return how many seconds of one process a visit takes."""
    pilot = _at_volume(whole, min(1.0, PILOT_VISITS / max(1.0, _visits(whole.stated))))
    watcher.begin("measuring how long a replication takes", 1)
    scenario = resolve(pilot.stated)
    with tempfile.TemporaryDirectory(prefix="yidi-pilot-") as name:
        with evaluator(Path(name), asked.costs, processes=1) as simulating:
            simulating.each([scenario], [scenario.seed])
        return simulating.took_s(scenario, scenario.seed) / _visits(pilot.stated)


def _volume(asked: Asked, knobs: int, whole: Start, visit_s: float) -> float:
    """Return the share of the visits that is simulated."""
    if asked.volume is not None:
        return asked.volume
    if asked.seconds is None:
        return 1.0
    volume, visits = 1.0, _visits(whole.stated)
    for _ in range(HALVINGS_MAX):
        trial_s = asked.replications * visits * volume * visit_s
        fresh_s = _judging(knobs, asked.fresh) * visits * volume * visit_s
        if asked.seconds - fresh_s >= TRIALS_WANTED * trial_s or visits * volume / 2 < VISITS_MIN:
            break
        volume /= 2
    return volume


def _judging(knobs: int, fresh: int) -> int:
    """Return how many replications a judgement simulates at most."""
    return evaluations(knobs) * fresh


def _limit(asked: Asked, question: Question, replication_s: float) -> Limit:
    """Return how long the search itself may take: what a judgement needs is kept back."""
    if asked.seconds is None:
        return Limit(trials=asked.trials)
    left_s = asked.seconds - _judging(len(question.knobs), asked.fresh) * replication_s
    if left_s < asked.replications * replication_s:
        needed_s = (_judging(len(question.knobs), asked.fresh) + asked.replications) * replication_s
        raise InputError(
            f"budget: got {asked.seconds:.0f} s; expected at least {needed_s + 1:.0f} s, or it is too small for one "
            "trial and its judgement; give more, or less of --volume, --reps, --fresh"
        )
    return Limit(trials=asked.trials, seconds=left_s)


def _at_volume(whole: Start, volume: float) -> Start:
    if volume == 1.0:
        return whole
    setting = f"scale.volume={whole.stated.scale.volume * volume:.9g}"
    return start_of(whole.source, variant=whole.variant, sets=(*whole.sets, setting))


# --- the folder ---


def _make(folder: Path) -> None:
    refuse_unnameable(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        raise InputError(f"cannot make output folder {folder}: {error.strerror}; choose another with --out") from error
    if not empty and not (folder / ASKED_FILE).is_file():
        raise InputError(
            f"output folder {folder} exists and holds no search; expected a new name, or one of 'yidi cutover plan'; "
            "choose another with --out"
        )


def _kept_volume(folder: Path, asked: Asked) -> float | None:
    """Return the volume of the search that ``folder`` holds, if it holds one and none is asked for."""
    kept = _kept(folder)
    return kept.volume if kept is not None and asked.volume is None else None


def _kept(folder: Path) -> _Identity | None:
    try:
        return msgspec.json.decode((folder / ASKED_FILE).read_bytes(), type=_Identity)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, *NO_JSON) as error:
        raise InputError(
            f"cannot read {folder / ASKED_FILE}: {error}; expected that of a search; choose another --out"
        ) from error


def _keep(folder: Path, identity: _Identity) -> None:
    """Write down what is asked, or refuse to go on with what was not."""
    kept = _kept(folder)
    if kept is None:
        _written(folder / ASKED_FILE, identity)
        return
    identity = msgspec.json.decode(msgspec.json.encode(identity), type=_Identity)  # as it is read
    other = [name for name in identity.__struct_fields__ if getattr(kept, name) != getattr(identity, name)]
    if other == ["versions"]:
        told = _other_versions(kept.versions, identity.versions)
        raise InputError(
            f"{folder} was searched with other programs: got {told}; expected the same, or half of its trials are of "
            "one and half of the other; search anew with another --out, or go on with those versions"
        )
    if other:
        raise InputError(
            f"{folder} holds another search: got other {', '.join(other)}; expected the same question, to go on with "
            "it; choose another --out"
        )


def _other_versions(kept: dict[str, str], now: dict[str, str]) -> str:
    if not kept:
        return "a folder that does not say which"
    changed = [name for name in sorted(kept.keys() | now.keys()) if kept.get(name) != now.get(name)]
    return ", ".join(f"{name} {now.get(name, 'missing')} after {kept.get(name, 'none')}" for name in changed)


def _identity(asked: Asked, question: Question, volume: float) -> _Identity:
    return _Identity(
        source=str(asked.source),
        variant=asked.variant,
        sets=asked.sets,
        scenario=digest(resolve(question.start.stated)),
        levers={knob.lever.name: [choice.value for choice in knob.choices] for knob in question.knobs},
        weights=dict(asked.weights),
        against=asked.against,
        replications=asked.replications,
        volume=volume,
        costs=hashlib.sha256((asked.costs or DEFAULT_COSTS).read_bytes()).hexdigest(),
        versions=versions(),
    )


def _written(path: Path, data: msgspec.Struct) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=2) + b"\n")
    fresh.replace(path)


def _planned(
    asked: Asked,
    question: Question,
    searched: Searched,
    judged: Judged,
    settings: tuple[str, ...],
    volume: float,
    folder: Path,
) -> Planned:
    start = question.start
    return Planned(
        name=start.stated.name,
        title=start.stated.title,
        source=str(asked.source),
        variant=asked.variant,
        sets=start.sets,
        seed=start.stated.seed,
        weights=dict(asked.weights),
        against=asked.against,
        replications=asked.replications,
        fresh=asked.fresh,
        volume=volume,
        visits=round(_visits(start.stated)),
        seconds=asked.seconds,
        nights=asked.nights,
        trials=tuple(
            Tried(one.number, _levers(question.knobs, one.point), one.harm, one.against, one.refused)
            for one in searched.trials
        ),
        best=searched.best.number,
        settings=settings,
        judged=judged,
        machine=msgspec.to_builtins(describe_machine(folder)),
        versions=versions(),
    )


def _levers(knobs: Sequence[Knob], point: dict[str, int]) -> dict[str, str]:
    return {knob.lever.name: told(knob.choices[point[knob.lever.name]].value) for knob in knobs}
