"""The search: Optuna proposes plans, the simulated world answers on common seeds, and every answer is kept in a file.

The same question with the same number of trials gives the same trials, on any number of cores and however often it was
interrupted: plans are proposed in batches of a fixed size, each by a sampler that is seeded by the trial's number and
has seen the finished batches alone. Must never judge a plan by the seeds it was chosen on: that is ``judgement``.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lab.planner.draft import Start
from lab.planner.evaluate import Evaluator, fits, mean
from lab.planner.harm import harm
from lab.planner.knobs import FREE, Knob, applied
from reference_impl.domain.failures import InputError
from reference_impl.domain.keyed import key_hash
from scenarios.reading.errors import ScenarioError
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from lab.experiments.experiment import Watcher

__all__ = ["BATCH", "Aim", "Limit", "Searched", "Trial", "front_of", "refuse_wrong_keys", "resolved_at", "search"]

BATCH = 4
"""Plans that are proposed before any of them is answered; no number of processes, so that it is the same everywhere."""
AT_RANDOM = 12
"""Trials that are drawn at random before the sampler goes by what it has seen."""
STUDY_FILE, STUDY_NAME = "study.journal", "plan"
WORSE = 1.5
"""A plan that cannot be is told to the sampler as so many times the worst that was seen."""
STEPS = 1000
"""Of progress, where time is the limit."""
_DIRECTIONS = (StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)


@dataclass(frozen=True, slots=True)
class Aim:
    """What is searched for: least harm by these weights, and at the same time least of one figure."""

    weights: dict[str, float]
    against: str


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a search may go on: a number of trials, seconds of simulation over all its calls, or both."""

    trials: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan that was tried: where each lever stood, and what it harmed on the seeds of the search."""

    number: int
    point: dict[str, int]
    harm: float
    against: float
    refused: str = ""
    """Why it could not be simulated; empty for a plan that was."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Every trial in its order; the first is the plan as stated."""

    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial of least harm; of equals the first."""
        return min((one for one in self.trials if not one.refused), key=lambda one: (one.harm, one.number))


def front_of(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials than which none has both less harm and less of the other figure, by rising harm."""
    front: list[Trial] = []
    for one in sorted((one for one in trials if not one.refused), key=lambda one: (one.harm, one.against, one.number)):
        if not front or one.against < front[-1].against:
            front.append(one)
    return tuple(front)


@dataclass(slots=True)
class Question:
    """What a search asks, and of whom."""

    start: Start
    knobs: tuple[Knob, ...]
    aim: Aim
    seeds: tuple[int, ...]


def resolved_at(question: Question, point: dict[str, int]) -> tuple[Scenario | None, str]:
    """Return the scenario with the levers at ``point``, or None and why it cannot be."""
    try:
        scenario = applied(question.knobs, point, question.start.draft()).resolved()
    except ScenarioError as error:
        return None, f"{error.key} {error.what}"
    if not fits(scenario):
        return None, "begins within the warm-up, or somebody comes back after the end"
    return scenario, ""


def search(question: Question, limit: Limit, folder: Path, evaluator: Evaluator, watcher: Watcher) -> Searched:
    """Search until the limit is reached, going on from what ``folder`` holds; return every trial.

    Raises:
        InputError: when the folder holds a search that cannot be read.

    """
    kept = _kept(folder)
    done = [one for one in kept.trials if one.state is TrialState.COMPLETE]
    watcher.begin("searching", limit.trials or STEPS)
    while size := _room(limit, done):
        for finished in _batch(question, done, size, evaluator):
            kept.add_trial(finished)
            done.append(finished)
        watcher.advance(len(done) if limit.trials else STEPS * _spent_s(done) / (limit.seconds or 1.0))
    return Searched(tuple(_trial(number, one) for number, one in enumerate(done[: limit.trials])))


