"""What users saw of a planned stop: who was failed or late, the error budget it burnt, and when all was normal again.

An *intent* is a visit that wants to settle, once, however many messages it took: at its arrival, or a stay when it came
to the desk to leave. It is served in time when it settles directly within ``objective.late_after``; a stay that had not
ended with the run, nor been turned away, has not wanted to yet, and whom a rule refuses is neither served nor failed.
Times are the run's clock inside, people time in what is yielded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lab.analysis import stops
from lab.analysis.ledger import resolved_how
from lab.analysis.statistics import Floats
from scenarios.record.fates import DIRECT_FATES, Fate, How, Stage
from scenarios.schema.cutover import Phase
from scenarios.schema.measures import of_plan

if TYPE_CHECKING:
    from lab.analysis.cutover import Held
    from scenarios.record.recorder import Record
    from scenarios.schema import Cutover, Objective, Scenario
    from scenarios.schema.course import Course

__all__ = ["GROUP", "KINDS", "downtime_us", "intents", "measure", "samples"]

GROUP = 20
"""So many intents in a row say whether all is normal: fewer are chance."""
KINDS = ("outpatient", "pharmacy", "inpatient")
DAYS_AFTER = (1, 3, 7)
"""By so many days after the reopening as announced: a deadline is one of these, or between two."""
US_PER_DAY = 86_400_000_000
_CLAIM = Stage.MANUAL_CLAIM.value
_DIRECT = [fate.value for fate in DIRECT_FATES]
_HOW = ("query", "reversal", "hand")


@dataclass(frozen=True, slots=True)
class _Seen:
    """One stop and the intents on its way; ``drained_us`` is when the last of its backlog had left.

    ``back_us`` is when the last of it had come back, and the door was open.
    """

    course: Course
    went: stops.Went
    intents: pl.DataFrame
    drained_us: float
    back_us: int

    @property
    def end_us(self) -> float:
        """When door and backlog were as before; infinite when somebody never left."""
        return max(self.drained_us, self.went.full_us)

    @property
    def announced(self) -> pl.Expr:
        """Which intents wanted to settle in the stop as it was announced."""
        return pl.col("wanted_us").is_between(self.course.stop_at, self.course.planned_reopen_at, closed="left")


def intents(visits: pl.DataFrame, objective: Objective) -> pl.DataFrame:
    """Return who wanted to settle and was not refused by a rule: ``wanted_us``, whether ``in_time``, and ``waited_us``.

    ``visits`` say when they wanted to (``stops.wanting``). ``waited_us`` is until the direct settlement; null without.
    """
    wanted = visits.drop_nulls("wanted_us")
    asked = wanted.filter(pl.col("fate") != Fate.REFUSED.value)
    settled = pl.col("fate").is_in(_DIRECT)
    waited_us = pl.when(settled).then(pl.col("ended_us") - pl.col("wanted_us"))
    in_time = (waited_us <= objective.late_after).fill_null(value=False)
    return asked.select(
        "visit", "kind", "care_region", "insured_region", "local", "ended_us", "fate", "wanted_us",
        waited_us=waited_us, in_time=in_time,
    )  # fmt: skip


def measure(record: Record, plans: Sequence[Held], scenario: Scenario) -> dict[str, float]:
    """Return the measures of what users saw of all stops together, and of each plan when there are several.

    Together an intent counts once, however many stops were on its way; of times it is the longest of any plan's own.
    """
    seen = [_seen(record, plan, scenario.objective) for plan in plans]
    found = dict(_figures(record, seen, scenario))
    if len(seen) > 1:
        for one in seen:
            found |= {of_plan(name, one.course.plan.name): value for name, value in _figures(record, [one], scenario)}
    return found


def samples(record: Record, plans: Sequence[Held], scenario: Scenario) -> Iterator[tuple[str, Floats]]:
    """Yield how long intents of the stops waited to settle, by kind too, and how old unknown outcomes grew.

    Infinite for who never settled directly, and for what was left to people.
    """
    seen, scale = [_seen(record, plan, scenario.objective) for plan in plans], scenario.scale.time
    waits = _once([one.intents.filter(_while_it_lasted(one)) for one in seen])
    for name, some in (("", waits), *((f".{kind}", waits.filter(kind=kind)) for kind in KINDS)):
        yield f"cutover.settle_wait{name}", _people(some["waited_us"], scale)
    yield "cutover.unknown_age", _people(_unknown(record, seen)["age_us"], scale)


def _seen(record: Record, held: Held, objective: Objective) -> _Seen:
    mine = intents(_on_the_way(record, held.course.plan), objective)
    went = stops.went(record.events, held.course)
    away = record.turned_away.join(held.backlog.select("visit"), on="visit", how="semi")
    last_us = away["until_us"].max()
    back_us = max(held.course.reopen_at, last_us if isinstance(last_us, int) else 0)
    return _Seen(held.course, went, mine, held.drained_us, back_us)


def _on_the_way(record: Record, plan: Cutover) -> pl.DataFrame:
    return stops.wanting_through(record, plan).filter(stops.on_its_way(plan, record.messages.lazy()))


def _while_it_lasted(one: _Seen) -> pl.Expr:
    return pl.col("wanted_us").is_between(one.went.stopped_us, one.went.full_us, closed="left")


def _figures(record: Record, seen: Sequence[_Seen], scenario: Scenario) -> Iterator[tuple[str, float]]:
    scale = scenario.scale.time
    everyone = _once([one.intents for one in seen])
    touched = _once([one.intents.filter(_while_it_lasted(one)) for one in seen])
    yield "cutover.unserved", everyone.filter(~pl.col("in_time")).height
    for name, some in (("", touched), *((f".{kind}", touched.filter(kind=kind)) for kind in KINDS)):
        if some.height:
            yield f"cutover.unavailable{name}", 1.0 - float(some["in_time"].sum()) / some.height
    yield from _by_policy(record, seen, scenario)
    yield from _budget(seen, everyone, scenario)
    yield "cutover.drain_queued", max(max(0.0, one.drained_us - one.back_us) for one in seen) * scale
    yield "cutover.reopened", max(one.went.reopened_us for one in seen) * scale
    back_us = [normal_again_us(one.intents, one.went, scenario.objective) for one in seen]
    if known := [one for one in back_us if one is not None]:
        yield "cutover.normal", max(known) * scale
    yield "cutover.slipped", _slipped(everyone, scenario)
    yield from _settled_by(record, seen, scenario)
    yield "cutover.open_in_time", float(all(one.went.reopened_us <= one.course.planned_reopen_at for one in seen))
    yield from _unknowns(_unknown(record, seen))


def _by_policy(record: Record, seen: Sequence[_Seen], scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what share of the intents was not in time, by what was done about them: the policies A to D."""
    day_us = US_PER_DAY / scenario.scale.time
    before = [
        one.intents.filter(
            (pl.col("kind") == "inpatient")
            & pl.col("wanted_us").is_between(one.course.stop_at - day_us, one.course.stop_at, closed="left")
        )
        for one in seen
    ]
    touched = _once([one.intents.filter(_while_it_lasted(one)) for one in seen])
    away = record.turned_away.select("visit", pl.col("how").cast(pl.String))
    met = {
        "mid_stay": record.mid_stays.select("visit"),
        "on_account": away.filter(how=How.ON_ACCOUNT.value).select("visit"),
        "paid": away.filter(how=How.PAID.value).select("visit"),
    }
    classes = {"before_cut": _once(before)}
    classes |= {name: touched.join(visits.unique(), on="visit", how="semi") for name, visits in met.items()}
    for name, some in classes.items():
        if some.height:
            yield f"cutover.unavailable.{name}", 1.0 - float(some["in_time"].sum()) / some.height


