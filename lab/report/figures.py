"""The figures of one run: over time, fates, latency by transaction, where the time goes, use of stations.

Each function draws one figure, writes its PNG beside the page and returns what stands inside the page.
"""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.colors import to_rgb
from matplotlib.ticker import MaxNLocator

from lab.report import series
from lab.report.format import digits, show_duration
from lab.report.style import (
    BLUE,
    FATE_LOOKS,
    FATE_NAMES,
    GREY,
    INK,
    LIGHT,
    ORANGE,
    PERCENTILE_LOOKS,
    SKY,
    VERMILLION,
    Look,
    across,
    drawing,
    legend_above,
    plain_log,
    save,
)
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

WIDTH_IN = 9.6
PHASES = {
    Phase.ANNOUNCE.value: "announced",
    Phase.EARLY_CUTOFF.value: "desks stop",
    Phase.STOP_ACCEPT.value: "stop accepting",
    Phase.CLOSE.value: "closed",
    Phase.EXTEND.value: "overruns",
    Phase.ROLL_BACK.value: "rolled back",
    Phase.REOPEN.value: "reopens",
    Phase.FULL.value: "fully open",
    "alarm": "alarm",
}
UNMARKED = ("restart", "download", Phase.FREEZE.value, Phase.MIGRATE.value, Phase.VERIFY.value, Phase.MONITOR.value)
"""Events that get no line of their own: downloads, which come daily, and what is done behind a closed door."""
FAULT = to_rgb(VERMILLION)
STATIONS_SHOWN = 10
PER_HOUR_BELOW = 0.5
"""Rates under so many a second are shown an hour."""
NAMES_APART = 0.1
"""Marks closer than this share of the axis share one name."""
LETTER = 0.0085
"""About the width of a letter of a name, as a share of the axis."""
NAME_ROW_PT = 10
HATCHES = ("", "//", "\\\\", "..")


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as it stands in a page: its source, the text for who cannot see it, and its file beside the page."""

    source: str
    alt: str
    file: str


def draw_over_time(record: Record, scenario: Scenario, folder: Path) -> Picture:
    """Draw demand and settlements, latency, and with a stop who waits and is turned away; marked: faults and phases."""
    end_us = series.end_of(record, scenario.horizon.length)
    bins, width_us = series.over_time(record, end_us)
    scale = scenario.scale.time
    unit = series.time_unit(end_us * scale)
    at = bins["at_us"].to_numpy() * scale / unit.per
    rows = 4 if scenario.cutover else 2
    heights = [1.25, 1, 0.8, 0.8][:rows]
    with drawing(WIDTH_IN, 2.5 * rows, nrows=rows, sharex=True, height_ratios=heights, squeeze=False) as (figure, grid):
        flow, latency = grid[0, 0], grid[1, 0]
        _flow(flow, at, bins)
        _latency(latency, at, bins)
        if scenario.cutover:
            waiting = series.waiting_over_time(record, end_us)
            _waiting(grid[2, 0], waiting["at_us"].to_numpy() * scale / unit.per, waiting["waiting"].to_numpy())
            shares = series.shares_over_time(record, end_us)
            _shares(grid[3, 0], shares["at_us"].to_numpy() * scale / unit.per, shares)
        flow.set_ylim(top=1.22 * max(1e-9, *flow.get_ylim()))
        for place, axes in enumerate(grid[:, 0]):
            _mark(axes, record.events, scenario, unit, named=place == 0)
            axes.set_xlim(0, end_us * scale / unit.per)
        grid[-1, 0].xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
        clock = f", shrunk {digits(scale)} times in the run" if scale > 1 else ""
        grid[-1, 0].set_xlabel(
            f"{unit.name} from the start of the horizon{clock}; bins of {show_duration(width_us * scale)}"
        )
        return Picture(save(figure, folder, "over-time"), "Settlements and latency over time", "over-time.png")


def _flow(axes: Axes, at: np.ndarray, bins: pl.DataFrame) -> None:
    rates = ["wanted", "settled", "paper"]
    slow = float(bins.select(pl.max_horizontal(pl.col(rates).max())).item() or 0.0) < PER_HOUR_BELOW
    axes.set_title(f"Wanted and settled, visits {'an hour' if slow else 'a second'}")
    bins = bins.with_columns(pl.col(rates) * (3600 if slow else 1))
    axes.step(at, bins["wanted"], where="post", color=GREY, linestyle=":", linewidth=1.4, label="wanted to settle")
    axes.fill_between(at, bins["settled"], step="post", color=SKY, alpha=0.28, linewidth=0)
    axes.step(at, bins["settled"], where="post", color=BLUE, label="settled directly")
    if bins["paper"].sum():
        axes.step(at, bins["paper"], where="post", color=ORANGE, linestyle="--", label="paid in cash, paper claim")
    axes.set_ylim(bottom=0)
    legend_above(axes)


def _latency(axes: Axes, at: np.ndarray, bins: pl.DataFrame) -> None:
    axes.set_title("Settlement latency, by the moment of the first send")
    for name in ("p50", "p95"):
        look = PERCENTILE_LOOKS[name]
        values = bins[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if np.isfinite(values).any():
            axes.plot(at, values, color=look.colour, linestyle=look.line, marker=look.marker, markersize=3, label=name)
    plain_log(axes)
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.6, high * 1.6)
    legend_above(axes)


def _waiting(axes: Axes, at: np.ndarray, waiting: np.ndarray) -> None:
    axes.set_title("Visits that want to settle and have not ended")
    axes.fill_between(at, waiting, step="post", color=LIGHT, linewidth=0)
    axes.step(at, waiting, where="post", color=INK, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))


def _shares(axes: Axes, at: np.ndarray, shares: pl.DataFrame) -> None:
    axes.set_title("Of those who wanted to settle, %")
    for name, label, colour, line in (("at_once", "at once", BLUE, "-"), ("refused", "turned away", ORANGE, "--")):
        values = shares[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() * 100
        axes.step(at, values, where="post", color=colour, linestyle=line, label=label)
    axes.set_ylim(-4, 104)
    legend_above(axes)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a name, in the unit of the axis."""

    at: float
    name: str
    colour: str


