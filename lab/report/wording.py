"""From the content of a page to the rows and words that its template shows: every figure formatted, every word chosen.

A template holds no arithmetic and no choice of words. This module must never look into a run folder: what a page says
is in its summary, or it is not said.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.analysis.recoveries import Recovery
from lab.checker.laws import LAWS
from lab.report.figures import STATIONS_SHOWN
from lab.report.format import MISSING, NOT_SEEN, digits, show, show_duration, show_interval
from lab.report.people import backlog_rows
from lab.report.style import FATE_NAMES, STAGE_NAMES, WORLD_NAMES
from lab.report.summary import (
    Asked,
    Checked,
    CutoverResult,
    Machine,
    Measured,
    OneSidedList,
    Result,
    RunSummary,
    Snapshot,
    Station,
    StoppedScope,
    Transaction,
)
from lab.report.wording_cutover import cutover_words, measure_row
from lab.runs.file import Commits, GateResult, TargetSaid, Validity
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.schema.cutover import Phase

Rows = list[list[str]]
MOMENTS = {
    Phase.STOP_ACCEPT: "At stop-accept",
    Phase.CLOSE: "At closing",
    Phase.REOPEN: "At reopening",
}
HEADLINE_NAMES = {
    "contact.latency.p95": "contact p95",
    "settlement.latency.p95": "settlement p95",
    "settlements.rate": "settlements",
    "direct_rate": "direct rate",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is shown; ``words`` leading columns hold words, the others numbers."""

    head: list[str]
    rows: Rows
    words: int = 1
    note: str = ""


def run_words(summary: RunSummary) -> dict[str, Any]:
    """Return everything the template shows for one run, but its pictures."""
    shown = {
        "run": summary,
        "command": shlex.join(summary.command),
        "scenario_text": json.dumps(summary.scenario, indent=2, ensure_ascii=False),
    }
    return shown if summary.result is None else shown | _result_words(summary.result)


def _result_words(result: Result) -> dict[str, Any]:
    cutover = result.cutover
    return {
        "headlines": headlines(result.headlines),
        "asked": asked(result.asked),
        "gates": gate_rows(result.gates),
        "transactions": transactions(result.transactions),
        "stations": stations(result.stations),
        "bottleneck": bottleneck(result.stations),
        "inflight": inflight(cutover.inflight) if cutover else [],
        "open_stays": digits(result.open_stays),
        "claim_days": " or ".join(f"{days:g}" for days in cutover.paper_claim_days) if cutover else "",
        "recoveries": recovery_table(result.recoveries),
        **(cutover_words(cutover) if cutover else {}),
        "plans": plan_table(cutover) if cutover else None,
        "laws": laws(result.checker),
        "findings": result.checker,
        "breaks": one_sided(result.breaks),
        "validity": validity(result.validity),
        "people": [measure_row(figure) for figure in result.people],
        "office_days": Table(["end of", "claims not done"], backlog_rows(result.office_days)),
    }


def transaction_names() -> dict[str, str]:
    """Return the English name of every transaction."""
    return {code: row.name for code, row in TRANSACTIONS.items()}


def headlines(figures: tuple[Measured, ...]) -> list[tuple[str, str]]:
    """Return name and figure of what a reader wants first."""
    return [
        (
            HEADLINE_NAMES.get(f.measure, f.measure.removeprefix("visits.")),
            show(f.value, f.unit) if f.seen else NOT_SEEN,
        )
        for f in figures
    ]


def asked(facts: Asked) -> list[tuple[str, str]]:
    """Return what was asked and on what it was answered."""
    scale = facts.time_scale
    people = f"; {show_duration(facts.horizon_us * scale)} of people time" if scale > 1 else ""
    return [
        ("Scenario", f"{facts.source}" + (f", variant {facts.variant}" if facts.variant else "")),
        ("Settings", ", ".join(facts.sets) or "none"),
        ("Seeds", ", ".join(str(seed) for seed in facts.seeds)),
        ("World", f"{WORLD_NAMES[facts.world]} ({facts.engine})"),
        (
            "Horizon",
            f"{show_duration(facts.horizon_us)} of run clock{people}; warm-up {show_duration(facts.warm_up_us)}",
        ),
        ("Volume", f"{volume_words(facts)}; {facts.provinces} provinces"),
        ("Faults", ", ".join(facts.faults) or "none"),
        ("Cutover", "; ".join(map(stopped, facts.cutover)) or "none"),
        ("Costs", f"{facts.costs} · {facts.costs_hash[:12]}"),
        ("Machine", machine(facts.machine)),
        *([("Commits", commits(facts.commits))] if facts.commits else []),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
        *([("Target", target(facts.target))] if facts.target is not None else []),
        ("Scenario hash", facts.scenario_hash[:16]),
        ("Digest", facts.digest[:16] or MISSING),
    ]


