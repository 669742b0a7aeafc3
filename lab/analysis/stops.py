"""How each planned stop itself went, and the crowd at its door: times planned and true, arrivals, shares, waits.

What was held up, and for how long, is ``lab.analysis.cutover``. A stop's true times are those of the record's events.
Times here are the run's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import Business, Side, sides_of
from reference_impl.domain.transactions import FILINGS
from scenarios.record.fates import AT_HOME, Fate
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Cutover
    from scenarios.schema.course import Course

QUARTER_US = 900_000_000
"""The crowd is counted by the quarter of an hour of people time: by the minute a small run is all chance."""
AT_ONCE = (
    Fate.DIRECT.value,
    Fate.DIRECT_AFTER_RETRY.value,
    Fate.FILED_THEN_DIRECT.value,
    Fate.MID_STAY_THEN_DIRECT.value,
)


@dataclass(frozen=True, slots=True)
class Went:
    """The moments of a stop as they came."""

    stopped_us: int
    closed_us: int
    reopened_us: int
    full_us: int


def went(events: pl.DataFrame, course: Course) -> Went:
    """Return when a stop's phases began by the record; a moment that it does not have is as the course says."""
    name = course.plan.name
    rows = events.filter((pl.col("note") == name) | pl.col("note").str.starts_with(f"{name},"))
    at_us = dict(rows.select("kind", "at_us").iter_rows())
    full_us = at_us.get(Phase.FULL, course.full_at)
    stopped_us = at_us.get(Phase.STOP_ACCEPT, at_us.get(Phase.CLOSE, course.stop_at))
    reopened_us = at_us.get(Phase.REOPEN, full_us if course.reopen_at == course.full_at else course.reopen_at)
    return Went(stopped_us, at_us.get(Phase.CLOSE, course.close_at), reopened_us, full_us)


def counted(plan: Cutover, messages: pl.LazyFrame) -> pl.Expr:
    """Return which visits a plan's figures count, by what was sent for them.

    Within a province those of a plan that stops nothing else; of one that stops filing who wanted to file.
    """
    if plan.business is Business.FILING:
        return ~pl.col("local") & _of(_filings(messages, plan))
    return pl.col("local") if plan.business is Business.LOCAL else ~pl.col("local")


def _filings(messages: pl.LazyFrame, plan: Cutover) -> pl.LazyFrame:
    """Return the filings that can meet a door of the plan: what is filed by phone passes the insurer's alone."""
    filings = messages.filter(pl.col("code").cast(pl.String).is_in([*FILINGS]))
    return filings if plan.stops_phones else _by_clerk(filings)


def _by_clerk(filings: pl.LazyFrame) -> pl.LazyFrame:
    """Return what was not filed by phone."""
    return filings.filter(~pl.col("msgid").cast(pl.String).str.starts_with(PLATFORM_LETTER))


def _of(messages: pl.LazyFrame) -> pl.Expr:
    """Return which visits sent such messages."""
    return pl.col("visit").is_in(messages.select("visit").unique().collect()["visit"].implode())


def on_its_way(plan: Cutover, messages: pl.LazyFrame) -> pl.Expr:
    """Return which visits pass the plan's door and are counted."""
    if plan.scope == HUB:
        return counted(plan, messages)
    sides = {
        Side.CARE: pl.col("care_region").str.starts_with(plan.scope),
        Side.INSURED: pl.col("insured_region").str.starts_with(plan.scope),
    }
    if plan.business is Business.FILING:
        sides[Side.CARE] &= _of(_by_clerk(_filings(messages, plan)))
    return counted(plan, messages) & pl.any_horizontal(sides[side] for side in sides_of(plan.scope, plan.side))


def wanting_through(record: Record, plan: Cutover) -> pl.DataFrame:
    """Return visits with ``wanted_us``, when each first wanted through the plan's door: to settle, or to file.

    Of a plan that stops filing it is null for who never wanted to file.
    """
    visits = wanting(record)
    if plan.business is not Business.FILING:
        return visits
    asked = _filings(record.messages.lazy(), plan).group_by("visit").agg(wanted_us=pl.col("sent_us").min()).collect()
    return visits.drop("wanted_us").join(asked, on="visit", how="left", maintain_order="left")


def wanting(record: Record) -> pl.DataFrame:
    """Return visits with ``wanted_us``, when each first wanted to settle: its arrival, a stay when it came to leave.

    That is when the last of its waits for a desk began, or when a door first turned it away, whether it had come back
    by the end of the run or not; or when a desk first tried and was not served. Null for another stay that had not
    ended by then: it has not wanted to yet, or nobody knows since when.
    """
    away = record.turned_away.group_by("visit").agg(away_us=pl.col("at_us").min())
    visits = record.visits.join(away, on="visit", how="left", maintain_order="left")
    admitted_us = pl.col("started_us") - pl.col("arrival_us")
    at_a_desk = ~pl.col("open_at_start") & (admitted_us <= pl.col("desk_wait_us"))
    wait_us = pl.col("desk_wait_us") - pl.when(at_a_desk).then(admitted_us.clip(0)).otherwise(0)
    visits = visits.join(_first_tried(record), on="visit", how="left", maintain_order="left")
    left_us = pl.min_horizontal(pl.col("ended_us") - pl.col("parked_us") - wait_us, "away_us", "tried_us")
    stay = pl.col("kind") == "inpatient"
    return visits.with_columns(wanted_us=pl.when(stay).then(left_us).otherwise(pl.col("arrival_us"))).drop("tried_us")


