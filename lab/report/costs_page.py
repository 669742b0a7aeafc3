"""The page of a calibration: what serving costs here, how sure that is, and how evenly the machine went."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.report.figures import WIDTH_IN, Picture
from lab.report.page import figures_folder, write_page
from lab.report.style import BLUE, GREY, drawing, save
from lab.report.summary import CostsSummary
from sim.model.costs import AS_THE_MEAN, CostFile

OCTAVES_SHOWN = 20


def page_of(path: Path) -> Path:
    """Return where the page of a cost file stands: beside it, and not where its own JSON would take its place.

    >>> page_of(Path("out/costs.json")).name
    'costs.report.html'
    """
    return path.with_name(f"{path.stem}.report.html")


def write_costs_page(file: CostFile, path: Path) -> Path:
    """Write the page of the cost file at ``path`` beside it, and return the page's path."""
    pictures = {"rhythm": draw(file, figures_folder(path.parent), f"{path.stem}-rhythm")}
    return write_page(page_of(path), CostsSummary(file=path.name, costs=file), pictures)


def draw(file: CostFile, folder: Path, name: str) -> Picture:
    """Draw the machine's pace second by second, and what a process costs that has slept."""
    with drawing(WIDTH_IN, 2.9, ncols=2) as (figure, (pace, cold)):
        shares = np.array(file.pace or (AS_THE_MEAN,)) / AS_THE_MEAN
        pace.step(np.arange(shares.size), shares, where="post", color=BLUE)
        pace.axhline(1.0, color=GREY, linestyle=":")
        pace.set_title("What the same work cost, second by second")
        pace.set_xlabel("seconds metered, one load after the other")
        pace.set_ylim(bottom=0)
        gaps_us = 2.0 ** np.linspace(0, OCTAVES_SHOWN, 200)
        for fitted, look in ((file.cold.value, "-"), (file.cold.low, ":"), (file.cold.high, ":")):
            cold.plot(
                gaps_us / 1000, 1 + fitted * (1 - np.exp(-gaps_us / file.cooling_us.value)), color=BLUE, linestyle=look
            )
        cold.set_xscale("log")
        cold.set_title("What a process costs that has slept")
        cold.set_xlabel("asleep before, ms")
        for axes in (pace, cold):
            axes.set_ylabel("of the mean" if axes is pace else "of one that has just run")
            axes.grid(visible=True, axis="y")
        return Picture(save(figure, folder, name), "The machine's pace, and coldness", f"{name}.png")
