"""Measures: from a record and the checker's findings to named figures.

Everything here looks at cross-province visits that arrived after the warm-up; the checker's counts alone look at the
whole run. Durations stay in microseconds; people time (desks, parking, stops) is stretched back by ``scale.time``.
A measure that has nothing to look at is absent, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lab.analysis import (
    abnormal,
    audit,
    benefits,
    claims,
    closing,
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
)
from lab.analysis import cutover as cutovers
from lab.analysis.percentiles import PERCENTILES
from lab.analysis.statistics import Floats, percentile
from reference_impl.domain.transactions import LEAVING
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, SERVED, Fate
from scenarios.record.outcomes import HELD_BACK
from scenarios.schema.course import courses_of
from scenarios.schema.measures import STATISTICS, Part, parted

if TYPE_CHECKING:
    from lab.analysis.audit import Audited
    from lab.checker import Findings
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

US_PER_S = 1_000_000
FEN_PER_YUAN = 100
NEVER = math.inf
"""The latency of whoever still waited when the run ended."""
OPEN_CONTACT = "open"
KINDS = ("outpatient", "pharmacy", "inpatient")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the measures of one replication look at.

    ``visits`` and ``messages`` are those of who arrived after the warm-up: they are judged. ``everyone`` and
    ``traffic`` hold those before as well: rates count what happens in the window, whoever came when. ``traffic`` is
    only when each message was sent.
    """

    visits: pl.DataFrame
    messages: pl.DataFrame
    contacts: pl.DataFrame
    everyone: pl.DataFrame
    traffic: pl.DataFrame
    stations: pl.DataFrame
    generator: pl.DataFrame
    time_scale: float
    window_us: int
    warm_up_us: int


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


def scope_of(record: Record, scenario: Scenario) -> Scope:
    """Cut a record down to the cross-province visits that arrived after the warm-up, and to their messages."""
    warm_up_us = scenario.horizon.warm_up
    everyone = _only(record.visits, ~pl.col("local"))
    visits = _only(everyone, pl.col("arrival_us") >= warm_up_us)
    tried = record.messages
    sent = _only(tried, ~pl.col("outcome").is_in(HELD_BACK)) if scenario.clients.hold_back else tried
    return Scope(
        visits=visits,
        messages=_of_visits(sent, visits),
        contacts=record.contacts.join(visits.select("visit", "kind"), on="visit", maintain_order="left"),
        everyone=everyone,
        traffic=_of_visits(sent.select("visit", "sent_us"), everyone).select("sent_us"),
        stations=record.stations.filter(pl.col("at_us") >= warm_up_us),
        generator=record.generator,
        time_scale=scenario.scale.time,
        window_us=max(1, scenario.horizon.length - warm_up_us),
        warm_up_us=warm_up_us,
    )


def _only(frame: pl.DataFrame, wanted: pl.Expr) -> pl.DataFrame:
    """Return the rows that are ``wanted``; the frame itself, not a copy, where that is all of them."""
    mask = frame.select(wanted).to_series()
    return frame if mask.all() else frame.filter(mask)


