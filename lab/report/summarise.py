"""From a run at rest to the content of its page, and of the page of two: counts and figures, no words.

Pure functions of what the run folder holds. A figure that ``run.json`` has is taken from there: this module must never
compute it again, nor judge anything.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from lab.analysis import cutover as cutovers
from lab.analysis.chances import opened_by
from lab.analysis.compare import Compared, compare, intervals_of
from lab.analysis.every_run import fate_counts, open_stays, station_use
from lab.analysis.measures import looked_up
from lab.analysis.put_in import put_in_us
from lab.analysis.recoveries import recoveries
from lab.analysis.replicated import split_statistic
from lab.analysis.scope import Scope, scope_of
from lab.analysis.statistics import REPLICATIONS_MIN, finite, positive_interval, share_interval
from lab.checker.laws import LAWS, Violation
from lab.report import series
from lab.report.people import OF_PEOPLE, office_days
from lab.report.summary import (
    Asked,
    Checked,
    ComparisonSummary,
    CutoverResult,
    Decided,
    Difference,
    Hops,
    InflightCount,
    Machine,
    Measured,
    Moved,
    OneSided,
    OneSidedList,
    OpenBy,
    PlanResult,
    PredictedMeasure,
    PutIn,
    Result,
    RunSummary,
    Side,
    Snapshot,
    Station,
    StoppedScope,
    Transaction,
    TwoErrors,
)
from lab.runs.file import Replication, RunFile, TargetSaid
from lab.runs.opened import Opened
from lab.worlds.followup import read_breaks
from reference_impl.domain.transactions import SETTLEMENTS
from scenarios.schema.arrivals import Closed
from scenarios.schema.course import courses_of
from scenarios.schema.cutover import LISTED, Phase
from scenarios.schema.go_no_go import Decision
from scenarios.schema.measures import MEASURES, Unit, of_plan, parted, planned
from scenarios.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.analysis.prediction import PredictionErrors
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

HEADLINES = (
    "contact.latency.p95",
    "direct_rate",
    "settlement.latency.p95",
    "settlements.rate",
    "visits.lost",
    "visits.doubled",
)
OUTCOMES = ("ok", "refused", "unsigned", "unknown", "busy", "closed", "overloaded", "unreachable")
DIFFERENCES_LISTED = 30
_OF_DISTRIBUTIONS = tuple(
    f"cutover.{name}.{statistic}"
    for name in ("desk_wait", "settle_wait", "unknown_age")
    for statistic in ("p50", "p95")
)
"""What is shown of a cutover's distributions."""
_PLACES = {name: place for place, name in enumerate(MEASURES)}
"""Where a measure stands in the catalogue: the order in which the story of a stop is told."""


def summarise_run(run: RunFile, opened: Opened | None) -> RunSummary:
    """Return the content of a run's page; ``opened`` is None when no replication of it is whole."""
    return RunSummary(
        name=run.name,
        title=run.title,
        question=run.question,
        world=run.world,
        verdict=run.verdict,
        complete=run.complete,
        notes=run.notes,
        replications=len(run.replications),
        command=repeat_command(run),
        result=_result(opened) if opened is not None else None,
        scenario=run.scenario,
    )


def _result(opened: Opened) -> Result:
    run, scenario, record = opened.run, opened.scenario, opened.record
    scope = scope_of(record, scenario)
    return Result(
        asked=asked(run, scenario),
        headlines=headlines(run),
        gates=run.gates,
        fates=fate_counts(scope.visits),
        open_stays=open_stays(scope).height,
        recoveries=tuple(recoveries(scope, record.events)),
        cutover=_cutover(run, record, scenario) if scenario.cutover else None,
        transactions=_transactions(scope),
        hops=_hops(opened, scope),
        stations=tuple(Station(**row) for row in station_use(scope).iter_rows(named=True)),
        checker=_checked(opened.replication),
        breaks=_one_sided(opened),
        validity=opened.replication.validity,
        people=_people(run),
        office_days=office_days(record, scenario),
    )


