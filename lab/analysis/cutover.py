"""What a cutover costs: business in flight, what was left over, backlog, drain time, trips, advance in yuan-days.

A piece of business belongs to a plan when it was in flight at its stop-accept or at its closing, or when its closed
door parked it or sent it to paper; of several plans it may belong to each, and counts once in the figures of all
together. The *backlog* is every visit that was ever parked, and every visit that had to queue at a desk behind those:
it is gone when the last of them has left, which is when the queue is what it was before. Times here are people time:
run-clock time stretched back by ``scale.time``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from lab.analysis import policies, stops
from lab.analysis.monitoring import alarm_figures
from lab.analysis.renumbering import kept_visit_id
from lab.analysis.statistics import Floats
from reference_impl.domain.scopes import Business
from scenarios.record.fates import Fate, Stage
from scenarios.schema.cutover import Phase
from scenarios.schema.measures import of_plan

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema.course import Course

FEN_PER_YUAN = 100
DRAIN_SHARES = {"cutover.drain_t50": 0.5, "cutover.drain_t95": 0.95, "cutover.drain": 1.0}


_LISTED = {
    "cutover.inflight": Phase.STOP_ACCEPT,
    "cutover.leftover": Phase.CLOSE,
    "cutover.reopening": Phase.REOPEN,
}


@dataclass(frozen=True, slots=True)
class Held:
    """What one plan held up; ``backlog`` says when each visit joined and left it, with null for who has not left."""

    course: Course
    inflight: pl.DataFrame
    paid: pl.DataFrame
    parked: pl.DataFrame
    backlog: pl.DataFrame

    @property
    def drained_us(self) -> float:
        """When the last of the backlog had left; infinite when one never did."""
        return self.course.reopen_at + drained_share(self.backlog, self.course.reopen_at, 1.0)

    @property
    def waiting(self) -> pl.DataFrame:
        """The visits of the backlog that waited when the door reopened."""
        reopened_us, left_us = self.course.reopen_at, pl.col("left_us")
        return self.backlog.filter((pl.col("joined_us") < reopened_us) & (left_us.is_null() | (left_us > reopened_us)))


def measure(
    record: Record, courses: Sequence[Course], time_scale: float, *, lost: frozenset[int], doubled: frozenset[str]
) -> dict[str, float]:
    """Return the measures of the planned stops together, and of each plan when there are several.

    ``lost`` are visits by number, ``doubled`` by their id in the books. Together, business counts once, however many
    plans held it up; of times it is the longest of any plan's own.
    """
    plans = every_held(record, courses)
    asked = _Asked(record, time_scale, lost, doubled, alone=len(plans) == 1)
    found = dict(_figures(plans, asked))
    if any(plan.course.plan.policies.forced_mid_stay is not None for plan in plans):
        found |= dict(policies.mid_stay_figures(record))
    if len(plans) > 1:
        for plan in plans:
            found |= {of_plan(name, plan.course.plan.name): value for name, value in _figures([plan], asked)}
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    record: Record
    time_scale: float
    lost: frozenset[int]
    doubled: frozenset[str]
    alone: bool

    def away(self, plans: Sequence[Held]) -> pl.DataFrame:
        """Return who was held up by these plans; of the only one that is everybody, as in records that name no plan."""
        every = self.record.turned_away
        return every if self.alone else every.filter(pl.col("plan").is_in([one.course.plan.name for one in plans]))


def every_held(record: Record, courses: Sequence[Course]) -> list[Held]:
    """Return what each plan held up."""
    return [held_up(record, course, alone=len(courses) == 1) for course in courses]


def held_up(record: Record, course: Course, *, alone: bool) -> Held:
    """Return what a plan held up; with ``alone`` that is all that was held up, as in records that name no plan.

    Business within a province is counted where the plan stops nothing else; otherwise it only lengthens queues.
    """
    plan, counted = course.plan, stops.counted(course.plan, record.messages.lazy())
    everyone, inflight = stops.wanting_through(record, plan), record.inflight
    visits = everyone
    if not alone:
        doors = (
            record.turned_away.filter(pl.col("plan") == plan.name).group_by("visit").agg(met_us=pl.col("at_us").min())
        )
        # Whom another plan held up before joins this one's backlog at its own door.
        visits = visits.join(doors, on="visit", how="left", maintain_order="left").with_columns(
            parked_us=pl.when(pl.col("met_us").is_not_null()).then("parked_us").otherwise(0),
            wanted_us=pl.max_horizontal("wanted_us", "met_us"),
        )
        inflight = inflight.filter(pl.col("plan") == plan.name)
        paid = visits.filter(pl.col("met_us").is_not_null()).drop("met_us")
        visits = visits.drop("met_us")
    else:
        paid = visits
    return Held(
        course,
        inflight,
        paid=paid.filter(counted & (pl.col("fate") == Fate.PAPER_BY_CLOSURE.value)),
        parked=visits.filter(counted & (pl.col("parked_us") > 0)),
        backlog=backlog(visits, everyone, course).filter(counted),
    )


def _figures(plans: Sequence[Held], asked: _Asked) -> Iterator[tuple[str, float]]:
    inflight = pl.concat([plan.inflight for plan in plans]).unique(["snapshot", "visit"], maintain_order=True)
    yield from _in_flight(inflight)
    counted = asked.record.visits.join(inflight.select("visit").unique(), on="visit", how="semi")
    if all(plan.course.plan.business is not Business.LOCAL for plan in plans):
        counted = counted.filter(~pl.col("local"))
    yield "cutover.lost", counted.filter(pl.col("visit").is_in(list(asked.lost))).height
    yield "cutover.doubled", counted.filter(kept_visit_id().is_in(list(asked.doubled))).height
    yield from _backlog(plans, asked.time_scale)
    yield from stops.times(asked.record, [plan.course for plan in plans], asked.time_scale)
    yield from _crowd(plans, asked)
    paid = _once([plan.paid for plan in plans])
    yield "cutover.self_pay", paid["person"].n_unique()
    yield "cutover.self_pay_fen", int(paid["paper_fen"].sum())
    away, scale = asked.away(plans), asked.time_scale
    spared = _once([plan.parked.select("visit") for plan in plans])
    yield from policies.spared_figures(away, spared, [plan.course.plan for plan in plans])
    rest = [policies.rest_of(plan.parked, asked.record.mid_stays) for plan in plans]
    each = zip(plans, rest, strict=True)
    held = policies.once([policies.held_up(p.course.plan, parked, p.paid, away, scale) for p, parked in each])
    yield "cutover.trips", policies.trips(held)
    yield "cutover.advance_days", policies.yuan_days(held)
    yield from policies.figures(held, scale)
    yield from alarm_figures(asked.record.events, [plan.course for plan in plans], scale)


def _crowd(plans: Sequence[Held], asked: _Asked) -> Iterator[tuple[str, float]]:
    """Yield what the crowd at the doors met: business of several plans counts once, the peak is the highest of any."""
    record = asked.record
    moments = [(plan, stops.went(record.events, plan.course)) for plan in plans]
    offered = _once([stops.offered(record, plan.course, at) for plan, at in moments])
    yield "cutover.offered", offered.height
    if offered.height:
        for name in ("at_once", "refused"):
            yield f"cutover.{name}", float(cast("int", offered[name].sum())) / offered.height
    peaks = [stops.arrival_peak(record, plan.course, at, asked.time_scale) for plan, at in moments]
    if known := [peak for peak in peaks if peak is not None]:
        yield "cutover.arrival_peak", max(known)
    sent = pl.concat([stops.attempts(record, plan.course, at.stopped_us, plan.drained_us) for plan, at in moments])
    if sent.height:
        yield "cutover.retry_amplification", sent.unique().height / sent["msgid"].n_unique()


def samples(record: Record, courses: Sequence[Course], time_scale: float) -> Iterator[tuple[str, Floats]]:
    """Yield the waits at desks while the backlog drained, together and of each plan when there are several."""
    waits: list[pl.DataFrame] = []
    for course in courses:
        held = held_up(record, course, alone=len(courses) == 1)
        found = stops.desk_waits_us(record, course, course.reopen_at, held.drained_us)
        waits.append(found)
        if len(courses) > 1:
            yield of_plan("cutover.desk_wait", course.plan.name), _stretched(found, time_scale)
    yield "cutover.desk_wait", _stretched(_once(waits), time_scale)


def _stretched(waits: pl.DataFrame, time_scale: float) -> Floats:
    return waits["desk_wait_us"].to_numpy().astype(np.float64) * time_scale


def _once(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames).unique("visit", maintain_order=True)


def _in_flight(inflight: pl.DataFrame) -> Iterator[tuple[str, float]]:
    claimed = pl.col("stage") == Stage.MANUAL_CLAIM.value
    for name, phase in _LISTED.items():
        listed = inflight.filter((pl.col("snapshot") == phase.value) & ~claimed)
        yield name, listed.height
        yield f"{name}_advance", float(listed["advance_fen"].sum()) / FEN_PER_YUAN
    yield "cutover.claims", inflight.filter((pl.col("snapshot") == Phase.REOPEN.value) & claimed).height


def backlog(visits: pl.DataFrame, everyone: pl.DataFrame, course: Course) -> pl.DataFrame:
    """Return the backlog: of ``visits`` the parked, of ``everyone`` who queued behind those; when each came and left.

    ``left_us`` is null for who had not left when the run ended.
    """
    parked = _moments(visits, course).filter(pl.col("parked_us") > 0)
    # Who was parked has not left before the door is open, so nobody leaves the backlog while it is closed.
    # A stay that still lies when the run ends waited for a desk at its admission, if it did: it is in no queue.
    lies = (pl.col("kind") == "inpatient") & pl.col("ended_us").is_null() & pl.col("settle_sent_us").is_null()
    waited = _moments(everyone, course).filter((pl.col("parked_us") == 0) & (pl.col("desk_wait_us") > 0) & ~lies)
    behind = waited.filter(pl.col("visit").is_in(_queued_behind(parked, waited, course.reopen_at)))
    return pl.concat([parked, behind]).sort("joined_us", "visit")


def _moments(visits: pl.DataFrame, course: Course) -> pl.DataFrame:
    return visits.with_columns(joined_us=_joined_us(course.stop_at), left_us=pl.col("ended_us"))


def _joined_us(stop_us: int) -> pl.Expr:
    """When a visit first wanted to settle and could not: its arrival at the desk, after accepting had stopped."""
    came_us = pl.col("ended_us") - pl.col("parked_us") - pl.col("desk_wait_us")
    stay = pl.col("kind") == "inpatient"
    wanted_us = pl.when(stay & came_us.is_not_null()).then(came_us).otherwise(pl.col("arrival_us"))
    turned_away_us = pl.coalesce("wanted_us", wanted_us)
    return (
        pl.when(pl.col("parked_us") > 0).then(pl.max_horizontal(turned_away_us, pl.lit(stop_us))).otherwise(wanted_us)
    )


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


def _backlog(plans: Sequence[Held], time_scale: float) -> Iterator[tuple[str, float]]:
    held = _together([plan.backlog for plan in plans])
    peak, peak_us = _peak(held)
    yield "cutover.backlog", peak
    yield "cutover.backlog_reopening", _once([plan.waiting for plan in plans]).height
    if peak:
        yield "cutover.backlog_peak", (peak_us - min(plan.course.stop_at for plan in plans)) * time_scale
        age_us = (
            pl.when(pl.col("left_us").is_null())
            .then(pl.lit(math.inf))
            .otherwise(pl.col("left_us") - pl.col("joined_us"))
        )
        oldest_us = pl.concat([plan.backlog.select(age_us=age_us.cast(pl.Float64)) for plan in plans])["age_us"].max()
        yield "cutover.backlog_oldest", float(cast("float", oldest_us)) * time_scale
    for name, share in DRAIN_SHARES.items():
        yield name, max(drained_share(plan.backlog, plan.course.reopen_at, share) for plan in plans) * time_scale


def _together(backlogs: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return backlogs as one, in which a visit of several waits from the first to the last of its moments."""
    left_us = pl.when(pl.col("left_us").is_null().any()).then(None).otherwise(pl.col("left_us").max())
    return (
        pl.concat(backlogs)
        .group_by("visit", maintain_order=True)
        .agg(pl.col("joined_us").min(), left_us.alias("left_us"))
    )


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


def inflight_table(inflight: pl.DataFrame) -> pl.DataFrame:
    """Return counts and fen by snapshot, stage and fate: the closed list of what was under way."""
    order = {stage.value: place for place, stage in enumerate(Stage)}
    counted = inflight.group_by("snapshot", "stage", "fate").agg(pl.len(), pl.col("advance_fen").sum())
    placed = counted.with_columns(
        place=pl.col("stage").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    )
    return placed.sort("snapshot", "place", "fate", descending=[True, False, False]).drop("place")
