"""What a planned stop harms: six figures of one replication, and one number made of them by weights.

Figures of people and money are those of the scenario's whole volume: a run on a tenth of the visits counts each ten
times. The weights are the user's; the defaults are ASSUMED, and every run book says which were used.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import yaml

from lab.analysis.stops import went
from reference_impl.domain.failures import InputError
from reference_impl.domain.unreadable import NO_YAML_VALUE
from scenarios.record.fates import PAPER_FATES
from scenarios.schema.course import Course, courses_of

if TYPE_CHECKING:
    from lab.worlds.conclude import Answer

__all__ = ["COMPONENTS", "FIGURES", "Component", "Measured", "figures_of", "harm", "weights_of"]

US_PER_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One replication, as the figures of harm are read from it; times are of the run's clock."""

    answer: Answer
    courses: tuple[Course, ...]
    flat: Mapping[str, float | None]

    def hours(self, run_us: float) -> float:
        """Return a time of the run's clock in hours of people time."""
        return run_us * self.answer.scenario.scale.time / US_PER_HOUR

    def measure(self, name: str) -> float:
        """Return a measure; infinite for what never ended, 0 for what was not there."""
        value = self.flat.get(name, 0.0)
        return math.inf if value is None else float(value)


@dataclass(frozen=True, slots=True)
class Component:
    """One figure of harm."""

    name: str
    title: str
    unit: str
    weight: float
    """Points for each unit, by default. ASSUMED."""
    of: Callable[[Measured], float]
    by_volume: bool = True
    """Whether it grows with the visits that are simulated."""


def _patients(run: Measured) -> float:
    met = run.answer.record.turned_away.select("visit").unique()
    return float(run.answer.record.visits.join(met, on="visit", how="semi")["person"].n_unique())


def _desk_hours(run: Measured) -> float:
    return run.hours(float(cast("int", run.answer.record.visits["desk_wait_us"].sum())))


def _paper(run: Measured) -> float:
    fates = run.answer.record.visits["fate"]
    return float(cast("int", fates.is_in([fate.value for fate in PAPER_FATES]).sum()))


def _closed_hours(run: Measured) -> float:
    events = run.answer.record.events
    return sum(run.hours(went(events, course).full_us - course.plan.early_at) for course in run.courses)


def _overran(run: Measured) -> float:
    return float(any(course.overrun_us or course.rolled_back for course in run.courses))


COMPONENTS: tuple[Component, ...] = (
    Component("patients", "people put off or turned away", "people", 1.0, _patients),
    Component(
        "yuan_days",
        "advances because of the stop",
        "yuan-days",
        1e-5,
        lambda run: run.measure("cutover.advance_days"),
    ),
    Component("desk_hours", "waiting at desks, over the whole run", "hours", 0.5, _desk_hours),
    Component("paper_claims", "claims by paper", "claims", 2.0, _paper),
    Component(
        "closed_hours",
        "hours in which not everybody is let in, over all plans",
        "hours",
        0.5,
        _closed_hours,
        by_volume=False,
    ),
    Component("overrun", "risk to open later than told, or to be given up", "of 1", 50.0, _overran, by_volume=False),
)
FIGURES: Mapping[str, tuple[str, bool]] = {
    "inflight": ("cutover.inflight", True),
    "leftover": ("cutover.leftover", True),
    "backlog": ("cutover.backlog_reopening", True),
    "arrival_peak": ("cutover.arrival_peak", False),
    "drain_t95_us": ("cutover.drain_t95", False),
    "self_pay_fen": ("cutover.self_pay_fen", True),
    "lost": ("cutover.lost", False),
    "doubled": ("cutover.doubled", False),
    "breaches": ("checker.breaches", False),
}
"""What a run book tells beside the harm: the measure, and whether it grows with the visits."""


def figures_of(answer: Answer) -> dict[str, float]:
    """Return the figures of harm of one replication, and what a run book tells beside them."""
    scenario = answer.scenario
    run = Measured(answer, courses_of(scenario), answer.measures.flat())
    whole = 1 / scenario.scale.volume
    found = {one.name: one.of(run) * (whole if one.by_volume else 1.0) for one in COMPONENTS}
    for name, (measure, by_volume) in FIGURES.items():
        found[name] = run.measure(measure) * (whole if by_volume else 1.0)
    return found


def harm(figures: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the harm in points.

    >>> harm({"patients": 3.0, "closed_hours": 2.0}, {"patients": 1.0, "closed_hours": 0.5})
    4.0
    """
    return math.fsum(weight * figures[name] for name, weight in weights.items() if weight)


def weights_of(file: Path | None, given: Sequence[str]) -> dict[str, float]:
    """Return the weights: the defaults, changed by a YAML file of them, and by ``NAME=WEIGHT``.

    Raises:
        InputError: when one is unknown, no number or negative, or when all are zero.

    """
    weights = {one.name: one.weight for one in COMPONENTS}
    for name, value in [*_in_file(file), *(_one(text) for text in given)]:
        if name not in weights:
            near = difflib.get_close_matches(name, weights, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"unknown weight: got {name!r}; expected one of {', '.join(weights)}{hint}")
        weights[name] = _number(name, value)
    if not any(weights.values()):
        raise InputError("weights: got 0 for all; expected at least one above 0, or no plan is better than another")
    return weights


def _one(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"weight not understood: got {text!r}; expected NAME=NUMBER, such as patients=2")
    return name, value


def _in_file(file: Path | None) -> list[tuple[str, Any]]:
    if file is None:
        return []
    expected = "a YAML mapping of weights, such as 'patients: 2'"
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, *NO_YAML_VALUE) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"cannot read weights {file}: {reason}; expected {expected}") from error
    if not isinstance(read, dict):
        raise InputError(f"weights {file}: got {type(read).__name__}; expected {expected}")
    return [(str(name), value) for name, value in cast("dict[Any, Any]", read).items()]


def _number(name: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"weight {name}: got {value!r}; expected a number, 0 or more; 0 leaves it out")
    return number
