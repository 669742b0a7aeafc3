"""When visits began by the calendar: a stay open at the start began before the run, and the plan knows when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from scenarios.patients.visits import plan_visits

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["began_s"]


def began_s(scenario: Scenario) -> pl.DataFrame:
    """Return by visit the second at which it began, in people time from the run's zero: below 0 before the run."""
    planned = plan_visits(scenario).columns.planned_s
    return pl.DataFrame(
        {"visit": range(len(planned)), "began_s": planned}, schema={"visit": pl.Int64, "began_s": pl.Int64}
    )
