"""What is audited: one row a settlement or paper claim, and the fields that a rule may name.

Every field is a whole number, so that a limit is met or passed exactly. Fields that look at other rows (what else the
same person had that day) are worked out in columns. This module must never hold a limit: rules do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from reference_impl.domain.failures import InputError
from reference_impl.domain.money import E4
from reference_impl.domain.regions import PROVINCES

__all__ = ["DIMENSIONS", "FIELDS", "KINDS", "NEVER_DAYS", "PLACES", "SUBJECTS", "Field", "checked", "with_fields"]

SUBJECTS: Mapping[str, pl.DataType] = {
    "settlement": pl.String(),
    "person": pl.String(),
    "institution": pl.String(),
    "care": pl.String(),
    "insured": pl.String(),
    "kind": pl.String(),
    "level": pl.Int8(),
    "paper": pl.Boolean(),
    "registered": pl.Boolean(),
    "began": pl.Date(),
    "settled": pl.Date(),
    "office_days": pl.Int32(),
    "total_fen": pl.Int64(),
    "fund_fen": pl.Int64(),
    "account_fen": pl.Int64(),
    "cash_fen": pl.Int64(),
    "hospital_part_fen": pl.Int64(),
}
"""``care`` and ``insured`` are provinces; ``level`` is 1 to 3, of a pharmacy 0. ``registered``: the institution's code
is in the register. ``began`` is the day of admission, or of the visit; ``settled`` the business day. ``office_days``
are the working days that a paper claim took, 0 of what was settled directly."""
KINDS = ("outpatient", "pharmacy", "inpatient")
PLACES = (
    "outpatient-1", "outpatient-2", "outpatient-3", "pharmacy", "inpatient-1", "inpatient-2", "inpatient-3",
)  # fmt: skip
"""Kinds of visit by level of institution; pharmacies have none."""
DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "insured": tuple(PROVINCES),
    "care": tuple(PROVINCES),
    "kind": KINDS,
    "place": PLACES,
    "channel": ("direct", "paper"),
}
"""What a family of rules unfolds over."""
NEVER_DAYS: Final = 1_000_000
"""Days since the last stay, of who had none."""


def checked(subjects: pl.DataFrame, where: str = "subjects") -> pl.DataFrame:
    """Return the rows in the columns of :data:`SUBJECTS`.

    Raises:
        InputError: when a column is missing or empty in a row, a settlement stands twice, or a place is none.

    """
    wrong = [name for name, kind in SUBJECTS.items() if subjects.schema.get(name) != kind]
    if wrong:
        got = subjects.schema.get(wrong[0], "missing")
        raise InputError(f"{where}: column {wrong[0]!r} is {got}; expected {SUBJECTS[wrong[0]]}")
    empties = [name for name in SUBJECTS if subjects[name].null_count()]
    if empties:
        raise InputError(f"{where}: column {empties[0]!r} is empty in a row; expected a value in every row")
    twice = subjects.filter(pl.col("settlement").is_duplicated())
    if twice.height:
        raise InputError(f"{where}: settlement {twice['settlement'][0]} stands twice; expected one row each")
    outside = subjects.with_columns(place=_place()).filter(
        ~pl.all_horizontal(pl.col(name).is_in(DIMENSIONS[name]) for name in ("insured", "care", "kind", "place"))
    )
    if outside.height:
        row = outside.row(0, named=True)
        raise InputError(
            f"{where}: settlement {row['settlement']} is of {row['kind']} at level {row['level']} in {row['care']} for "
            f"{row['insured']}; expected provinces of 2 digits, a kind of {', '.join(KINDS)}, a level from 1 to 3 "
            "(0 at pharmacies)"
        )
    return subjects.select(*SUBJECTS)


def _place() -> pl.Expr:
    at_level = pl.concat_str("kind", pl.lit("-"), pl.col("level").cast(pl.String))
    return pl.when((pl.col("kind") == "pharmacy") & (pl.col("level") == 0)).then(pl.lit("pharmacy")).otherwise(at_level)


# --- fields -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Field:
    """Something of a settlement that a rule may hold against its limit."""

    doc: str
    of: pl.Expr


def _many(*same: str) -> pl.Expr:
    """Return how many rows share all of these columns with a row."""
    return pl.len().over(*same)


def _sum(column: str, *same: str) -> pl.Expr:
    return pl.col(column).sum().over(*same)


def _flag(expr: pl.Expr) -> pl.Expr:
    return expr.cast(pl.Int64)


_STAY_DAYS = (pl.col("settled") - pl.col("began")).dt.total_days()
_SUM_FEN = pl.sum_horizontal("fund_fen", "account_fen", "cash_fen", "hospital_part_fen")
_AT = ("person", "institution", "kind", "settled")

FIELDS: Mapping[str, Field] = {
    "total_fen": Field("the bill", pl.col("total_fen")),
    "fund_fen": Field("what funds pay", pl.col("fund_fen")),
    "account_fen": Field("what the personal account pays", pl.col("account_fen")),
    "fund_share_e4": Field(
        "what funds pay of the bill, in ten-thousandths",
        pl.when(pl.col("total_fen") > 0).then(pl.col("fund_fen") * E4 // pl.col("total_fen")).otherwise(0),
    ),
    "least_fen": Field(
        "the least of its amounts", pl.min_horizontal("fund_fen", "account_fen", "cash_fen", "hospital_part_fen")
    ),
    "short_fen": Field("by how much its parts miss the bill", (pl.col("total_fen") - _SUM_FEN).abs()),
    "paper_fen": Field("the bill of a paper claim, 0 of others", pl.col("total_fen") * _flag(pl.col("paper"))),
    "stay_days": Field("days from admission to settlement", _STAY_DAYS),
    "daily_fen": Field("the bill by day of the stay", pl.col("total_fen") // _STAY_DAYS.clip(1)),
    "office_days": Field("working days that a paper claim took", pl.col("office_days")),
    "unregistered": Field("1 where the institution's code is in no register", _flag(~pl.col("registered"))),
    "home_paper": Field(
        "1 where a paper claim is of an institution of the insured place itself",
        _flag(pl.col("paper") & (pl.col("care") == pl.col("insured"))),
    ),
    "person_visits_day": Field("settlements of the person that day", _many("person", "settled")),
    "person_places_day": Field(
        "institutions at which the person settled that day", pl.col("institution").n_unique().over("person", "settled")
    ),
    "person_visits_month": Field("settlements of the person that month", _many("person", "month")),
    "person_total_month_fen": Field("bills of the person that month", _sum("total_fen", "person", "month")),
    "person_fund_month_fen": Field("what funds paid for the person that month", _sum("fund_fen", "person", "month")),
    "same_place_month": Field(
        "settlements of the person at the institution that month", _many("person", "institution", "kind", "month")
    ),
    "twin_bills": Field("equal bills of the person at the institution that day", _many(*_AT, "total_fen")),
    "equal_bills": Field(
        "equal bills at the institution that day, whoever's", _many("institution", "kind", "settled", "total_fen")
    ),
    "institution_day": Field("settlements of the institution that day", _many("institution", "settled")),
    "insured_day": Field(
        "settlements of one insured place at the institution that day",
        _many("institution", "insured", "kind", "settled"),
    ),
    "in_stay": Field("1 where the person lay in a hospital that day", pl.col("in_stay")),
    "days_since_stay": Field("days since the person's last stay, of a stay", pl.col("days_since_stay")),
}


def with_fields(subjects: pl.DataFrame, names: Mapping[str, object] | None = None) -> pl.DataFrame:
    """Return the rows with their place, channel and month, and the fields ``names`` (all when None) beside them."""
    wanted = FIELDS if names is None else {name: FIELDS[name] for name in names}
    rows = subjects.with_columns(
        place=_place(),
        channel=pl.when("paper").then(pl.lit("paper")).otherwise(pl.lit("direct")),
        month=pl.col("settled").dt.year() * 100 + pl.col("settled").dt.month().cast(pl.Int32),
    )
    for name, add in _OF_STAYS.items():
        if name in wanted:
            rows = add(rows)
    return rows.with_columns(field.of.cast(pl.Int64).alias(f"field_{name}") for name, field in wanted.items())


def _stays(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the stays by person in the order of admission, with the last discharge of this and any before."""
    numbered = rows.select("settlement", "person", "kind", "began", "settled").with_row_index("row")
    ordered = numbered.filter(pl.col("kind") == "inpatient").sort("person", "began", "settled", "settlement")
    return ordered.with_columns(last=pl.col("settled").cum_max().over("person"))


