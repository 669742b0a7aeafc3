"""Measures: from a record and the checker's findings to named figures.

Everything here looks at cross-province visits that arrived after the warm-up; the checker's counts alone look at the
whole run. Durations stay in microseconds; people time (desks, parking, stops) is stretched back by ``scale.time``.
A measure that has nothing to look at is absent, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lab.analysis import (
    abnormal,
    audit,
    benefits,
    claims,
    closing,
    every_run,
    filing,
    go_no_go,
    identity,
    master_data,
    mid_stays,
    nation,
    network,
    orders,
    overload,
    policies,
    prefund,
    relay_times,
    renumbering,
    service,
    sessions,
    trust,
    workload,
)
from lab.analysis import cutover as cutovers
from lab.analysis.percentiles import PERCENTILES
from lab.analysis.scope import Scope, narrowed, scope_of
from lab.analysis.statistics import Floats, percentile
from scenarios.schema.course import courses_of
from scenarios.schema.measures import STATISTICS, parted

if TYPE_CHECKING:
    import polars as pl

    from lab.analysis.audit import Audited
    from lab.checker import Findings
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario


@dataclass(frozen=True, slots=True)
class Measures:
    """Named figures of one replication: plain numbers, and samples of which percentiles can be asked."""

    scalars: dict[str, float]
    samples: dict[str, Floats]

    def value(self, name: str, statistic: str = "") -> float | None:
        """Return a figure, or None when this run has none of that name."""
        if not statistic:
            return self.scalars.get(name)
        sample = self.samples.get(name)
        return statistic_of(sample, statistic) if sample is not None and sample.size else None

    def flat(self) -> dict[str, float | None]:
        """Return every figure by name, each sample as percentiles, mean and extremes; what never ends is None.

        A name that is absent had nothing to measure: :func:`looked_up` keeps the two apart.
        """
        table = dict(self.scalars)
        for name, sample in self.samples.items():
            table |= {f"{name}.{s}": statistic_of(sample, s) for s in STATISTICS}
        return {name: value if math.isfinite(value) else None for name, value in sorted(table.items())}

    def counts(self) -> dict[str, int]:
        """Return how many values each sample has: what its percentiles can be asked of."""
        return {name: sample.size for name, sample in sorted(self.samples.items())}


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What people made of a run after it, worked out once: its paper claims and its audit; None where it has none."""

    claims: pl.DataFrame | None
    audited: Audited | None


def afterwards_of(record: Record, scenario: Scenario) -> Afterwards:
    """Return what claims offices and auditors made of a run."""
    worked = claims.claims_of(record, scenario)
    return Afterwards(worked, audit.audit_of(record, scenario, claims=worked))


def looked_up(flat: Mapping[str, float | None], name: str, statistic: str = "") -> float | None:
    """Return a figure of :meth:`Measures.flat`: None when there is none, infinity for what never ended.

    >>> looked_up({"cutover.drain": None}, "cutover.drain"), looked_up({}, "direct_rate")
    (inf, None)
    """
    key = f"{name}.{statistic}" if statistic else name
    if key not in flat:
        return None
    value = flat[key]
    return math.inf if value is None else value


def statistic_of(sample: Floats, statistic: str) -> float:
    """Return one statistic of a sample that is not empty.

    >>> statistic_of(np.array([1.0, 2.0, 3.0]), "p50")
    2.0
    """
    if statistic in PERCENTILES:
        return percentile(sample, PERCENTILES[statistic])
    return float({"mean": np.mean, "min": np.min, "max": np.max}[statistic](sample))


