"""``yidi break-point``: the rate at which a scenario breaks its own gates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from lab.calibration.calibrate import costs_or_assumed
from lab.cli import console
from lab.experiments.break_point import BREAK_POINT_FILE, BreakPoint, Search, find_break_point, refuse_unbreakable
from lab.runs import file as runs

if TYPE_CHECKING:
    from lab.cli.commands.run import Request

NOT_FOUND = 3


def break_point(asked: Request, world: str, search: Search) -> int:
    """Search and return the exit code: 0 where the point was found as narrowly as asked."""
    folder = asked.out or runs.default_folder(asked.scenario.name, "break-point")
    runs.refuse_taken(folder)
    refuse_unbreakable(asked.scenario)
    with console.Bar(quiet=asked.as_json) as bar:
        costs = asked.costs or (costs_or_assumed(bar) if world == "load" else None)
        question = replace(asked, costs=costs).question()
        found = find_break_point(question, "sim" if world == "sim" else "load", search, folder, bar)
    runs.finish(folder.with_name(folder.name + runs.PARTIAL), folder)
    if asked.as_json:
        console.say_json({"folder": str(folder), **msgspec.to_builtins(found)})
    else:
        rows = [[f"{one.per_s:.4g}", one.verdict, "; ".join(one.failed)] for one in found.trials]
        console.table(["visits/s", "gates", "what did not pass"], rows, words=2)
        console.say(told(found))
        console.say(f"every run: {folder}, {BREAK_POINT_FILE}")
    return 0 if found.found else NOT_FOUND


def told(found: BreakPoint) -> str:
    """Return between which rates it breaks, in a sentence."""
    holds = "nothing that was tried" if found.holds_per_s is None else f"{found.holds_per_s:.4g} visits/s"
    breaks = "nothing that was tried" if found.breaks_per_s is None else f"{found.breaks_per_s:.4g} visits/s"
    sentence = f"holds at {holds}, breaks at {breaks}"
    return sentence if found.found else f"{sentence}; the search ended early: {found.ended}"
