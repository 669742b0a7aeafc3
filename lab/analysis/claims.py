"""Paper claims after a run: who comes to which office with what, and what the office makes of it.

A batch over the record, the same for both worlds: every visit that was paid in full is a claim at the office of its
insured province, local business too. What a claimant lacks, when they come and what the work takes are keyed draws of
the visit. Without ``paper_claims`` there is no office, and what a claim takes is a plan's constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from reference_impl.domain.claims_office import Office, PaperClaim, Worked, work_off
from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.office_hours import OfficeHours
from reference_impl.domain.self_paid import SelfPaidLine, SelfPaidVisit, UploadRegister
from reference_impl.domain.transactions import MED_TYPES
from scenarios.record.fates import PAPER_FATES
from scenarios.schema.paper_claims import CLAIM_STAGES, ClaimStage

if TYPE_CHECKING:
    from pathlib import Path

    from lab.analysis.statistics import Floats
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.paper_claims import PaperClaims

__all__ = [
    "CLAIMS_FILE",
    "CLAIM_COLUMNS",
    "backlog_by_day",
    "claims_of",
    "figures",
    "samples",
    "waits",
    "with_claims",
    "write_claims",
    "yuan_days",
]

CLAIMS_FILE = "claims.parquet"
US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
_US_PER_MINUTE = 60_000_000
FEN_PER_YUAN = 100
_PROVINCE_DIGITS = 2
_PAPER = [fate.value for fate in PAPER_FATES]
CLAIM_COLUMNS = {
    "visit": (pl.Int64(), "", "number of the visit"),
    "office": (pl.String(), "", "two digits of the insured province"),
    "paper_fen": (pl.Int64(), "fen", "what was paid in advance"),
    "paid_us": (pl.Int64(), "us", "the patient paid; people time from the midnight before the run, as all here"),
    "came_us": (pl.Int64(), "us", "first came to the office"),
    "accepted_us": (pl.Int64(), "us", "the papers were complete, and accepted"),
    "left_us": (pl.Int64(), "us", "the money was paid out; a duplicate was sent back"),
    "trips": (pl.Int64(), "", "times that the claimant came"),
    "working_days": (pl.Int64(), "", "from acceptance to the end"),
    "duplicate": (pl.Boolean(), "", "the invoice had been handed in before: found, and not paid"),
    "uploaded": (pl.Boolean(), "", "the hospital had uploaded the charges (4261)"),
    "differs": (pl.Boolean(), "", "what was uploaded did not come to the invoice (4262), which was entered anew"),
}
"""What is known of each claim: the columns of ``claims.parquet`` with type, unit and meaning."""


class _Draw(NamedTuple):
    """What is drawn of one claim."""

    seed: int
    visit: int

    def at(self, what: int, number: int = 0) -> float:
        """Return a number in [0, 1) for one of the questions about a claim."""
        return uniform(self.seed, self.visit, what, number, Purpose.PAPER_CLAIM)


_COMES, _TOLD, _WANTED, _COPY, _TWICE, _UPLOADED, _DIFFERS, _WORK = range(8)


class _Upload(NamedTuple):
    """Whether a visit's charges were uploaded, and came to the invoice."""

    made: bool
    balanced: bool


@dataclass(frozen=True, slots=True)
class _Brought:
    """A claim as it is brought: the visit it is of, and what the office is told."""

    visit: int
    office: str
    paper_fen: int
    paid_us: int
    upload: _Upload
    claim: PaperClaim


def claims_of(record: Record, scenario: Scenario) -> pl.DataFrame | None:
    """Return every paper claim of a run with what became of it, by visit; None where there is no office."""
    rules = scenario.paper_claims
    if rules is None:
        return None
    midnight = rules.first_midnight(scenario.horizon.start)
    hours = OfficeHours(
        midnight.date(),
        round(rules.hours.opens * US_PER_HOUR),
        round(rules.hours.closes * US_PER_HOUR),
        frozenset(day - 1 for day in rules.hours.weekdays),
        frozenset(rules.hours.holidays),
    )
    staff = tuple(rules.stages.of(stage).staff for stage in CLAIM_STAGES)
    office = Office(hours, staff, finds_at=CLAIM_STAGES.index(ClaimStage.ENTRY))
    offset_us = round((scenario.horizon.start - midnight) / timedelta(microseconds=1))
    brought = list(_brought(record, scenario, rules, offset_us))
    rows: list[tuple[object, ...]] = []
    for name in sorted({one.office for one in brought}):
        mine = [one for one in brought if one.office == name]
        for one, worked in zip(mine, work_off(office, [one.claim for one in mine]), strict=True):
            rows.append(_row(one, worked, hours))
    frame = pl.DataFrame(rows, schema={name: dtype for name, (dtype, _, _) in CLAIM_COLUMNS.items()}, orient="row")
    return frame.sort("visit", "duplicate", maintain_order=True)