def _of_visits(rows: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of these visits; the frame itself, not a copy, where that is all of them."""
    return _only(rows, pl.col("visit").is_in(visits["visit"].implode()))


def measure(
    record: Record, scenario: Scenario, findings: Findings | None = None, *, afterwards: Afterwards | None = None
) -> Measures:
    """Return every measure that this record can give; ``afterwards`` is what people made of it, where known."""
    scope = scope_of(record, scenario)
    later = afterwards or afterwards_of(record, scenario)
    record = claims.with_claims(record, later.claims)
    scalars = {name: float(value) for part in _PARTS for name, value in part(scope)}
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
    every = (*_samples(scope), *nation.samples(scope.visits, scenario))
    samples = {name: sample for name, sample in every if sample.size}
    for name in scenario.gates:
        samples |= _sample_of_a_part(scope, name)
    return samples


def narrowed(scope: Scope, part: Part) -> Scope:
    """Return the scope of the visits of one province or city, or of everybody but those."""
    here = pl.col(f"{part.side}_region").str.starts_with(part.place)
    visits = scope.visits.filter(~here if part.but else here)
    kept = visits.select("visit")
    return replace(
        scope,
        visits=visits,
        messages=scope.messages.join(kept, on="visit", how="semi"),
        contacts=scope.contacts.join(kept, on="visit", how="semi"),
    )


def _share_of_a_part(scope: Scope, name: str) -> dict[str, float]:
    """Return the share that a gate asks of some of the visits only, under the gate's own name; else nothing."""
    whole, part = parted(name)
    value = None if part is None else dict(_fates(narrowed(scope, part))).get(whole)
    return {} if value is None else {name: value}


def _sample_of_a_part(scope: Scope, name: str) -> dict[str, Floats]:
    """Return the sample that a gate asks of some of the visits only, under the gate's own name; else nothing."""
    whole, part = parted(name)
    sample = None if part is None else dict(_visit_samples(narrowed(scope, part))).get(whole)
    return {name: sample} if sample is not None and sample.size else {}


def _found(findings: Findings) -> dict[str, float]:
    return {
        "visits.lost": findings.lost,
        "visits.doubled": findings.doubled,
        "checker.breaches": sum(findings.laws.values()),
    }


def _samples(scope: Scope) -> Iterator[tuple[str, Floats]]:
    yield from _visit_samples(scope)
    visits, attempts = scope.visits, answered(scope.messages)
    yield "message.latency", _array(attempts["latency_us"])
    for code in sorted(attempts["code"].unique()):
        yield f"message.latency.{code}", _array(attempts.filter(pl.col("code") == code)["latency_us"])
    came = visits.filter(pl.col("started_us").is_not_null() | (pl.col("desk_wait_us") > 0))
    yield "desk.wait", _array(came["desk_wait_us"]) * scope.time_scale


def _visit_samples(scope: Scope) -> Iterator[tuple[str, Floats]]:
    contacts, settling = served(scope.contacts), settled(scope.visits)
    yield "contact.latency", _array(contacts["latency_us"])
    yield "settlement.latency", _array(settling["latency_us"])
    for kind in KINDS:
        yield f"contact.latency.{kind}", _array(contacts.filter(pl.col("kind") == kind)["latency_us"])
        yield f"settlement.latency.{kind}", _array(settling.filter(pl.col("kind") == kind)["latency_us"])
    yield "visit.time", _array(_visit_times_us(scope))


def served(contacts: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts that ended in an answer, with their ``latency_us``; infinite where the run ended first.

    A closed door and a refusal to serve are quick, and no answer: they would flatter. ``direct_first_try`` and
    ``visit.time`` show what they cost. Whoever still waited at the end of the run would flatter too if left out.
    """
    asked = contacts.filter(pl.col("outcome").is_in((*SERVED, OPEN_CONTACT)))
    latency_us = (pl.col("done_us") - pl.col("intended_us")).cast(pl.Float64)
    return asked.with_columns(latency_us=pl.when(pl.col("outcome") == OPEN_CONTACT).then(NEVER).otherwise(latency_us))


def settled(visits: pl.DataFrame) -> pl.DataFrame:
    """Return visits with their ``latency_us``, infinite where the run ended before their answer."""
    waiting = (
        (pl.col("fate") == Fate.OPEN_AT_END.value)
        & pl.col("settle_sent_us").is_not_null()
        & pl.col("settle_done_us").is_null()
    )
    return visits.with_columns(latency_us=pl.when(waiting).then(NEVER).otherwise(pl.col("latency_us").cast(pl.Float64)))


def _visit_times_us(scope: Scope) -> pl.Series:
    """Return the whole time of each visit: people time stretched back, machine time as it is.

    Infinite for a visit that the end of the run cut off; a stay has none, for its days are its own.
    """
    machine = scope.contacts.group_by("visit").agg(machine_us=(pl.col("done_us") - pl.col("intended_us")).sum())
    came = scope.visits.filter(pl.col("kind") != "inpatient")
    timed = came.join(machine, on="visit", how="left", maintain_order="left")
    machine_us = pl.col("machine_us").fill_null(0)
    whole_us = (pl.col("ended_us") - pl.col("arrival_us") - machine_us) * scope.time_scale + machine_us
    cut_off = pl.col("fate") == Fate.OPEN_AT_END.value
    return timed.select(whole_us=pl.when(cut_off).then(NEVER).otherwise(whole_us.cast(pl.Float64)))["whole_us"]


def answered(messages: pl.DataFrame) -> pl.DataFrame:
    """Return ``code`` and ``latency_us`` of the attempts that got a verdict."""
    verdicts = messages.lazy().filter(pl.col("outcome").is_in(["ok", "refused"]))
    return verdicts.select("code", latency_us=pl.col("done_us") - pl.col("sent_us")).collect()


def fate_counts(visits: pl.DataFrame) -> dict[str, int]:
    """Return how many visits had each fate, in the order of the list; they add up to all."""
    counts = dict(visits.group_by("fate").len().iter_rows())
    return {fate.value: counts.get(fate.value, 0) for fate in Fate}


def open_stays(scope: Scope) -> pl.DataFrame:
    """Return the stays that were still going on at the end: nobody has asked to settle them yet.

    A stay of days outlasts a horizon of hours, so counting it as "not direct" would measure the horizon.
    """
    lying = scope.visits.filter(
        (pl.col("kind") == "inpatient")
        & (pl.col("fate") == Fate.OPEN_AT_END.value)
        & pl.col("settle_sent_us").is_null()
        & (pl.col("parked_us") == 0)
    )
    leaving = scope.messages.filter(pl.col("code").is_in(LEAVING)).select("visit")
    return lying.join(leaving, on="visit", how="anti")


def _fates(scope: Scope) -> Iterator[tuple[str, float]]:
    counts = fate_counts(scope.visits)
    total = scope.visits.height
    yield "visits.total", total
    for fate, count in counts.items():
        yield f"visits.{fate}", count
    not_refused = total - counts[Fate.REFUSED] - open_stays(scope).height
    if not_refused:
        yield "direct_rate", sum(counts[f] for f in DIRECT_FATES) / not_refused
        yield "direct_first_try", counts[Fate.DIRECT] / not_refused
        yield "paper_rate", sum(counts[f] for f in PAPER_FATES) / not_refused


def wanting(visits: pl.DataFrame) -> pl.DataFrame:
    """Add ``wanted_us``, when a visit first wanted to settle: its arrival, or for a stay the way to its settlement."""
    discharge = pl.coalesce("settle_sent_us", "ended_us") - pl.col("parked_us")
    wanted = pl.when(pl.col("kind") == "inpatient").then(discharge).otherwise(pl.col("arrival_us"))
    return visits.with_columns(wanted_us=wanted)


def _flow(scope: Scope) -> Iterator[tuple[str, float]]:
    window_s = scope.window_us / US_PER_S
    end_us = scope.warm_up_us + scope.window_us

    def in_window(column: str) -> pl.Expr:
        return pl.col(column).is_between(scope.warm_up_us, end_us, closed="left")

    yield "offered.rate", wanting(scope.everyone).filter(in_window("wanted_us")).height / window_s
    yield "settlements.rate", scope.everyone.filter(pl.col("acked") & in_window("settle_done_us")).height / window_s
    yield "messages.rate", scope.traffic.filter(in_window("sent_us")).height / window_s
    if scope.messages.height:
        yield "retry.amplification", scope.messages.height / scope.messages["msgid"].n_unique()


def _burden(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield who bore the bills: patients in advance, or funds at the desk."""
    yield "paper.advance", float(scope.visits["paper_fen"].sum()) / FEN_PER_YUAN
    direct = scope.visits.filter(pl.col("fate").cast(pl.String).is_in(DIRECT_FATES))
    bills_fen = int(direct["total_fen"].sum())
    yield "direct.bills", bills_fen / FEN_PER_YUAN
    if bills_fen:
        yield "direct.fund_share", int(direct["fund_fen"].sum()) / bills_fen


def _bottleneck(scope: Scope) -> Iterator[tuple[str, float]]:
    serving = station_use(scope).filter(pl.col("station") != "desk")
    if serving.height:
        yield "bottleneck.utilisation", serving["utilisation"][0]


def _generator(scope: Scope) -> Iterator[tuple[str, float]]:
    if scope.generator.height:
        yield "generator.cpu", float(scope.generator.select(pl.col("cpu_share").max()).item())
        yield "generator.lag", float(scope.generator.select(pl.col("lag_p99_us").max()).item() or 0)
        yield "generator.dropped", float(scope.generator.select(pl.col("dropped").sum()).item())


_PARTS: tuple[Callable[[Scope], Iterator[tuple[str, float]]], ...] = (_fates, _flow, _burden, _bottleneck, _generator)


def station_use(scope: Scope) -> pl.DataFrame:
    """Return mean use, mean and longest queue of every station, the busiest first: the first row is the bottleneck.

    Means are over the window in which patients come: how long a world then watches empty stations says nothing. Of a
    window shorter than a sample, they are over all samples.
    """
    came = pl.col("at_us") <= scope.warm_up_us + scope.window_us
    window = came | ~came.any()
    use = scope.stations.group_by("node", "station").agg(
        utilisation=pl.col("utilisation").filter(window).mean(),
        utilisation_peak=pl.col("utilisation").max(),
        queue=pl.col("queue").filter(window).mean(),
        queue_peak=pl.col("queue").max(),
        refused=pl.col("refused").sum(),
    )
    return use.sort(["utilisation", "node", "station"], descending=[True, False, False])


def _array(column: pl.Series) -> Floats:
    return column.drop_nulls().to_numpy().astype(np.float64)
