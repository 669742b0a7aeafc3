"""What the found plan is worth on seeds that no search has seen, lever by lever, and what a delay costs.

Whoever is chosen as the best of many looks better than it is on the seeds it was chosen by. So it is simulated again,
beside the plan as stated, on the same fresh seeds: the differences are paired, and their intervals are Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from lab.analysis.statistics import Interval, finite, paired_difference, t_interval
from lab.planner.evaluate import Evaluator, fits
from lab.planner.harm import COMPONENTS, harm
from lab.planner.levers import told
from lab.planner.search import Question, Searched, Trial, front_of, resolved_at
from scenarios.reading.scale import shrink_us
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from lab.experiments.experiment import Watcher

__all__ = ["DELAYS_H", "FRONT_MAX", "Delay", "Front", "Judged", "Range", "Worth", "evaluations", "judge"]

DELAYS_H = (1, 2, 4, 8)
FRONT_MAX = 5
"""Plans of the front that are simulated again on fresh seeds, its ends among them."""
US_PER_HOUR = 3_600_000_000
HARM = "harm"

Figures = Sequence[Mapping[str, float]]


class Range(msgspec.Struct, frozen=True):
    """A figure and the range it may truly lie in, at 95 %; without bounds there is one seed, or some never end."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Worth(msgspec.Struct, frozen=True):
    """What one lever of the found plan is worth: how much more harm there is with it put back as stated."""

    lever: str
    stated: str
    found: str
    more_harm: Range


class Delay(msgspec.Struct, frozen=True):
    """What it costs that the doors of the found plan open later than told."""

    hours: int
    harm: Range
    patients: Range
    advance_yuan_days: Range
    self_pay_fen: Range


class Front(msgspec.Struct, frozen=True):
    """One plan of the front: as searched, and on fresh seeds."""

    trial: int
    changes: dict[str, str]
    searched_harm: float
    searched_against: float
    harm: Range
    against: Range


class Judged(msgspec.Struct, frozen=True):
    """The stated plan and the found one on fresh seeds."""

    stated: dict[str, Range]
    found: dict[str, Range]
    difference: dict[str, Range]
    """Found minus stated, paired."""
    searched: float
    """The harm of the found plan on the seeds it was chosen by."""
    worths: tuple[Worth, ...]
    front: tuple[Front, ...]
    delays: tuple[Delay, ...]
    figures: dict[str, Range]
    """What a run book tells of the found plan beside its harm."""
    highest: dict[str, float | None]
    """The highest of each such figure over the fresh seeds; None for what never ended."""


def evaluations(knobs: int) -> int:
    """Return how many plans are simulated on fresh seeds at most: what a judgement costs."""
    return 2 + FRONT_MAX + knobs + len(DELAYS_H)


def judge(
    question: Question, searched: Searched, seeds: Sequence[int], evaluator: Evaluator, watcher: Watcher
) -> Judged:
    """Judge the best plan of a search on ``seeds`` that it never saw."""
    best = searched.best
    stated_point = {knob.lever.name: knob.stated for knob in question.knobs}
    front = _some(front_of(searched.trials))
    moved = [knob for knob in question.knobs if best.point[knob.lever.name] != knob.stated]
    backs = [best.point | {knob.lever.name: knob.stated} for knob in moved]
    points = [stated_point, best.point, *backs, *(one.point for one in front)]
    found = [resolved_at(question, point)[0] for point in points]
    watcher.begin(f"judging on {len(seeds)} fresh seeds", len(points) + len(DELAYS_H))
    answers: list[Figures] = []
    for scenario in found:
        answers.append(evaluator.each([scenario], seeds)[0] if scenario is not None else ())
        watcher.advance(len(answers))
    stated, winner, put_back, on_front = answers[0], answers[1], answers[2 : 2 + len(backs)], answers[2 + len(backs) :]
    winning = found[1]
    assert winning is not None  # it was simulated in the search
    return Judged(
        stated=_ranges(question, stated),
        found=_ranges(question, winner),
        difference=_differences(question, stated, winner),
        searched=best.harm,
        worths=tuple(
            Worth(
                knob.lever.name,
                told(knob.choices[knob.stated].value),
                told(knob.choices[best.point[knob.lever.name]].value),
                _paired(question, winner, figures, HARM),
            )
            for knob, figures in zip(moved, put_back, strict=True)
            if figures  # a lever that can only be moved with another has no worth of its own
        ),
        front=tuple(_front(question, one, figures) for one, figures in zip(front, on_front, strict=True)),
        delays=tuple(_delays(question, winning, winner, seeds, evaluator)),
        figures={name: _range([row[name] for row in winner]) for name in _told_beside(winner)},
        highest={name: finite(max(row[name] for row in winner)) for name in _told_beside(winner)},
    )


def _told_beside(rows: Figures) -> list[str]:
    harmful = {one.name for one in COMPONENTS}
    return [name for name in rows[0] if name not in harmful]


def _some(front: Sequence[Trial]) -> Sequence[Trial]:
    """Return the front's plans, or as many of them as are judged, evenly from end to end."""
    if len(front) <= FRONT_MAX:
        return front
    return [front[round(place * (len(front) - 1) / (FRONT_MAX - 1))] for place in range(FRONT_MAX)]


def _front(question: Question, trial: Trial, figures: Figures) -> Front:
    changes = {
        knob.lever.name: told(knob.choices[trial.point[knob.lever.name]].value)
        for knob in question.knobs
        if trial.point[knob.lever.name] != knob.stated
    }
    against = question.aim.against
    return Front(
        trial.number, changes, trial.harm, trial.against,
        _range(_values(question, figures, HARM)), _range(_values(question, figures, against)),
    )  # fmt: skip


def _delays(
    question: Question, scenario: Scenario, winner: Figures, seeds: Sequence[int], evaluator: Evaluator
) -> list[Delay]:
    """Return what delays cost that end before the horizon does."""
    found: list[Delay] = []
    for hours in DELAYS_H:
        delay_us = shrink_us(hours * US_PER_HOUR, scenario.scale.time)
        if not fits(scenario, delay_us):
            break
        late = evaluator.each([scenario], seeds, delay_us=delay_us)[0]
        cost = [_paired(question, winner, late, name) for name in (HARM, "patients", "yuan_days", "self_pay_fen")]
        found.append(Delay(hours, *cost))
    return found


def _values(question: Question, rows: Figures, name: str) -> list[float]:
    return [harm(row, question.aim.weights) if name == HARM else row[name] for row in rows]


def _ranges(question: Question, rows: Figures) -> dict[str, Range]:
    return {name: _range(_values(question, rows, name)) for name in _names()}


def _names() -> list[str]:
    return [HARM, *(one.name for one in COMPONENTS)]


def _differences(question: Question, first: Figures, second: Figures) -> dict[str, Range]:
    return {name: _paired(question, first, second, name) for name in _names()}


def _paired(question: Question, first: Figures, second: Figures, name: str) -> Range:
    values = _values(question, first, name), _values(question, second, name)
    if not all(map(math.isfinite, [*values[0], *values[1]])):
        return Range(None)
    return _shown(paired_difference(*values))


def _range(values: Sequence[float]) -> Range:
    return _shown(t_interval(values)) if all(map(math.isfinite, values)) else Range(None)


def _shown(interval: Interval) -> Range:
    return Range(interval.value, finite(interval.low), finite(interval.high))