def _first_tried(record: Record) -> pl.DataFrame:
    """Return when the desk first tried in vain to let a stay leave, of those whom a clerk had to try again for.

    The first contact of a stay that began in the run is its admission; what was done since is behind it.
    """
    begun = record.visits.filter(kind="inpatient").select("visit", "open_at_start")
    contacts = record.contacts.join(begun, on="visit").filter(pl.col("open_at_start") | (pl.col("contact") > 1))
    contacts = contacts.with_columns(last=pl.col("contact").max().over("visit"))
    done = (pl.col("outcome") == "done") & (pl.col("contact") < pl.col("last"))
    behind = contacts.join(
        contacts.filter(done).group_by("visit").agg(done=pl.col("contact").max()), on="visit", how="left"
    )
    tried = (pl.col("outcome") == "not_served") & (pl.col("contact") > pl.col("done").fill_null(0))
    return behind.filter(tried).group_by("visit").agg(tried_us=pl.col("intended_us").min())


def times(record: Record, courses: Sequence[Course], time_scale: float) -> Iterator[tuple[str, float]]:
    """Yield how long the stops lasted, planned and true; of several the longest of each, in people time."""
    moments = [(course, went(record.events, course)) for course in courses]
    spans = {
        "cutover.stop_planned": [course.planned_reopen_at - course.stop_at for course, _ in moments],
        "cutover.stop": [one.reopened_us - one.stopped_us for _, one in moments],
        "cutover.overrun": [max(0, one.reopened_us - one.closed_us - _planned_us(course)) for course, one in moments],
        "cutover.full_admission": [one.full_us - one.stopped_us for _, one in moments],
        "cutover.closed_in_vain": [
            one.reopened_us - one.closed_us if course.rolled_back else 0 for course, one in moments
        ],
    }
    for name, lasts_us in spans.items():
        yield name, max(lasts_us) * time_scale
    yield "cutover.rolled_back", sum(course.rolled_back for course in courses)


def _planned_us(course: Course) -> int:
    return course.planned_reopen_at - course.close_at


def offered(record: Record, course: Course, moments: Went) -> pl.DataFrame:
    """Return the visits that wanted to settle from stop-accept to full admission, and what they met.

    ``at_once``: settled directly without being turned away; ``refused``: turned away, parked or to pay.
    """
    mine = wanting_through(record, course.plan).filter(on_its_way(course.plan, record.messages.lazy()))
    came = mine.filter(pl.col("wanted_us").is_between(moments.stopped_us, moments.full_us, closed="left"))
    return came.select("visit", "wanted_us", at_once=at_once(), refused=refused())


def at_once() -> pl.Expr:
    """Return which visits were settled directly without being turned away."""
    return pl.col("fate").is_in(AT_ONCE)


def refused() -> pl.Expr:
    """Return which visits a closed door turned away."""
    return (pl.col("parked_us") > 0) | (pl.col("fate") == Fate.PAPER_BY_CLOSURE.value)


def arrival_peak(record: Record, course: Course, moments: Went, time_scale: float) -> float | None:
    """Return the largest number that came in a quarter of an hour from reopening on, over the mean before the stop.

    Those who were turned away come again when they come back, and only then if they stayed at home till then. None
    when nobody came before the stop.
    """
    mine = wanting_through(record, course.plan).filter(on_its_way(course.plan, record.messages.lazy()))
    before = mine.filter(pl.col("wanted_us") < moments.stopped_us).height
    if not before or not moments.stopped_us:
        return None
    quarter_us = max(1, round(QUARTER_US / time_scale))
    away = record.turned_away.join(mine.select("visit"), on="visit", how="semi")
    back = away.drop_nulls("until_us").unique(["visit", "until_us"]).select(at_us="until_us")
    home = away.filter(pl.col("how").is_in([how.value for how in AT_HOME])).select("visit")
    fresh = mine.join(home, on="visit", how="anti").select(at_us="wanted_us")
    later = pl.concat([back, fresh]).filter(pl.col("at_us") >= moments.reopened_us)
    place = (pl.col("at_us") - moments.reopened_us) // quarter_us
    crowd = later.group_by(place.alias("quarter")).len()["len"].max() if later.height else 0
    return float(crowd or 0) / (before * quarter_us / moments.stopped_us)  # pyright: ignore[reportArgumentType] - a count


def attempts(record: Record, course: Course, from_us: int, until_us: float) -> pl.DataFrame:
    """Return the attempts of a plan's business between two moments."""
    mine = record.visits.filter(on_its_way(course.plan, record.messages.lazy())).select("visit")
    last_us = min(until_us, 2**62)
    sent = record.messages.filter(pl.col("sent_us").is_between(from_us, int(last_us)))
    return sent.select("visit", "msgid", "sent_us").join(mine, on="visit", how="semi")


def desk_waits_us(record: Record, course: Course, from_us: int, until_us: float) -> pl.DataFrame:
    """Return (visit, desk_wait_us) of the plan's business with a contact at a desk between two moments."""
    last_us = min(until_us, 2**62)
    at_desk = record.contacts.filter(pl.col("intended_us").is_between(from_us, int(last_us)))
    mine = record.visits.filter(on_its_way(course.plan, record.messages.lazy()))
    return mine.join(at_desk.select("visit").unique(), on="visit", how="semi").select("visit", "desk_wait_us")
