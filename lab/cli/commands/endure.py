"""``yidi endure``: a real run under everything, with progress, and what two checkers say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.cli import console
from lab.cli.commands.recount import as_data, tell
from lab.endurance.study import endure
from lab.report.page import write_report
from lab.runs import file as runs
from reference_impl.domain.failures import FailedRunError

if TYPE_CHECKING:
    from pathlib import Path

    from lab.endurance.study import Asked, Ended

__all__ = ["endure_command"]


def endure_command(asked: Asked, out: Path | None, *, as_json: bool) -> int:
    """Run, say what was done and found; return 0 for nothing found, 1 for something, 3 when a fault was not done."""
    folder = out or runs.default_folder("endurance", "load")
    runs.refuse_taken(folder)
    with console.Bar(quiet=as_json) as bar:
        ended = endure(asked, folder, bar)
        write_report(folder)
    if as_json:
        console.say_json(_as_data(ended, folder))
    else:
        _tell(ended, folder)
    if not ended.holds:
        return 1
    return FailedRunError.exit_code if ended.undone else 0


def _tell(ended: Ended, folder: Path) -> None:
    rows = [[kind, f"{count:,}", f"{ended.hits[kind]:,}"] for kind, count in ended.done.items()]
    console.table(["what was done", "times", "attempts hit"], rows)
    console.table(["visits that ended", "number"], [[fate, f"{count:,}"] for fate, count in ended.visits.items()])
    tell(ended.recount)
    for why in ended.undone:
        console.say(why)
    console.say(
        f"{sum(ended.visits.values()):,} visits, {ended.messages:,} attempts: the checker found "
        f"{ended.found_by_laws:,} breaches of its laws, the recount {ended.recount.found:,}; "
        f"{folder / runs.REPORT_FILE}"
    )


def _as_data(ended: Ended, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "holds": ended.holds,
        "done": ended.done,
        "hits": ended.hits,
        "visits": ended.visits,
        "messages": ended.messages,
        "undone": ended.undone,
        "laws": [one.checker["laws"] for one in ended.run.replications],
        "recount": as_data(ended.recount),
    }
