"""What new numbers did to people and their business: not found, settled under the new, taken back by the old.

Everything follows from when a message was first sent: before the reopening it bears the old number, after it the new
one, which the desk asks for (1101) before it sends anything else. Times are the run's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import polars as pl

from lab.checker.rows import UNDO_CODES
from reference_impl.domain.nodes import HUB
from reference_impl.domain.renumbering import Numbered, shape_of
from reference_impl.domain.transactions import REVERSIBLE, SETTLEMENTS
from scenarios.record.fates import Fate
from scenarios.schema.measures import of_plan

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema.course import Course

__all__ = ["kept_settlement_id", "kept_visit_id", "measure"]


def measure(record: Record, courses: Sequence[Course]) -> Iterator[tuple[str, float]]:
    """Yield the measures of all renumberings together, and of each plan when there are several; else nothing.

    No person is renumbered twice in a scenario, so the sum of the plans is the whole.
    """
    renumbered = [course for course in courses if course.plan.renumber is not None]
    figures = [dict(_figures(record, course)) for course in renumbered]
    for name in figures[0] if figures else ():
        yield name, sum(of_one[name] for of_one in figures)
    if len(courses) > 1:
        for course, of_one in zip(renumbered, figures, strict=True):
            yield from ((of_plan(name, course.plan.name), value) for name, value in of_one.items())


def _figures(record: Record, course: Course) -> Iterator[tuple[str, float]]:
    scope, reopened_us = course.plan.scope, course.reopen_at
    if course.rolled_back:
        visits = record.visits.head(0)
    elif scope == HUB:
        visits = record.visits
    else:
        visits = record.visits.filter(_renumbered(course, scope))
    messages = record.messages.join(visits.select("visit"), on="visit", how="semi")
    yield "cutover.number_not_found", visits.filter(fate=Fate.PAPER_BY_NUMBER.value)["person"].n_unique()
    settled = _sent(messages, SETTLEMENTS).filter("accepted", pl.col("first_us") >= reopened_us)
    yield "cutover.settled_under_new", settled["visit"].n_unique()
    undone = _sent(messages, UNDO_CODES).filter("accepted", pl.col("last_us") >= reopened_us)
    original = _sent(messages, REVERSIBLE).group_by("visit").agg(pl.col("first_us").max())
    of_before = undone.join(original.filter(pl.col("first_us") < reopened_us), on="visit", how="semi")
    yield "cutover.reversed_by_old", of_before.height


def _renumbered(course: Course, scope: str) -> pl.Expr:
    """Whether a visit has a number that the plan changes: its person's, or one of its place of care."""
    wanted = course.plan.renumber
    assert wanted is not None  # the caller has looked
    insured = pl.col("insured_region").str.starts_with(scope) & wanted.persons
    return insured | (pl.col("care_region").str.starts_with(scope) & wanted.of_care)


def kept_visit_id() -> pl.Expr:
    """Return the id under which the books know the visit of a row: after a move another letter is told."""
    return _kept(Numbered.VISIT, "visit_id")


def kept_settlement_id(column: str = "settlement_id") -> pl.Expr:
    """Return the id under which the books know the settlement that a hospital holds as ``column``."""
    return _kept(Numbered.SETTLEMENT, column)


def _kept(of: Numbered, column: str) -> pl.Expr:
    shape, told = shape_of(of), pl.col(column)
    kept = pl.concat_str(pl.lit(shape.old), told.str.slice(1))
    return pl.when(told.str.starts_with(shape.issued)).then(kept).otherwise(told).alias(column)


def _sent(messages: pl.DataFrame, codes: frozenset[str]) -> pl.DataFrame:
    """Return of each message of these transactions when it was first and last sent, and whether it was accepted."""
    mine = messages.filter(pl.col("code").cast(pl.String).is_in(codes))
    accepted = (pl.col("outcome").cast(pl.String) == "ok").any()
    return mine.group_by("visit", "msgid", maintain_order=True).agg(
        first_us=pl.col("sent_us").min(), last_us=pl.col("sent_us").max(), accepted=accepted
    )
