"""Gates: held against one run, or against replications with an interval; pass, fail, inconclusive or invalid.

One run gives one number, and the gate compares it and says that it has no interval. With replications the whole
interval must keep the gate to pass and break it to fail; between them the verdict is *inconclusive*. So it is for a
percentile of too few values, and the note says how many it takes. What is counted exactly (lost, doubled, breaches)
allows no interval: one replication that breaks such a gate fails it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lab.analysis.percentiles import BEYOND_MIN, PERCENTILES, values_needed
from lab.analysis.replicated import Replicated
from lab.analysis.statistics import REPLICATIONS_MIN, Interval, finite, positive_interval, share_interval
from lab.runs.file import NOT_SEEN, GateResult
from scenarios.schema.arrivals import Closed
from scenarios.schema.gates import Gate, measure_named
from scenarios.schema.measures import Unit, planned
from scenarios.units import format_duration

if TYPE_CHECKING:
    from scenarios.schema import Scenario

Verdict = Literal["pass", "fail", "inconclusive", "invalid"]
Overall = Literal["pass", "fail", "inconclusive", "invalid", "none"]

EXACT = ("visits.lost", "visits.doubled", "checker.breaches", "cutover.lost", "cutover.doubled")
NEED_BOOKS = ("visits.lost", "visits.doubled", "checker.breaches")
"""What every run has that has books: not seen without, and never 0."""
_OF_BOOKS = ("filing.", "stale.unnoticed", "benefits.", "prefund.", "care_types.", "prescriptions.")
"""... and what some have; or what hospitals could see of it is not measured in their place."""
_NO_INTERVAL = "one run has no interval"
_REPEAT = "; --reps 5 gives one"
_NOTHING = "the run has nothing to measure this by"
_NOT_WHOLE = "a worker was lost, and what its visits would have shown with it"
_OPEN = "no value is high enough to bound this from above; more replications would (--reps)"
_MINUTE_US = 60_000_000
_SPARE = 3.0
"""How many standard deviations of a count of arrivals are asked for above what it takes."""


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run was asked to be, in microseconds of people time, as a scenario file says it.

    ``drawn`` says whether visits are drawn at a rate: a longer run has no more of those that are listed one by one.
    """

    horizon_us: float
    warm_up_us: float
    drawn: bool = True

    @classmethod
    def of(cls, scenario: Scenario) -> Length:
        """Return the length of a scenario."""
        scale, horizon = scenario.scale.time, scenario.horizon
        return cls(
            horizon.length * scale,
            horizon.warm_up * scale,
            drawn=scenario.visits.open_per_day > 0 or isinstance(scenario.visits.arrivals, Closed),
        )

    def times(self, factor: float) -> int:
        """Return the horizon whose part after the warm-up is ``factor`` as long, in whole minutes above."""
        longer = self.warm_up_us + (self.horizon_us - self.warm_up_us) * factor
        return math.ceil(longer / _MINUTE_US) * _MINUTE_US


def judge(
    gate: Gate, run: Replicated, *, length: Length, valid: bool = True, books: bool = True, whole: bool = True
) -> GateResult:
    """Return the verdict on one gate over one run or several replications; ``books``: whether it has any.

    ``whole`` says whether the record tells of every visit: where it does not, nothing can be shown to hold, and what
    is broken still is.
    """
    if not books and not run.values(gate.measure, gate.statistic) and _needs_books(gate):
        return _result(gate, "inconclusive", None, note=NOT_SEEN)
    if gate.statistic in PERCENTILES:
        return _judge_percentile(gate, run, length, valid=valid, repeats=books)
    values = run.values(gate.measure, gate.statistic)
    if not values:
        return _result(gate, "inconclusive", None, note=_NOTHING)
    interval = _interval(gate, values)
    verdict: Verdict = "invalid" if not valid and not _exact(gate) else _verdict(gate, values, interval)
    if not whole and _exact(gate) and verdict == "pass":
        return _result(gate, "invalid", interval, note=_NOT_WHOLE)
    alone = len(values) < REPLICATIONS_MIN and not _exact(gate)
    return _result(gate, verdict, interval, note=_no_interval(repeats=books) if alone else "")


def _needs_books(gate: Gate) -> bool:
    name = planned(gate.measure)[0]
    return name in EXACT or name.startswith(_OF_BOOKS)


