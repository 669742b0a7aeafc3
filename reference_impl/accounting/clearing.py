"""Monthly national clearing (清算) over the insurers' statements: what a month takes, what is owed, all or nothing.

A month takes every row up to its end that no earlier month took: so what was held back, disputed, or corrected late
comes into the next one, and a closed month never changes (G12). This module must never decide what a row is worth.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from reference_impl.accounting.statements import Side, StatementError
from reference_impl.domain.care_types import CareType
from reference_impl.domain.clearing import CLEARING_DAYS, Obligation, Period, nets_of
from reference_impl.domain.failures import InputError

__all__ = ["ITEMS", "Clearing", "ClearingError", "ClosedMonths", "booked", "clear", "due_of", "items_of"]


class ClearingError(InputError):
    """A month cannot be cleared as asked."""


ITEMS = {
    "settlement": pl.String, "sign": pl.Int8, "booked_on": pl.Int32, "day": pl.Int32, "institution": pl.String,
    "insured": pl.String, "care": pl.String, "code": pl.String, "total_fen": pl.Int64, "owed_fen": pl.Int64,
    "care_type": pl.String,
}  # fmt: skip
"""What is cleared, a row an entry of the insurer. ``owed_fen`` is what fund and account owe to the province of care;
``booked_on`` is its own day, or that of the correction that it is."""
_KEY = ("settlement", "sign", "booked_on")
_ITEMS_FILE, _SUMMARY_FILE = "items.csv", "clearing.json"


@dataclass(frozen=True, slots=True)
class Clearing:
    """One month, cleared."""

    period: Period
    items: pl.DataFrame
    obligations: tuple[Obligation, ...]
    held_back: int
    """Rows that were due and wait for a later month."""

    @property
    def nets(self) -> dict[str, int]:
        """What each province receives less what it pays."""
        return nets_of(self.obligations)

    @property
    def late(self) -> int:
        """Rows of earlier months."""
        return self.items.filter(pl.col("booked_on") < self.period.first_day).height

    @property
    def overdue(self) -> int:
        """Rows that are cleared later than the rules allow."""
        months = pl.col("booked_on") // 10_000 * 12 + pl.col("booked_on") // 100 % 100
        now = self.period.year * 12 + self.period.month
        return self.items.filter(now - months > CLEARING_DAYS.months_late_max).height

    def summary(self) -> bytes:
        """Return the month in text that is the same bytes for the same month."""
        said = {
            "period": str(self.period),
            "items": self.items.height,
            "late_items": self.late,
            "held_back": self.held_back,
            "obligations": [owed._asdict() for owed in self.obligations],
            "nets_fen": self.nets,
            "net_sum_fen": sum(self.nets.values()),
        }
        return (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def booked(statements: pl.DataFrame, entries: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return all rows with the day that each is booked on: its own, or of a correction the open one it was made on."""
    rows = statements.with_columns(booked_on=pl.col("day"))
    return rows if entries is None else pl.concat([rows, entries.select(rows.columns)])