def _people(run: RunFile) -> tuple[Measured, ...]:
    shown = [name for name in run.measures if name.startswith(OF_PEOPLE)]
    names = [name for name in shown if name in MEASURES or name.endswith((".p50", ".p95"))]
    return tuple(_with_interval(run, _measured(run, name)) for name in names)


def repeat_command(run: RunFile) -> tuple[str, ...]:
    """Return the command that repeats this run, word by word."""
    parts = ["yidi", "run", run.source, "--world", run.world, "--seed", str(run.seed)]
    parts += ["--variant", run.variant] if run.variant else []
    parts += [part for setting in run.sets for part in ("--set", setting)]
    parts += ["--reps", str(len(run.replications))] if len(run.replications) > 1 else []
    return tuple(parts if isinstance(run.target, msgspec.UnsetType) else [*parts, *_aimed(run.target)])


def _aimed(target: TargetSaid) -> Iterator[str]:
    yield from ("--target", target.file)
    yield from (part for host in target.owned for part in ("--i-own", host))
    yield from ("--max-rate", str(target.max_rate), "--max-duration", format_duration(target.max_duration_us))
    yield from ("--abort-error-rate", str(target.abort_error_rate))
    yield from ("--once",) if target.once else ()


def unit_of(measure: str) -> str:
    """Return the unit of a measure, or of one statistic of it."""
    for stated in (measure, measure.rpartition(".")[0], measure.removesuffix(".p99.9")):
        name = parted(planned(stated)[0])[0]
        if name in MEASURES:
            return MEASURES[name].unit.value
    return "rate" if measure.endswith(".rate") else "number"


def headlines(run: RunFile) -> tuple[Measured, ...]:
    """Return the few figures a reader wants first."""
    unseen = run.not_seen
    return tuple(
        Measured(measure=name, value=None, unit=unit_of(name), seen=False) if name in unseen else _measured(run, name)
        for name in HEADLINES
        if name in run.measures or name in unseen
    )


def _measured(run: RunFile, name: str) -> Measured:
    return Measured(measure=name, value=run.measures[name], unit=unit_of(name))


def asked(run: RunFile, scenario: Scenario) -> Asked:
    """Return what was asked and on what it was answered."""
    return Asked(
        source=run.source,
        variant=run.variant,
        sets=run.sets,
        seeds=tuple(replication.seed for replication in run.replications),
        world=run.world,
        engine=run.engine,
        horizon_us=scenario.horizon.length,
        warm_up_us=run.warm_up_us,
        time_scale=scenario.scale.time,
        visits_per_day=scenario.visits.open_per_day,
        arrivals=scenario.visits.arrivals.kind,
        written=len(scenario.visits.written),
        users=scenario.visits.arrivals.users if isinstance(scenario.visits.arrivals, Closed) else 0,
        volume_scale=scenario.scale.volume,
        provinces=len(scenario.topology.regions),
        faults=tuple(sorted({fault.kind for fault in scenario.faults})),
        cutover=tuple(
            StoppedScope(plan=plan.name, scope=plan.scope, side=plan.side, business=plan.business)
            for plan in scenario.cutover
        ),
        costs=run.costs,
        costs_hash=run.costs_hash,
        machine=machine(run.machine),
        commits=run.replications[0].commits if run.replications else {},
        versions=run.versions,
        scenario_hash=run.scenario_hash,
        digest=run.digest,
        target=None if isinstance(run.target, msgspec.UnsetType) else run.target,
    )


def machine(facts: dict[str, Any]) -> Machine:
    """Return the facts of a machine that a page shows."""
    return msgspec.convert(facts, Machine)


def _transactions(scope: Scope) -> tuple[Transaction, ...]:
    return tuple(
        Transaction(
            code=row["code"],
            attempts=row["attempts"],
            outcomes={name: row[name] for name in OUTCOMES},
            p50_us=row["p50"],
            p90_us=row["p90"],
            p95_us=row["p95"],
            p99_us=row["p99"],
            max_us=None if row["max"] is None else float(row["max"]),
        )
        for row in series.by_transaction(scope.messages).iter_rows(named=True)
    )


