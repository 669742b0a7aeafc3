"""A statement (对账单): what one side says it holds, a row an entry, and what it comes to when several came in.

Rows are signed: a settlement taken back is a second row with the other sign. This module must never compare two sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import polars as pl

from reference_impl.domain.care_types import CareType
from reference_impl.domain.differences import DifferenceClass
from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import WorkingDays, date_of

__all__ = [
    "AMOUNTS",
    "COLUMNS",
    "PATH",
    "Received",
    "Side",
    "StatementError",
    "StatementProblem",
    "empty",
    "read_statements",
    "stacked",
    "take_in",
]


class StatementError(InputError):
    """A statement cannot be read as one."""


class Side(StrEnum):
    """Who states."""

    HOSPITAL = "hospital"
    CARE = "care"
    HUB = "hub"
    INSURED = "insured"


PATH = (Side.HOSPITAL, Side.CARE, Side.HUB, Side.INSURED)
"""From the hospital to the insurer: neighbours reconcile with each other."""
AMOUNTS = ("total_fen", "fund_fen", "account_fen", "cash_fen")
COLUMNS: Mapping[str, type[pl.DataType]] = {
    "side": pl.String,
    "settlement": pl.String,
    "visit": pl.String,
    "institution": pl.String,
    "care": pl.String,
    "insured": pl.String,
    "code": pl.String,
    "day": pl.Int32,
    "sign": pl.Int8,
    **dict.fromkeys(AMOUNTS, pl.Int64),
    "care_type": pl.String,
}
"""``settlement`` is the settlement that a row counts for, also where it takes it back. ``day`` is the business day
(yyyymmdd) by this side's clock; ``care`` and ``insured`` are provinces. Amounts carry the row's sign.
``care_type`` is as what it is paid; files from before it was stated say none, and are taken as of ordinary care."""


def empty() -> pl.DataFrame:
    """Return a statement without rows."""
    return pl.DataFrame(schema=dict(COLUMNS))


def stacked(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return several statements as one, in an order that does not hang on how they came."""
    whole = pl.concat([empty(), *(frame.select(*COLUMNS) for frame in frames)])
    return whole.sort("side", "day", "settlement", "sign", *AMOUNTS, descending=[False] * 3 + [True] + [False] * 4)


def read_statements(path: Path) -> pl.DataFrame:
    """Return the statements in a Parquet file.

    Raises:
        StatementError: when it is not there, lacks a column, or holds a row that is none.

    """
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError):
        raise StatementError(f"{path}: cannot read statements; expected a Parquet file as a run leaves it") from None
    if "care_type" not in frame.schema:
        frame = frame.with_columns(care_type=pl.lit(CareType.ORDINARY.value))
    wrong = [name for name, kind in COLUMNS.items() if frame.schema.get(name) != kind]
    if wrong:
        raise StatementError(
            f"{path}: column {wrong[0]!r} is {frame.schema.get(wrong[0], 'missing')}; expected {COLUMNS[wrong[0]]()}"
        )
    _refuse_wrong_rows(frame, str(path))
    return frame.select(*COLUMNS)


def _refuse_wrong_rows(frame: pl.DataFrame, where: str) -> None:
    """Refuse rows with an empty column, a sign but 1 and -1, a bill of the other sign, and a care type that is none."""
    empties = [name for name in COLUMNS if frame[name].null_count()]
    if empties:
        raise StatementError(f"{where}: column {empties[0]!r} is empty in a row; expected a value in every row")
    wrong = frame.filter(~pl.col("sign").is_in([1, -1]) | (pl.col("sign") * pl.col("total_fen") < 0))
    if wrong.height:
        row = wrong.row(0, named=True)
        raise StatementError(
            f"{where}: settlement {row['settlement']} has sign {row['sign']} and a bill of {row['total_fen']} fen; "
            "expected 1, or -1 with a bill below 0 for what is taken back"
        )
    unknown = frame.filter(~pl.col("care_type").is_in(list(CareType)))
    if unknown.height:
        row = unknown.row(0, named=True)
        raise StatementError(
            f"{where}: settlement {row['settlement']} has care_type {row['care_type']!r}; expected one of "
            f"{', '.join(CareType)}"
        )


# --- as they come in --------------------------------------------------------------------------------------------------


class Received(NamedTuple):
    """One side's statement of one business day, and when it came."""

    side: Side
    day: int
    received: date
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class StatementProblem:
    """A difference of a statement as a whole."""

    kind: DifferenceClass
    side: Side
    day: int


def take_in(
    came: Sequence[Received], expected: Iterable[tuple[Side, int]], calendar: WorkingDays, *, grace_days: int = 1
) -> tuple[pl.DataFrame, tuple[StatementProblem, ...]]:
    """Return all rows that came, each statement once, and what is wrong with the statements themselves.

    The order in which they came changes nothing. ``grace_days`` are working days after the business day (ASSUMED 1).

    Raises:
        StatementError: when a side stated a day twice and otherwise, rows of another side or day, or what is no row.

    """
    kept: dict[tuple[Side, int], Received] = {}
    found: set[StatementProblem] = set()
    for one in sorted(came, key=lambda r: (PATH.index(r.side), r.day, r.received)):
        _refuse_foreign_rows(one)
        before = kept.get((one.side, one.day))
        if before is None:
            kept[one.side, one.day] = one
            if one.received > calendar.after(date_of(one.day), grace_days):
                found.add(StatementProblem(DifferenceClass.STATEMENT_LATE, one.side, one.day))
            continue
        if not _sorted_rows(before.rows).equals(_sorted_rows(one.rows)):
            raise StatementError(
                f"statement of {one.side} for {one.day} came twice with different rows ({before.rows.height} and "
                f"{one.rows.height}); expected one; ask {one.side} which of them stands"
            )
        found.add(StatementProblem(DifferenceClass.STATEMENT_REPEATED, one.side, one.day))
    found.update(StatementProblem(DifferenceClass.STATEMENT_MISSING, *one) for one in set(expected) - set(kept))
    problems = sorted(found, key=lambda p: (p.day, PATH.index(p.side), p.kind))
    return stacked(one.rows for one in kept.values()), tuple(problems)


def _refuse_foreign_rows(one: Received) -> None:
    _refuse_wrong_rows(one.rows, f"statement of {one.side} for {one.day}")
    foreign = one.rows.filter((pl.col("side") != one.side.value) | (pl.col("day") != one.day))
    if foreign.height:
        side, day = foreign.row(0, named=True)["side"], foreign.row(0, named=True)["day"]
        raise StatementError(
            f"statement of {one.side} for {one.day} holds a row of {side} for {day}; expected its own rows alone"
        )


def _sorted_rows(rows: pl.DataFrame) -> pl.DataFrame:
    return stacked([rows])
