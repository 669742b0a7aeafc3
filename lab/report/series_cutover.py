"""The numbers behind the figures of a planned stop: its phases, who waits and how long, who came and was let in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lab.analysis import cutover, stops
from scenarios.record.fates import DIRECT_FATES, Stage
from scenarios.schema.course import courses_of
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

POINTS = 400
_DIRECT = [fate.value for fate in DIRECT_FATES]
_BEFORE_AND_AFTER = 0.12


@dataclass(frozen=True, slots=True)
class Bar:
    """One phase of a plan on the run's clock, as announced or as it came."""

    plan: str
    true: bool
    phase: Phase
    begin_us: int
    end_us: int


def window_us(record: Record, scenario: Scenario) -> tuple[int, int]:
    """Return the stretch worth drawing: from before the first stop until its backlog had left, or the run ended."""
    courses = courses_of(scenario)
    first = min(course.plan.announce_at for course in courses)
    last = float(max(stops.went(record.events, course).full_us for course in courses))
    left = [held.drained_us for held in cutover.every_held(record, courses)]
    last = max(last, *(one for one in left if np.isfinite(one)), scenario.horizon.length if np.inf in left else 0.0)
    spare = _BEFORE_AND_AFTER * (last - first)
    return max(0, int(first - spare)), int(last + spare)


def phase_bars(record: Record, scenario: Scenario) -> list[Bar]:
    """Return the phases of every plan, as announced and as they came."""
    bars: list[Bar] = []
    for course in courses_of(scenario):
        plan, went = course.plan, stops.went(record.events, course)
        planned = (plan.stop_at, plan.close_at, course.planned_reopen_at, course.planned_reopen_at + plan.ramp_us)
        true = (went.stopped_us, went.closed_us, went.reopened_us, went.full_us)
        for moments, is_true in ((planned, False), (true, True)):
            for phase, begin, end in zip(_DRAWN, moments[:-1], moments[1:], strict=True):
                if end > begin:
                    bars.append(Bar(plan.name, is_true, phase, begin, end))
    return bars


_DRAWN = (Phase.STOP_ACCEPT, Phase.CLOSE, Phase.REOPEN)


def backlog_over_time(record: Record, scenario: Scenario, begin_us: int, end_us: int) -> tuple[Floats, Floats, Floats]:
    """Return moments of the run's clock, how many of the backlog waited then, and how long the oldest had waited."""
    courses = courses_of(scenario)
    held = pl.concat(
        [one.backlog.select("visit", "joined_us", "left_us") for one in cutover.every_held(record, courses)]
    )
    once = held.group_by("visit").agg(
        pl.col("joined_us").min(),
        left_us=pl.when(pl.col("left_us").is_null().any()).then(None).otherwise(pl.col("left_us").max()),
    )
    at_us = np.linspace(begin_us, end_us, POINTS)
    joined = once["joined_us"].to_numpy().astype(np.float64)
    left = once["left_us"].cast(pl.Float64).fill_null(np.inf).to_numpy()
    waits = (joined <= at_us[:, None]) & (at_us[:, None] < left)
    first = np.where(waits, joined, np.inf).min(axis=1, initial=np.inf)
    return at_us, waits.sum(axis=1).astype(np.float64), np.where(np.isfinite(first), at_us - first, 0.0)


def came_and_let_in(record: Record, scenario: Scenario, begin_us: int, end_us: int, width_us: int) -> pl.DataFrame:
    """Return one row a bin: how many of the stops' business came, who comes back with them, and how many settled."""
    ways = pl.any_horizontal(
        *(stops.on_its_way(course.plan, record.messages.lazy()) for course in courses_of(scenario))
    )
    mine = stops.wanting(record).filter(ways)
    back = record.turned_away.join(mine.select("visit"), on="visit", how="semi").drop_nulls("until_us")
    moments = {
        "came": pl.concat(
            [mine.select(at_us="wanted_us"), back.unique(["visit", "until_us"]).select(at_us="until_us")]
        ),
        "let_in": mine.filter(pl.col("fate").is_in(_DIRECT)).select(at_us="ended_us"),
    }
    bins = pl.DataFrame({"bin": range((end_us - begin_us) // width_us + 1)}, schema={"bin": pl.Int64})
    for name, frame in moments.items():
        inside = frame.drop_nulls().filter(pl.col("at_us").is_between(begin_us, end_us))
        counts = inside.group_by(bin=(pl.col("at_us") - begin_us) // width_us).agg(pl.len().alias(name))
        bins = bins.join(counts, on="bin", how="left").with_columns(pl.col(name).fill_null(0))
    return bins.sort("bin").with_columns(at_us=pl.col("bin") * width_us + begin_us)


def flows(record: Record, moment: Phase) -> pl.DataFrame:
    """Return (stage, fate, len) of what was in flight at a moment, of all plans together, each piece once."""
    listed = record.inflight.filter(pl.col("snapshot") == moment.value).unique(
        "visit", keep="first", maintain_order=True
    )
    stages = {stage.value: place for place, stage in enumerate(Stage)}
    counted = listed.group_by("stage", "fate").len()
    return counted.sort(pl.col("stage").replace_strict(stages, default=99, return_dtype=pl.Int64), "fate")
