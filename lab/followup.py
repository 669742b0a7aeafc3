"""Works off the one-sided list: every visit that one side holds alone gets the end that practice gives it.

A settlement that the hospital holds and the insured province does not cannot be paid by the fund: the hospital refunds
it, the patient pays in cash and claims by paper (the Jiaxing-Qinghai case, domain.md 0.5). A settlement that only the
insured province holds is taken back there. The findings stay as they are: working a difference off does not unfind it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from lab.checker.findings import Difference, Findings

DIFFERENCES_FILE = "differences.parquet"
COLUMNS: dict[str, Any] = {
    "side": pl.String, "visit": pl.Int64, "msgid": pl.String, "settlement": pl.String, "care_region": pl.String,
    "insured_region": pl.String, "fund_fen": pl.Int64, "fate": pl.String, "owner": pl.String, "steps": pl.String,
}  # fmt: skip


def worked_off(findings: Findings) -> pl.DataFrame:
    """Return the one-sided list with the owner of each difference and the steps that end it."""
    rows = [(*_facts(d), *_ending(d)) for d in findings.one_sided]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def corrected_fates(visits: pl.DataFrame, differences: pl.DataFrame) -> pl.DataFrame:
    """Return the visits with the fate that following up gives: refunded visits end by paper, their total in cash."""
    refunded = differences.filter((pl.col("side") == "hospital only") & pl.col("visit").is_not_null())
    hit = pl.col("visit").is_in(refunded["visit"].implode())
    return visits.with_columns(
        fate=pl.when(hit).then(pl.lit("reversed_then_paper")).otherwise(pl.col("fate")),
        paper_fen=pl.when(hit).then(pl.col("total_fen")).otherwise(pl.col("paper_fen")),
    )


def write_differences(folder: Path, differences: pl.DataFrame) -> None:
    """Write the list beside the record's tables."""
    differences.write_parquet(folder / DIFFERENCES_FILE)


def read_differences(folder: Path) -> pl.DataFrame:
    """Read the list of a finished run."""
    path = folder / DIFFERENCES_FILE
    return pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=COLUMNS)


def _facts(d: Difference) -> tuple[Any, ...]:
    return d.side, d.visit, d.msgid, d.settlement, d.care_region, d.insured_region, d.fund_fen, d.fate


def _ending(difference: Difference) -> tuple[str, str]:
    if difference.side == "hospital only":
        return "hospital", "refund; cash; paper claim"
    return "insured province", "reversal at the insured province"
