"""3211 and 3212: the daily reconciliation of one institution, and the query of its result.

An extension of Hebei beside 3201 and 3202 (FOUND, interface facts 2); its fields are not published, so these are ours.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from reference_impl.accounting.statements import Side
from reference_impl.accounting.totals import StmtResult

__all__ = ["DayResult", "day_results", "query_day"]


class DayResult(NamedTuple):
    """How one institution's day came out: what both sides list, and how many differences of each class are open."""

    institution: str
    day: int
    stmt_rslt: StmtResult
    institution_cnt: int
    centre_cnt: int
    institution_fund_fen: int
    centre_fund_fen: int
    differences: int
    classes: str


def day_results(statements: pl.DataFrame, differences: pl.DataFrame) -> list[DayResult]:
    """Return the result of every institution and business day that either side lists."""
    sides = {"institution": Side.HOSPITAL, "centre": Side.CARE}
    listed = [_listed(statements, side, name) for name, side in sides.items()]
    joined = listed[0].join(listed[1], on=["institution", "day"], how="full", coalesce=True)
    own = differences.filter(pl.col("near") == Side.HOSPITAL.value)
    counted = own.group_by("institution", "day").agg(
        found=pl.len(), classes=pl.col("class").unique().sort().str.join(", ")
    )
    rows = joined.join(counted, on=["institution", "day"], how="left").with_columns(
        pl.col(pl.Int64, pl.UInt32).fill_null(0), pl.col("classes").fill_null("")
    )
    return [_result(row) for row in rows.sort("day", "institution").iter_rows(named=True)]


def query_day(results: list[DayResult], institution: str, day: int) -> DayResult | None:
    """Return what 3212 asks for: one institution's result of one day, if that day was reconciled."""
    found = [one for one in results if (one.institution, one.day) == (institution, day)]
    return found[0] if found else None


def _listed(statements: pl.DataFrame, side: Side, name: str) -> pl.DataFrame:
    return (
        statements.filter(pl.col("side") == side.value)
        .group_by("institution", "day")
        .agg(
            pl.col("sign").cast(pl.Int64).sum().alias(f"{name}_cnt"), pl.col("fund_fen").sum().alias(f"{name}_fund_fen")
        )
    )


def _result(row: dict[str, int | str]) -> DayResult:
    found = int(row["found"])
    return DayResult(
        institution=str(row["institution"]),
        day=int(row["day"]),
        stmt_rslt=StmtResult.UNBALANCED if found else StmtResult.BALANCED,
        institution_cnt=int(row["institution_cnt"]),
        centre_cnt=int(row["centre_cnt"]),
        institution_fund_fen=int(row["institution_fund_fen"]),
        centre_fund_fen=int(row["centre_fund_fen"]),
        differences=found,
        classes=str(row["classes"]),
    )