def _exact(gate: Gate) -> bool:
    """Return whether the figure is what the books say, however the run was driven; of a plan of a cutover too."""
    return planned(gate.measure)[0] in EXACT


def _no_interval(*, repeats: bool) -> str:
    """Return the note of a figure of one run; a system that is not ours remembers it, and is not asked again."""
    return _NO_INTERVAL + _REPEAT * repeats


def _judge_percentile(gate: Gate, run: Replicated, length: Length, *, valid: bool, repeats: bool) -> GateResult:
    found = run.percentile(gate.measure, gate.statistic)
    if found is None:
        return _result(gate, "inconclusive", None, note=_NOTHING)
    replications, interval = len(run.figures), found.interval
    if found.count < values_needed(gate.statistic):
        note = _too_few(gate, found.count, replications if repeats else 0, length)
        return _result(gate, "inconclusive" if valid else "invalid", interval, note=note)
    note = (
        _no_interval(repeats=repeats) if replications < REPLICATIONS_MIN else _OPEN if interval.high == math.inf else ""
    )
    return _result(gate, _verdict(gate, [interval.value], interval) if valid else "invalid", interval, note=note)


def _too_few(gate: Gate, count: int, replications: int, length: Length) -> str:
    """Return the note of a percentile of too few values: how many it takes, and what would give them.

    Without ``replications`` none are to be had.
    """
    needed = values_needed(gate.statistic)
    factor = (needed + _SPARE * math.sqrt(needed)) / count
    ways = [f"--reps {math.ceil(replications * factor)}"] if replications else []
    ways += [f"--set horizon.length={format_duration(length.times(factor))}"] if length.drawn else []
    more = f"; about {' or '.join(ways)} would do" if ways else ""
    takes = f"it takes {needed:,}, {BEYOND_MIN} of them beyond it"
    return f"{gate.measure}, {gate.statistic} of {count:,} values: {takes}{more}"


def judge_all(
    gates: Iterable[Gate],
    run: Replicated,
    *,
    length: Length,
    valid: bool = True,
    books: bool = True,
    whole: bool = True,
) -> tuple[GateResult, ...]:
    """Return the verdict on every gate, in the order of the scenario; what is said of the run, as ``judge`` says."""
    return tuple(judge(gate, run, length=length, valid=valid, books=books, whole=whole) for gate in gates)


def overall(results: Iterable[GateResult], *, valid: bool = True) -> Overall:
    """Return the verdict on the run: the worst of its gates; ``none`` when it has no gate and is valid."""
    verdicts = {result.verdict for result in results}
    if "fail" in verdicts:
        return "fail"
    if not valid or "invalid" in verdicts:
        return "invalid"
    if "inconclusive" in verdicts:
        return "inconclusive"
    return "pass" if verdicts else "none"


EXIT_CODES: dict[Overall, int] = {"pass": 0, "none": 0, "inconclusive": 1, "fail": 1, "invalid": 3}
"""Inconclusive counts as not held: a gate that could not be shown to hold must not let a change through."""


def _interval(gate: Gate, values: Sequence[float]) -> Interval:
    if any(math.isinf(value) for value in values):
        return Interval(math.inf)
    return share_interval(values) if measure_named(gate.measure).unit is Unit.SHARE else positive_interval(values)


def _verdict(gate: Gate, values: Sequence[float], interval: Interval) -> Verdict:
    if _exact(gate) or gate.comparison in ("==", "!="):
        return "pass" if all(gate.holds(value) for value in values) else "fail"
    if interval.low is None or interval.high is None:
        return "pass" if gate.holds(interval.value) else "fail"
    held = {gate.holds(interval.low), gate.holds(interval.high)}
    return "inconclusive" if len(held) > 1 else "pass" if held == {True} else "fail"


def _result(gate: Gate, verdict: Verdict, interval: Interval | None, *, note: str = "") -> GateResult:
    unit = measure_named(gate.measure).unit
    value = None if interval is None else finite(interval.value)
    if interval is not None and value is None:
        note = "never, within the run"
    return GateResult(
        measure=gate.measure,
        expression=gate.text,
        verdict=verdict,
        value=value,
        low=None if interval is None else finite(interval.low),
        high=None if interval is None else finite(interval.high),
        unit=unit.value,
        note=note,
    )
