"""The watch over a door that is open again: alarms where messages are slow, as events of the record.

The period is cut into windows; one with too few messages is not judged. The alarms are found from the record, by one
rule for both worlds, before anything else is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lab.analysis.percentiles import PERCENTILES
from lab.analysis.statistics import percentile
from lab.analysis.stops import on_its_way, went
from scenarios.record.recorder import EventRow, frame_of
from scenarios.schema.course import courses_of

if TYPE_CHECKING:
    from scenarios.record.written import RunTables
    from scenarios.schema import Scenario
    from scenarios.schema.course import Course

__all__ = ["ALARM", "FEWEST", "alarm_figures", "with_alarms"]

ALARM = "alarm"
FEWEST = 20
"""Messages that a 95th percentile is asked of at least: below, it is the slowest one."""


def with_alarms(tables: RunTables, scenario: Scenario) -> RunTables:
    """Return the tables of a replication with the alarms of its monitored stops among the events."""
    watched = [course for course in courses_of(scenario) if course.plan.monitor is not None]
    if not watched:
        return tables
    events, visits = tables.frame("events"), tables.frame("visits")
    rows = [row for course in watched for row in _alarms(tables, events, visits, course)]
    if not rows:
        return tables
    return tables.with_table("events", pl.concat([events, frame_of("events", rows)]).sort("at_us", maintain_order=True))


def _alarms(tables: RunTables, events: pl.DataFrame, visits: pl.DataFrame, course: Course) -> Iterator[EventRow]:
    monitor, plan = course.plan.monitor, course.plan
    assert monitor is not None
    full_us = went(events, course).full_us
    mine = visits.lazy().filter(on_its_way(plan, tables.scan("messages"))).select("visit")
    answered = tables.scan("messages").filter(
        pl.col("outcome").is_in(["ok", "refused"])
        & pl.col("done_us").is_between(full_us, full_us + monitor.lasts, closed="left")
    )
    latencies = answered.join(mine, on="visit", how="semi").select(
        window=(pl.col("done_us") - full_us) // monitor.over, latency_us=pl.col("done_us") - pl.col("sent_us")
    )
    for (window,), group in latencies.collect().sort("window").group_by("window", maintain_order=True):
        found_us = percentile(group["latency_us"].to_numpy().astype(np.float64), PERCENTILES["p95"])
        if group.height >= FEWEST and found_us > monitor.p95:
            until_us = full_us + (int(window) + 1) * monitor.over
            note = f"{plan.name}, p95 {round(found_us)} us above {monitor.p95} us"
            yield EventRow(until_us, None, ALARM, plan.scope, note)


def alarm_figures(events: pl.DataFrame, courses: Sequence[Course], time_scale: float) -> Iterator[tuple[str, float]]:
    """Yield how many alarms the monitored stops raised, and how long after full admission the first one came."""
    watched = [course for course in courses if course.plan.monitor is not None]
    if not watched:
        return
    first_us: list[float] = []
    count = 0
    for course in watched:
        mine = events.filter((pl.col("kind") == ALARM) & pl.col("note").str.starts_with(f"{course.plan.name},"))
        count += mine.height
        first_us += [float(mine["at_us"][0] - went(events, course).full_us)] if mine.height else []
    yield "cutover.alarms", count
    if first_us:
        yield "cutover.first_alarm", min(first_us) * time_scale
