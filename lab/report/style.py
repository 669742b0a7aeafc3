"""How figures look: Okabe-Ito colours, each with its own line, marker or hatch, for print and for every eye.

A colour must never be the only thing that tells two series apart.
"""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import base64
import io
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lab.report.format import show_duration
from scenarios.record.fates import Fate, Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
BROWN = "#661100"
TEAL, OLIVE, WINE, SAND, INDIGO = "#44AA99", "#999933", "#882255", "#DDCC77", "#332288"
CYAN, ROSE, MOSS, MAUVE, SLATE = "#88CCEE", "#CC6677", "#117733", "#AA4499", "#4A6FA5"
CORAL, LIME, BARK = "#EE8866", "#BBCC33", "#7E6148"
STONE, RUST, PINE, AMBER = "#A09890", "#9C3D10", "#2F6B5E", "#B8860B"
"""Paul Tol's muted and light colours, and six of ours: where eight are too few."""
GREY, LIGHT, INK = "#767676", "#D9D9D9", "#1b1f24"
PNG_DPI = 160

_SETTINGS: Any = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": "#9aa0a6",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#e6e8ea",
    "grid.linewidth": 0.8,
    "xtick.color": "#5f6368",
    "ytick.color": "#5f6368",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "yidi",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is drawn."""

    colour: str
    line: str = "-"
    marker: str = ""
    hatch: str = ""


FATE_LOOKS: dict[str, Look] = {
    Fate.DIRECT: Look(BLUE),
    Fate.DIRECT_AFTER_RETRY: Look(SKY, hatch="//"),
    Fate.PARKED_THEN_DIRECT: Look(GREEN, hatch="\\\\"),
    Fate.WAITED_THEN_DIRECT: Look(TEAL, hatch="++"),
    Fate.SETTLED_LATER: Look(OLIVE, hatch="**"),
    Fate.ON_ACCOUNT_THEN_DIRECT: Look(WINE, hatch="OO"),
    Fate.ESTIMATED_THEN_SETTLED: Look(SAND, hatch="/-"),
    Fate.FILED_THEN_DIRECT: Look(CYAN, hatch="/."),
    Fate.STALE_THEN_DIRECT: Look(LIME, hatch="|-"),
    Fate.MID_STAY_THEN_DIRECT: Look(INDIGO, hatch="\\\\|"),
    Fate.REFUSED: Look(GREY, hatch=".."),
    Fate.REVERSED_THEN_PAPER: Look(VERMILLION, hatch="xx"),
    Fate.PAPER_BY_CLOSURE: Look(ORANGE, hatch="--"),
    Fate.PAPER_BY_CHOICE: Look(PURPLE, hatch="||"),
    Fate.PAPER_BY_NUMBER: Look(BROWN, hatch="-|"),
    Fate.PAPER_BY_PREFUND: Look(CORAL, hatch="+o"),
    Fate.PAPER_BY_FILING: Look(ROSE, hatch="x."),
    Fate.PAPER_BY_STALENESS: Look(BARK, hatch="+-"),
    Fate.PAPER_BY_NETWORK: Look(MAUVE, hatch="+."),
    Fate.PAPER_BY_IDENTITY: Look(SLATE, hatch="o."),
    Fate.ORDER_NOT_CONFIRMED: Look(STONE, hatch="//."),
    Fate.ORDER_EXPIRED: Look(RUST, hatch="--."),
    Fate.ORDER_REFUNDED: Look(PINE, hatch="xx."),
    Fate.SELF_PAID: Look(MOSS, hatch="O."),
    Fate.ABANDONED: Look(BLACK),
    Fate.OPEN_AT_END: Look(YELLOW, hatch="oo"),
    Fate.LOST_WITH_WORKER: Look(AMBER, hatch="xo"),
}
WORLD_LOOKS: dict[str, Look] = {"sim": Look(BLUE, "-", "o"), "load": Look(VERMILLION, "--", "s")}
PAIR_LOOKS = (Look(BLUE, "-", "o"), Look(VERMILLION, "--", "s"))
PERCENTILE_LOOKS: dict[str, Look] = {
    "p50": Look(BLUE, "-", "o"),
    "p95": Look(ORANGE, "--", "D"),
    "p99": Look(VERMILLION, ":", "^"),
}
FATE_NAMES: dict[str, str] = {
    Fate.DIRECT: "settled at the desk",
    Fate.DIRECT_AFTER_RETRY: "settled after a retry",
    Fate.PARKED_THEN_DIRECT: "parked, settled later",
    Fate.WAITED_THEN_DIRECT: "waited, settled at the reopening",
    Fate.SETTLED_LATER: "settled later by the hospital",
    Fate.ON_ACCOUNT_THEN_DIRECT: "on account, settled later",
    Fate.ESTIMATED_THEN_SETTLED: "estimated, settled later",
    Fate.FILED_THEN_DIRECT: "filed at the desk, then settled",
    Fate.STALE_THEN_DIRECT: "came again after a download, then settled",
    Fate.MID_STAY_THEN_DIRECT: "settled mid-stay and at its end",
    Fate.REFUSED: "refused by a rule",
    Fate.REVERSED_THEN_PAPER: "taken back, then paper",
    Fate.PAPER_BY_CLOSURE: "paper: the door was closed",
    Fate.PAPER_BY_CHOICE: "paper: gave up waiting",
    Fate.PAPER_BY_NUMBER: "paper: the number was not found",
    Fate.PAPER_BY_PREFUND: "paper: the prefund was used up",
    Fate.PAPER_BY_FILING: "paper: nothing valid was filed",
    Fate.PAPER_BY_STALENESS: "paper: one side's data was stale",
    Fate.PAPER_BY_NETWORK: "paper: not opened for visitors",
    Fate.PAPER_BY_IDENTITY: "paper: nothing said who it was",
    Fate.ORDER_NOT_CONFIRMED: "order confirmed by nobody",
    Fate.ORDER_EXPIRED: "order confirmed too late",
    Fate.ORDER_REFUNDED: "order paid and given back",
    Fate.SELF_PAID: "paid alone: status not shown",
    Fate.ABANDONED: "left the queue",
    Fate.OPEN_AT_END: "open at the end",
    Fate.LOST_WITH_WORKER: "lost with its worker",
}
STAGE_NAMES: dict[str, str] = {
    Stage.DESK_QUEUE: "waiting for a desk",
    Stage.AT_DESK: "at the desk",
    Stage.IN_TRANSIT: "message in transit",
    Stage.TRIED: "tried, not settled",
    Stage.UNKNOWN: "outcome unknown",
    Stage.REVERSAL_PENDING: "reversal pending",
    Stage.OPEN_STAY: "open stay",
    Stage.ORDER_WAITS: "order to be confirmed",
    Stage.FILING_PENDING: "filing pending",
    Stage.PARKED: "parked",
    Stage.MANUAL_CLAIM: "claim by paper",
    Stage.ENDED: "ended",
}
WORLD_NAMES: dict[str, str] = {"sim": "simulated", "load": "real"}


@contextmanager
def drawing(width_in: float, height_in: float, **layout: Any) -> Generator[tuple[Figure, Any]]:
    """Yield a figure and its axes in the house style, and close it afterwards."""
    with mpl.rc_context(_SETTINGS):
        figure, axes = cast(
            "tuple[Figure, Any]", plt.subplots(figsize=(width_in, height_in), layout="constrained", **layout)
        )
        try:
            yield figure, axes
        finally:
            plt.close(figure)


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write ``name.png`` to ``folder`` and return the figure as SVG that can stand inside a page."""
    figure.savefig(folder / f"{name}.png", dpi=PNG_DPI, metadata={"Software": None})
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    svg = text[text.index("<svg") :]
    encoded = base64.b64encode(svg.encode()).decode()
    # An image of its own keeps the ids of one figure from meaning those of another on the same page.
    return f"data:image/svg+xml;base64,{encoded}"


def across(axes: Axes) -> None:
    """Rule the axes for rows of bars or dots: lines at the values, none at the names."""
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()


def legend_above(axes: Axes) -> None:
    """Put the legend at the right above the axes, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=4, borderaxespad=0.2, handlelength=2.6)


def plain_log(axes: Axes, *, axis: str = "y") -> None:
    """Show a logarithmic axis of microseconds with durations people read: 1 ms, 2 ms, 5 ms."""
    chosen = axes.yaxis if axis == "y" else axes.xaxis
    (axes.set_yscale if axis == "y" else axes.set_xscale)("log")
    chosen.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    chosen.set_major_formatter(FuncFormatter(_duration))
    chosen.set_minor_formatter(NullFormatter())


def _duration(value: float, _: int | None) -> str:
    return show_duration(value)
