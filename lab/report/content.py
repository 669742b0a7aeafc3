"""What a page says, as plain text ready for the template: facts, rows and the pictures between them.

Everything is formatted here, so that the template holds no arithmetic and no choice of words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.analysis import cutover as cutovers
from lab.analysis.measures import fate_counts, open_stays, scope_of, station_use
from lab.analysis.recoveries import recoveries
from lab.checker.laws import LAWS
from lab.report import figures, series
from lab.report.figures import Picture
from lab.report.format import MISSING, digits, show, show_duration
from lab.report.style import FATE_NAMES, STAGE_NAMES, WORLD_NAMES
from lab.runs.file import GateResult, Replication, RunFile
from lab.runs.opened import Opened
from lab.worlds.followup import read_breaks
from reference_impl.domain.transactions import TRANSACTIONS
from scenarios.schema.cutover import Phase
from scenarios.schema.gates import MEASURES

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

OUTCOMES = ("ok", "refused", "unknown", "busy", "closed", "overloaded", "unreachable")
Rows = list[list[str]]
SNAPSHOTS = {Phase.STOP_ACCEPT.value: "At stop-accept", Phase.CLOSE.value: "At closing"}
DIFFERENCES_SHOWN = 30
HEADLINES = ("direct_rate", "settlement.latency.p95", "settlements.rate", "visits.lost", "visits.doubled")


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is shown; ``words`` leading columns hold words, the others numbers."""

    head: list[str]
    rows: Rows
    words: int = 1
    note: str = ""


def transaction_names() -> dict[str, str]:
    """Return the English name of every transaction."""
    return {code: row.name for code, row in TRANSACTIONS.items()}


def unit_of(measure: str) -> str:
    """Return the unit of a measure, or of one statistic of it."""
    for name in (measure, measure.rpartition(".")[0], measure.removesuffix(".p99.9")):
        if name in MEASURES:
            return MEASURES[name].unit.value
    return "rate" if measure.endswith(".rate") else "number"


def headlines(run: RunFile) -> list[tuple[str, str]]:
    """Return the few figures a reader wants first."""
    shown = {
        "settlement.latency.p95": "settlement p95",
        "settlements.rate": "settlements",
        "direct_rate": "direct rate",
    }
    names = [name for name in HEADLINES if name in run.measures]
    return [(shown.get(name, name.removeprefix("visits.")), show(run.measures[name], unit_of(name))) for name in names]


