"""What a cutover costs: business in flight, what was left over, backlog, drain time, trips, advance in yuan-days.

A piece of business belongs to the cutover when it was in flight at stop-accept or at closing, or when the closed door
parked it or sent it to paper. Times here are people time: run-clock time stretched back by ``scale.time``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

from scenarios.record.fates import Fate, Stage
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Cutover

US_PER_DAY = 86_400_000_000
FEN_PER_YUAN = 100
PAPER_CLAIM_DAYS = 14
"""Manual reimbursement takes at most ten working days in Tai'an (SEED 004): two weeks by the calendar (DERIVED)."""


def measure(
    record: Record, cutover: Cutover, time_scale: float, *, lost: frozenset[int], doubled: frozenset[str]
) -> dict[str, float]:
    """Return the measures of the cutover; ``lost`` are visits by number, ``doubled`` by their id in the books."""
    visits = record.visits.filter(~pl.col("local"))
    inflight = visits.join(record.inflight.select("visit").unique(), on="visit", how="semi")
    waiting = backlog(visits, cutover.reopen_at)
    turned_away = visits.filter(pl.col("fate") == Fate.PAPER_BY_CLOSURE.value)
    parked = visits.filter(pl.col("parked_us") > 0)
    return {
        "cutover.inflight": record.inflight.filter(pl.col("snapshot") == Phase.STOP_ACCEPT.value).height,
        "cutover.leftover": record.inflight.filter(pl.col("snapshot") == Phase.CLOSE.value).height,
        "cutover.lost": inflight.filter(pl.col("visit").is_in(list(lost))).height,
        "cutover.doubled": inflight.filter(pl.col("visit_id").is_in(list(doubled))).height,
        "cutover.backlog": waiting.height,
        "cutover.drain": _drain_us(waiting, cutover.reopen_at) * time_scale,
        "cutover.trips": turned_away.height + parked.height,
        "cutover.advance_days": _advance_yuan_days(turned_away, parked, time_scale),
    }


def backlog(visits: pl.DataFrame, reopened_us: int) -> pl.DataFrame:
    """Return the visits that were parked, or waited at a desk, when the door reopened."""
    # A parked patient left the desk ``parked_us`` before the end at the latest. Who was still parked when the run ended
    # has no time parked and no end: an open visit that came before the reopening, and is no stay still going on, waits.
    left_us = pl.coalesce(pl.col("ended_us") - pl.col("parked_us"), "arrival_us")
    parked = (pl.col("parked_us") > 0) & (left_us < reopened_us)
    queued = (pl.col("desk_wait_us") > 0) & pl.col("started_us").is_between(
        pl.lit(reopened_us), reopened_us + pl.col("desk_wait_us")
    )
    open_still = pl.col("ended_us").is_null() & (pl.col("kind") != "inpatient") & (pl.col("arrival_us") < reopened_us)
    not_over = pl.col("ended_us").is_null() | (pl.col("ended_us") > reopened_us)
    return visits.filter((parked | queued.fill_null(value=False) | open_still) & not_over)


def drained_share(waiting: pl.DataFrame, reopened_us: int, share: float) -> float:
    """Return the run-clock time after reopening by which this share of the backlog had ended; inf when never.

    >>> drained_share(pl.DataFrame({"ended_us": [15, 20, 30, 40]}), 10, 0.5)
    10.0
    """
    if not waiting.height:
        return 0.0
    ended = waiting["ended_us"].drop_nulls().sort()
    needed = math.ceil(share * waiting.height)
    return float(ended[needed - 1] - reopened_us) if ended.len() >= needed else math.inf


def _drain_us(waiting: pl.DataFrame, reopened_us: int) -> float:
    return drained_share(waiting, reopened_us, 1.0)


def _advance_yuan_days(turned_away: pl.DataFrame, parked: pl.DataFrame, time_scale: float) -> float:
    """Whoever pays in full waits for the paper claim; whoever is parked leaves the bill unpaid at the hospital."""
    paper = float(turned_away["paper_fen"].sum()) / FEN_PER_YUAN * PAPER_CLAIM_DAYS
    held = (parked["total_fen"] * parked["parked_us"]).sum() if parked.height else 0
    return paper + float(held) / FEN_PER_YUAN * time_scale / US_PER_DAY


def inflight_table(inflight: pl.DataFrame) -> pl.DataFrame:
    """Return counts and fen by snapshot, stage and fate: the closed list of what was under way."""
    order = {stage.value: place for place, stage in enumerate(Stage)}
    counted = inflight.group_by("snapshot", "stage", "fate").agg(pl.len(), pl.col("advance_fen").sum())
    placed = counted.with_columns(
        place=pl.col("stage").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    )
    return placed.sort("snapshot", "place", "fate", descending=[True, False, False]).drop("place")
