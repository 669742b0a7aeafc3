"""The page and the figure of a curve: throughput and p95 against offered load, predicted and measured."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lab.experiments.curve import Curve, Point
from lab.report.content import Table
from lab.report.figures import WIDTH_IN, Picture
from lab.report.format import MISSING, digits, show
from lab.report.page import FIGURES, render
from lab.report.style import GREY, WORLD_LOOKS, drawing, plain_log, save
from lab.runs.file import REPORT_FILE, World

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES: dict[World, str] = {"sim": "predicted (simulated world)", "load": "measured (reference system under Locust)"}
SHORT: dict[World, str] = {"sim": "predicted", "load": "measured"}


def write_curve_page(curve: Curve, folder: Path) -> Path:
    """Write the page of a curve into its folder."""
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    shown = {
        "curve": curve,
        "picture": draw(curve, figures),
        "points": point_table(curve),
        "distances": distance_table(curve),
        "command": command(curve),
        "capacity": digits(curve.capacity),
    }
    return render("curve.html", folder / REPORT_FILE, shown)


def command(curve: Curve) -> str:
    """Return the command that repeats the curve."""
    loads = len({point.load for point in curve.points})
    worlds = {point.world for point in curve.points}
    parts = ["yidi", "curve", curve.source, "--loads", str(loads), "--seed", str(curve.seed)]
    parts += ["--world", *worlds] if len(worlds) == 1 else []
    parts += ["--variant", curve.variant] if curve.variant else []
    return shlex.join([*parts, *(part for setting in curve.sets for part in ("--set", setting))])


def draw(curve: Curve, folder: Path) -> Picture:
    """Draw throughput and p95 against offered load; a point of an invalid window is hollow."""
    with drawing(WIDTH_IN, 4.2, ncols=2) as (figure, (flow, latency)):
        highest = max((point.offered for point in curve.points), default=1.0)
        flow.plot([0, highest], [0, highest], color=GREY, linestyle=":", linewidth=1.2, label="all that is offered")
        for world in WORLD_LOOKS:
            mine = [point for point in curve.points if point.world == world]
            if mine:
                _series(flow, mine, [point.throughput for point in mine], world)
                _series(latency, mine, [point.p95_us or float("nan") for point in mine], world)
        flow.set_title("Settlements a second")
        flow.set_ylim(bottom=0)
        latency.set_title("p95 of settlement latency")
        plain_log(latency)
        for axes in (flow, latency):
            axes.set_xlabel("offered, cross-province visits a second")
            axes.set_xlim(left=0)
            axes.grid(visible=True, axis="both")
        handles, labels = flow.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
        return Picture(save(figure, folder, "curve"), "Throughput and p95 against offered load", "curve.png")


def _series(axes: Axes, points: list[Point], values: list[float], world: str) -> None:
    look = WORLD_LOOKS[world]
    offered = [point.offered for point in points]
    axes.plot(
        offered, values, color=look.colour, linestyle=look.line, marker=look.marker, markersize=6,
        label=NAMES["sim" if world == "sim" else "load"],
    )  # fmt: skip
    hollow = [(x, y) for x, y, point in zip(offered, values, points, strict=True) if not point.valid]
    if hollow:
        xs, ys = zip(*hollow, strict=True)
        axes.plot(
            xs, ys, linestyle="", marker=look.marker, markersize=6, markerfacecolor="white", markeredgecolor=look.colour
        )


def point_table(curve: Curve) -> Table:
    """Return every point as it is shown."""
    rows = [
        [
            SHORT[p.world], show(p.load, "share"), show(p.offered, "rate"), show(p.throughput, "rate"),
            show(p.p50_us, "duration"), show(p.p95_us, "duration"), show(p.direct_rate, "share"),
            show(p.bottleneck_utilisation, "share"), "" if p.valid else "invalid",
        ]
        for p in curve.points
    ]  # fmt: skip
    head = ["", "load", "offered", "settled", "p50", "p95", "direct rate", "busiest station", ""]
    return Table(head, rows, 1, "Load: share of what queueing arithmetic takes for the capacity.")


def distance_table(curve: Curve) -> Table:
    """Return measured over predicted, load by load."""
    rows: list[list[str]] = []
    for load in sorted({point.load for point in curve.points}):
        both = {point.world: point for point in curve.points if point.load == load}
        if len(both) == len(NAMES):
            sim, real = both["sim"], both["load"]
            rows.append(
                [
                    show(load, "share"),
                    _ratio(real.throughput, sim.throughput),
                    _ratio(real.p50_us, sim.p50_us),
                    _ratio(real.p95_us, sim.p95_us),
                ]
            )
    return Table(
        ["load", "throughput", "p50", "p95"], rows, 1, "Measured over predicted: 1 would be a perfect prediction."
    )


def _ratio(measured: float | None, predicted: float | None) -> str:
    return digits(measured / predicted) if measured is not None and predicted else MISSING
