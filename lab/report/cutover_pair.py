"""The figure of two plans of a cutover side by side: the error budget that each burnt."""

from __future__ import annotations

from pathlib import Path

from lab.report.figures import WIDTH_IN, Picture
from lab.report.format import digits
from lab.report.style import PAIR_LOOKS, across, drawing, legend_above, save
from lab.report.summary import ComparisonSummary

BUDGETS = {
    "cutover.budget_intents": "by people",
    "cutover.budget_intents_unplanned": "by people, unplanned",
    "cutover.budget_time": "by time",
    "cutover.budget_time_unplanned": "by time, unplanned",
}


def draw_budget(summary: ComparisonSummary, names: tuple[str, str], folder: Path) -> Picture | None:
    """Draw the error budgets burnt by both runs; None where one of them has none."""
    found = {row.measure: (row.first, row.second) for row in summary.differences if row.measure in BUDGETS}
    rows = [(label, found[name]) for name, label in BUDGETS.items() if name in found]
    figures = [value for _, pair in rows for value in pair]
    if not rows or any(value is None for value in figures):
        return None
    with drawing(WIDTH_IN, 0.62 * len(rows) + 1.0) as (figure, axes):
        for side, (name, look) in enumerate(zip(names, PAIR_LOOKS, strict=True)):
            for place, (label, pair) in enumerate(rows):
                burnt, hollow = pair[side] or 0.0, "unplanned" in label
                axes.barh(
                    place + (side - 0.5) * 0.36, burnt, height=0.32, edgecolor=look.colour, linewidth=1.4,
                    color="white" if hollow else look.colour, label=name if place == 0 else None,
                )  # fmt: skip
                axes.annotate(
                    digits(burnt), (burnt, place + (side - 0.5) * 0.36), xytext=(5, 0), textcoords="offset points",
                    va="center",
                )  # fmt: skip
        axes.set_title("Error budgets burnt")
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        across(axes)
        axes.set_xlim(0, 1.12 * max(1e-9, *(value or 0.0 for value in figures)))
        axes.set_xlabel("error budgets of one period (objective.availability over objective.period)")
        legend_above(axes)
        return Picture(save(figure, folder, "budget"), "Error budgets burnt by both", "budget.png")
