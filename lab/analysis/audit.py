"""Audit after a run: what the smart audit, samples and tickets bring before people, and what those make of it.

A batch over the record, the same for both worlds. Every night the smart audit looks at the day's settlements; each one
that it hits is a reviewer's case, and so is a sample of the others. Some go on to an expert, of those some to an expert
of the insured place too. Stays above a bill are asked about by the insured place: a ticket. What is confirmed is asked
back once. Without ``audit`` nobody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from lab.analysis.audited import UNSEEN, AuditedBusiness, business_of
from lab.analysis.claims import claims_of
from reference_impl.accounting.clearing import ITEMS
from reference_impl.domain.audit_office import Case, Leg, work_through
from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.money import E4, share_fen
from reference_impl.domain.office_hours import OfficeHours
from reference_impl.domain.working_days import day_number
from reference_impl.supervision.recoveries import RECOVERIES, money_after_audit, recovery_items
from reference_impl.supervision.rules import packaged_rules
from reference_impl.supervision.smart import smart_audit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from lab.analysis.statistics import Floats
    from reference_impl.accounting.laws import Breach
    from reference_impl.supervision.rules import Family
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.audit import Audit, AuditDesk

__all__ = [
    "AUDIT_COLUMNS", "AUDIT_FILE", "Audited", "audit_of", "breaches_of", "figures", "recoveries_of", "samples",
    "write_audit",
]  # fmt: skip

AUDIT_FILE = "audit.parquet"
US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
_US_PER_MINUTE = 60_000_000
_FEN_PER_YUAN = 100
_HIT, _SAMPLE, _TICKET = "hit", "sample", "ticket"
_REVIEW, _EXPERT, _ANSWER = "review", "expert", "ticket"
_DRAW_SAMPLE, _DRAW_TICKET, _DRAW_JOINT, _DRAW_FINDS = range(4)
AUDIT_COLUMNS: Mapping[str, tuple[pl.DataType, str, str]] = {
    "visit": (pl.Int64(), "", "number of the visit"),
    "settlement": (pl.String(), "", "settlement, or paper-VISIT of a paper claim"),
    "why": (pl.String(), "", "hit (breaks a rule), sample, or ticket (asked by the insured place)"),
    "care": (pl.String(), "", "two digits of the province of care"),
    "insured": (pl.String(), "", "two digits of the insured province"),
    "institution": (pl.String(), "", "where the patient was treated"),
    "rules": (pl.Int64(), "", "rules that it breaks"),
    "family": (pl.String(), "", "the family of the first of them"),
    "planted": (pl.String(), "", "what the scenario planted: a family, unseen, or nothing"),
    "expert": (pl.Boolean(), "", "an expert looked at it after the reviewer"),
    "joint": (pl.Boolean(), "", "an expert of the insured place did too"),
    "came_us": (pl.Int64(), "us", "came to the first desk; people time from the midnight before the run"),
    "done_us": (pl.Int64(), "us", "left the last desk"),
    "in_time": (pl.Boolean(), "", "was done within the deadline of every desk"),
    "found": (pl.Boolean(), "", "something wrong was found; of several cases of one settlement, by the first"),
    "owed_fen": (pl.Int64(), "fen", "what fund and account paid"),
    "recover_fen": (pl.Int64(), "fen", "asked back, to the insured place"),
    "penalty_fen": (pl.Int64(), "fen", "penalty, to the place of care"),
}
"""What is known of each case: the columns of ``audit.parquet`` with type, unit and meaning."""


@dataclass(frozen=True, slots=True)
class Audited:
    """An audited run: how many were looked at, what was wrong with how many, and every case."""

    settlements: int
    violations: int
    hits: pl.DataFrame
    cases: pl.DataFrame
    subjects: pl.DataFrame


class _Case(NamedTuple):
    """A case on its way: whose it is, why it came, and where it goes."""

    row: dict[str, Any]
    why: str
    comes_us: int
    way: tuple[Leg, ...]
    joint: bool
    finds: float


def audit_of(
    record: Record, scenario: Scenario, families: Sequence[Family] | None = None, *, claims: pl.DataFrame | None = None
) -> Audited | None:
    """Return what became of every case of a run; None where the scenario has no audit.

    ``claims`` are its paper claims, where they are worked out already.
    """
    rules = scenario.audit
    if rules is None:
        return None
    business = business_of(record, scenario, claims_of(record, scenario) if claims is None else claims)
    hits = smart_audit(business.subjects, packaged_rules() if families is None else families)
    hours = _hours(scenario, rules)
    cases = list(_cases(_seen(business, hits), scenario, hours.first_day))
    staff = {f"{province}:{desk}": kind.staff for province in scenario.topology.regions for desk, kind in _desks(rules)}
    ends = work_through(hours, staff, [Case(one.comes_us, one.way) for one in cases])
    order = sorted(range(len(cases)), key=lambda n: (ends[n][-1], n))
    known: set[str] = set()
    rows: dict[int, tuple[object, ...]] = {}
    for number in order:
        rows[number] = _row(cases[number], ends[number], rules, hours, known)
    schema = {name: dtype for name, (dtype, _, _) in AUDIT_COLUMNS.items()}
    frame = pl.DataFrame([rows[number] for number in range(len(cases))], schema=schema, orient="row")
    return Audited(business.subjects.height, len(business.planted), hits, frame, business.subjects)


def _hours(scenario: Scenario, rules: Audit) -> OfficeHours:
    return OfficeHours(
        rules.first_midnight(scenario.horizon.start).date(),
        round(rules.hours.opens * US_PER_HOUR),
        round(rules.hours.closes * US_PER_HOUR),
        frozenset(day - 1 for day in rules.hours.weekdays),
        frozenset(rules.hours.holidays),
    )


def _desks(rules: Audit) -> tuple[tuple[str, AuditDesk], ...]:
    return (_REVIEW, rules.review), (_EXPERT, rules.expert), (_ANSWER, rules.tickets)


def _seen(business: AuditedBusiness, hits: pl.DataFrame) -> pl.DataFrame:
    """Return the subjects with what the smart audit says of them, what was planted, and what the books say."""
    by_settlement = hits.group_by("settlement").agg(
        rules=pl.len().cast(pl.Int64), family=pl.col("family").first(), expert=pl.col("expert").any(),
        recover_e4=pl.col("recover_e4").max(),
    )  # fmt: skip
    planted = pl.DataFrame(
        list(business.planted.items()), schema={"settlement": pl.String, "planted": pl.String}, orient="row"
    )
    joined = business.subjects.join(by_settlement, on="settlement", how="left", maintain_order="left")
    joined = joined.join(planted, on="settlement", how="left", maintain_order="left")
    return joined.join(business.books, on="settlement", how="left", maintain_order="left").with_columns(
        pl.col("rules", "recover_e4").fill_null(0),
        pl.col("family", "planted").fill_null(""),
        pl.col("expert").fill_null(value=False),
    )


def _night_us(row: dict[str, Any], first_day: date) -> int:
    """Return the night of the smart audit: after the day of settlement, of a paper claim after it was paid out."""
    days = max((row["settled"] - first_day).days, row["paid_out_us"] // US_PER_DAY)
    return (days + 1) * US_PER_DAY


def _cases(seen: pl.DataFrame, scenario: Scenario, first_day: date) -> Iterator[_Case]:
    """Yield the cases in the order of the settlements."""
    rules = scenario.audit
    assert rules is not None  # as for what was audited
    above_fen = rules.tickets.above_yuan * _FEN_PER_YUAN
    for row in seen.iter_rows(named=True):

        def at(what: int, visit: int = row["visit"]) -> float:
            return uniform(scenario.seed, visit, what, 0, Purpose.AUDIT)

        night_us = _night_us(row, first_day)
        across = row["care"] != row["insured"]
        if row["rules"]:
            joint = bool(row["expert"] and across and not row["paper"] and at(_DRAW_JOINT) < rules.joint.share)
            yield _Case(row, _HIT, night_us, _way(row, rules, joint=joint), joint, at(_DRAW_FINDS))
        elif at(_DRAW_SAMPLE) < rules.sample:
            yield _Case(row, _SAMPLE, night_us, _way(row, rules, joint=False), joint=False, finds=at(_DRAW_FINDS))
        ticketed = across and row["kind"] == "inpatient" and row["total_fen"] > above_fen and not row["paper"]
        if ticketed and at(_DRAW_TICKET) < rules.tickets.asked:
            asked_us = night_us + round(rules.tickets.after_days * US_PER_DAY)
            leg = _leg(row["care"], _ANSWER, rules.tickets)
            yield _Case(row, _TICKET, asked_us, (leg,), joint=False, finds=at(_DRAW_FINDS))


def _way(row: dict[str, Any], rules: Audit, *, joint: bool) -> tuple[Leg, ...]:
    """Return the desks of a case: paper claims are audited where they are paid, all else in the place of care."""
    at = row["insured"] if row["paper"] else row["care"]
    way = [_leg(at, _REVIEW, rules.review)]
    if row["expert"]:
        way.append(_leg(at, _EXPERT, rules.expert))
    if joint:
        way.append(_leg(row["insured"], _EXPERT, rules.expert))
    return tuple(way)


def _leg(province: str, desk: str, kind: AuditDesk) -> Leg:
    return Leg(f"{province}:{desk}", max(1, round(kind.minutes * _US_PER_MINUTE)))


def _row(case: _Case, ends: tuple[int, ...], rules: Audit, hours: OfficeHours, known: set[str]) -> tuple[object, ...]:
    """Return the row of a case; ``known`` are the settlements in which something was found before."""
    row = case.row
    found = bool(row["planted"]) and case.finds < rules.finds and row["settlement"] not in known
    if found:
        known.add(row["settlement"])
    recover_e4 = row["recover_e4"]
    if row["planted"] == UNSEEN:
        recover_e4 = round(rules.violations.unseen_recovered * E4)
    recover_fen = share_fen(row["owed_fen"], recover_e4) if found else 0
    limits = dict(_desks(rules))
    starts = (case.comes_us, *ends)
    in_time = all(
        hours.working_days(since, until) <= limits[leg.desk.partition(":")[2]].working_days
        for leg, since, until in zip(case.way, starts, ends, strict=False)
    )
    return (
        row["visit"], row["settlement"], case.why, row["care"], row["insured"], row["institution"], row["rules"],
        row["family"], row["planted"], row["expert"] and case.why == _HIT, case.joint, case.comes_us, ends[-1],
        in_time, found, row["owed_fen"], recover_fen, share_fen(recover_fen, round(rules.penalty * E4)),
    )  # fmt: skip


def write_audit(folder: Path, audited: Audited) -> None:
    """Write the cases beside the record's tables."""
    audited.cases.write_parquet(folder / AUDIT_FILE)