def _mark(axes: Axes, events: pl.DataFrame, scenario: Scenario, unit: series.TimeUnit, *, named: bool) -> None:
    """Shade the warm-up and the faults, rule a line at each phase of a stop, and name them along the top."""
    stretch = scenario.scale.time / unit.per
    marks: list[Mark] = []
    if scenario.horizon.warm_up:
        axes.axvspan(0, scenario.horizon.warm_up * stretch, color="#f1f3f4", zorder=0)
        marks.append(Mark(0, "warm-up", GREY))
    for row in events.iter_rows(named=True):
        at = row["at_us"] * stretch
        if row["kind"] in PHASES:
            axes.axvline(at, color=INK, linewidth=1, linestyle=(0, (5, 2)))
            marks.append(Mark(at, PHASES[row["kind"]], INK))
        elif row["kind"] == "release":
            axes.axvline(at, color=GREY, linewidth=1, linestyle=(0, (1, 2)))
            marks.append(Mark(at, f"new {row['target']}", GREY))
        elif row["kind"] not in UNMARKED:
            until_us = row["until_us"] if row["until_us"] is not None else scenario.horizon.length
            axes.axvspan(at, until_us * stretch, facecolor=(*FAULT, 0.09), edgecolor=(*FAULT, 0.30), hatch="///", lw=0)
            marks.append(Mark(at, f"{row['kind']} {row['target']}", VERMILLION))
    if named:
        length = max(scenario.horizon.length * stretch, *(mark.at for mark in marks), 1e-9)
        for name in in_rows(joined(marks, length * NAMES_APART), length):
            _name(axes, name)


def joined(marks: list[Mark], apart: float) -> list[Mark]:
    """Return marks with the names of those put together that stand too close to be read apart.

    >>> [m.name for m in joined([Mark(1, "stop", INK), Mark(1.1, "closed", INK), Mark(5, "reopens", INK)], 1)]
    ['stop, closed', 'reopens']
    """
    groups: list[Mark] = []
    for mark in sorted(marks, key=lambda m: m.at):
        if groups and mark.at - groups[-1].at < apart and mark.colour == groups[-1].colour:
            last = groups.pop()
            name = last.name if mark.name in last.name.split(", ") else f"{last.name}, {mark.name}"
            groups.append(Mark(mark.at, name, mark.colour))
        else:
            groups.append(mark)
    return groups


@dataclass(frozen=True, slots=True)
class Name:
    """Where the name of a mark is written: its row from the top, and whether it stands left of its mark."""

    mark: Mark
    row: int
    left: bool


def in_rows(marks: list[Mark], length: float) -> list[Name]:
    """Return a name for each mark: in a row where it meets no other, left of its mark if it would run over the end.

    >>> marks = [Mark(0, "stop accepting", INK), Mark(11, "closed", INK), Mark(98, "reopens", INK)]
    >>> [(name.row, name.left) for name in in_rows(marks, 100)]
    [(0, False), (1, False), (0, True)]
    """
    ends: list[float] = []
    names: list[Name] = []
    for mark in marks:
        wide = (len(mark.name) + 2) * LETTER * length
        left = mark.at + wide > length
        start = mark.at - wide if left else mark.at
        row = next((row for row, end in enumerate(ends) if end <= start), len(ends))
        ends[row : row + 1] = [start + wide]
        names.append(Name(mark, row, left))
    return names


