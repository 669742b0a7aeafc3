"""From the content of a comparison to the rows and words of its page. It must never look into a run folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.report.format import MISSING, digits, show, show_interval
from lab.report.style import FATE_NAMES, WORLD_NAMES
from lab.report.summary import ComparisonSummary, Side, TwoErrors
from lab.report.wording import Table, asked, gate_rows, headlines

HOW = {
    "replications": (
        "Intervals at 95 %: ranks of all replications' values for percentiles, Student's t over replications for the "
        "rest; narrower where the seeds are the same."
    ),
    "visits": (
        "Intervals: percentile bootstrap over the visits of one run a side. Visits of one run hang together in time, "
        "so the true doubt is larger; replications (--reps) give intervals that know it."
    ),
    "none": "No intervals: one side is a single run. Replications on both sides (--reps 5) give them.",
}
INTERVAL_NAMES = {"replications": "95 % interval", "visits": "of resampled visits", "none": "interval"}
"""Only what covers the true difference 95 times in 100 is called a 95 % interval."""


def pair_words(summary: ComparisonSummary) -> dict[str, Any]:
    """Return everything the template shows for two runs, but its pictures."""
    names, (first, second) = labels(summary), summary.sides
    return {
        "title": title(first, second),
        "names": names,
        "runs": summary.sides,
        "headlines": [headlines(side.headlines) for side in summary.sides],
        "gates": [gate_rows(side.gates) for side in summary.sides],
        "asked": asked_rows(first, second),
        "table": difference_table(summary, names, lambda name: not name.startswith("cutover.")),
        "stop_table": difference_table(summary, names, lambda name: name.startswith("cutover.")),
        "moved": moved_table(summary, names),
        "how": HOW[summary.intervals],
        "errors": None if summary.errors is None else errors_table(summary.errors),
    }


def asked_rows(first: Side, second: Side) -> list[tuple[str, str, str]]:
    """Return what was asked of both; what only one of them was asked or tells is missing of the other."""
    one, other = dict(asked(first.asked)), dict(asked(second.asked))
    return [(name, one.get(name, MISSING), other.get(name, MISSING)) for name in {**one, **other}]


def title(first: Side, second: Side) -> str:
    """Return the title of the page: that of the scenario, or of both."""
    name = first.title or first.name
    return name if first.name == second.name else f"{name} · {second.title or second.name}"


def labels(summary: ComparisonSummary) -> tuple[str, str]:
    """Return what to call the runs: predicted and measured when that is what they are, else by their folders."""
    first, second = summary.sides
    if (first.world, second.world) == ("sim", "load"):
        return "predicted", "measured"
    if first.folder != second.folder:
        return first.folder, second.folder
    return f"A ({WORLD_NAMES[first.world]})", f"B ({WORLD_NAMES[second.world]})"


def errors_table(errors: TwoErrors) -> Table:
    """Return both errors of every measure as they are shown."""
    rows = [
        [
            row.measure, show(row.measured, row.unit), show(row.own, row.unit),
            "" if row.low is None or row.high is None else show_interval(row.low, row.high, row.unit),
            _share(row.model_error), show(row.earlier, row.unit), _share(row.drift),
        ]
        for row in errors.rows
    ]  # fmt: skip
    head = [
        "measure", "measured", "predicted, own costs", "as sure as these", "model error", "predicted, earlier costs",
        "drift",
    ]  # fmt: skip
    speed = f"The reference of the machine's speed took {errors.speed_us:.0f} µs in the run"
    if errors.earlier_speed_us:
        speed += (
            f" and {errors.earlier_speed_us:.0f} µs ({_share(errors.speed_us / errors.earlier_speed_us - 1)}) before"
        )
    note = (
        "Own costs are those that the processes metered in this very run: what is left is the error of the model. "
        "As sure as these: predicted with all of them at the low end of their intervals, and at the high end. "
        f"Earlier costs are those of a calibration: the rest is the drift of the machine. {speed}; others used "
        f"{errors.foreign_share:.1%} of the system's core."
    )
    return Table(head, rows, note=note)


def _share(value: float | None) -> str:
    return MISSING if value is None else f"{value:+.1%}"


def moved_table(summary: ComparisonSummary, names: tuple[str, str]) -> Table:
    """Return how the same patients ended under the first plan (rows) and under the second (columns)."""
    counts = {(one.first, one.second): one.count for one in summary.moved}
    rows, columns = ([fate for fate in FATE_NAMES if any(pair[side] == fate for pair in counts)] for side in (0, 1))
    cells = [[FATE_NAMES[row], *(_count(counts.get((row, column), 0)) for column in columns)] for row in rows]
    same = sum(count for (first, second), count in counts.items() if first == second)
    note = f"{digits(same)} of {digits(sum(counts.values()))} ended as under the other. Of the first replication."
    head = [f"{names[0]}, and across: {names[1]}", *(FATE_NAMES[fate] for fate in columns)]
    return Table(head, cells, note=note)


def _count(count: int) -> str:
    return digits(count) if count else ""


def difference_table(
    summary: ComparisonSummary, names: tuple[str, str], shown: Callable[[str], bool] = lambda _: True
) -> Table:
    """Return the differences as they are shown, of the measures that ``shown`` picks."""
    rows = [row for row in summary.differences if shown(row.measure)]
    interval = INTERVAL_NAMES[summary.intervals]
    cells: list[list[str]] = []
    for row in rows:
        difference = row.difference
        cells.append([
            row.measure, show(row.first, row.unit), show(row.second, row.unit),
            show(difference.value, row.unit) if difference is not None else MISSING,
            show_interval(difference.low, difference.high, row.unit) if difference is not None else "",
            digits(row.ratio) if row.ratio is not None else "",
        ])  # fmt: skip
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    return Table(["measure", *names, "difference", interval, "ratio"], cells, note="; ".join(notes))
