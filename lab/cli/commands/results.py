"""What a finished run says at the terminal, or to a Locust: gates, fates, verdict, where the page is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lab.analysis.traffic import Traffic
from lab.cli import console
from lab.report.format import NOT_SEEN, show, show_interval
from lab.report.style import FATE_NAMES, WORLD_NAMES
from lab.report.summarise import headlines
from lab.report.wording import headlines as worded
from lab.runs.file import RunFile

_DOTS = 40
"""Columns from a name to its figure."""


def as_data(run: RunFile, folder: Path) -> dict[str, Any]:
    """Return what a program wants to know of a run."""
    return {
        "folder": str(folder),
        "world": run.world,
        "verdict": run.verdict,
        "complete": run.complete,
        "digest": run.digest,
        "gates": msgspec.to_builtins(run.gates),
        "measures": run.measures,
        "not_seen": run.not_seen,
        "checker": [replication.checker for replication in run.replications],
        "validity": [msgspec.to_builtins(replication.validity) for replication in run.replications],
    }


def print_run(run: RunFile, folder: Path) -> None:
    """Print the gates and the verdict of a run."""
    figures = ", ".join(f"{name} {value}" for name, value in worded(headlines(run)))
    console.say(f"{run.name}, {WORLD_NAMES[run.world]} world: {figures}")
    if run.gates:
        rows = [list(row) for row in gate_rows(run)]
        console.table(["gate", "", "figure", "interval", "verdict"], rows, words=2)
    for note in _notes(run):
        console.say(note)
    console.say(_verdict(run, folder))


def traffic_data(traffic: Traffic) -> dict[str, Any]:
    """Return what a program wants to know of the traffic of a load run; latencies in microseconds."""
    return {"took": [one._asdict() for one in traffic.took], "errors": dict(traffic.errors)}


def print_traffic(traffic: Traffic) -> None:
    """Print what the hospitals of a load run sent, and how long it took."""
    head = ["sent", "count", "per s", "min", "mean", "p50", "p90", "p95", "p99", "max"]
    rows = [
        [one.name, f"{one.number:,}", f"{one.per_s:,.2f}", *(show(figure, "duration") for figure in one[3:])]
        for one in traffic.took
    ]
    console.table(head, rows)
    wrong = ", ".join(f"{name} {count:,}" for name, count in traffic.errors.items())
    console.say(f"messages without a verdict: {wrong or 'none'}")


def gate_rows(run: RunFile) -> list[tuple[str, str, str, str, str]]:
    """Return measure, bound, figure, interval and verdict of every gate, as they are shown."""
    return [
        (
            g.measure,
            g.expression,
            show(g.value, g.unit) if g.seen else NOT_SEEN,
            _interval(g.low, g.high, g.unit),
            g.verdict,
        )
        for g in run.gates
    ]


def ending(run: RunFile, page: Path) -> list[str]:
    """Return the lines that a run of one replication ends with, where no table can be drawn."""
    gates = [(f"{measure} {bound}", f"{verdict:<5} {figure}") for measure, bound, figure, _, verdict in gate_rows(run)]
    total = run.measures.get("visits.total") or 0
    counted = ((FATE_NAMES[fate], run.measures.get(f"visits.{fate}") or 0) for fate in FATE_NAMES)
    fates = [(name, f"{count:,.0f}  {count / total:.1%}") for name, count in counted if count]
    listed = (("figures", worded(headlines(run))), ("gates", gates), ("fates", fates), ("generator", _generators(run)))
    lines = [f"{run.name}, {WORLD_NAMES[run.world]} world, seed {run.seed}"]
    for head, rows in listed:
        lines += [f"  {head}", *(f"    {name} {'.' * (_DOTS - len(name))}: {text}" for name, text in rows)]
    return [*lines, *_notes(run), _verdict(run, page)]


def _generators(run: RunFile) -> list[tuple[str, str]]:
    found = [replication.validity for replication in run.replications]
    return [
        line
        for one in found
        for line in (
            ("valid", "yes" if one.valid else "no"),
            ("share of its core", show(one.generator_cpu_max, "share")),
            (
                "start lag p99",
                f"{show(one.lag_p99_us_max, 'duration')} of {show(one.lag_limit_us, 'duration')} allowed",
            ),
            ("dropped arrivals", f"{one.dropped:,}"),
        )
    ]


def _verdict(run: RunFile, place: Path) -> str:
    return f"verdict: {'no gates' if run.verdict == 'none' else run.verdict}; {place}"


def _notes(run: RunFile) -> list[str]:
    return [*dict.fromkeys(gate.note for gate in run.gates if gate.note), *run.notes, *_reasons(run)]


def _reasons(run: RunFile) -> list[str]:
    return sorted({reason for replication in run.replications for reason in replication.validity.reasons})


def _interval(low: float | None, high: float | None, unit: str) -> str:
    return "" if low == high else show_interval(low, high, unit)
