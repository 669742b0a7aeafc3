"""Works off the one-sided list (单边账): each break gets an owner, the steps that end it, and its end.

A settlement that the hospital holds and the insured province does not cannot be paid by the fund: the hospital takes it
back, refunds, the patient pays in cash and claims by paper (the Jiaxing-Qinghai case, domain facts 0.5). The world does
that itself, by messages; here only the tables are put together. The findings stay: working a break off does not
unfind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from lab.checker.findings import Findings, ReconciliationBreak
from scenarios.record.recorder import RecordError

if TYPE_CHECKING:
    from scenarios.record.recorder import Record

BREAKS_FILE = "breaks.parquet"
_FIRST_FILE = "differences.parquet"
"""What format 1 of a run folder called it."""
COLUMNS: dict[str, Any] = {
    "side": pl.String, "visit": pl.Int64, "msgid": pl.String, "settlement": pl.String, "care_region": pl.String,
    "insured_region": pl.String, "fund_fen": pl.Int64, "fate": pl.String, "owner": pl.String, "steps": pl.String,
}  # fmt: skip
ENDINGS = {
    "hospital only": ("hospital", "take back at the care province; refund; cash; paper claim"),
    "insured only": ("insured province", "take back on the hospital's word"),
}
_CHANGED = ("fate", "refusal", "fund_fen", "cash_fen", "account_fen", "hospital_part_fen", "paper_fen", "ended_us")


class HeldByHospital(NamedTuple):
    """A settlement that a hospital holds and no insurer knows."""

    visit: int
    visit_id: str
    settlement: str


def held_by_hospitals(record: Record, findings: Findings) -> list[HeldByHospital]:
    """Return what the hospitals have to work off, one entry a visit."""
    numbers = {d.visit for d in findings.one_sided if d.side == "hospital only" and d.visit is not None}
    visits = record.visits.filter(pl.col("visit").is_in(list(numbers)) & (pl.col("settlement_id") != ""))
    return [HeldByHospital(*row) for row in visits.select("visit", "visit_id", "settlement_id").iter_rows()]


def followed_up(before: Record, after: Record, visits: Sequence[int]) -> Record:
    """Return ``before`` with the ends that following up gave to ``visits``, and with all messages of ``after``.

    A visit that was followed up may stand twice in ``after``: as it first ended, and as it ended at last.
    """
    ends = after.visits.filter(pl.col("visit").is_in(list(visits))).join(
        before.visits.select("visit", "fate"), on=["visit", "fate"], how="anti"
    )
    last = ends.unique("visit", keep="last", maintain_order=True).select(
        "visit", *(pl.col(name).alias(f"last_{name}") for name in _CHANGED)
    )
    sent = after.messages.group_by("visit").agg(sent=pl.len().cast(pl.Int32))
    joined = before.visits.join(last, on="visit", how="left", maintain_order="left")
    joined = joined.join(sent, on="visit", how="left", maintain_order="left")
    changed = joined.with_columns(
        *(pl.coalesce(f"last_{name}", name).alias(name) for name in _CHANGED),
        attempts=pl.coalesce("sent", "attempts"),
    ).select(before.visits.columns)
    return replace(after, visits=changed, inflight=_with_fates(before.inflight, changed))


def _with_fates(inflight: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    joined = inflight.join(visits.select("visit", final="fate"), on="visit", how="left", maintain_order="left")
    return joined.with_columns(fate=pl.coalesce("final", "fate")).drop("final")


def worked_off(findings: Findings) -> pl.DataFrame:
    """Return the one-sided list with the owner of each break and the steps that end it."""
    rows = [(*_facts(found), *ENDINGS[found.side]) for found in findings.one_sided]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def write_breaks(folder: Path, breaks: pl.DataFrame) -> None:
    """Write the list beside the record's tables."""
    breaks.write_parquet(folder / BREAKS_FILE)


def read_breaks(folder: Path) -> pl.DataFrame:
    """Read the list of a finished run."""
    for path in (folder / BREAKS_FILE, folder / _FIRST_FILE):
        if path.exists():
            return _read(path)
    return pl.DataFrame(schema=COLUMNS)


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RecordError(f"{path}: cannot read the list of breaks; expected a finished run folder") from error


def _facts(d: ReconciliationBreak) -> tuple[Any, ...]:
    return d.side, d.visit, d.msgid, d.settlement, d.care_region, d.insured_region, d.fund_fen, d.fate
