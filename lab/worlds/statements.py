"""What the four sides of a run state of their settlements: from the evidence of the checker to statements on disk.

Written as the run left its books, before anything one-sided is worked off. It must never fill what a side does not
hold: only where a copy does not say whose business it is, the record of the visit does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from lab.analysis.renumbering import kept_settlement_id, kept_visit_id
from lab.checker.laws import held_by_hospitals
from reference_impl.accounting.statements import COLUMNS, Side, empty
from reference_impl.domain.care_types import CareType
from reference_impl.domain.nodes import HUB
from reference_impl.protocol.business_day import MIDNIGHT_S
from scenarios.record.written import Scratch

if TYPE_CHECKING:
    from pathlib import Path

    from lab.checker.evidence import Evidence
    from scenarios.schema import Scenario

__all__ = ["STATEMENTS_FILE", "Dates", "Statements", "statements_of"]

STATEMENTS_FILE = "statements.parquet"
_US_PER_S = 1_000_000
_PROVINCE = 2
_INSTITUTION_FROM, _INSTITUTION_CHARS = 1, 12


@dataclass(frozen=True, slots=True)
class Dates:
    """How a run's instants are dated: its zero, its pace, and the second of the day at which agencies close."""

    start: datetime
    time_scale: float
    closes_s: int = MIDNIGHT_S

    @classmethod
    def of(cls, scenario: Scenario) -> Dates:
        """Return how a scenario's instants are dated."""
        return cls(scenario.horizon.start, scenario.scale.time, scenario.closes_s)

    def day_of(self, column: str) -> pl.Expr:
        """Return the business day of an instant: what comes after closing belongs to the next."""
        business_us = (pl.col(column) * self.time_scale).cast(pl.Int64) + (MIDNIGHT_S - self.closes_s) * _US_PER_S
        at = pl.lit(self.start) + pl.duration(microseconds=business_us)
        return (at.dt.year() * 10_000 + at.dt.month().cast(pl.Int32) * 100 + at.dt.day().cast(pl.Int32)).cast(pl.Int32)


class Statements:
    """Takes the evidence portion by portion, and writes one file of it."""

    def __init__(self, dates: Dates, within: Path | None = None) -> None:
        """``within`` is where portions lie meanwhile."""
        self._dates = dates
        self._scratch = Scratch(within)
        self._parts: list[Path] = []

    def take(self, evidence: Evidence) -> None:
        """Put away what the sides state in a portion of the evidence."""
        path = self._scratch.path("statements")
        statements_of(evidence, self._dates).write_parquet(path, compression="lz4")
        self._parts.append(path)

    def write(self, folder: Path) -> None:
        """Write everything taken as one file; under its final name it is complete."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{STATEMENTS_FILE}.partial"
        pl.concat([empty().lazy(), *(pl.scan_parquet(part) for part in self._parts)]).sink_parquet(partial)
        partial.replace(folder / STATEMENTS_FILE)


def statements_of(evidence: Evidence, dates: Dates) -> pl.DataFrame:
    """Return what hospitals, care provinces, hub and insurers state."""
    sides = [_hospitals(evidence, dates), _copies(evidence, dates), _insurers(evidence, dates)]
    whole = pl.concat([side.select(*COLUMNS) for side in sides])
    return whole.sort("side", "settlement", "day", "sign")


def _hospitals(evidence: Evidence, dates: Dates) -> pl.DataFrame:
    """Return what hospitals hold, dated by when they heard of it: over the hour of closing, another day."""
    said = evidence.typed.filter(pl.col("node") != HUB).select("msgid", "care_type").unique("msgid", keep="first")
    held = held_by_hospitals(evidence).join(said, on="msgid", how="left")
    return held.with_columns(
        _text("side", Side.HOSPITAL),
        settlement=kept_settlement_id("settlement"),
        visit=kept_visit_id(),
        institution="hospital",
        care=_province("care_region"),
        insured=_province("insured_region"),
        day=dates.day_of("done_us"),
        sign=pl.lit(1, pl.Int8),
        care_type=_care_type(),
    )


def _copies(evidence: Evidence, dates: Dates) -> pl.DataFrame:
    """Return what care provinces and hub keep: by the insurer's time, as its reply stated it.

    A city states nothing: its province does, and what its relay keeps is held against the insurer by the checker.
    """
    at_hub = pl.col("node") == HUB
    known = _known(evidence)
    kept = evidence.copies.filter(~pl.col("node").is_in(evidence.relays)) if evidence.relays else evidence.copies
    codes = evidence.attempts.select("msgid", "code").unique("msgid", keep="first")
    positive = kept.filter(pl.col("sign") == 1).select("node", "settlement", made_by="msgid")
    copies = kept.with_columns(_counts_for()).join(
        positive.unique(["node", "settlement"], keep="first"), on=["node", "settlement"], how="left"
    )
    return (
        copies.join(known, on="visit_id", how="left")
        .join(codes, left_on="made_by", right_on="msgid", how="left")
        .join(evidence.typed, left_on=["node", "made_by"], right_on=["node", "msgid"], how="left")
        .with_columns(
            side=pl.when(at_hub).then(pl.lit(Side.HUB.value)).otherwise(pl.lit(Side.CARE.value)),
            visit="visit_id",
            institution=_institution(),
            care=_institution().str.slice(1, _PROVINCE),
            insured=_province("insured_region").fill_null(""),
            code=pl.col("code").fill_null(""),
            day=dates.day_of("settled_us"),
            care_type=_care_type(),
        )
    )


def _insurers(evidence: Evidence, dates: Dates) -> pl.DataFrame:
    """Return what insurers hold, on the business day that was fixed with the posting."""
    fixed = pl.col("business_day")
    hospitals = _known(evidence).select("visit_id", "hospital")
    return evidence.settlements.join(hospitals, on="visit_id", how="left").with_columns(
        _text("side", Side.INSURED),
        _counts_for(),
        visit="visit_id",
        institution=_institution(),
        care=_province("care_region"),
        insured=_province("insured_region"),
        day=pl.when(fixed > 0).then(fixed).otherwise(dates.day_of("posted_us")),
    )


def _known(evidence: Evidence) -> pl.DataFrame:
    """Return by visit, as the books call it, the hospital by the number it began with, and the insurer's region."""
    visits = evidence.visits.select("visit", kept_visit_id(), "hospital", "insured_region")
    own = evidence.mid_stays.select("visit", kept_visit_id())
    parts = own.join(visits.drop("visit_id"), on="visit")
    return pl.concat([visits, parts.select(visits.columns)]).unique("visit_id", keep="first").drop("visit")


def _counts_for() -> pl.Expr:
    return pl.when(pl.col("sign") < 0).then("reverses").otherwise("settlement").alias("settlement")


def _institution() -> pl.Expr:
    """Return who treated: one payee, whatever number it has since; of a visit that no record knows, by its id."""
    return pl.coalesce(
        pl.col("hospital").cast(pl.String), pl.col("visit_id").str.slice(_INSTITUTION_FROM, _INSTITUTION_CHARS)
    )


def _care_type() -> pl.Expr:
    """Return as what a settlement is paid; whoever was told of nothing else was told of ordinary care."""
    return pl.col("care_type").fill_null(CareType.ORDINARY.value)


def _province(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, _PROVINCE)


def _text(name: str, side: Side) -> pl.Expr:
    return pl.lit(side.value).alias(name)