def _settled_by(record: Record, seen: Sequence[_Seen], scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the shares settled directly so many days after the announced reopening: of who came, of who was there.

    Who was there is the business in flight at stop-accept, paper claims left out.
    """
    first = record.inflight.filter((pl.col("snapshot") == Phase.STOP_ACCEPT.value) & (pl.col("stage") != _CLAIM))
    ends = record.visits.select("visit", "fate", "ended_us")
    for days in DAYS_AFTER:
        came, there = list[pl.DataFrame](), list[pl.DataFrame]()
        for one in seen:
            due_us = one.course.planned_reopen_at + days * US_PER_DAY / scenario.scale.time
            settled = (pl.col("fate").is_in(_DIRECT) & (pl.col("ended_us") <= due_us)).fill_null(value=False)
            came.append(one.intents.filter(_while_it_lasted(one)).select("visit", settled=settled))
            mine = first.filter((pl.col("plan") == one.course.plan.name) | pl.col("plan").is_null()).select("visit")
            there.append(ends.join(mine, on="visit", how="semi").select("visit", settled=settled))
        for name, frames in (("settled", came), ("inflight_settled", there)):
            together = _once(frames)
            if together.height:
                yield f"cutover.{name}_{days}d", float(together["settled"].sum()) / together.height


def _budget(seen: Sequence[_Seen], everyone: pl.DataFrame, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield how many error budgets of a period were burnt, by intents and by time, with the planned stop or without."""
    objective, allowed = scenario.objective, 1.0 - scenario.objective.availability
    length_us = scenario.horizon.length
    wanted = everyone.filter(pl.col("wanted_us") < length_us).height
    if not wanted:
        return
    of_period = allowed * wanted * objective.period / length_us
    bad = [one.intents.filter(~pl.col("in_time")) for one in seen]
    yield "cutover.budget_intents", _once(bad).height / of_period
    planned = _once([some.filter(one.announced) for one, some in zip(seen, bad, strict=True)])
    unplanned = _once(bad).join(planned, on="visit", how="anti")
    yield "cutover.budget_intents_unplanned", unplanned.height / of_period
    for name, without in (("", False), ("_unplanned", True)):
        down_us = max(downtime_us(one.intents, one.course, one.went, scenario, without_planned=without) for one in seen)
        yield f"cutover.budget_time{name}", down_us / (allowed * objective.period)


def downtime_us(
    mine: pl.DataFrame, course: Course, went: stops.Went, scenario: Scenario, *, without_planned: bool
) -> float:
    """Return how long a service was down: the quarters of an hour in which too few of those who wanted to were served.

    A quarter in which nobody wanted to is down while the door was closed. ``without_planned`` leaves out, to the
    instant, the stop as it was announced.
    """
    quarter_us = max(1, round(stops.QUARTER_US / scenario.scale.time))
    share = mine.group_by(quarter=pl.col("wanted_us") // quarter_us).agg(pl.col("in_time").mean())
    served = dict(share.iter_rows())
    closed = range(went.stopped_us // quarter_us, -(-went.reopened_us // quarter_us))
    down = {quarter for quarter, in_time in served.items() if in_time < scenario.objective.down_below}
    down |= {quarter for quarter in closed if quarter not in served}
    total = 0
    for quarter in down:
        begin, end = quarter * quarter_us, (quarter + 1) * quarter_us
        total += end - begin
        if without_planned:
            total -= max(0, min(end, course.planned_reopen_at) - max(begin, course.stop_at))
    return float(total)


def normal_again_us(mine: pl.DataFrame, went: stops.Went, objective: Objective) -> float | None:
    """Return how long after the reopening the first ``GROUP`` intents in a row were served as before the stop.

    Infinite when none were: the trigger had gone, and the trouble stayed. None with too few before or after to tell.
    """
    before = mine.filter(pl.col("wanted_us") < went.stopped_us)["in_time"]
    after = mine.filter(pl.col("wanted_us") >= went.reopened_us).sort("wanted_us", "visit")
    if before.len() < GROUP or after.height < GROUP:
        return None
    needed = objective.normal * float(before.sum()) / before.len()
    runs = np.convolve(after["in_time"].to_numpy().astype(np.float64), np.ones(GROUP), "valid") / GROUP
    good = np.flatnonzero(runs >= needed - 1e-9)
    return float(after["wanted_us"][int(good[0])] - went.reopened_us) if good.size else math.inf


def _slipped(everyone: pl.DataFrame, scenario: Scenario) -> int:
    """Return how many stays were settled on a later day than the one on which they came to leave, or never."""
    start = scenario.horizon.start
    first_us = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(microseconds=1)
    scale = scenario.scale.time
    days = {
        name: ((pl.col(name) * scale + first_us) // US_PER_DAY).alias(f"{name}_day")
        for name in ("wanted_us", "ended_us")
    }
    stays = everyone.filter(kind="inpatient").with_columns(*days.values())
    later = (pl.col("ended_us_day") > pl.col("wanted_us_day")).fill_null(value=True)
    return stays.filter(later | pl.col("waited_us").is_null()).height


def _unknown(record: Record, seen: Sequence[_Seen]) -> pl.DataFrame:
    """Return the messages on the way of the stops whose outcome was unknown while a stop or its backlog lasted."""
    every = resolved_how(record)
    known_us = pl.col("sent_us") + pl.col("age_us")
    lasted = [
        every.join(one.intents.select("visit"), on="visit", how="semi").filter(
            (pl.col("sent_us") <= min(one.end_us, 2**62)) & (known_us.is_null() | (known_us >= one.went.stopped_us))
        )
        for one in seen
    ]
    return pl.concat(lasted).unique("msgid", maintain_order=True)


def _unknowns(unknown: pl.DataFrame) -> Iterator[tuple[str, float]]:
    yield "cutover.unknown", unknown.height
    if unknown.height:
        for how in _HOW:
            yield f"cutover.unknown_by_{how}", unknown.filter(how=how).height / unknown.height


def _once(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(frames).unique("visit", maintain_order=True)


def _people(run_us: pl.Series, time_scale: float) -> Floats:
    return run_us.cast(pl.Float64).fill_null(math.inf).to_numpy() * time_scale
