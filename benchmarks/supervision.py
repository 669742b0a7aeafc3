"""Time to audit a million settlements, to report on a month of them and to get its clearing detail, and a plain loop.

    PYTHONPATH=. python benchmarks/supervision.py

Source 004 gives ten seconds for each of the three. Settlements are made by arithmetic, with violations planted in the
first 20,000: found and missed are counted. The plain loop holds every rule of one field at a time against a sample.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable
from datetime import date
from time import perf_counter, process_time
from typing import NamedTuple, TypeVar

import polars as pl

from reference_impl.accounting.clearing import ITEMS
from reference_impl.domain.clearing import Period
from reference_impl.supervision.indicators import clearing_detail, indicators, packaged_groups
from reference_impl.supervision.planting import clean_subjects, plant
from reference_impl.supervision.rules import Breaks, packaged_rules, unfold
from reference_impl.supervision.smart import smart_audit
from reference_impl.supervision.subjects import FIELDS, checked, with_fields

_T = TypeVar("_T")
MARCH, TODAY = Period(2024, 3), date(2024, 3, 13)
PLANTED_IN = 20_000


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


def loop(sample: pl.DataFrame) -> int:
    """Return the hits of every rule against every row, one by one; fields that look at other rows are given."""
    rows = with_fields(sample).to_dicts()
    hits = 0
    for rule in unfold(packaged_rules(), TODAY):
        field = f"field_{rule.family.field}"
        above = rule.family.breaks is Breaks.ABOVE
        for row in rows:
            if all(row[name] == wanted for name, wanted in rule.where.items()):
                hits += row[field] > rule.limit if above else row[field] < rule.limit
    return hits


def items_of(subjects: pl.DataFrame) -> pl.DataFrame:
    """Return the settlements as items of a clearing."""
    day = pl.col("settled").dt.strftime("%Y%m%d").cast(pl.Int32)
    return subjects.select(
        "settlement", pl.lit(1, pl.Int8).alias("sign"), day.alias("booked_on"), day.alias("day"), "institution",
        "insured", "care", pl.lit("2304").alias("code"), "total_fen", pl.col("fund_fen").alias("owed_fen"),
    ).select(*ITEMS)  # fmt: skip


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settlements", type=int, default=1_000_000)
    parser.add_argument("--sample", type=int, default=1_000, help="rows of the plain loop")
    asked = parser.parse_args()
    clean = clean_subjects(asked.settlements)
    planted = plant(clean.head(PLANTED_IN), packaged_rules(), each=3, seed=1)
    subjects = checked(pl.concat([planted.subjects, clean.slice(PLANTED_IN)]))
    rules = len(unfold(packaged_rules(), TODAY))

    hits, audit = timed(lambda: smart_audit(subjects, packaged_rules()))
    missed = planted.truth - set(hits.select("settlement", "family").iter_rows())
    alarms, _ = timed(lambda: smart_audit(clean, packaged_rules()).height)
    made, report = timed(lambda: indicators(subjects, packaged_groups(), "37", MARCH))
    items = items_of(subjects)
    both, detail = timed(lambda: clearing_detail(items, "37", MARCH))
    print(f"{subjects.height:,} settlements, {rules:,} rules over {len(FIELDS)} fields: {audit}")
    print(f"  {len(planted.truth):,} violations planted, {len(missed)} missed; {alarms} alarms over clean business")
    print(f"{made.height:,} indicators of one place: {report}")
    print(f"clearing detail, {sum(one.height for one in both.values()):,} items in both roles: {detail}")

    sample = clean.head(asked.sample)
    _, looped = timed(lambda: loop(sample))
    ratio = looped.cpu_s / sample.height / (audit.cpu_s / subjects.height)
    print(f"a plain loop over {sample.height:,}: {looped}, so {ratio:,.0f} times as much")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