def asked(run: RunFile, scenario: Scenario) -> list[tuple[str, str]]:
    """Return what was asked and on what it was answered."""
    scale, horizon = scenario.scale, scenario.horizon
    people = f"; {show_duration(horizon.length * scale.time)} of people time" if scale.time > 1 else ""
    machine = run.machine
    volume = f"{digits(scenario.visits.per_day)} visits a day, times {digits(scale.volume)}"
    write = f"durable write {machine.get('fsync_us', MISSING)} µs"
    return [
        ("Scenario", f"{run.source}" + (f", variant {run.variant}" if run.variant else "")),
        ("Settings", ", ".join(run.sets) or "none"),
        ("Seeds", ", ".join(str(r.seed) for r in run.replications)),
        ("World", f"{WORLD_NAMES[run.world]} ({run.engine})"),
        ("Horizon", f"{show_duration(horizon.length)} of run clock{people}; warm-up {show_duration(run.warm_up_us)}"),
        ("Volume", f"{volume}; {len(scenario.topology.regions)} provinces"),
        ("Faults", ", ".join(sorted({fault.kind for fault in scenario.faults})) or "none"),
        ("Cutover", f"scope {scenario.cutover.scope}, side {scenario.cutover.side}" if scenario.cutover else "none"),
        ("Costs", f"{run.costs} · {run.costs_hash[:12]}"),
        ("Machine", f"{machine.get('processor', '')} · {machine.get('cores', '')} cores · {write}"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("Scenario hash", run.scenario_hash[:16]),
        ("Digest", run.digest[:16] or MISSING),
    ]


def gate_rows(gates: tuple[GateResult, ...]) -> list[dict[str, str]]:
    """Return one row a gate: sentence, figure, interval and verdict."""
    rows: list[dict[str, str]] = []
    for gate in gates:
        exact = gate.low is None or gate.high is None or gate.low == gate.high
        interval = "" if exact else f"{show(gate.low, gate.unit)} … {show(gate.high, gate.unit)}"
        rows.append({
            "measure": gate.measure, "expression": gate.expression, "value": show(gate.value, gate.unit),
            "interval": interval, "verdict": gate.verdict, "note": gate.note,
        })  # fmt: skip
    return rows


def transactions(opened: Opened) -> tuple[Table, pl.DataFrame]:
    """Return the table of transactions, and the numbers behind it."""
    numbers = series.by_transaction(scope_of(opened.record, opened.scenario).messages)
    times = ("p50", "p90", "p95", "p99", "max")
    outcomes = [name for name in OUTCOMES if name == "ok" or numbers[name].sum()]
    rows = [
        [
            row["code"], TRANSACTIONS[row["code"]].label, digits(row["attempts"]),
            *(show(row[t], "duration") for t in times), *(digits(row[o]) if row[o] else "" for o in outcomes),
        ]
        for row in numbers.iter_rows(named=True)
    ]  # fmt: skip
    note = "One row a transaction, one attempt of a hospital a message; percentiles of the answered attempts."
    return Table(["code", "transaction", "attempts", *times, *outcomes], rows, 2, note), numbers


def stations(use: pl.DataFrame) -> Table:
    """Return the busiest stations."""
    rows = [
        [
            row["node"], row["station"], show(row["utilisation"], "share"), show(row["utilisation_peak"], "share"),
            digits(row["queue"]), digits(row["queue_peak"]), digits(row["refused"]),
        ]
        for row in use.head(figures.STATIONS_SHOWN).iter_rows(named=True)
    ]  # fmt: skip
    return Table(["node", "station", "mean use", "peak use", "mean queue", "peak queue", "turned away"], rows, 2)


def bottleneck(use: pl.DataFrame) -> str:
    """Return the sentence that names the busiest serving station, and the one that was fullest for a while."""
    serving = use.filter(pl.col("station") != "desk")
    if not serving.height:
        return "No station was sampled."
    row = serving.row(0, named=True)
    used = show(row["utilisation"], "share")
    text = f"The bottleneck is {row['station']} of {row['node']}: {used} used on average after the warm-up."
    fullest = serving.sort("utilisation_peak", descending=True, maintain_order=True).row(0, named=True)
    if (fullest["node"], fullest["station"]) == (row["node"], row["station"]):
        return text
    waiting = f", with {digits(fullest['queue_peak'])} waiting" if fullest["queue_peak"] else ""
    peak = show(fullest["utilisation_peak"], "share")
    return f"{text} Fullest for a while: {fullest['station']} of {fullest['node']}, {peak} used in one sample{waiting}."


def inflight(record: Record) -> list[tuple[str, Table]]:
    """Return, for each snapshot of a stop, the table of stages against fates."""
    counted = cutovers.inflight_table(record.inflight)
    fates = [fate for fate in FATE_NAMES if fate in set(counted["fate"])]
    tables: list[tuple[str, Table]] = []
    for snapshot, title in SNAPSHOTS.items():
        part = counted.filter(pl.col("snapshot") == snapshot)
        cells = {(row["stage"], row["fate"]): row["len"] for row in part.iter_rows(named=True)}
        stages = [stage for stage in STAGE_NAMES if any(stage == s for s, _ in cells)]
        rows = [_stage_row(stage, fates, cells) for stage in stages]
        total = [
            "together",
            *(digits(sum(cells.get((s, f), 0) for s in stages)) for f in fates),
            digits(sum(cells.values())),
        ]
        tables.append((title, Table(["stage", *(FATE_NAMES[f] for f in fates), "together"], [*rows, total])))
    return tables


def _stage_row(stage: str, fates: list[str], cells: dict[tuple[str, str], int]) -> list[str]:
    counts = [cells.get((stage, fate), 0) for fate in fates]
    return [STAGE_NAMES[stage], *(digits(c) if c else "" for c in counts), digits(sum(counts))]


def recovery_table(opened: Opened) -> Table:
    """Return what each fault did to latency, and when that was over."""
    found = recoveries(scope_of(opened.record, opened.scenario), opened.record.events)
    rows = [
        [r.kind, r.target, *(show(value, "duration") for value in (r.before_us, r.during_us, r.recovered_us))]
        for r in found
    ]
    note = (
        "p95 of settlement latency, by the moment of the first send. Back to normal: from the end of the fault to the "
        "first twenty settlements with a p95 under twice that before, on the run's clock."
    )
    return Table(["fault", "at", "p95 before", "p95 during", "back to normal after"], rows, 2, note)


def laws(replication: Replication) -> Table:
    """Return what each law says and how often it was broken."""
    broken: dict[str, int] = replication.checker.get("laws", {})
    rows = [[(law.__doc__ or "").split("\n")[0], digits(broken.get(law.__name__, 0))] for law in LAWS]
    return Table(["law", "broken"], rows)


def differences(opened: Opened) -> Table:
    """Return the one-sided list with owners and endings."""
    listed = read_breaks(opened.folder / opened.replication.folder)
    rows = [
        [
            row["side"], row["msgid"], row["care_region"], row["insured_region"], f"{row['fund_fen'] / 100:,.2f}",
            row["owner"], row["steps"],
        ]
        for row in listed.head(DIFFERENCES_SHOWN).iter_rows(named=True)
    ]  # fmt: skip
    note = f"The first {DIFFERENCES_SHOWN} of {listed.height}." if listed.height > DIFFERENCES_SHOWN else ""
    return Table(["held by", "message", "care", "insured", "fund, yuan", "owner", "worked off by"], rows, 4, note)


def measure_rows(measures: dict[str, float | None], prefix: str) -> list[tuple[str, str, str]]:
    """Return name, figure and meaning of the measures of one family."""
    return [
        (name, show(value, unit_of(name)), MEASURES[name].doc)
        for name, value in measures.items()
        if name.startswith(prefix) and name in MEASURES
    ]


def pictures(opened: Opened, target: Path, numbers: pl.DataFrame, use: pl.DataFrame) -> dict[str, Picture]:
    """Draw every figure of the page into ``target``."""
    scope = scope_of(opened.record, opened.scenario)
    hops = series.time_by_hop(scope.messages)
    names = transaction_names()
    drawn = {
        "over_time": figures.draw_over_time(opened.record, opened.scenario, target),
        "fates": figures.draw_fates(fate_counts(scope.visits), target),
    }
    if numbers["p50"].count():
        drawn["transactions"] = figures.draw_transactions(numbers, target, names)
    if hops.height:
        drawn["hops"] = figures.draw_hops(hops, target, names)
    if use.height:
        drawn["stations"] = figures.draw_stations(use, target)
    return drawn


def page(opened: Opened, target: Path) -> dict[str, Any]:
    """Return everything the template shows for one run."""
    table, numbers = transactions(opened)
    use = station_use(scope_of(opened.record, opened.scenario).stations)
    run, scenario = opened.run, opened.scenario
    return {
        "run": run,
        "world": WORLD_NAMES[run.world],
        "headlines": headlines(run),
        "asked": asked(run, scenario),
        "gates": gate_rows(run.gates),
        "pictures": pictures(opened, target, numbers, use),
        "transactions": table,
        "stations": stations(use),
        "bottleneck": bottleneck(use),
        "inflight": inflight(opened.record) if scenario.cutover else [],
        "open_stays": digits(open_stays(scope_of(opened.record, scenario)).height),
        "claim_days": str(cutovers.PAPER_CLAIM_DAYS),
        "recoveries": recovery_table(opened),
        "stop": measure_rows(run.measures, "cutover."),
        "laws": laws(opened.replication),
        "findings": opened.replication.checker,
        "differences": differences(opened),
        "validity": opened.replication.validity,
        "show": show,
    }
