"""What the gates of a planned stop came to: what was decided, how late, and what was found of the rows behind the door.

Decisions are events of the record, the same in both worlds; a plan without gates or rows has none of these figures.
Times are people time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from lab.analysis.renumbering import kept_visit_id
from lab.analysis.stops import went
from reference_impl.protocol.ids import Stamps
from reference_impl.staging.unmended import unmended_rows
from scenarios.schema.cutover import Window
from scenarios.schema.go_no_go import Decision

if TYPE_CHECKING:
    from reference_impl.protocol.unmended import UnmendedRows
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.course import Course
    from scenarios.schema.cutover import Cutover
    from scenarios.schema.migration import MovedRows

__all__ = ["figures", "row_refused", "visits_without_row"]


def figures(record: Record, courses: Sequence[Course], scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what gates decided, and what was found of the rows; of several plans together."""
    gated = [course for course in courses if _has_gates(course.plan)]
    if gated:
        decided = pl.concat([_decisions(record.events, course) for course in gated])
        counts = dict(decided.group_by("kind").len().iter_rows())
        holds, refusals = counts.get(Decision.HOLD.value, 0), counts.get(Decision.NO_GO.value, 0)
        yield "cutover.gate_breaches", holds + refusals
        yield "cutover.holds", holds
        yield "cutover.no_go", refusals
        late_us = [one for course in gated for one in _late_us(_decisions(record.events, course))]
        yield "cutover.decision_late", max(late_us, default=0) * scenario.scale.time
        stepped = [course for course in gated if course.plan.step_gates is not None]
        yield "cutover.held", sum(_held_us(record.events, course) for course in stepped) * scenario.scale.time
    moved = [(course, rows) for course in courses if (rows := rows_of(course.plan)) and not course.rolled_back]
    if moved:
        yield from _rows(record, moved, scenario)


def rows_of(plan: Cutover) -> MovedRows | None:
    """Return the rows that a plan moves, where it states them."""
    return plan.window.rows if isinstance(plan.window, Window) else None


def visits_without_row(record: Record, courses: Sequence[Course], scenario: Scenario) -> frozenset[int]:
    """Return the visits listed in flight by a plan of whose person, or of which, the new books refused the row."""
    stamps, found = Stamps(scenario.horizon.start, scenario.scale.time), set[int]()
    for course in courses:
        rows = unmended_rows(course, scenario.seed, stamps)
        if rows is None:
            continue
        listed = record.inflight.filter(pl.col("plan") == course.plan.name).select("visit").unique()
        visits = record.visits.join(listed, on="visit", how="semi")
        mended = row_refused(visits, rows)
        found.update(visits.filter(mended > 0)["visit"].to_list())
    return frozenset(found)


def row_refused(visits: pl.DataFrame, rows: UnmendedRows | None) -> pl.Series:
    """Return until when (on the run's clock) each visit's rows were not right; 0 where they always were.

    ``visits`` say ``person`` and ``visit_id``. The draw is the one that the doors made, by the
    ids that the books know.
    """
    if rows is None:
        return pl.Series("mended_us", [0] * visits.height, dtype=pl.Int64)
    known = visits.select("person", visit_id=kept_visit_id())
    mended_us = [rows.mended_us(person, visit) for person, visit in known.iter_rows()]
    return pl.Series("mended_us", [at if at > rows.from_us else 0 for at in mended_us], dtype=pl.Int64)


def _has_gates(plan: Cutover) -> bool:
    before = plan.window.gates if isinstance(plan.window, Window) else None
    return before is not None or plan.step_gates is not None


def _decisions(events: pl.DataFrame, course: Course) -> pl.DataFrame:
    mine = pl.col("note").str.starts_with(f"{course.plan.name},")
    return events.filter(mine & pl.col("kind").is_in([one.value for one in Decision])).select("at_us", "kind")


def _late_us(decided: pl.DataFrame) -> Iterator[int]:
    """Yield, for each step that was held, how long its gates had been met when it went on."""
    met_us: int | None = None
    for at_us, kind in decided.sort("at_us", maintain_order=True).iter_rows():
        if kind == Decision.MET.value:
            met_us = at_us
        elif kind == Decision.GO.value and met_us is not None:
            yield at_us - met_us
            met_us = None


def _held_us(events: pl.DataFrame, course: Course) -> int:
    moments = went(events, course)
    return max(0, moments.full_us - moments.reopened_us - course.plan.ramp_us)


def _rows(record: Record, moved: Sequence[tuple[Course, MovedRows]], scenario: Scenario) -> Iterator[tuple[str, float]]:
    yield "cutover.rows_moved", sum(kind.count for _, rows in moved for _, kind in rows.kinds())
    refused = dict[str, float]()
    for name in ("persons", "visits"):
        counts = [(course, kind.count) for course, rows in moved for one, kind in rows.refusable() if one == name]
        refused[name] = sum(round(course.found.refused.get(name, 0.0) * count) for course, count in counts)
        if total := sum(count for _, count in counts):
            yield f"cutover.rows_refused.{name}", refused[name] / total
    yield "cutover.rows_by_hand", sum(refused.values())
    yield "cutover.rows_differ", max(course.found.differs for course, _ in moved)
    stamps = Stamps(scenario.horizon.start, scenario.scale.time)
    met = [_turned_away(record, course, unmended_rows(course, scenario.seed, stamps)) for course, _ in moved]
    yield "cutover.turned_away_by_row", pl.concat(met).unique().height


def _turned_away(record: Record, course: Course, rows: UnmendedRows | None) -> pl.DataFrame:
    """Return the visits that a plan's open door turned away because a row of theirs was not right yet."""
    away = record.turned_away.filter(
        pl.col("plan").is_in([course.plan.name]) & (pl.col("at_us") >= went(record.events, course).reopened_us)
    )
    visits = record.visits.select("visit", "person", "visit_id").join(
        away.select("visit").unique(), on="visit", how="semi"
    )
    mended = visits.with_columns(row_refused(visits, rows)).select("visit", "mended_us")
    return away.join(mended, on="visit").filter(pl.col("at_us") < pl.col("mended_us")).select("visit")