def _name(axes: Axes, name: Name) -> None:
    """Write a name; it takes no room from the axis."""
    offset = (-4 if name.left else 4, -3 - NAME_ROW_PT * name.row)
    axes.annotate(
        name.mark.name, (name.mark.at, 1), xycoords=("data", "axes fraction"), xytext=offset,
        textcoords="offset points", fontsize=8, color=name.mark.colour, va="top", ha="right" if name.left else "left",
    ).set_in_layout(False)  # fmt: skip


def draw_fates(counts: dict[str, int], folder: Path) -> Picture:
    """Draw how the visits ended: one bar a fate that happened."""
    shown = series.fates_present(counts)
    total = max(1, sum(counts.values()))
    with drawing(WIDTH_IN, 0.42 * len(shown) + 0.9) as (figure, axes):
        for place, (fate, count) in enumerate(shown.items()):
            look: Look = FATE_LOOKS[fate]
            axes.barh(place, count, color=look.colour, hatch=look.hatch, edgecolor="white", height=0.66)
            axes.annotate(
                f"{digits(count)}  ({digits(100 * count / total)} %)", (count, place), xytext=(5, 0),
                textcoords="offset points", va="center",
            )  # fmt: skip
        axes.set_yticks(range(len(shown)), [FATE_NAMES[fate] for fate in shown])
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set_xlim(0, 1.18 * max(1, *shown.values()))
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return Picture(save(figure, folder, "fates"), "How the visits ended", "fates.png")


def draw_transactions(table: pl.DataFrame, folder: Path, names: dict[str, str]) -> Picture:
    """Draw p50, p95 and p99 of the answered attempts of every transaction."""
    shown = table.drop_nulls("p50")
    with drawing(WIDTH_IN, 0.34 * max(1, shown.height) + 1.1) as (figure, axes):
        places = np.arange(shown.height)
        axes.hlines(places, shown["p50"], shown["p99"], color=LIGHT, linewidth=3, zorder=1)
        for name, look in PERCENTILE_LOOKS.items():
            axes.scatter(shown[name], places, color=look.colour, marker=look.marker, s=34, label=name, zorder=2)
        axes.set_yticks(places, [f"{code}  {names.get(code, '')}" for code in shown["code"]])
        across(axes)
        plain_log(axes, axis="x")
        legend_above(axes)
        return Picture(save(figure, folder, "transactions"), "Latency by transaction", "transactions.png")


def draw_hops(table: pl.DataFrame, folder: Path, names: dict[str, str]) -> Picture:
    """Draw where the time of an accepted settlement goes, part by part of its way."""
    colours = (LIGHT, SKY, ORANGE, BLUE)
    with drawing(WIDTH_IN, 0.5 * max(1, table.height) + 1.1) as (figure, axes):
        places, left = np.arange(table.height), np.zeros(table.height)
        for (part, label), colour, hatch in zip(series.SEGMENTS.items(), colours, HATCHES, strict=True):
            wide = table[part].to_numpy() / 1000
            axes.barh(places, wide, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.6, label=label)
            left = left + wide
        for place, total in zip(places, left, strict=True):
            axes.annotate(
                show_duration(total * 1000), (total, place), xytext=(5, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(places, [f"{code}  {names.get(code, '')}" for code in table["code"]])
        across(axes)
        axes.set_xlabel("mean, ms")
        legend_above(axes)
        return Picture(save(figure, folder, "hops"), "Where the time of a settlement goes", "hops.png")


def draw_stations(use: pl.DataFrame, folder: Path) -> Picture:
    """Draw mean use of the busiest stations, with the busiest sample; the first is the bottleneck."""
    shown = use.head(STATIONS_SHOWN)
    with drawing(WIDTH_IN, 0.36 * max(1, shown.height) + 1.0) as (figure, axes):
        places = np.arange(shown.height)
        colours = [VERMILLION if place == 0 else SKY for place in places]
        axes.barh(places, shown["utilisation"] * 100, color=colours, hatch=None, height=0.62, label="mean")
        axes.scatter(
            shown["utilisation_peak"] * 100, places, marker="|", s=120, color=INK, label="busiest sample", zorder=3
        )
        axes.set_yticks(places, [f"{row['node']}  {row['station']}" for row in shown.iter_rows(named=True)])
        across(axes)
        axes.set_xlim(0, max(100.0, _peak_percent(shown)))
        axes.set_xlabel("use, % of capacity")
        legend_above(axes)
        return Picture(save(figure, folder, "stations"), "Use of stations", "stations.png")


def _peak_percent(shown: pl.DataFrame) -> float:
    peak: Any = shown["utilisation_peak"].max()
    return 105.0 * float(peak or 0)