# --- what is made of them ---------------------------------------------------------------------------------------------


def recoveries_of(audited: Audited, scenario: Scenario) -> pl.DataFrame:
    """Return what is asked back, a settlement a row, with the day on which it was decided."""
    rules = scenario.audit
    assert rules is not None  # as for what was audited
    first = rules.first_midnight(scenario.horizon.start).date()
    money = audited.cases.filter(pl.col("found") & (pl.col("recover_fen") + pl.col("penalty_fen") > 0))
    days = [day_number(first + timedelta(days=at_us // US_PER_DAY)) for at_us in money["done_us"]]
    return money.with_columns(pl.Series("decided_on", days, dtype=pl.Int32)).select(*RECOVERIES).sort("settlement")


def breaches_of(audited: Audited, scenario: Scenario) -> list[Breach]:
    """Return what breaks law 23 when the run's recoveries are cleared beside what its books say was owed."""
    recoveries = recoveries_of(audited, scenario)
    paid = audited.cases.unique("settlement", keep="first", maintain_order=True)
    dated = paid.join(audited.subjects.select("settlement", "settled"), on="settlement", how="left")
    day = pl.col("settled").dt.strftime("%Y%m%d").cast(pl.Int32)
    items = dated.select(
        "settlement", pl.lit(1, pl.Int8).alias("sign"), day.alias("booked_on"), day.alias("day"), "institution",
        "insured", "care", pl.lit("").alias("code"), pl.lit(0, pl.Int64).alias("total_fen"), "owed_fen",
        pl.lit("").alias("care_type"),
    ).select(*ITEMS)  # fmt: skip
    return list(money_after_audit(recoveries, pl.concat([items, recovery_items(recoveries, items)])))


def figures(audited: Audited | None, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what the audit came to."""
    if audited is None:
        return
    cases = audited.cases
    hits = cases.filter(pl.col("why") == _HIT)
    yield "audit.settlements", audited.settlements
    yield "audit.violations", audited.violations
    yield "audit.hits", hits.height
    yield "audit.false_alarms", hits.filter(pl.col("planted") == "").height
    yield "audit.sampled", cases.filter(pl.col("why") == _SAMPLE).height
    yield "audit.expert", _sum(cases, "expert")
    yield "audit.joint", _sum(cases, "joint")
    yield "audit.tickets", cases.filter(pl.col("why") == _TICKET).height
    yield "audit.found", _sum(cases, "found")
    if audited.violations:
        yield "audit.found_share", _sum(cases, "found") / audited.violations
    yield "audit.recovered", _sum(cases, "recover_fen") / _FEN_PER_YUAN
    yield "audit.penalties", _sum(cases, "penalty_fen") / _FEN_PER_YUAN
    yield "audit.breaches", len(breaches_of(audited, scenario))
    if cases.height:
        yield "audit.in_time", _sum(cases, "in_time") / cases.height
        yield "audit.backlog", _backlog(cases)
        came, done = cases["came_us"].to_list(), cases["done_us"].to_list()
        yield "audit.last", float(max(done) - min(came))


def _sum(cases: pl.DataFrame, column: str) -> float:
    return float(cases[column].cast(pl.Int64).sum())


def _backlog(cases: pl.DataFrame) -> float:
    """Return the most cases that had come and were not done at the end of a day."""
    came = np.bincount(cases["came_us"].to_numpy() // US_PER_DAY)
    done = np.bincount(cases["done_us"].to_numpy() // US_PER_DAY)
    size = max(came.size, done.size)
    left = np.cumsum(np.pad(came, (0, size - came.size)) - np.pad(done, (0, size - done.size)))
    return float(left.max())


def samples(audited: Audited | None) -> Iterator[tuple[str, Floats]]:
    """Yield how long each case took from its coming to its end."""
    if audited is not None:
        yield "audit.wait", (audited.cases["done_us"] - audited.cases["came_us"]).to_numpy().astype(np.float64)
