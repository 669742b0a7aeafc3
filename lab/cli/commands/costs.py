"""``yidi calibrate`` and ``yidi curve``: what messages cost here, and what that means under load."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.calibration.calibrate import cache_path, costs_of_this_machine
from lab.calibration.calibrate import calibrate as measure
from lab.cli import console
from lab.experiments.curve import draw_curve, refuse_unloaded
from lab.report.costs_page import write_costs_page
from lab.report.curves import write_curve_page
from lab.report.summarise_curve import summarise_curve
from lab.report.wording_costs import circumstances, fit_table, number_table, piece_table
from lab.report.wording_curve import distance_table, point_table
from lab.runs import file as runs
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from lab.cli.commands.run import Request
    from sim.model.costs import CostFile

INVALID = 3


def calibrate(out: Path | None, *, as_json: bool) -> None:
    """Measure and say what was found."""
    if out is not None:
        runs.partial_of(out)
    if out is not None and os.path.lexists(out):
        raise InputError(f"output {out} exists; expected a new name, choose another with --out")
    path = out or cache_path()
    with console.Bar(quiet=as_json) as bar:
        file = measure(path, bar)
    page = write_costs_page(file, path)
    if as_json:
        console.say_json({"file": str(path), "page": str(page), **msgspec.to_builtins(file)})
        return
    _print_costs(file)
    console.say(f"costs: {path}")
    console.say(f"page: {page}")


def _print_costs(file: CostFile) -> None:
    """Print what serving costs, how sure that is, and how well it tells what was measured."""
    for table in (number_table(file), piece_table(file), fit_table(file)):
        console.table(table.head, table.rows, words=table.words)
    console.say(circumstances(file))


def curve(asked: Request, world: str, loads: int) -> int:
    """Draw a curve and return the exit code."""
    folder = asked.out or runs.default_folder(asked.scenario.name, "curve")
    runs.refuse_taken(folder)
    refuse_unloaded(asked.scenario)
    worlds: list[runs.World] = ["sim", "load"] if world == "both" else ["sim" if world == "sim" else "load"]
    with console.Bar(quiet=asked.as_json) as bar:
        costs = asked.costs or (costs_of_this_machine(bar) if "load" in worlds else None)
        found = draw_curve(replace(asked, costs=costs).question(), worlds, loads, folder, bar)
    partial = folder.with_name(folder.name + runs.PARTIAL)
    write_curve_page(found, partial)
    runs.finish(partial, folder)
    if asked.as_json:
        console.say_json({"folder": str(folder), **msgspec.to_builtins(found)})
    else:
        summary = summarise_curve(found)
        for table in (point_table(summary), distance_table(summary)):
            if table.rows:
                console.table(table.head, table.rows, words=table.words)
                console.say(table.note)
        console.say(f"page: {folder / runs.REPORT_FILE}")
    return 0 if all(point.valid for point in found.points) else INVALID
