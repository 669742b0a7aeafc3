"""What Locust's page shows of a run beside Locust's own tables: fates, gates, the generator's validity, faults.

A table is rows of text by column, made anew whenever somebody looks. It must never slow a run: what it asks are counts
that are kept anyway, and nothing is looked for in the record.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from loadtest.live_line import held, predicted, shown
from reference_impl.staging.timetable import timetable
from scenarios.schema.gates import parse_gates

if TYPE_CHECKING:
    from loadtest.laboratory import Accepted
    from loadtest.running import Running
    from loadtest.session import Session
    from loadtest.validity import Window
    from scenarios.record.tables import EventRow
    from scenarios.schema import Scenario

__all__ = ["TABLES", "Mark", "Row", "Table", "as_csv", "marks"]

Row = dict[str, str]
_US_PER_S = 1_000_000


class Mark(NamedTuple):
    """Something that happened at a moment of the run."""

    at_us: int
    name: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page: its key in addresses, its title, its columns by key, and how its rows are made."""

    key: str
    title: str
    columns: dict[str, str]
    rows: Callable[[Session], list[Row]]


def _fates(session: Session) -> list[Row]:
    run = session.seen
    if run is None:
        return []
    fates = run.so_far.fates
    ended = fates.total()
    rows = [{"fate": fate.value, "visits": f"{fates[fate]:,}", "share": f"{fates[fate] / ended:.1%}"} for fate in fates]
    rows.sort(key=lambda row: -int(row["visits"].replace(",", "")))
    still = {"under way": run.live_count, "not begun": run.left_count}
    return rows + [{"fate": name, "visits": f"{count:,}", "share": ""} for name, count in still.items() if count]


def _gates(session: Session) -> list[Row]:
    if session.concluded is not None:
        judged = [
            {"gate": one["measure"], "bound": one["expression"], "figure": one["shown"], "verdict": one["verdict"]}
            for one in session.concluded.gates
        ]
        figure, verdict = session.concluded.lines[-1], session.concluded.verdict
        whole = {"gate": "the run", "bound": "", "figure": figure, "verdict": verdict}
        return [row | {"predicted": ""} for row in (*judged, whole)]
    return [] if session.accepted is None else list(_gates_so_far(session.accepted, session.seen))


def _gates_so_far(accepted: Accepted, run: Running | None) -> Iterator[Row]:
    for gate in parse_gates(accepted.scenario.gates):
        figure = None if run is None else run.so_far.figure(gate.measure, gate.statistic)
        yield {
            "gate": gate.measure,
            "bound": gate.text,
            "figure": shown(figure, gate),
            "predicted": shown(predicted(gate, accepted.predicted), gate),
            "verdict": held(gate, figure),
        }


def _validity(session: Session) -> list[Row]:
    run = session.seen
    return (
        []
        if run is None
        else [
            {
                "window": f"{one.from_us / _US_PER_S:.0f} s to {one.until_us / _US_PER_S:.0f} s{_whose(one)}",
                "core": f"{one.cpu_share:.0%}",
                "lag": f"{one.lag_p99_us / 1000:.1f} ms",
                "dropped": f"{one.dropped:,}",
                "verdict": one.reason or "valid",
            }
            for one in run.verdict.windows
        ]
    )


def _whose(window: Window) -> str:
    return f", worker {window.worker}" if window.worker else ""


def _faults(session: Session) -> list[Row]:
    if session.accepted is None:
        return []
    now_us = None if session.seen is None else session.seen.now_us
    return [
        {
            "at": f"{one.at_us / _US_PER_S:.1f} s",
            "until": "" if one.until_us is None else f"{one.until_us / _US_PER_S:.1f} s",
            "what": one.kind,
            "where": one.target,
            "note": one.note,
            "state": _state(one, now_us),
        }
        for one in _planned(session.accepted.scenario)
    ]


def _state(row: EventRow, now_us: int | None) -> str:
    if now_us is None or now_us < row.at_us:
        return "ahead"
    return "past" if row.until_us is None or now_us >= row.until_us else "now"


def _planned(scenario: Scenario) -> list[EventRow]:
    return sorted({step.row for step in timetable(scenario) if step.row is not None}, key=lambda row: row.at_us)


def marks(scenario: Scenario, until_us: int) -> list[Mark]:
    """Return the beginnings and ends, up to a moment, of the faults and phases of a scenario, in order."""
    rows = _planned(scenario)
    begun = [Mark(row.at_us, f"{row.kind} {row.target}") for row in rows]
    ended = [Mark(row.until_us, f"end of {row.kind} {row.target}") for row in rows if row.until_us is not None]
    return sorted(mark for mark in begun + ended if mark.at_us <= until_us)


def as_csv(table: Table, session: Session) -> str:
    """Return a table as it is now, with its titles as the first line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns.values())
    writer.writerows([row[key] for key in table.columns] for row in table.rows(session))
    return text.getvalue()


TABLES = (
    Table("fates", "Fates", {"fate": "Fate", "visits": "Visits", "share": "Share of the ended"}, _fates),
    Table(
        "gates",
        "Gates",
        {"gate": "Gate", "bound": "Bound", "figure": "Figure", "predicted": "Predicted", "verdict": "Verdict"},
        _gates,
    ),
    Table(
        "validity",
        "Validity",
        {
            "window": "Window",
            "core": "Of its core",
            "lag": "Start lag p99",
            "dropped": "Dropped arrivals",
            "verdict": "Verdict on the generator",
        },
        _validity,
    ),
    Table(
        "faults",
        "Faults",
        {
            "at": "Planned from",
            "until": "Until",
            "what": "Fault or phase",
            "where": "Where",
            "note": "Note",
            "state": "State",
        },
        _faults,
    ),
)
"""In the order of their tabs."""
