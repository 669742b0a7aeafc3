"""A Sankey picture: what stood where on the left, what it came to on the right, a band as wide as its count.

Colours are those of the fates, each with its hatch, so that no colour alone tells two bands apart.
"""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path as Curve

from lab.report.format import digits
from lab.report.style import FATE_LOOKS, FATE_NAMES, INK, STAGE_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Flow", "draw_flows", "heights"]

LEFT, RIGHT, WIDTH = 0.0, 1.0, 0.018
GAP, GAPS_MAX = 0.075, 0.5
"""Of the height, between two blocks of one side, and all of them together: the name of a thin one needs room."""
LEAST = 0.012
"""Of the height: one piece of business among thousands is still seen."""

Flow = tuple[str, str, int]
"""Stage, fate, and how many."""


def heights(counts: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """Return bottom and top of the block of each name, the first on top, from 1 down to 0 with gaps between.

    >>> heights({"a": 1, "b": 1})["a"]
    (0.5375, 1.0)
    """
    gap = min(GAP, GAPS_MAX / max(1, len(counts) - 1))
    total, room = sum(counts.values()), 1.0 - gap * (len(counts) - 1)
    wide = {name: max(LEAST, count / total) for name, count in counts.items()}
    stretch, top, found = room / sum(wide.values()), 1.0, dict[str, tuple[float, float]]()
    for name, share in wide.items():
        found[name] = (top - share * stretch, top)
        top = found[name][0] - gap
    return found


def draw_flows(axes: Axes, flows: Sequence[Flow], title: str) -> None:
    """Draw one picture into ``axes``; with nothing in flight it says so."""
    axes.set_axis_off()
    axes.set_title(title)
    if not flows:
        axes.text(0.5, 0.5, "nothing was in flight", ha="center", va="center", color=INK)
        return
    stages = _sums(flows, [stage for stage in STAGE_NAMES if any(stage == one[0] for one in flows)], 0)
    fates = _sums(flows, [fate for fate in FATE_NAMES if any(fate == one[1] for one in flows)], 1)
    left, right = heights(stages), heights(fates)
    _bands(axes, flows, (stages, left), (fates, right))
    for name, (bottom, top) in left.items():
        _block(axes, LEFT - WIDTH, bottom, top, "#5f6368", "")
        label = f"{STAGE_NAMES[name]}  {digits(stages[name])}"
        axes.text(LEFT - 2 * WIDTH, (bottom + top) / 2, label, ha="right", va="center", fontsize=9)
    for name, (bottom, top) in right.items():
        look = FATE_LOOKS[name]
        _block(axes, RIGHT, bottom, top, look.colour, look.hatch)
        label = f"{digits(fates[name])}  {FATE_NAMES[name]}"
        axes.text(RIGHT + 2 * WIDTH, (bottom + top) / 2, label, ha="left", va="center", fontsize=9)
    axes.set_xlim(-0.38, 1.42)
    axes.set_ylim(-0.02, 1.02)


def _sums(flows: Sequence[Flow], names: Sequence[str], side: int) -> dict[str, int]:
    return {name: sum(one[2] for one in flows if one[side] == name) for name in names}


def _block(axes: Axes, x: float, bottom: float, top: float, colour: str, hatch: str) -> None:
    axes.add_patch(
        Rectangle((x, bottom), WIDTH, top - bottom, facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0.5)
    )


Side = tuple[Mapping[str, int], Mapping[str, tuple[float, float]]]


def _bands(axes: Axes, flows: Sequence[Flow], left: Side, right: Side) -> None:
    """Draw the bands from top to bottom on both sides, so that few of them cross."""
    at_left = {name: top for name, (_, top) in left[1].items()}
    at_right = {name: top for name, (_, top) in right[1].items()}
    fates = list(right[0])
    ends: dict[Flow, tuple[float, float]] = {}
    for flow in sorted(flows, key=lambda one: (list(left[0]).index(one[0]), fates.index(one[1]))):
        wide = _wide(flow[2], left, flow[0])
        ends[flow] = (at_left[flow[0]], at_left[flow[0]] - wide)
        at_left[flow[0]] -= wide
    for flow in sorted(flows, key=lambda one: (fates.index(one[1]), list(left[0]).index(one[0]))):
        wide = _wide(flow[2], right, flow[1])
        _band(axes, ends[flow], (at_right[flow[1]], at_right[flow[1]] - wide), flow[1])
        at_right[flow[1]] -= wide


def _wide(count: int, side: Side, name: str) -> float:
    bottom, top = side[1][name]
    return (top - bottom) * count / side[0][name]


def _band(axes: Axes, begin: tuple[float, float], end: tuple[float, float], fate: str) -> None:
    look, middle = FATE_LOOKS[fate], (LEFT + RIGHT) / 2
    points = np.array([
        (LEFT, begin[0]), (middle, begin[0]), (middle, end[0]), (RIGHT, end[0]),
        (RIGHT, end[1]), (middle, end[1]), (middle, begin[1]), (LEFT, begin[1]), (LEFT, begin[0]),
    ])  # fmt: skip
    codes = [Curve.MOVETO, *[Curve.CURVE4] * 3, Curve.LINETO, *[Curve.CURVE4] * 3, Curve.CLOSEPOLY]
    patch = PathPatch(
        Curve(points, codes), facecolor=look.colour, alpha=0.45, hatch=look.hatch, edgecolor="white", lw=0.4
    )
    axes.add_patch(patch)