def volume_words(facts: Asked) -> str:
    """Return how much business there is, and how it comes where that is not by the hours."""
    scaled = f", times {digits(facts.volume_scale)}"
    if facts.users:
        return f"{facts.users} users in a closed loop{scaled}"
    if facts.arrivals == "trace":
        return f"a trace of {facts.written} visits"
    how = "" if facts.arrivals == "profile" else f" ({facts.arrivals})"
    return f"{digits(facts.visits_per_day)} visits a day{how}{scaled}"


def target(said: TargetSaid) -> str:
    """Return which system of somebody else's was loaded, and the caps it was loaded within."""
    places = ", ".join(f"{node} at {url}" for node, url in said.addresses.items())
    owned = f"; owned: {', '.join(said.owned)}" if said.owned else ""
    once = "; one visit of each kind" if said.once else ""
    return (
        f"{said.file}: {places}{owned}; at most {said.max_rate:,} messages a second, for "
        f"{show_duration(said.max_duration_us)}, {show(said.abort_error_rate, 'share')} without an answer{once}"
    )


def stopped(one: StoppedScope) -> str:
    """Return who stops by a plan."""
    business = "" if one.business == "all" else f", {one.business} business"
    return f"{one.plan}: scope {one.scope}, side {one.side}{business}"


def machine(facts: Machine) -> str:
    """Return the line that says what the figures were made on."""
    cores = "" if facts.cores is None else facts.cores
    fsync_us = MISSING if facts.fsync_us is None else facts.fsync_us
    return f"{facts.processor or ''} · {cores} cores · durable write {fsync_us} µs"


def commits(by_node: Mapping[str, Commits]) -> str:
    """Return the line that says where the real system made its commits.

    >>> commits({"33": Commits(where="turn", flush_us=180), "hub": Commits(where="turn", flush_us=220)})
    "33, hub in their loop's turn; a page is flushed in 180 to 220 µs"
    """
    told = [
        f"{', '.join(name for name, one in by_node.items() if one.where == where)} {words}"
        for where, words in (("turn", "in their loop's turn"), ("beside", "by a thread beside their loop"))
        if any(one.where == where for one in by_node.values())
    ]
    flushes_us = [one.flush_us for one in by_node.values() if one.flush_us is not None]
    flush = f"; a page is flushed in {min(flushes_us)} to {max(flushes_us)} µs" if flushes_us else ""
    return "; ".join(told) + flush


def gate_rows(gates: tuple[GateResult, ...]) -> list[dict[str, str]]:
    """Return one row a gate: sentence, figure, interval and verdict."""
    rows: list[dict[str, str]] = []
    for gate in gates:
        interval = "" if gate.low == gate.high else show_interval(gate.low, gate.high, gate.unit)
        rows.append({
            "measure": gate.measure, "expression": gate.expression,
            "value": show(gate.value, gate.unit) if gate.seen else NOT_SEEN,
            "interval": interval, "verdict": gate.verdict, "note": gate.note,
        })  # fmt: skip
    return rows


def transactions(rows: tuple[Transaction, ...]) -> Table:
    """Return the table of transactions; an outcome that none had is left out."""
    known = tuple(rows[0].outcomes) if rows else ("ok",)
    outcomes = [name for name in known if name == "ok" or any(row.outcomes[name] for row in rows)]
    cells = [
        [
            row.code, TRANSACTIONS[row.code].label, digits(row.attempts),
            *(show(taken_us, "duration") for taken_us in (row.p50_us, row.p90_us, row.p95_us, row.p99_us, row.max_us)),
            *(digits(row.outcomes[name]) if row.outcomes[name] else "" for name in outcomes),
        ]
        for row in rows
    ]  # fmt: skip
    note = "One row a transaction, one attempt of a hospital a message; percentiles of the answered attempts."
    head = ["code", "transaction", "attempts", "p50", "p90", "p95", "p99", "max", *outcomes]
    return Table(head, cells, 2, note)


def stations(rows: tuple[Station, ...]) -> Table:
    """Return the busiest stations."""
    cells = [
        [
            row.node, row.station, show(row.utilisation, "share"), show(row.utilisation_peak, "share"),
            digits(row.queue), digits(row.queue_peak), digits(row.refused),
        ]
        for row in rows[:STATIONS_SHOWN]
    ]  # fmt: skip
    return Table(["node", "station", "mean use", "peak use", "mean queue", "peak queue", "turned away"], cells, 2)


