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
from lab.report.curves import write_curve_page
from lab.report.summarise_curve import summarise_curve
from lab.report.wording_curve import distance_table, point_table
from lab.runs import file as runs
from reference_impl.domain.failures import InputError
from sim.model.costs import ANY_CODE, SERVING_ROLES, STAGES, Costs, Fitted

if TYPE_CHECKING:
    from lab.cli.commands.run import Request

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
    if as_json:
        console.say_json({"file": str(path), **msgspec.to_builtins(file)})
        return
    _print_costs(Costs(file))
    console.say(str(path))


def _print_costs(costs: Costs) -> None:
    """Print what serving costs, how sure that is, and how well it tells what was measured."""
    file = costs.file
    console.table(
        ["CPU", "fitted", "95 % interval"],
        [
            ["a turn", f"{file.turn_us.value:.0f} µs", _interval(file.turn_us, " µs")],
            ["a group", f"{file.group_us.value:.0f} µs", _interval(file.group_us, " µs")],
            ["a cold process, more", f"{file.cold.value:.0%}", _interval(_percent(file.cold), " %")],
            ["cooling", f"{file.cooling_us.value / 1000:.1f} ms", _interval(_milli(file.cooling_us), " ms")],
        ],
        words=1,
    )
    rows = [[role, *(f"{costs.mean_us(role, ANY_CODE, stage):.0f} µs" for stage in STAGES)] for role in SERVING_ROLES]
    console.table(["a piece", *STAGES], rows)
    fits = [
        [
            f"{one.use:.0%}", f"{one.pieces_per_turn:.2f}", f"{one.changes_per_group:.2f}",
            f"{one.error:+.1%}", f"{one.residual:.1%}",
        ]
        for one in file.fit
    ]  # fmt: skip
    console.table(["core used", "pieces a turn", "changes a group", "fit against CPU", "a window's residual"], fits)
    console.say(
        f"disk: {costs.mean_flush_us():.0f} µs a group on average; speed reference {file.speed_us:.0f} µs; "
        f"others used {file.foreign_share:.1%} of the core; {file.machine}"
    )


def _interval(fitted: Fitted, unit: str) -> str:
    return f"{fitted.low:.0f} to {fitted.high:.0f}{unit}"


def _percent(fitted: Fitted) -> Fitted:
    return Fitted(fitted.value * 100, fitted.low * 100, fitted.high * 100)


def _milli(fitted: Fitted) -> Fitted:
    return Fitted(fitted.value / 1000, fitted.low / 1000, fitted.high / 1000)


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
