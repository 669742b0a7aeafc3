"""The page of two runs side by side, and the figures on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lab.analysis.compare import Compared, compare
from lab.analysis.measures import scope_of
from lab.report import content, series
from lab.report.content import Table
from lab.report.figures import WIDTH_IN, Picture
from lab.report.format import MISSING, digits, show
from lab.report.page import FIGURES, render
from lab.report.style import PAIR_LOOKS, WORLD_NAMES, across, drawing, legend_above, plain_log, save
from lab.runs.opened import Opened

SHARES = np.linspace(0.0, 1.0, 201)
MANY = 30
"""Visits in a group below which its percentiles are not shown."""


def write_comparison(first: Opened, second: Opened, path: Path) -> list[Compared]:
    """Write the page of two runs side by side and return the rows it shows."""
    rows = compare(first, second)
    figures = path.parent / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    names = labels(first, second)
    shown: dict[str, Any] = {
        "title": _title(first, second),
        "names": names,
        "runs": [first.run, second.run],
        "headlines": [content.headlines(first.run), content.headlines(second.run)],
        "gates": [content.gate_rows(first.run.gates), content.gate_rows(second.run.gates)],
        "asked": _asked(first, second),
        "pictures": {
            "distribution": draw_distributions(first, second, names, figures),
            "over_time": draw_over_time(first, second, names, figures),
        },
        "table": difference_table(rows, names),
        "how": _how(first, second),
    }
    transactions = draw_transactions(first, second, names, figures)
    if transactions is not None:
        shown["pictures"]["transactions"] = transactions
    render("compare.html", path, shown)
    return rows


def labels(first: Opened, second: Opened) -> tuple[str, str]:
    """Return what to call the runs: predicted and measured when that is what they are, else by their folders."""
    if (first.run.world, second.run.world) == ("sim", "load"):
        return "predicted", "measured"
    if first.folder.name != second.folder.name:
        return first.folder.name, second.folder.name
    return f"A ({WORLD_NAMES[first.run.world]})", f"B ({WORLD_NAMES[second.run.world]})"


def difference_table(rows: list[Compared], names: tuple[str, str]) -> Table:
    """Return the rows as they are shown."""
    cells: list[list[str]] = []
    for row in rows:
        unit = content.unit_of(row.measure)
        difference = row.difference
        interval = ""
        if difference is not None and difference.low is not None and difference.high is not None:
            interval = f"{show(difference.low, unit)} … {show(difference.high, unit)}"
        cells.append([
            row.measure, show(row.first, unit), show(row.second, unit),
            show(difference.value, unit) if difference is not None else MISSING, interval,
            digits(row.ratio) if row.ratio is not None else "",
        ])  # fmt: skip
    return Table(["measure", *names, "difference", "95 % interval", "ratio"], cells)


def draw_distributions(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture:
    """Draw the share of settlements that took longer, for both runs."""
    with drawing(WIDTH_IN, 3.4) as (figure, axes):
        for opened, name, look in zip((first, second), names, PAIR_LOOKS, strict=True):
            taken = scope_of(opened.record, opened.scenario).visits["latency_us"].drop_nulls().to_numpy()
            if taken.size:
                quantiles = np.quantile(taken, SHARES)
                axes.plot(
                    quantiles, SHARES * 100, color=look.colour, linestyle=look.line, marker=look.marker,
                    markevery=20, label=f"{name}, {digits(taken.size)} settlements",
                )  # fmt: skip
        axes.set_title("Settlements done within")
        axes.set_ylabel("% of settlements")
        axes.set_ylim(0, 102)
        axes.grid(visible=True, axis="both")
        plain_log(axes, axis="x")
        legend_above(axes)
        return Picture(save(figure, folder, "distribution"), "Distribution of settlement latency", "distribution.png")


def draw_over_time(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture:
    """Draw settlements and p95 over time, both runs on one people-time axis."""
    ends = [series.end_of(o.record, o.scenario.horizon.length) * o.scenario.scale.time for o in (first, second)]
    unit = series.time_unit(max(ends))
    with drawing(WIDTH_IN, 4.6, nrows=2, sharex=True) as (figure, (flow, latency)):
        for opened, name, look in zip((first, second), names, PAIR_LOOKS, strict=True):
            scale = opened.scenario.scale.time
            bins, _ = series.over_time(opened.record, series.end_of(opened.record, opened.scenario.horizon.length))
            at = bins["at_us"].to_numpy() * scale / unit.per
            flow.step(at, bins["settled"], where="post", color=look.colour, linestyle=look.line, label=name)
            p95 = bins["p95"].cast(float).fill_null(float("nan")).to_numpy()
            latency.plot(at, p95, color=look.colour, linestyle=look.line, marker=look.marker, markersize=3, label=name)
        flow.set_title("Settled directly, visits a second of the run")
        flow.set_ylim(bottom=0)
        legend_above(flow)
        latency.set_title("p95 of settlement latency")
        plain_log(latency)
        latency.set_xlabel(f"{unit.name} from the start of the horizon, people time")
        return Picture(save(figure, folder, "both-over-time"), "Both runs over time", "both-over-time.png")


def draw_transactions(first: Opened, second: Opened, names: tuple[str, str], folder: Path) -> Picture | None:
    """Draw p50 and p95 of every transaction that both runs have, as pairs."""
    tables = [series.by_transaction(scope_of(o.record, o.scenario).messages) for o in (first, second)]
    both = tables[0].join(tables[1], on="code", suffix="_b").drop_nulls(["p50", "p50_b"]).sort("code")
    if not both.height:
        return None
    titles = content.transaction_names()
    with drawing(WIDTH_IN, 0.36 * both.height + 1.1) as (figure, axes):
        places = np.arange(both.height)
        for suffix, name, look, shift in zip(("", "_b"), names, PAIR_LOOKS, (-0.13, 0.13), strict=True):
            axes.hlines(
                places + shift, both[f"p50{suffix}"], both[f"p95{suffix}"], color=look.colour, linestyle=look.line
            )
            axes.scatter(
                both[f"p50{suffix}"],
                places + shift,
                color=look.colour,
                marker=look.marker,
                s=28,
                label=f"{name}, p50 to p95",
            )
            axes.scatter(
                both[f"p95{suffix}"], places + shift, facecolor="white", edgecolor=look.colour, marker=look.marker, s=28
            )
        axes.set_yticks(places, [f"{code}  {titles.get(code, '')}" for code in both["code"]])
        across(axes)
        plain_log(axes, axis="x")
        legend_above(axes)
        return Picture(save(figure, folder, "both-transactions"), "Both runs by transaction", "both-transactions.png")


def _title(first: Opened, second: Opened) -> str:
    title = first.run.title or first.run.name
    return title if first.run.name == second.run.name else f"{title} · {second.run.title or second.run.name}"


def _asked(first: Opened, second: Opened) -> list[tuple[str, str, str]]:
    pairs = zip(content.asked(first.run, first.scenario), content.asked(second.run, second.scenario), strict=True)
    return [(name, a, b) for (name, a), (_, b) in pairs]


def _how(first: Opened, second: Opened) -> str:
    if min(len(first.run.replications), len(second.run.replications)) > 1:
        return "Intervals: Student's t over replications, paired where the seeds are the same."
    return (
        "Intervals: percentile bootstrap over the visits of one run a side. Visits of one run hang together in time, "
        "so the true doubt is larger; replications (--reps) give intervals that know it."
    )