def bottleneck(rows: tuple[Station, ...]) -> str:
    """Return the sentence that names the busiest serving station, and the one that was fullest for a while."""
    serving = [row for row in rows if row.station != "desk"]
    if not serving:
        return "No station was sampled."
    busiest = serving[0]
    used = show(busiest.utilisation, "share")
    text = f"The bottleneck is {busiest.station} of {busiest.node}: {used} used on average after the warm-up."
    fullest = max(serving, key=lambda row: row.utilisation_peak)
    if fullest is busiest:
        return text
    waiting = f", with {digits(fullest.queue_peak)} waiting" if fullest.queue_peak else ""
    peak = show(fullest.utilisation_peak, "share")
    return f"{text} Fullest for a while: {fullest.station} of {fullest.node}, {peak} used in one sample{waiting}."


def inflight(snapshots: tuple[Snapshot, ...]) -> list[tuple[str, Table]]:
    """Return, for each snapshot of a cutover, the table of stages against fates."""
    ended = {count.fate for snapshot in snapshots for count in snapshot.counts}
    fates = [fate for fate in FATE_NAMES if fate in ended]
    several = len({snapshot.plan for snapshot in snapshots}) > 1
    return [
        (
            f"{snapshot.plan}: {MOMENTS[snapshot.moment]}" if several else MOMENTS[snapshot.moment],
            _inflight_table(snapshot, fates),
        )
        for snapshot in snapshots
    ]


def plan_table(result: CutoverResult) -> Table:
    """Return the measures of each plan side by side, and of all together; no rows when there is one plan."""
    figures = [{f.measure: show(f.value, f.unit) for f in plan.measures} for plan in result.plans]
    together = {f.measure: show(f.value, f.unit) for f in result.measures}
    rows = [
        [name, *(plan.get(name, MISSING) for plan in figures), shown]
        for name, shown in together.items()
        if any(name in plan for plan in figures)
    ]
    return Table(["measure", *(plan.plan for plan in result.plans), "together"], rows)


def _inflight_table(snapshot: Snapshot, fates: list[str]) -> Table:
    cells = {(count.stage, count.fate): count.count for count in snapshot.counts}
    stages = [stage for stage in STAGE_NAMES if any(stage == s for s, _ in cells)]
    rows = [_stage_row(stage, fates, cells) for stage in stages]
    sums = [digits(sum(cells.get((stage, fate), 0) for stage in stages)) for fate in fates]
    total = ["together", *sums, digits(sum(cells.values()))]
    return Table(["stage", *(FATE_NAMES[fate] for fate in fates), "together"], [*rows, total])


def _stage_row(stage: str, fates: list[str], cells: dict[tuple[str, str], int]) -> list[str]:
    counts = [cells.get((stage, fate), 0) for fate in fates]
    return [STAGE_NAMES[stage], *(digits(c) if c else "" for c in counts), digits(sum(counts))]


def recovery_table(found: tuple[Recovery, ...]) -> Table:
    """Return what each fault did to latency, and when that was over."""
    rows = [
        [
            r.kind, r.target, MISSING if r.hits is None else digits(r.hits),
            *(show(value, "duration") for value in (r.before_us, r.during_us, r.recovered_us)),
        ]
        for r in found
    ]  # fmt: skip
    note = (
        "p95 of settlement latency, by the moment of the first send. Back to normal: from the end of the fault to the "
        "first twenty settlements with a p95 under twice that before, on the run's clock."
    )
    return Table(["fault", "at", "messages hit", "p95 before", "p95 during", "back to normal after"], rows, 2, note)


def laws(found: Checked | None) -> Table:
    """Return what each law says and how often it was broken; without books nobody saw."""
    rows = [
        [(law.__doc__ or "").split("\n")[0], NOT_SEEN if found is None else digits(found.laws.get(law.__name__, 0))]
        for law in LAWS
    ]
    return Table(["law", "broken"], rows)


def one_sided(listed: OneSidedList) -> Table:
    """Return the one-sided list with owners and endings."""
    rows = [
        [
            row.side, row.msgid, row.care_region, row.insured_region, f"{row.fund_fen / 100:,.2f}",
            row.owner, row.steps,
        ]
        for row in listed.first
    ]  # fmt: skip
    note = f"The first {len(listed.first)} of {listed.total}." if listed.total > len(listed.first) else ""
    return Table(["held by", "message", "care", "insured", "fund, yuan", "owner", "worked off by"], rows, 4, note)


def validity(found: Validity) -> dict[str, Any]:
    """Return whether the generator of a load run was honest, and the figures that say so."""
    return {
        "verdict": "pass" if found.valid else "invalid",
        "cpu": show(found.generator_cpu_max, "share"),
        "lag": show(found.lag_p99_us_max, "duration"),
        "lag_limit": show(found.lag_limit_us, "duration"),
        "dropped": str(found.dropped),
        "reasons": found.reasons,
    }
