"""The figure of the front: the plans that were tried, those than which none is better both ways, what holds of them.

What the search saw is drawn hollow; filled, with its interval, is what fresh seeds say.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.planner.harm import COMPONENTS
from lab.planner.judgement import Range
from lab.report.figures import WIDTH_IN, Picture
from lab.report.style import BLUE, GREY, INK, VERMILLION, drawing, legend_above, save

if TYPE_CHECKING:
    from lab.planner.planning import Planned

__all__ = ["draw_front", "title_of"]

HEIGHT_IN = 4.2


def title_of(name: str) -> str:
    """Return what a figure of harm is called, with its unit."""
    component = next(one for one in COMPONENTS if one.name == name)
    return f"{component.title}, {component.unit}"


def draw_front(planned: Planned, folder: Path) -> Picture:
    """Draw the front into ``folder``."""
    with drawing(WIDTH_IN, HEIGHT_IN) as (figure, axes):
        tried = [one for one in planned.trials if not one.refused]
        axes.plot(
            [one.against for one in tried], [one.harm for one in tried], "o", markersize=3.5, color=GREY,
            markerfacecolor="none", label="tried, on the search's seeds",
        )  # fmt: skip
        for place, one in enumerate(planned.judged.front):
            axes.plot(one.searched_against, one.searched_harm, "o", markersize=7, color=BLUE, markerfacecolor="none")
            _point(axes, one.against, one.harm, BLUE, "s", "of the front, on fresh seeds" if not place else "")
            axes.annotate(
                str(one.trial), (one.searched_against, one.searched_harm), xytext=(6, 5), textcoords="offset points",
                fontsize=8, color=INK,
            )  # fmt: skip
        judged = planned.judged
        _point(
            axes, judged.stated[planned.against], judged.stated["harm"], VERMILLION, "^", "as stated, on fresh seeds"
        )
        axes.set_xlabel(title_of(planned.against))
        axes.set_title("Harm, points")
        axes.grid(visible=True, axis="both")
        legend_above(axes)
        return Picture(save(figure, folder, "front"), "Harm of the plans that were tried", "front.png")


def _point(axes: Any, x: Range, y: Range, colour: str, marker: str, label: str) -> None:
    if x.value is None or y.value is None:
        return
    bars = [[y.value - y.low], [y.high - y.value]] if y.low is not None and y.high is not None else None
    axes.errorbar(
        [x.value], [y.value], yerr=bars, fmt=marker, color=colour, markersize=6, capsize=3, linewidth=1.1,
        label=label or None,
    )  # fmt: skip