def measure(
    record: Record, scenario: Scenario, findings: Findings | None = None, *, afterwards: Afterwards | None = None
) -> Measures:
    """Return every measure that this record can give; ``afterwards`` is what people made of it, where known."""
    scope = scope_of(record, scenario)
    later = afterwards or afterwards_of(record, scenario)
    record = claims.with_claims(record, later.claims)
    scalars = {name: float(value) for name, value in every_run.figures(scope)}
    if findings is not None:
        scalars |= _found(findings)
    if scenario.filing is not None:
        scalars |= {name: float(value) for name, value in filing.measure(scope.visits, scope.messages)}
    stale = master_data.measure(scope.visits, scope.messages, scenario)
    scalars |= {name: float(value) for name, value in stale}
    if scenario.benefits is not None:
        scalars |= {name: float(value) for name, value in benefits.measure(scope.messages)}
    scalars |= {name: float(value) for name, value in network.measure(record, scenario)}
    scalars |= {name: float(value) for name, value in identity.measure(record, scenario)}
    scalars |= prefund.measure(scope.visits, scenario)
    if scenario.cutover:
        one_sided: frozenset[int] = findings.one_sided_visits if findings is not None else frozenset()
        doubled: frozenset[str] = findings.doubled_visits if findings is not None else frozenset()
        scalars |= cutovers.measure(record, courses_of(scenario), scenario.scale.time, lost=one_sided, doubled=doubled)
        scalars |= {name: float(value) for name, value in renumbering.measure(record, courses_of(scenario))}
        scalars |= {name: float(value) for name, value in go_no_go.figures(record, courses_of(scenario), scenario)}
        held = cutovers.every_held(record, courses_of(scenario))
        scalars |= service.measure(record, held, scenario)
        paid = [(one.course.plan, one.paid) for one in held]
        scalars |= {name: float(value) for name, value in policies.late_figures(paid, scenario.seed)}
    scalars |= {name: float(value) for name, value in abnormal.figures(record, scenario, findings)}
    scalars |= {name: float(value) for name, value in claims.figures(later.claims, scenario.paper_claims)}
    scalars |= {name: float(value) for name, value in audit.figures(later.audited, scenario)}
    scalars |= dict(closing.measure(record))
    scalars |= sessions.figures(record, scenario)
    scalars |= overload.figures(record, scenario)
    scalars |= trust.figures(record, scenario)
    scalars |= dict(workload.figures(scope, scenario))
    scalars |= {name: float(value) for name, value in nation.figures(scope.visits, scenario)}
    scalars |= dict(relay_times.figures(scope.visits, scenario.topology.relays()))
    scalars |= {name: float(value) for name, value in mid_stays.figures(record, scenario)}
    scalars |= {name: float(value) for name, value in orders.figures(record, scenario)}
    for name in scenario.gates:
        scalars |= _share_of_a_part(scope, name)
    return Measures(scalars, every_sample(record, scenario, scope, later))


def every_sample(record: Record, scenario: Scenario, scope: Scope, later: Afterwards) -> dict[str, Floats]:
    """Return the values that each distribution has, those of planned stops too; ``scope`` is the record's."""
    samples = samples_of(scope, scenario)
    if scenario.cutover:
        courses = courses_of(scenario)
        waits = (
            *cutovers.samples(record, courses, scenario.scale.time),
            *service.samples(record, cutovers.every_held(record, courses), scenario),
        )
        samples |= {name: sample for name, sample in waits if sample.size}
    beside = (
        *abnormal.samples(record, scenario),
        *claims.samples(later.claims),
        *audit.samples(later.audited),
        *relay_times.samples(scope.visits, scope.messages, scenario.topology.relays()),
        *orders.samples(record, scenario),
    )
    return samples | {name: sample for name, sample in beside if sample.size}


def samples_of(scope: Scope, scenario: Scenario) -> dict[str, Floats]:
    """Return the values that each distribution has, by the measure's name; a distribution without values is absent."""
    every = (*every_run.samples(scope), *nation.samples(scope.visits, scenario), *workload.samples(scope, scenario))
    samples = {name: sample for name, sample in every if sample.size}
    for name in scenario.gates:
        samples |= _sample_of_a_part(scope, name)
    return samples


def _share_of_a_part(scope: Scope, name: str) -> dict[str, float]:
    """Return the share that a gate asks of some of the visits only, under the gate's own name; else nothing."""
    whole, part = parted(name)
    value = None if part is None else dict(every_run.by_fate(narrowed(scope, part))).get(whole)
    return {} if value is None else {name: value}


def _sample_of_a_part(scope: Scope, name: str) -> dict[str, Floats]:
    """Return the sample that a gate asks of some of the visits only, under the gate's own name; else nothing."""
    whole, part = parted(name)
    sample = None if part is None else dict(every_run.visit_samples(narrowed(scope, part))).get(whole)
    return {name: sample} if sample is not None and sample.size else {}


def _found(findings: Findings) -> dict[str, float]:
    return {
        "visits.lost": findings.lost,
        "visits.doubled": findings.doubled,
        "checker.breaches": sum(findings.laws.values()),
    }