def _hops(opened: Opened, scope: Scope) -> tuple[Hops, ...]:
    settled = opened.scan("messages").filter(pl.col("code").is_in(SETTLEMENTS) & (pl.col("outcome") == "ok"))
    judged = settled.join(scope.visits.lazy().select("visit"), on="visit", how="semi")
    rows = series.time_by_hop(judged).iter_rows(named=True)
    return tuple(Hops(code=row["code"], **{f"{part}_us": row[part] for part in series.SEGMENTS}) for row in rows)


def _cutover(run: RunFile, record: Record, scenario: Scenario) -> CutoverResult:
    names = [
        name for name in run.measures if name.startswith("cutover.") and (name in MEASURES or name in _OF_DISTRIBUTIONS)
    ]
    names.sort(key=lambda name: _PLACES[split_statistic(name)[0]])
    plans = [plan.name for plan in scenario.cutover]
    several = plans if len(plans) > 1 else []
    return CutoverResult(
        measures=tuple(_with_interval(run, _measured(run, name)) for name in names),
        plans=tuple(PlanResult(plan=plan, measures=tuple(_of_plan(run, names, plan))) for plan in several),
        inflight=tuple(one for plan in plans for one in inflight(record, plan, alone=not several)),
        paper_claim_days=()
        if scenario.paper_claims
        else tuple(sorted({plan.policies.paper.days for plan in scenario.cutover})),
        open_by=_open_by(run, scenario),
        put_in=_put_in(run, record, scenario),
        decisions=tuple(_decisions(record, scenario)),
    )


def _decisions(record: Record, scenario: Scenario) -> Iterator[Decided]:
    """Yield what was decided at the gates of the plans."""
    begins, scale = scenario.horizon.start, scenario.scale.time
    decided = record.events.filter(pl.col("kind").is_in([one.value for one in Decision]))
    for at_us, kind, note in decided.select("at_us", "kind", "note").iter_rows():
        plan, _, why = note.partition(", ")
        at = begins + timedelta(microseconds=at_us * scale)
        yield Decided(at=f"{at:%Y-%m-%d %H:%M}", plan=plan, decision=kind.replace("_", " "), why=why)


def _with_interval(run: RunFile, figure: Measured) -> Measured:
    """Return a figure with its interval over replications: of what is one number in each, and has ended in all."""
    values = [looked_up(replication.measures, figure.measure) for replication in run.replications]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(values) < REPLICATIONS_MIN or len(known) < len(values) or split_statistic(figure.measure)[1]:
        return figure
    interval = (share_interval if figure.unit == Unit.SHARE else positive_interval)(known)
    return msgspec.structs.replace(figure, low=finite(interval.low), high=finite(interval.high))


def _open_by(run: RunFile, scenario: Scenario) -> tuple[OpenBy, ...]:
    reopened = [looked_up(replication.measures, "cutover.reopened") for replication in run.replications]
    known = [one for one in reopened if one is not None]
    if len(known) < len(reopened):
        return ()  # a run of before this was measured
    announced_us = max(plan.planned_reopen_at for plan in scenario.cutover) * scenario.scale.time
    found = opened_by(scenario.horizon.start, known, announced_us)
    return tuple(OpenBy(by=f"{one.by:%Y-%m-%d %H:%M}", share=one.share, low=one.low, high=one.high) for one in found)


def _put_in(run: RunFile, record: Record, scenario: Scenario) -> tuple[PutIn, ...]:
    first = run.replications[0].measures
    queued_us = looked_up(first, "cutover.drain_queued")
    return tuple(
        PutIn(
            measure=name,
            assumed_us=assumed_us,
            found_us=first.get(name),
            queued_us=queued_us if name == "cutover.drain" and queued_us is not None else None,
        )
        for name, assumed_us in put_in_us(record, scenario, courses_of(scenario)).items()
    )


def _of_plan(run: RunFile, names: list[str], plan: str) -> Iterator[Measured]:
    for name in names:
        whole, statistic = split_statistic(name)
        if (of_it := of_plan(whole, plan) + (f".{statistic}" if statistic else "")) in run.measures:
            yield Measured(measure=name, value=run.measures[of_it], unit=unit_of(name))


