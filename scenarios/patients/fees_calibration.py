"""Set the mean bill of each kind of visit so that the default policies pay the mean fund of 2025 Q1.

Run ``python -m scenarios.patients.fees_calibration`` after a change of catalogue, templates, people or policies, and
copy what it prints into ``data/fees.toml``. It pays a person's first visit of the year, on the plan's own patients,
hospitals and bills, with totals spread evenly over their distribution.
Must never be needed to run a scenario: the result is data.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from reference_impl.domain.benefit import Accumulators, settle
from reference_impl.domain.fees import price_lines, total_of
from reference_impl.domain.policies import Case
from scenarios.patients.catalogue import catalogue_of
from scenarios.patients.fees_plan import bill_shape, fee_lines, rules
from scenarios.patients.institutions import INPATIENT, KINDS
from scenarios.patients.policies import policy_of
from scenarios.patients.visits import PlannedVisit, plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

_VOLUME = 0.1
_SAMPLE = 4_000
_CLOSE = 1e-4
_STEPS_MAX = 30


@dataclass(frozen=True, slots=True)
class Sample:
    """Cross-province visits of one kind, in the order their totals are given out."""

    kind: int
    visits: tuple[PlannedVisit, ...]
    batches: int


def sample(kind: int, size: int, *, seed: int = 1, volume: float = _VOLUME) -> Sample:
    """Return ``size`` cross-province visits of the default scenario, at ``volume`` of the nation's."""
    scenario = resolve(Scenario.model_validate({"name": "calibration", "seed": seed, "scale": {"volume": volume}}))
    plan = plan_visits(scenario)
    columns = plan.columns
    rows = ((columns.kind == kind) & ~columns.local).nonzero()[0][:size]
    if len(rows) < size:
        raise ValueError(f"only {len(rows)} {KINDS[kind]} visits at volume {volume}; expected {size}, raise the volume")
    batches = scenario.visits.uploads_per_stay if kind == INPATIENT else 1
    return Sample(kind, tuple(plan.visit(int(row)) for row in rows), batches)


def mean_fund_fen(drawn: Sample, mean_total_fen: float) -> float:
    """Return what the funds pay on average when bills of this kind have this mean."""
    shape = bill_shape(drawn.kind).scaled(mean_total_fen)
    size = len(drawn.visits)
    # A stride prime to the size gives every visit its own slice of the distribution, whoever it is.
    stride = next(step for step in range(int(size * 0.618) + 1, size + 1) if math.gcd(step, size) == 1)
    totals = (int(shape.at((row * stride % size + 0.5) / size)) for row in range(size))
    return sum(_fund_fen(drawn, visit, total) for visit, total in zip(drawn.visits, totals, strict=True)) / size


def _fund_fen(drawn: Sample, visit: PlannedVisit, total_fen: int) -> int:
    lines = [
        line
        for batch in range(drawn.batches)
        for line in fee_lines(
            drawn.kind,
            visit.template,
            total_fen,
            batch=batch,
            batches=drawn.batches,
            lines=visit.lines_per_upload,
        )
    ]
    fees = total_of(price_lines(catalogue_of(visit.hospital.province), lines))
    case = Case(visit.kind, visit.hospital.level, visit.person_type, visit.temporary)
    return settle(policy_of(visit.insured_region), case, fees, Accumulators(), 1)[0].fund_fen


def calibrated_mean_fen(kind: int) -> int:
    """Return the mean total whose mean fund is the target, by the secant through the last two guesses."""
    drawn = sample(kind, _SAMPLE)
    target = float(rules()["target_fund_fen"][KINDS[kind]])
    low, high = target, target * 3.0
    low_fund, high_fund = mean_fund_fen(drawn, low), mean_fund_fen(drawn, high)
    for _ in range(_STEPS_MAX):
        if abs(high_fund / target - 1.0) < _CLOSE:
            return round(high)
        guess = high + (target - high_fund) * (high - low) / (high_fund - low_fund)
        low, low_fund = high, high_fund
        high, high_fund = guess, mean_fund_fen(drawn, guess)
    raise ArithmeticError(f"no mean total found for {KINDS[kind]} in {_STEPS_MAX} steps; last {high:.0f} fen")


if __name__ == "__main__":
    sys.stdout.write("[mean_total_fen]\n")
    for number, name in enumerate(KINDS):
        sys.stdout.write(f"{name} = {calibrated_mean_fen(number)}\n")