def items_of(statements: pl.DataFrame, entries: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return what can be cleared: the insurers' rows of business between provinces, and corrections to them.

    Raises:
        StatementError: when a row does not say who owes whom.

    """
    insured = booked(statements, entries).filter(pl.col("side") == Side.INSURED.value)
    unplaced = insured.filter(pl.any_horizontal(pl.col("care", "insured").fill_null("") == ""))
    if unplaced.height:
        raise StatementError(f"settlement {unplaced['settlement'][0]}: no province of care or of the insurer is stated")
    between = insured.filter(pl.col("care") != pl.col("insured"))
    return between.with_columns(owed_fen=pl.col("fund_fen") + pl.col("account_fen")).select(*ITEMS)


def due_of(items: pl.DataFrame, period: Period, cleared: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the items that a month may take: up to its end, and not ``cleared`` before."""
    due = items.filter(pl.col("booked_on") <= period.last_day)
    return due if cleared is None else due.join(cleared.select(_KEY), on=_KEY, how="anti")


def clear(
    items: pl.DataFrame, period: Period, *, cleared: pl.DataFrame | None = None, held_back: Collection[str] = ()
) -> Clearing:
    """Return a month's clearing: every item up to its end but those ``cleared`` before, and those held back.

    ``held_back`` are settlements with an open difference, or not confirmed for this month.
    """
    due = due_of(items, period, cleared)
    waits = pl.DataFrame({"settlement": sorted(held_back)}, schema={"settlement": pl.String})
    taken = due.join(waits, on="settlement", how="anti").sort(*_KEY, "owed_fen")
    return Clearing(period, taken, _obligations(taken), due.height - taken.height)


def _obligations(items: pl.DataFrame) -> tuple[Obligation, ...]:
    owed = items.group_by("insured", "care").agg(pl.col("owed_fen").sum()).sort("insured", "care")
    return tuple(Obligation(*row) for row in owed.iter_rows())


class ClosedMonths:
    """The months that are closed, a folder each: it is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        """``folder`` need not be there yet."""
        self._folder = folder

    def periods(self) -> list[Period]:
        """Return the closed months, oldest first."""
        if not self._folder.is_dir():
            return []
        names = [path.name for path in self._folder.iterdir() if path.is_dir() and path.name.isdecimal()]
        return sorted(Period.parse(name) for name in names)

    def refuse(self, period: Period) -> None:
        """Raise when ``period`` may not be closed any more.

        Raises:
            ClearingError: when it, or a later month, is closed, or it would leave one out.

        """
        closed = self.periods()
        if period in closed:
            raise ClearingError(
                f"month {period} is closed already in {self._folder / str(period)}; a closed month never changes: "
                f"what came late is cleared with {closed[-1].next}"
            )
        if closed and period < closed[-1]:
            raise ClearingError(
                f"month {period} comes before {closed[-1]}, which is closed; clear {closed[-1].next} next"
            )
        if closed and period != closed[-1].next:
            raise ClearingError(
                f"month {period} leaves out {closed[-1].next}; closed is up to {closed[-1]}: clear the next one first"
            )

    def refuse_items(self, period: Period, items: pl.DataFrame) -> None:
        """Raise when ``items`` are not those that the closed months were taken from, or begin before the first of them.

        Raises:
            ClearingError: naming the settlement, or the month to clear first.

        """
        foreign = self.items().join(items, on=list(ITEMS), how="anti")
        if foreign.height:
            raise ClearingError(
                f"{self._folder}: its closed months hold settlement {foreign['settlement'][0]}, which these statements "
                "do not state so; expected the months of one run, with the same --recoveries: choose another folder"
            )
        first = items.filter(pl.col("booked_on") < period.first_day)["booked_on"].min()
        if first is not None and not self.periods():
            raise ClearingError(
                f"month {period} leaves out what was booked on {first}, and no month is closed in {self._folder}; "
                f"clear {str(first)[:6]} first"
            )

    def items(self) -> pl.DataFrame:
        """Return everything that was cleared.

        Raises:
            ClearingError: when a closed month is not as it was written.

        """
        return pl.concat([pl.DataFrame(schema=dict(ITEMS)), *(self._read(one) for one in self.periods())])

    def close(self, clearing: Clearing) -> Path:
        """Write a month down and return its folder; killed at any point it leaves none, and may be run again.

        Of several that close at once one does, and the others are refused.

        Raises:
            ClearingError: as :meth:`refuse`, and when nothing can be written there.

        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _alone_in(self._folder):
                self.refuse(clearing.period)
                return self._write(clearing)
        except OSError as error:
            raise ClearingError(
                f"{self._folder}: cannot close month {clearing.period} there ({error.strerror}); expected a folder of "
                "closed months, or a new name"
            ) from error

    def _read(self, period: Period) -> pl.DataFrame:
        """Return what a closed month took, held against its own summary."""
        folder = self._folder / str(period)
        try:
            items = _read_items(folder / _ITEMS_FILE)
            written = (folder / _SUMMARY_FILE).read_bytes()
            held_back = json.loads(written)["held_back"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError, pl.exceptions.PolarsError):
            pass
        else:
            if Clearing(period, items, _obligations(items), held_back).summary() == written:
                return items
        raise ClearingError(
            f"{folder} is not as a clearing wrote it; expected {_ITEMS_FILE} and {_SUMMARY_FILE} that agree: put back "
            "what was there"
        )

    def _write(self, clearing: Clearing) -> Path:
        final = self._folder / str(clearing.period)
        partial = final.with_name(f"{final.name}.partial")
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        clearing.items.write_csv(partial / _ITEMS_FILE)
        (partial / _SUMMARY_FILE).write_bytes(clearing.summary())
        partial.replace(final)
        return final


def _read_items(path: Path) -> pl.DataFrame:
    """Return the items in a file; one of before care types were stated is of ordinary care."""
    stated = pl.read_csv(path, n_rows=0).columns
    if "care_type" in stated:
        return pl.read_csv(path, schema=dict(ITEMS))
    without = pl.read_csv(path, schema={name: kind for name, kind in ITEMS.items() if name != "care_type"})
    return without.with_columns(care_type=pl.lit(CareType.ORDINARY.value))


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Let no other process close a month in ``folder`` meanwhile; a killed one holds nobody up."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