def inflight(record: Record, plan: str, *, alone: bool) -> tuple[Snapshot, ...]:
    """Return, for each listed phase of a plan, how much business stood at which stage and how it ended."""
    listed = record.inflight if alone else record.inflight.filter(pl.col("plan") == plan)
    counted = cutovers.inflight_table(listed)
    return tuple(Snapshot(plan=plan, moment=moment, counts=_counts(counted, moment)) for moment in LISTED)


def _counts(counted: pl.DataFrame, moment: Phase) -> tuple[InflightCount, ...]:
    rows = counted.filter(pl.col("snapshot") == moment.value).iter_rows(named=True)
    return tuple(InflightCount(stage=row["stage"], fate=row["fate"], count=row["len"]) for row in rows)


def _checked(replication: Replication) -> Checked | None:
    found = replication.checker
    if "clean" not in found:
        return None
    broken: dict[str, int] = found.get("laws", {})
    return Checked(
        clean=found["clean"],
        lost=found["lost"],
        doubled=found["doubled"],
        laws={law.__name__: broken.get(law.__name__, 0) for law in LAWS},
        violations=msgspec.convert(found["violations"], tuple[Violation, ...]),
    )


def _one_sided(opened: Opened) -> OneSidedList:
    listed = read_breaks(opened.folder / opened.replication.folder)
    shown = listed.select(OneSided.__struct_fields__).head(DIFFERENCES_LISTED)
    return OneSidedList(total=listed.height, first=tuple(OneSided(**row) for row in shown.iter_rows(named=True)))


def summarise_pair(first: Opened, second: Opened, errors: PredictionErrors | None = None) -> ComparisonSummary:
    """Return the content of the page of two runs side by side; ``errors`` when one predicts the other twice."""
    return ComparisonSummary(
        sides=(_side(first), _side(second)),
        differences=tuple(_difference(row) for row in compare(first, second)),
        intervals=intervals_of(first, second),
        errors=None if errors is None else two_errors(errors),
        moved=_moved(first, second),
    )


def _moved(first: Opened, second: Opened) -> tuple[Moved, ...]:
    """Return how the same patients fared under two plans; nothing without stops in both, or of other seeds."""
    same = first.replication.seed == second.replication.seed
    if not same or not (first.scenario.cutover and second.scenario.cutover):
        return ()
    ends = [one.record.visits.filter(~pl.col("local")).select("visit", "person", "fate") for one in (first, second)]
    both = ends[0].join(ends[1], on=["visit", "person"], suffix="_second")
    counted = both.group_by("fate", "fate_second").len().sort("fate", "fate_second")
    return tuple(Moved(first=row[0], second=row[1], count=row[2]) for row in counted.iter_rows())


def two_errors(errors: PredictionErrors) -> TwoErrors:
    """Return both errors of a prediction as a page tells them."""
    return TwoErrors(
        rows=tuple(
            PredictedMeasure(
                measure=row.measure,
                unit=unit_of(row.measure),
                measured=row.measured,
                own=row.own,
                earlier=row.earlier,
                model_error=row.model_error,
                drift=row.drift,
                low=row.low,
                high=row.high,
            )
            for row in errors.rows
        ),
        speed_us=errors.speed_us,
        earlier_speed_us=errors.earlier_speed_us,
        foreign_share=errors.foreign_share,
    )


def _side(opened: Opened) -> Side:
    run = opened.run
    return Side(
        folder=opened.folder.name,
        name=run.name,
        title=run.title,
        question=run.question,
        world=run.world,
        verdict=run.verdict,
        notes=run.notes,
        reasons=tuple(reason for replication in run.replications for reason in replication.validity.reasons),
        headlines=headlines(run),
        gates=run.gates,
        asked=asked(run, opened.scenario),
    )


def _difference(row: Compared) -> Difference:
    return Difference(
        measure=row.measure,
        unit=unit_of(row.measure),
        first=row.first,
        second=row.second,
        difference=row.difference,
        ratio=row.ratio,
        note=row.note,
    )
