"""From the content of a curve to the rows and words of its page. It must never look into a run folder."""

from __future__ import annotations

import shlex
from typing import Any

from lab.report.format import MISSING, digits, show
from lab.report.summary import CurveSummary
from lab.report.wording import Table, machine
from lab.runs.file import World

SHORT: dict[World, str] = {"sim": "predicted", "load": "measured"}


def curve_words(summary: CurveSummary) -> dict[str, Any]:
    """Return everything the template shows for a curve, but its picture."""
    return {
        "curve": summary,
        "points": point_table(summary),
        "distances": distance_table(summary),
        "command": shlex.join(summary.command),
        "capacity": capacity(summary),
        "machine": machine(summary.machine),
    }


def capacity(summary: CurveSummary) -> str:
    """Return the capacity with what the doubt about the costs leaves of it."""
    if summary.capacity_interval is None:
        return digits(summary.capacity_per_s)
    low, high = summary.capacity_interval
    return f"{digits(summary.capacity_per_s)} ({digits(low)} to {digits(high)}, as sure as the costs are)"


def point_table(summary: CurveSummary) -> Table:
    """Return every point as it is shown."""
    rows = [
        [
            SHORT[p.world], show(p.load, "share"), show(p.offered_per_s, "rate"), show(p.throughput_per_s, "rate"),
            show(p.p50_us, "duration"), show(p.p95_us, "duration"), show(p.direct_rate, "share"),
            show(p.bottleneck_utilisation, "share"), "" if p.valid else "invalid",
        ]
        for p in summary.points
    ]  # fmt: skip
    head = ["", "load", "offered", "settled", "p50", "p95", "direct rate", "busiest station", ""]
    return Table(head, rows, 1, "Load: share of what queueing arithmetic takes for the capacity.")


def distance_table(summary: CurveSummary) -> Table:
    """Return measured over predicted, load by load."""
    rows = [
        [
            show(d.load, "share"),
            *(MISSING if ratio is None else digits(ratio) for ratio in (d.throughput, d.p50, d.p95)),
        ]
        for d in summary.distances
    ]
    note = "Measured over predicted: 1 would be a perfect prediction."
    return Table(["load", "throughput", "p50", "p95"], rows, 1, note)