def _row(one: _Brought, worked: Worked, hours: OfficeHours) -> tuple[object, ...]:
    days = hours.working_days(worked.accepted_us, worked.left_us)
    return (
        one.visit, one.office, one.paper_fen, one.paid_us, worked.came_us, worked.accepted_us, worked.left_us,
        worked.trips, days, worked.duplicate, one.upload.made, one.upload.made and not one.upload.balanced,
    )  # fmt: skip


def _brought(record: Record, scenario: Scenario, rules: PaperClaims, offset_us: int) -> Iterator[_Brought]:
    """Yield the claims as they are brought, those that are brought twice as two."""
    paid = record.visits.filter(pl.col("fate").is_in(_PAPER) & (pl.col("paper_fen") > 0)).sort("visit")
    uploads = UploadRegister()
    for row in paid.iter_rows(named=True):
        draw = _Draw(scenario.seed, row["visit"])
        paid_us = offset_us + round(row["ended_us"] * scenario.scale.time)
        upload = _uploaded(uploads, rules, draw, row)
        for time in range(2 if draw.at(_TWICE) < rules.invoice.handed_in_twice else 1):
            claim = _claim(rules, draw, paid_us, compared=upload.balanced, time=time)
            office = row["insured_region"][:_PROVINCE_DIGITS]
            yield _Brought(draw.visit, office, row["paper_fen"], paid_us, upload, claim)


