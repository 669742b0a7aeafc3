"""What a finished run says at the terminal: gates, verdict, where the page is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lab.cli import console
from lab.report.format import show, show_interval
from lab.report.style import WORLD_NAMES
from lab.report.summarise import headlines
from lab.report.wording import headlines as worded
from lab.runs.file import RunFile


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
        "checker": [replication.checker for replication in run.replications],
        "validity": [msgspec.to_builtins(replication.validity) for replication in run.replications],
    }


def print_run(run: RunFile, folder: Path) -> None:
    """Print the gates and the verdict of a run."""
    figures = ", ".join(f"{name} {value}" for name, value in worded(headlines(run)))
    console.say(f"{run.name}, {WORLD_NAMES[run.world]} world: {figures}")
    if run.gates:
        rows = [
            [g.measure, g.expression, show(g.value, g.unit), _interval(g.low, g.high, g.unit), g.verdict]
            for g in run.gates
        ]
        console.table(["gate", "", "figure", "interval", "verdict"], rows, words=2)
    for note in (*dict.fromkeys(gate.note for gate in run.gates if gate.note), *run.notes, *_reasons(run)):
        console.say(note)
    console.say(f"verdict: {'no gates' if run.verdict == 'none' else run.verdict}; {folder}")


def _reasons(run: RunFile) -> list[str]:
    return sorted({reason for replication in run.replications for reason in replication.validity.reasons})


def _interval(low: float | None, high: float | None, unit: str) -> str:
    return "" if low == high else show_interval(low, high, unit)
