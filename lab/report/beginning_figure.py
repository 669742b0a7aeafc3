"""The graph that a warm-up is chosen by: latency from the first moment on, and MSER-5 after each cut."""

# Matplotlib leaves the keywords of its functions untyped.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lab.analysis.estimation.warm_up import BATCH, Cut
from lab.report.style import BLUE, GREY, INK, ORANGE, drawing, legend_above, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lab.analysis.statistics import Floats

__all__ = ["draw_beginning"]


def draw_beginning(series: Sequence[Floats], mean: Floats, cut: Cut, hours: float, page: Path) -> None:
    """Write the graph of a run whose series last ``hours`` of people time, as PNG or SVG by the name's end."""
    step = hours / mean.size
    with drawing(9.6, 5.0, nrows=2, sharex=True) as (figure, (latency, error)):
        _latency(latency, series, mean, step)
        error.plot(np.arange(cut.errors.size) * BATCH * step, cut.errors, color=INK, label="MSER-5 after this cut")
        error.set_yscale("log")
        for axes in (latency, error):
            axes.axvline(cut.values * step, color=ORANGE, linestyle="--", label="cut")
            legend_above(axes)
        error.set_xlabel("hours from the start of the horizon")
        figure.savefig(page, metadata={"Software": None} if page.suffix == ".png" else {"Date": None})


def _latency(axes: Axes, series: Sequence[Floats], mean: Floats, step: float) -> None:
    at = np.arange(mean.size) * step
    for one in series if len(series) > 1 else ():
        axes.plot(at, one, color=GREY, alpha=0.25, linewidth=0.6)
    axes.plot(at, mean, color=BLUE, linewidth=1.0, label="mean contact latency")
    plain_log(axes)