def _uploaded(uploads: UploadRegister, rules: PaperClaims, draw: _Draw, row: dict[str, Any]) -> _Upload:
    """Have the hospital upload a visit's charges, if it does, and hold the invoice against them.

    Where the two are to differ, the hospital has left out a charge of a tenth of the bill.
    """
    if draw.at(_UPLOADED) >= rules.upload.share:
        return _Upload(made=False, balanced=False)
    invoice_fen: int = row["paper_fen"]
    missing_fen = max(1, invoice_fen // 10) if draw.at(_DIFFERS) < rules.upload.differs else 0
    lines = (SelfPaidLine("1", invoice_fen - missing_fen),)
    visit, hospital = str(draw.visit), row["hospital"]
    uploads.upload(
        SelfPaidVisit(visit, hospital, row["person"], row["arrival_us"], row["ended_us"], MED_TYPES[row["kind"]], lines)
    )
    return _Upload(made=True, balanced=uploads.compare(hospital, visit, invoice_fen) is True)


def _claim(rules: PaperClaims, draw: _Draw, paid_us: int, *, compared: bool, time: int) -> PaperClaim:
    comes_us = paid_us + _days_us(rules.comes_after_days + rules.comes_within_days * draw.at(_COMES, time))
    return PaperClaim(
        claim=draw.visit,
        invoice=str(draw.visit),
        comes_us=comes_us + _days_us(_without_invoice_days(rules, draw)),
        work_us=tuple(_works_us(rules, draw, compared=compared, time=time)),
        returns_us=_returns_us(rules, draw),
    )


def _without_invoice_days(rules: PaperClaims, draw: _Draw) -> float:
    """Return how long the original lies with payers who are not content with a copy, one after the other."""
    invoice = rules.invoice
    if draw.at(_WANTED) >= invoice.other_payers:
        return 0.0
    keeping = sum(draw.at(_COPY, payer) >= invoice.copies_accepted for payer in range(invoice.payers))
    return keeping * invoice.keeps_days


def _returns_us(rules: PaperClaims, draw: _Draw) -> tuple[int, ...]:
    """Return how long each missing paper takes to be brought; none of who was told at once."""
    papers = rules.papers
    told = draw.at(_TOLD) < papers.told_at_once
    return () if told else (_days_us(papers.fetch_days),) * papers.missing


def _works_us(rules: PaperClaims, draw: _Draw, *, compared: bool, time: int) -> Iterator[int]:
    """Yield how long each stage works on the claim; a bill that was compared need not be typed."""
    for number, stage in enumerate(CLAIM_STAGES):
        minutes = rules.stages.of(stage).minutes
        if stage is ClaimStage.ENTRY and compared:
            minutes = rules.upload.entry_minutes
        u = draw.at(_WORK + number, time)
        yield max(1, round(minutes * _US_PER_MINUTE * (1.0 + rules.work_spread * (2.0 * u - 1.0))))


def _days_us(days: float) -> int:
    return round(days * US_PER_DAY)


def with_claims(record: Record, claims: pl.DataFrame | None) -> Record:
    """Return a record whose visits know the days and trips of their paper claim; as it is where there is no office."""
    if claims is None:
        return record
    known = waits(claims).select("visit", "claim_days", claim_trips="trips")
    return replace(record, visits=record.visits.join(known, on="visit", how="left", maintain_order="left"))


def write_claims(folder: Path, claims: pl.DataFrame) -> None:
    """Write the claims beside the record's tables."""
    claims.write_parquet(folder / CLAIMS_FILE)


# --- what is made of them ---------------------------------------------------------------------------------------------


def waits(claims: pl.DataFrame) -> pl.DataFrame:
    """Return, by visit, the calendar days until its money came, and the trips for it, those for duplicates too."""
    money_us = (pl.col("left_us") - pl.col("paid_us")).filter(~pl.col("duplicate")).first()
    return claims.group_by("visit", maintain_order=True).agg(
        pl.col("trips").sum(), pl.col("paper_fen").first(), claim_days=money_us.cast(pl.Float64) / US_PER_DAY
    )


def yuan_days(claims: pl.DataFrame) -> float:
    """Return what patients laid out until their money came, in yuan-days."""
    return _figure(waits(claims), (pl.col("paper_fen") * pl.col("claim_days")).sum()) / FEN_PER_YUAN


def backlog_by_day(claims: pl.DataFrame) -> pl.DataFrame:
    """Return, by office and day (0 is the run's first), the claims that had come by its end and were not yet done.

    A claimant who was sent away for a paper has come: to them it is not done.
    """
    if claims.is_empty():
        return pl.DataFrame(schema={"office": pl.String, "day": pl.Int64, "backlog": pl.Int64})
    came = claims.select("office", day=pl.col("came_us") // US_PER_DAY, change=pl.lit(1, pl.Int64))
    left = claims.select("office", day=pl.col("left_us") // US_PER_DAY, change=pl.lit(-1, pl.Int64))
    changes = pl.concat([came, left]).group_by("office", "day").agg(pl.col("change").sum())
    days = changes.group_by("office").agg(day=pl.int_ranges(pl.col("day").min(), pl.col("day").max() + 1))
    daily = days.explode("day").join(changes, on=["office", "day"], how="left").sort("office", "day")
    return daily.select("office", "day", backlog=pl.col("change").fill_null(0).cum_sum().over("office"))


def figures(claims: pl.DataFrame | None, rules: PaperClaims | None) -> Iterator[tuple[str, float]]:
    """Yield what the offices made of the claims."""
    if claims is None or rules is None:
        return
    paid = claims.filter(~pl.col("duplicate"))
    yield "claims.total", paid.height
    yield "claims.duplicates", claims.height - paid.height
    yield "claims.trips", _figure(claims, pl.col("trips").sum())
    yield "claims.uploaded", _figure(paid, pl.col("uploaded").sum())
    yield "claims.uploads_differ", _figure(paid, pl.col("differs").sum())
    yield "claims.advance_days", yuan_days(claims)
    if paid.height:
        daily = backlog_by_day(claims).group_by("day").agg(pl.col("backlog").sum())
        yield "claims.in_time", _figure(paid, (pl.col("working_days") <= rules.limit_working_days).mean())
        yield "claims.trips_each", _figure(waits(claims), pl.col("trips").mean())
        yield "claims.backlog", _figure(daily, pl.col("backlog").max())
        yield "claims.last", _figure(paid, pl.col("left_us").max() - pl.col("came_us").min())


def _figure(frame: pl.DataFrame, asked: pl.Expr) -> float:
    """Return one number of a table that is not empty; an empty one's sum is 0."""
    value: Any = frame.select(asked).item()
    return float(value)


def samples(claims: pl.DataFrame | None) -> Iterator[tuple[str, Floats]]:
    """Yield how long each claimant waited for the money, and how long the office had each claim."""
    if claims is None:
        return
    paid = claims.filter(~pl.col("duplicate"))
    yield "claims.wait", _us(paid["left_us"] - paid["paid_us"])
    yield "claims.in_office", _us(paid["left_us"] - paid["accepted_us"])


def _us(column: pl.Series) -> Floats:
    return column.to_numpy().astype(np.float64)