def _with_in_stay(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark what was settled on a day between the admission and the discharge of a stay of the same person."""
    stays = _stays(rows).select("person", stay_began="began", until="last").sort("stay_began", "until")
    others = rows.select("person", "kind", "settled").with_row_index("row").filter(pl.col("kind") != "inpatient")
    dated = (
        others.join(stays.select("person").unique(), on="person", how="semi")
        .with_columns(before=pl.col("settled") - pl.duration(days=1))
        .sort("before")
    )
    joined = dated.join_asof(
        stays, left_on="before", right_on="stay_began", by="person", strategy="backward", check_sortedness=False
    )
    lying = joined.filter(pl.col("until") > pl.col("settled"))["row"]
    return rows.with_columns(in_stay=_flag(pl.int_range(pl.len(), dtype=pl.UInt32).is_in(lying.implode())))


def _with_days_since_stay(rows: pl.DataFrame) -> pl.DataFrame:
    """Add, to each stay, the days from the person's last discharge to this admission."""
    before = _stays(rows).with_columns(before=pl.col("last").shift(1).over("person"))
    since = before.select("row", days_since_stay=(pl.col("began") - pl.col("before")).dt.total_days())
    known = since.drop_nulls()
    joined = rows.with_row_index("row").join(known, on="row", how="left", maintain_order="left").drop("row")
    return joined.with_columns(pl.col("days_since_stay").fill_null(NEVER_DAYS))


_OF_STAYS: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "in_stay": _with_in_stay,
    "days_since_stay": _with_days_since_stay,
}
