"""The acceptance ledger (实测台账): which kind of business was tried at which institution, and what is still open.

The campaign is data. Of several tests of one kind at one institution the last counts. Must never count a test that was
not planned: it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec
import polars as pl

from reference_impl.domain.failures import InputError
from reference_impl.domain.rule_tables import as_table
from reference_impl.domain.working_days import date_of

__all__ = ["LEDGER", "TESTS", "Campaign", "Kind", "campaign", "ledger", "planned", "read_tests"]

TESTS: Mapping[str, type[pl.DataType]] = {
    "institution": pl.String, "kind": pl.String, "day": pl.Int32, "passed": pl.Boolean,
}  # fmt: skip
"""A test that was made: a row each."""
LEDGER = ("institution", "kind", "tests", "day", "state")
"""Where each kind stands at each institution: ``open``, ``failed`` or ``passed``, after so many tests, by the last."""


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of business, and the group of institutions that have it."""

    id: str
    name: str
    name_zh: str
    at: str


class Campaign(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be tried, and how many institutions of each group there are."""

    tests: int
    institutions: int
    groups: dict[str, int]
    kind: tuple[Kind, ...]


@cache
def campaign() -> Campaign:
    """Return the campaign that comes with yidi."""
    text = resources.files("reference_impl.supervision").joinpath("acceptance.toml").read_text("utf-8")
    return as_table(text, "acceptance.toml", Campaign)


def planned(of: Campaign) -> pl.DataFrame:
    """Return every test that is planned: institution and kind.

    Institutions are numbered; those that settle stays or chronic diseases come first, pharmacies last.
    """
    rows: list[tuple[str, str]] = []
    for kind in of.kind:
        count = of.groups[kind.at]
        first = of.institutions - count if kind.at == "pharmacy" else 0
        rows += [(f"T{number + 1:03d}", kind.id) for number in range(first, first + count)]
    return pl.DataFrame(rows, schema={"institution": pl.String, "kind": pl.String}, orient="row").sort(
        "institution", "kind"
    )


def read_tests(path: Path) -> pl.DataFrame:
    """Return the tests in a CSV file.

    Raises:
        InputError: when it cannot be read, or has other columns, or a day that is none.

    """
    try:
        read = pl.read_csv(path, schema_overrides=dict(TESTS))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: cannot read tests; expected a CSV file with {', '.join(TESTS)}") from error
    if read.columns != list(TESTS) or any(read[name].null_count() for name in read.columns):
        raise InputError(f"{path}: has columns {', '.join(read.columns)}; expected {', '.join(TESTS)}, none empty")
    for day in read["day"].unique():
        date_of(day)
    return read


def ledger(plan: pl.DataFrame, tests: pl.DataFrame) -> pl.DataFrame:
    """Return where every planned kind stands.

    Raises:
        InputError: when a test is of a kind or an institution that was not planned.

    """
    foreign = tests.join(plan, on=["institution", "kind"], how="anti")
    if foreign.height:
        row = foreign.row(0, named=True)
        raise InputError(
            f"a test of {row['kind']!r} at {row['institution']} on {row['day']} was not planned; expected one of the "
            f"{plan.height:,} kinds at institutions of the campaign"
        )
    last = tests.sort("day", maintain_order=True).group_by("institution", "kind", maintain_order=True)
    made = last.agg(tests=pl.len(), day=pl.col("day").last(), passed=pl.col("passed").last())
    joined = plan.join(made, on=["institution", "kind"], how="left", maintain_order="left")
    state = pl.when(pl.col("passed")).then(pl.lit("passed")).otherwise(pl.lit("failed"))
    return joined.with_columns(
        pl.col("tests").fill_null(0),
        state=pl.when(pl.col("passed").is_null()).then(pl.lit("open")).otherwise(state),
    ).select(*LEDGER)