def refuse_wrong_keys(question: Question) -> None:
    """Raise what the loader says of a lever for any key: a wrong value is a slip of the pen, no plan to be tried.

    Raises:
        ScenarioError: when a value alone makes no plan of the stated one.

    """
    for knob in question.knobs:
        for place in range(len(knob.choices)) if knob.lever.name.startswith(FREE) else ():
            applied([knob], {knob.lever.name: place}, question.start.draft()).stated()


def _room(limit: Limit, done: Sequence[FrozenTrial]) -> int:
    """Return how many plans to propose next; 0 when the search is over. A batch that was cut short is filled first."""
    if done and limit.seconds is not None and _spent_s(done) >= limit.seconds:
        return 0
    room = BATCH - len(done) % BATCH
    return room if limit.trials is None else max(0, min(room, limit.trials - len(done)))


def _spent_s(done: Sequence[FrozenTrial]) -> float:
    return math.fsum(one.user_attrs["took_s"] for one in done)


def _batch(question: Question, done: Sequence[FrozenTrial], size: int, evaluator: Evaluator) -> Iterator[FrozenTrial]:
    """Propose ``size`` plans, simulate those that can be, and yield them finished."""
    distributions: dict[str, BaseDistribution] = {
        knob.lever.name: IntDistribution(0, len(knob.choices) - 1) for knob in question.knobs
    }
    points = [_proposed(question, done, number, distributions) for number in range(len(done), len(done) + size)]
    found = [resolved_at(question, point) for point in points]
    begun = time.perf_counter()
    rows = evaluator.each([scenario for scenario, _ in found if scenario is not None], question.seeds)
    took_s = (time.perf_counter() - begun) / size
    answers = iter([_objectives(question.aim, row) for row in rows])
    values = [next(answers) if scenario is not None else None for scenario, _ in found]
    worst = _worst([*(tuple(one.values) for one in done), *(value for value in values if value is not None)])
    for point, value, (_, why) in zip(points, values, found, strict=True):
        yield optuna.trial.create_trial(
            state=TrialState.COMPLETE, values=value or worst, params=point, distributions=distributions,
            user_attrs={"refused": why, "took_s": took_s},
        )  # fmt: skip


def _objectives(aim: Aim, figures: Sequence[dict[str, float]]) -> tuple[float, float]:
    return math.fsum(harm(row, aim.weights) for row in figures) / len(figures), mean(figures, aim.against)


def _proposed(
    question: Question, done: Sequence[FrozenTrial], number: int, distributions: dict[str, BaseDistribution]
) -> dict[str, int]:
    """Return the plan of one trial: the first is the stated one, the others are a sampler's who knows whole batches."""
    if number == 0:
        return {knob.lever.name: knob.stated for knob in question.knobs}
    seed = key_hash(f"trial {number} of {question.start.stated.seed}") % 2**32
    study = optuna.create_study(directions=_DIRECTIONS, sampler=TPESampler(seed=seed, n_startup_trials=AT_RANDOM))
    study.add_trials(done[: number - number % BATCH])
    return {name: int(value) for name, value in study.ask(distributions).params.items()}


def _worst(seen: Sequence[tuple[float, ...]]) -> tuple[float, float]:
    """Return figures worse than any that was seen, for a plan that cannot be."""
    return WORSE * max(one[0] for one in seen), WORSE * max(one[1] for one in seen)


def _trial(number: int, frozen: FrozenTrial) -> Trial:
    point = {name: int(value) for name, value in frozen.params.items()}
    return Trial(number, point, frozen.values[0], frozen.values[1], frozen.user_attrs["refused"])


def _kept(folder: Path) -> Study:
    """Return the study that ``folder`` keeps; a new one where it has none."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            storage = JournalStorage(JournalFileBackend(str(folder / STUDY_FILE)))
            return optuna.create_study(
                storage=storage, study_name=STUDY_NAME, directions=_DIRECTIONS, load_if_exists=True
            )
        except (ValueError, KeyError, OSError) as error:
            raise InputError(
                f"cannot read the search in {folder / STUDY_FILE}: {error}; expected one of 'yidi cutover plan'; "
                "choose another --out"
            ) from error
