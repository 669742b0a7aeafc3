"""What a run leaves to people: abnormal transactions, paper claims, audits; the content of a page and its tables."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from lab.analysis.claims import backlog_by_day, claims_of
from lab.report.format import digits
from lab.report.summary import OfficeDay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["OF_PEOPLE", "backlog_rows", "office_days"]

OF_PEOPLE = ("abnormal.", "claims.", "audit.")
"""How the measures begin that a page shows of it."""
_ROWS_SHOWN = 40


def office_days(record: Record, scenario: Scenario) -> tuple[OfficeDay, ...]:
    """Return the claims not done at the end of each day, of all offices together; none where there is no office."""
    claims, rules = claims_of(record, scenario), scenario.paper_claims
    if claims is None or rules is None:
        return ()
    first = rules.first_midnight(scenario.horizon.start).date()
    daily = backlog_by_day(claims).group_by("day").agg(pl.col("backlog").sum()).sort("day")
    return tuple(OfficeDay(date=f"{first + timedelta(days=day)}", backlog=left) for day, left in daily.iter_rows())


def backlog_rows(days: Sequence[OfficeDay]) -> list[list[str]]:
    """Return the rows of the backlog: every day, or of a long one every so many, with the day of the peak."""
    return [[day.date, digits(day.backlog)] for day in _shown(days)]


def _shown(days: Sequence[OfficeDay]) -> Iterator[OfficeDay]:
    step = -(-len(days) // _ROWS_SHOWN) or 1
    peak = max(days, key=_backlog, default=None)
    for number, day in enumerate(days):
        if number % step == 0 or day is peak or number + 1 == len(days):
            yield day


def _backlog(day: OfficeDay) -> int:
    return day.backlog
