"""What a cutover costs: business in flight, what was left over, backlog, drain time, trips, advance in yuan-days.

A piece of business belongs to the cutover when it was in flight at stop-accept or at closing, or when the closed door
parked it or sent it to paper. The *backlog* is every visit that was ever parked, and every visit that had to queue at a
desk behind those: it is gone when the last of them has left, which is when the queue is what it was before. Times here
are people time: run-clock time stretched back by ``scale.time``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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
DRAIN_SHARES = {"cutover.drain_t50": 0.5, "cutover.drain_t95": 0.95, "cutover.drain": 1.0}


def measure(
    record: Record, cutover: Cutover, time_scale: float, *, lost: frozenset[int], doubled: frozenset[str]
) -> dict[str, float]:
    """Return the measures of the cutover; ``lost`` are visits by number, ``doubled`` by their id in the books."""
    visits = record.visits.filter(~pl.col("local"))
    inflight = visits.join(record.inflight.select("visit").unique(), on="visit", how="semi")
    turned_away = visits.filter(pl.col("fate") == Fate.PAPER_BY_CLOSURE.value)
    parked = visits.filter(pl.col("parked_us") > 0)
    return {
        **dict(_in_flight(record.inflight)),
        "cutover.lost": inflight.filter(pl.col("visit").is_in(list(lost))).height,
        "cutover.doubled": inflight.filter(pl.col("visit_id").is_in(list(doubled))).height,
        **dict(_backlog(backlog(record.visits, cutover), cutover, time_scale)),
        "cutover.trips": turned_away.height + parked.height,
        "cutover.advance_days": _advance_yuan_days(turned_away, parked, time_scale),
    }


def _in_flight(inflight: pl.DataFrame) -> Iterator[tuple[str, float]]:
    for name, phase in (("cutover.inflight", Phase.STOP_ACCEPT), ("cutover.leftover", Phase.CLOSE)):
        listed = inflight.filter(pl.col("snapshot") == phase.value)
        yield name, listed.height
        yield f"{name}_advance", float(listed["advance_fen"].sum()) / FEN_PER_YUAN


def backlog(visits: pl.DataFrame, cutover: Cutover) -> pl.DataFrame:
    """Return the cross-province visits of the backlog, with when each joined it and left it.

    ``left_us`` is null for who had not left when the run ended.
    """
    moments = visits.with_columns(joined_us=_joined_us(cutover.stop_at), left_us=pl.col("ended_us"))
    parked = moments.filter(pl.col("parked_us") > 0)
    # Who was parked has not left before the door is open, so nobody leaves the backlog while it is closed.
    waited = moments.filter((pl.col("parked_us") == 0) & (pl.col("desk_wait_us") > 0))
    behind = waited.filter(pl.col("visit").is_in(_queued_behind(parked, waited, cutover.reopen_at)))
    return pl.concat([parked, behind]).filter(~pl.col("local")).sort("joined_us", "visit")


def _joined_us(stop_us: int) -> pl.Expr:
    """When a visit first wanted to settle and could not: its arrival at the desk, after accepting had stopped."""
    came_us = pl.col("ended_us") - pl.col("parked_us") - pl.col("desk_wait_us")
    stay = pl.col("kind") == "inpatient"
    wanted_us = pl.when(stay & came_us.is_not_null()).then(came_us).otherwise(pl.col("arrival_us"))
    return pl.when(pl.col("parked_us") > 0).then(pl.max_horizontal(wanted_us, pl.lit(stop_us))).otherwise(wanted_us)


def _queued_behind(parked: pl.DataFrame, waited: pl.DataFrame, reopened_us: int) -> list[int]:
    """Return who queued, hospital by hospital, while somebody of the backlog still waited, one behind another."""
    waits_until_us: dict[str, float] = {
        hospital: max(reopened_us, last_us)
        for hospital, last_us in parked.group_by("hospital").agg(_last_us()).iter_rows()
    }
    candidates = waited.filter(pl.col("left_us").is_null() | (pl.col("left_us") > reopened_us)).sort("joined_us")
    found: list[int] = []
    columns = ("visit", "hospital", "joined_us", "left_us", "desk_wait_us")
    for visit, hospital, joined_us, left_us, wait_us in candidates.select(columns).iter_rows():
        if joined_us < waits_until_us.get(hospital, -math.inf):
            found.append(visit)
            served_us = math.inf if left_us is None else joined_us + wait_us
            waits_until_us[hospital] = max(waits_until_us[hospital], served_us)
    return found


def _last_us() -> pl.Expr:
    """When the last of a group left; infinite when one of them never did."""
    never = pl.col("left_us").is_null().any()
    return pl.when(never).then(pl.lit(math.inf)).otherwise(pl.col("left_us").max().cast(pl.Float64))


def _backlog(held: pl.DataFrame, cutover: Cutover, time_scale: float) -> Iterator[tuple[str, float]]:
    reopened_us = cutover.reopen_at
    peak, peak_us = _peak(held)
    yield "cutover.backlog", peak
    at_reopening = (pl.col("joined_us") < reopened_us) & (
        pl.col("left_us").is_null() | (pl.col("left_us") > reopened_us)
    )
    yield "cutover.backlog_reopening", held.filter(at_reopening).height
    if peak:
        yield "cutover.backlog_peak", (peak_us - cutover.stop_at) * time_scale
        age_us = (
            pl.when(pl.col("left_us").is_null())
            .then(pl.lit(math.inf))
            .otherwise(pl.col("left_us") - pl.col("joined_us"))
        )
        yield "cutover.backlog_oldest", float(held.select(age_us.max()).item()) * time_scale
    for name, share in DRAIN_SHARES.items():
        yield name, drained_share(held, reopened_us, share) * time_scale


def _peak(held: pl.DataFrame) -> tuple[int, int]:
    """Return the largest number that waited at one moment, and the first such moment."""
    joined = held.select(at_us="joined_us", change=pl.lit(1, pl.Int64))
    left = held.drop_nulls("left_us").select(at_us="left_us", change=pl.lit(-1, pl.Int64))
    steps = pl.concat([joined, left]).sort("at_us", "change").with_columns(waiting=pl.col("change").cum_sum())
    if not steps.height:
        return 0, 0
    highest = steps.sort("waiting", "at_us", descending=[True, False]).row(0, named=True)
    return highest["waiting"], highest["at_us"]


def drained_share(held: pl.DataFrame, reopened_us: int, share: float) -> float:
    """Return the run-clock time after reopening by which this share of the backlog had left; inf when never.

    >>> drained_share(pl.DataFrame({"left_us": [15, 20, 30, 40]}), 10, 0.5)
    10.0
    """
    if not held.height:
        return 0.0
    left = held["left_us"].drop_nulls().sort()
    needed = math.ceil(share * held.height)
    return max(0.0, float(left[needed - 1] - reopened_us)) if left.len() >= needed else math.inf


def _advance_yuan_days(turned_away: pl.DataFrame, parked: pl.DataFrame, time_scale: float) -> float:
    """Whoever pays in full waits for the paper claim; whoever is parked leaves the bill unpaid at the hospital."""
    paper = float(turned_away["paper_fen"].sum()) / FEN_PER_YUAN * PAPER_CLAIM_DAYS
    days = parked["parked_us"].cast(pl.Float64) * time_scale / US_PER_DAY  # fen times microseconds outgrow 64 bits
    return paper + float((parked["total_fen"] * days).sum()) / FEN_PER_YUAN


def inflight_table(inflight: pl.DataFrame) -> pl.DataFrame:
    """Return counts and fen by snapshot, stage and fate: the closed list of what was under way."""
    order = {stage.value: place for place, stage in enumerate(Stage)}
    counted = inflight.group_by("snapshot", "stage", "fate").agg(pl.len(), pl.col("advance_fen").sum())
    placed = counted.with_columns(
        place=pl.col("stage").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    )
    return placed.sort("snapshot", "place", "fate", descending=[True, False, False]).drop("place")
