"""Gates: held against one run, or against replications with a t-interval; pass, fail, inconclusive or invalid.

One run gives one number, and the gate compares it and says that it has no interval. With replications the whole
interval must keep the gate to pass and break it to fail; between them the verdict is *inconclusive*. What is counted
exactly (lost, doubled, breaches) allows no interval: one replication that breaks such a gate fails it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from lab.analysis.statistics import REPLICATIONS_MIN, Interval, positive_interval, share_interval
from lab.runs.file import GateResult
from scenarios.schema.gates import Gate, Unit, measure_named

Verdict = Literal["pass", "fail", "inconclusive", "invalid"]
Overall = Literal["pass", "fail", "inconclusive", "invalid", "none"]
Lookup = Callable[[str, str], float | None]
"""The value of (measure, statistic) in one replication."""

EXACT = ("visits.lost", "visits.doubled", "checker.breaches", "cutover.lost", "cutover.doubled")
_NO_INTERVAL = "one run has no interval; --reps 5 gives one"
_NOTHING = "the run has nothing to measure this by"


def judge(gate: Gate, replications: Sequence[Lookup], *, valid: bool = True) -> GateResult:
    """Return the verdict on one gate over one run or several replications."""
    found = [lookup(gate.measure, gate.statistic) for lookup in replications]
    values = [value for value in found if value is not None]
    if not values or len(values) < len(found):
        return _result(gate, "inconclusive", None, note=_NOTHING)
    interval = _interval(gate, values)
    verdict: Verdict = "invalid" if not valid and gate.measure not in EXACT else _verdict(gate, values, interval)
    alone = len(values) < REPLICATIONS_MIN and gate.measure not in EXACT
    return _result(gate, verdict, interval, note=_NO_INTERVAL if alone else "")


def judge_all(gates: Iterable[Gate], replications: Sequence[Lookup], *, valid: bool = True) -> tuple[GateResult, ...]:
    """Return the verdict on every gate, in the order of the scenario."""
    return tuple(judge(gate, replications, valid=valid) for gate in gates)


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
    if gate.measure in EXACT or gate.comparison in ("==", "!="):
        return "pass" if all(gate.holds(value) for value in values) else "fail"
    if interval.low is None or interval.high is None:
        return "pass" if gate.holds(interval.value) else "fail"
    held = {gate.holds(interval.low), gate.holds(interval.high)}
    return "inconclusive" if len(held) > 1 else "pass" if held == {True} else "fail"


def _result(gate: Gate, verdict: Verdict, interval: Interval | None, *, note: str = "") -> GateResult:
    unit = measure_named(gate.measure).unit
    value = interval.value if interval is not None and math.isfinite(interval.value) else None
    if interval is not None and value is None:
        note = "never, within the run"
    return GateResult(
        measure=gate.measure,
        expression=gate.text,
        verdict=verdict,
        value=value,
        low=interval.low if interval is not None else None,
        high=interval.high if interval is not None else None,
        unit=unit.value,
        note=note,
    )
