"""The figures of a planned stop: its phases with who waits and who comes, and what became of the business in flight.

A picture must never show a figure other than the one the summary has; what goes over time is drawn from the record.
"""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.report import series, series_cutover
from lab.report.figures import WIDTH_IN, Picture
from lab.report.format import digits, show_duration
from lab.report.sankey import draw_flows
from lab.report.style import BLUE, GREY, INK, LIGHT, ORANGE, SKY, VERMILLION, Look, drawing, legend_above, save
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

PHASE_LOOKS = {
    Phase.STOP_ACCEPT: ("accepts nothing new", Look(ORANGE, hatch="//")),
    Phase.CLOSE: ("closed", Look(VERMILLION)),
    Phase.REOPEN: ("reopens by its ramp", Look(SKY, hatch="\\\\")),
}
MOMENTS = {Phase.STOP_ACCEPT: "At stop-accept", Phase.CLOSE: "At closing", Phase.REOPEN: "At reopening"}


def draw_cutover(record: Record, scenario: Scenario, folder: Path) -> dict[str, Picture]:
    """Draw both pictures of a planned stop into ``folder``."""
    return {"stop": _draw_stop(record, scenario, folder), "flows": _draw_flows(record, folder)}


def _draw_stop(record: Record, scenario: Scenario, folder: Path) -> Picture:
    begin_us, end_us = series_cutover.window_us(record, scenario)
    bars = series_cutover.phase_bars(record, scenario)
    unit = series.time_unit((end_us - begin_us) * scenario.scale.time)
    stretch = scenario.scale.time / unit.per
    rows = 2 * len(scenario.cutover)
    heights = [0.35 * rows + 0.5, 1.5, 1.2, 1.7]
    with drawing(WIDTH_IN, sum(heights) + 1.1, nrows=4, sharex=True, height_ratios=heights) as (figure, axes):
        _phases(axes[0], bars, stretch)
        at_us, waiting, oldest_us = series_cutover.backlog_over_time(record, scenario, begin_us, end_us)
        _backlog(axes[1], at_us * stretch, waiting)
        _oldest(axes[2], at_us * stretch, oldest_us * scenario.scale.time)
        width_us = series.bin_width_us(end_us - begin_us)
        bins = series_cutover.came_and_let_in(record, scenario, begin_us, end_us, width_us)
        axes[3].set_title(f"Came, and were settled, in {show_duration(width_us * scenario.scale.time)} each")
        at = bins["at_us"].to_numpy() * stretch
        axes[3].step(at, bins["came"], where="post", color=GREY, linestyle=":", label="came, who comes back with them")
        axes[3].fill_between(at, bins["let_in"], step="post", color=SKY, alpha=0.28, linewidth=0)
        axes[3].step(at, bins["let_in"], where="post", color=BLUE, label="settled directly")
        axes[3].set_ylim(bottom=0)
        legend_above(axes[3])
        for one in axes[1:]:
            _rules(one, bars, stretch)
        axes[3].set_xlim(begin_us * stretch, end_us * stretch)
        axes[3].set_xlabel(f"{unit.name} from the start of the horizon, people time")
        alt = "Phases of the stop as announced and as they came, its backlog, and who came and was let in"
        return Picture(save(figure, folder, "stop"), alt, "stop.png")


def _phases(axes: Axes, bars: list[series_cutover.Bar], stretch: float) -> None:
    axes.set_title("Phases")
    rows = list(dict.fromkeys((bar.plan, bar.true) for bar in bars))
    named: set[Phase] = set()
    for bar in bars:
        label, look = PHASE_LOOKS[bar.phase]
        axes.barh(
            rows.index((bar.plan, bar.true)), (bar.end_us - bar.begin_us) * stretch, left=bar.begin_us * stretch,
            color=look.colour, hatch=look.hatch, edgecolor="white", height=0.7, alpha=1.0 if bar.true else 0.45,
            label=label if bar.true and bar.phase not in named else None,
        )  # fmt: skip
        named |= {bar.phase} if bar.true else set()
    axes.set_yticks(range(len(rows)), [f"{plan}, {'as it came' if true else 'announced'}" for plan, true in rows])
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    legend_above(axes)


def _backlog(axes: Axes, at: np.ndarray, waiting: np.ndarray) -> None:
    axes.set_title("Backlog")
    axes.fill_between(at, waiting, step="mid", color=LIGHT, linewidth=0)
    axes.step(at, waiting, where="mid", color=INK)
    axes.set_ylim(bottom=0)


def _oldest(axes: Axes, at: np.ndarray, oldest_us: np.ndarray) -> None:
    peak_us = float(oldest_us.max(initial=0.0))
    unit = series.time_unit(peak_us)
    axes.set_title(f"How long its oldest has waited, {unit.name}")
    axes.plot(at, oldest_us / unit.per, color=VERMILLION, linestyle="--")
    axes.set_ylim(bottom=0, top=max(1.0, 1.08 * peak_us / unit.per))


def _rules(axes: Axes, bars: list[series_cutover.Bar], stretch: float) -> None:
    for moment in {bar.begin_us for bar in bars if bar.true} | {bar.end_us for bar in bars if bar.true}:
        axes.axvline(moment * stretch, color=INK, linewidth=0.8, linestyle=(0, (5, 2)), alpha=0.6)


def _draw_flows(record: Record, folder: Path) -> Picture:
    """Draw what was in flight at each moment and what it came to; of several plans together, each piece once."""
    found = {moment: series_cutover.flows(record, moment).rows() for moment in MOMENTS}
    heights = [1.0 + 0.24 * max(2, *(len({row[side] for row in rows}) for side in (0, 1))) for rows in found.values()]
    with drawing(WIDTH_IN, sum(heights) + 0.6, nrows=len(found), height_ratios=heights) as (figure, axes):
        for one, (moment, rows) in zip(axes, found.items(), strict=True):
            total = digits(sum(row[2] for row in rows))
            draw_flows(one, rows, f"{MOMENTS[moment]}: {total} pieces of business in flight, and what they came to")
        return Picture(save(figure, folder, "flows"), "Business in flight and its fates", "flows.png")
