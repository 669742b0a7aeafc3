"""The smart audit (智能审核): every rule held against every settlement, in columns.

A family is one comparison a row: the row's place among the family's dimensions finds its limit. So 7,566 rules cost
what their 26 families cost. Must never decide what becomes of a hit: people do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import polars as pl

from reference_impl.supervision.rules import Breaks, Family, rule_name
from reference_impl.supervision.subjects import DIMENSIONS, with_fields

__all__ = ["HITS", "rules_hit", "smart_audit"]

HITS = {
    "settlement": pl.String(), "rule": pl.String(), "family": pl.String(), "care": pl.String(),
    "insured": pl.String(), "settled": pl.Date(), "value": pl.Int64(), "limit": pl.Int64(),
    "recover_e4": pl.Int64(), "expert": pl.Boolean(),
}  # fmt: skip
"""A settlement and a rule that it breaks, with the value that did and the limit."""


def smart_audit(subjects: pl.DataFrame, families: Sequence[Family]) -> pl.DataFrame:
    """Return every hit, in one order; ``subjects`` are rows as ``subjects.checked`` returns them."""
    rows = with_fields(subjects, {family.field: family for family in families}).with_columns(
        pl.col(name).cast(pl.Enum(values)).to_physical().cast(pl.UInt32).alias(f"at_{name}")
        for name, values in DIMENSIONS.items()
    )
    found = [_hits_of(rows, family) for family in families]
    return pl.concat([pl.DataFrame(schema=HITS), *found]).sort("settlement", "rule")


def rules_hit(hits: pl.DataFrame) -> pl.DataFrame:
    """Return by family how many settlements it caught, the most first."""
    return hits.group_by("family").agg(settlements=pl.len()).sort(["settlements", "family"], descending=[True, False])


def _hits_of(rows: pl.DataFrame, family: Family) -> pl.DataFrame:
    """Return the hits of one version of a family."""
    points = list(family.points())
    limits = pl.Series("limit", [family.limit_at(where) for where in points], dtype=pl.Int64)
    names = pl.Series("rule", [rule_name(family, where) for where in points], dtype=pl.String)
    value = pl.col(f"field_{family.field}")
    limit = pl.lit(limits).gather(_point_of(family))
    beyond = value > limit if family.breaks is Breaks.ABOVE else value < limit
    broken = rows.filter(beyond & _holds(family))
    return broken.select(
        "settlement",
        pl.lit(names).gather(_point_of(family)).alias("rule"),
        pl.lit(family.id).alias("family"),
        "care",
        "insured",
        "settled",
        value.alias("value"),
        limit.alias("limit"),
        pl.lit(family.recover_e4, pl.Int64).alias("recover_e4"),
        pl.lit(family.expert).alias("expert"),
    )


def _point_of(family: Family) -> pl.Expr:
    """Return which of the family's points a row is at, as ``Family.points`` counts them."""
    start = pl.lit(0, pl.UInt32)
    return reduce(lambda at, name: at * len(DIMENSIONS[name]) + pl.col(f"at_{name}"), family.over, start)


def _holds(family: Family) -> pl.Expr:
    """Return whether this version was in force when a row was settled."""
    ends = pl.lit(value=True) if family.until is None else pl.col("settled") <= family.until
    return (pl.col("settled") >= family.begins) & ends
