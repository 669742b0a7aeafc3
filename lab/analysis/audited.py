"""What an audit of a run looks at: its settlements and paper claims as subjects, and what the scenario plants in them.

A settlement that was made in two parts (mid-stay) is not looked at: its row holds both. Planted are violations that lie
in one row alone; what is asked back is always of what the books say, never of a planted bill.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from lab.analysis.admissions import began_s
from lab.analysis.claims import claims_of
from lab.analysis.renumbering import kept_settlement_id
from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.supervision.planting import ALONE, PLANTS, limit_of
from reference_impl.supervision.rules import packaged_rules
from reference_impl.supervision.subjects import SUBJECTS, checked
from scenarios.patients.places import Places
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["UNSEEN", "AuditedBusiness", "business_of", "subjects_of"]

UNSEEN = "unseen"
"""What is planted where a violation breaks no rule."""
_DIRECT, _PAPER = [fate.value for fate in DIRECT_FATES], [fate.value for fate in PAPER_FATES]
_PROVINCE = 2
_US_PER_S = 1_000_000
_SEEN, _FAMILY, _UNSEEN = range(3)


class AuditedBusiness(NamedTuple):
    """The subjects of a run; what was planted, by settlement; and the visits and moneys of the books."""

    subjects: pl.DataFrame
    planted: Mapping[str, str]
    books: pl.DataFrame
    """By settlement: visit, what fund and account paid (``owed_fen``), and when a claims office paid it out
    (``paid_out_us`` from the midnight before the run, 0 of others)."""


def subjects_of(record: Record, scenario: Scenario) -> pl.DataFrame:
    """Return the settlements and paper claims of a run as they are, nothing planted."""
    return checked(_subjects(_visits(record, claims_of(record, scenario)), scenario), "visits of the run")


def business_of(record: Record, scenario: Scenario, claims: pl.DataFrame | None) -> AuditedBusiness:
    """Return what of a run is audited, with violations planted where the scenario says that there are some.

    ``claims`` are its paper claims; None where it has no office.
    """
    visits = _visits(record, claims)
    subjects = checked(_subjects(visits, scenario), "visits of the run")
    books = visits.select("settlement", "visit", "paid_out_us", owed_fen=pl.col("fund_fen") + pl.col("account_fen"))
    planted = _drawn(books, scenario)
    families = {family.id: family for family in packaged_rules()}
    wrong = subjects.filter(pl.col("settlement").is_in([one for one, what in planted.items() if what != UNSEEN]))
    made: list[dict[str, object]] = []
    kept: dict[str, str] = {one: what for one, what in planted.items() if what == UNSEEN}
    for row in wrong.iter_rows(named=True):
        family = families[planted[row["settlement"]]]
        limit = limit_of(family, row)
        if limit is not None:
            made += PLANTS[family.id](row, limit).guilty
            kept[row["settlement"]] = family.id
    replaced = pl.DataFrame(made, schema=dict(SUBJECTS))
    clean = subjects.join(replaced, on="settlement", how="anti")
    return AuditedBusiness(pl.concat([clean, replaced]).sort("settlement"), kept, books)


def _visits(record: Record, claims: pl.DataFrame | None) -> pl.DataFrame:
    """Return the visits that were settled directly or paid in full, under the number they are audited by."""
    whole = record.visits.join(record.mid_stays.select("visit"), on="visit", how="anti")
    direct = pl.col("fate").is_in(_DIRECT) & (pl.col("settlement_id") != "")
    paper = pl.col("fate").is_in(_PAPER) & (pl.col("paper_fen") > 0)
    taken = whole.filter(direct | paper).with_columns(paper=paper)
    number = pl.when("paper").then(pl.format("paper-{}", "visit")).otherwise(kept_settlement_id())
    own = [pl.when("paper").then(0).otherwise(pl.col(name)).alias(name) for name in _PARTS]
    bill = pl.when("paper").then("paper_fen").otherwise("total_fen")
    cash = pl.when("paper").then("paper_fen").otherwise("cash_fen")
    named = taken.with_columns(*own, settlement=number, total_fen=bill, cash_fen=cash)
    return _with_office_days(named, claims)


_PARTS = ("fund_fen", "account_fen", "hospital_part_fen")


def _with_office_days(visits: pl.DataFrame, claims: pl.DataFrame | None) -> pl.DataFrame:
    if claims is None:
        return visits.with_columns(office_days=pl.lit(0, pl.Int32), paid_out_us=pl.lit(0, pl.Int64))
    days = claims.filter(~pl.col("duplicate")).select(
        "visit", office_days=pl.col("working_days").cast(pl.Int32), paid_out_us="left_us"
    )
    joined = visits.join(days, on="visit", how="left", maintain_order="left")
    return joined.with_columns(pl.col("office_days", "paid_out_us").fill_null(0))


def _subjects(visits: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    levels = {place.code: place.level for place in Places(scenario).hospitals}
    known = pl.DataFrame(
        {"hospital": list(levels), "level": list(levels.values())}, schema={"hospital": pl.String, "level": pl.Int8}
    )
    at = pl.coalesce("settled_us", "ended_us", "arrival_us")
    pharmacy = pl.col("kind") == "pharmacy"
    return (
        visits.with_columns(pl.col("hospital").cast(pl.String), pl.col("kind").cast(pl.String))
        .join(known, on="hospital", how="left", maintain_order="left")
        .join(began_s(scenario), on="visit", how="left", maintain_order="left")
        .with_columns(
            registered=pl.col("level").is_not_null(),
            level=pl.when(pharmacy).then(0).otherwise(pl.col("level").fill_null(1)).cast(pl.Int8),
            institution="hospital",
            care=pl.col("care_region").cast(pl.String).str.head(_PROVINCE),
            insured=pl.col("insured_region").cast(pl.String).str.head(_PROVINCE),
            settled=_day(at, scenario),
        )
        .with_columns(
            began=pl.when(pl.col("kind") == "inpatient")
            .then(pl.min_horizontal(_date(pl.col("began_s") * _US_PER_S, scenario), "settled"))
            .otherwise("settled")
        )
        .select(pl.col(name).cast(kind) for name, kind in SUBJECTS.items())
    )


def _day(at_us: pl.Expr, scenario: Scenario) -> pl.Expr:
    """Return the date of an instant of the run's clock."""
    return _date((at_us * scenario.scale.time).cast(pl.Int64), scenario)


def _date(people_us: pl.Expr, scenario: Scenario) -> pl.Expr:
    start: datetime = scenario.horizon.start
    return (pl.lit(start) + pl.duration(microseconds=people_us)).dt.date()


def _drawn(books: pl.DataFrame, scenario: Scenario) -> dict[str, str]:
    """Return, by settlement, what is wrong with it: a family of rules, or something that no rule sees."""
    rules = scenario.audit
    if rules is None:
        return {}
    found: dict[str, str] = {}
    for settlement, visit in books.select("settlement", "visit").iter_rows():

        def at(what: int, visit: int = visit) -> float:
            return uniform(scenario.seed, visit, what, 0, Purpose.VIOLATION)

        if at(_SEEN) < rules.violations.seen:
            found[settlement] = ALONE[int(at(_FAMILY) * len(ALONE))]
        elif at(_UNSEEN) < rules.violations.unseen:
            found[settlement] = UNSEEN
    return found
