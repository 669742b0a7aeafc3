"""The page and the figure of a curve: throughput and p95 against offered load, predicted and measured."""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.experiments.curve import Curve
from lab.report.figures import WIDTH_IN, Picture
from lab.report.page import figures_folder, write_page
from lab.report.style import GREY, WORLD_LOOKS, drawing, plain_log, save
from lab.report.summarise_curve import summarise_curve
from lab.report.summary import CurvePoint, CurveSummary
from lab.runs.file import REPORT_FILE, World

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES: dict[World, str] = {"sim": "predicted (simulated world)", "load": "measured (reference system under Locust)"}


def write_curve_page(curve: Curve, folder: Path) -> Path:
    """Write the page of a curve into its folder, and its JSON beside it."""
    summary = summarise_curve(curve)
    figures = figures_folder(folder)
    return write_page(folder / REPORT_FILE, summary, {"curve": draw(summary, figures)})


def draw(curve: CurveSummary, folder: Path) -> Picture:
    """Draw throughput and p95 against offered load; a point of an invalid window is hollow."""
    with drawing(WIDTH_IN, 4.2, ncols=2) as (figure, (flow, latency)):
        highest = max((point.offered_per_s for point in curve.points), default=1.0)
        flow.plot([0, highest], [0, highest], color=GREY, linestyle=":", linewidth=1.2, label="all that is offered")
        for world in WORLD_LOOKS:
            mine = [point for point in curve.points if point.world == world]
            if mine:
                _series(flow, mine, [point.throughput_per_s for point in mine], world)
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


def _series(axes: Axes, points: list[CurvePoint], values: list[float], world: str) -> None:
    look = WORLD_LOOKS[world]
    offered = [point.offered_per_s for point in points]
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
