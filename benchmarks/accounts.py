"""Time to reconcile a million rows and to clear a national month, all in columns.

    PYTHONPATH=. python benchmarks/accounts.py

Statements are made by arithmetic: every side lists what the others do, but for one settlement in a thousand that the
insurer lacks. A national month is 20 million settlements among 32 provinces (652,000 a day, DERIVED, domain facts 3.2);
``--month`` says how many of them to clear.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from datetime import date
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

import polars as pl

from reference_impl.accounting.clearing import ITEMS, clear
from reference_impl.accounting.reconciliation import closing_entries, reconcile
from reference_impl.accounting.statements import COLUMNS, PATH, Side
from reference_impl.domain.clearing import Period
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.working_days import nation

_T = TypeVar("_T")
MARCH, APRIL_1 = Period(2024, 3), date(2024, 4, 1)
MONTH = 20_000_000


def settlements(count: int) -> pl.DataFrame:
    """Return so many settlements of a month, an insurer's row each."""
    names = pl.Series(list(PROVINCES))
    number = pl.int_range(count, eager=True)
    insured, care = number % len(names), (number * 7 + 1 + number // len(names)) % len(names)
    total_fen = 1_000 + number * 7_919 % 3_000_000
    return pl.DataFrame({"number": number}).select(
        side=pl.lit(Side.INSURED.value),
        settlement="AH33040000001" + pl.col("number").cast(pl.String).str.zfill(17),
        visit="SH33040000001" + pl.col("number").cast(pl.String).str.zfill(17),
        institution=pl.lit("H33040000001"),
        care=names.gather(care),
        insured=names.gather(insured),
        code=pl.lit("2304"),
        day=(20240301 + number % 31).cast(pl.Int32),
        sign=pl.lit(1, pl.Int8),
        total_fen=total_fen,
        fund_fen=total_fen * 6 // 10,
        account_fen=total_fen * 0,
        cash_fen=total_fen - total_fen * 6 // 10,
    )


def statements(rows: int) -> pl.DataFrame:
    """Return about so many rows of four sides."""
    made = settlements(rows // len(PATH))
    sides = [made.with_columns(side=pl.lit(side.value)) for side in PATH]
    sides[-1] = sides[-1].filter(pl.int_range(pl.len()) % 1_000 != 0)
    return pl.concat(side.select(*COLUMNS) for side in sides)


class Took(NamedTuple):
    """Seconds by the clock, and of processor time."""

    wall_s: float
    cpu_s: float

    def __str__(self) -> str:
        return f"{self.wall_s:.2f} s ({self.cpu_s:.2f} s of processor time)"


def timed(work: Callable[[], _T]) -> tuple[_T, Took]:
    """Return what ``work`` gives, and how long it took."""
    begun, used = perf_counter(), process_time()
    made = work()
    return made, Took(perf_counter() - begun, process_time() - used)


def reconciliation(count: int) -> None:
    """Print how long so many rows take."""
    rows = statements(count)
    found, reconciled = timed(lambda: reconcile(rows, nation()))
    entries, closed = timed(lambda: closing_entries(rows, found, APRIL_1))
    print(f"{rows.height:,} rows: {found.height} differences in {reconciled}; ", end="")
    print(f"{entries.height} entries in {closed}")


def clearing(count: int) -> None:
    """Print how long a month of so many settlements takes."""
    owed_fen = pl.col("fund_fen") + pl.col("account_fen")
    across = settlements(count).filter(pl.col("care") != pl.col("insured"))
    items = across.select(*(ITEMS.keys() - {"booked_on", "owed_fen"}), booked_on="day", owed_fen=owed_fen).select(
        *ITEMS
    )
    del across
    month, cleared = timed(lambda: clear(items, MARCH))
    summary, told = timed(month.summary)
    print(f"{month.items.height:,} items, {len(month.obligations)} pairs: cleared in {cleared}, ", end="")
    print(f"told in {told} ({len(summary):,} bytes); nets sum to {sum(month.nets.values())} fen")


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to reconcile")
    parser.add_argument("--month", type=int, default=MONTH, help="settlements to clear")
    asked = parser.parse_args()
    reconciliation(asked.rows)
    clearing(asked.month)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
