"""The report on business elsewhere (运行分析报告): indicators as a table, and the clearing detail of both roles.

An indicator is a measure, of a place in one of its two roles, over one value of a dimension, in a period. The table
unfolds to the documented number (source 004: 1,486); how it falls into groups is ASSUMED. Every figure is a whole
number; one that nothing can be said of is empty, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from reference_impl.domain.clearing import Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.money import E4
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.rule_tables import RuleError, as_table, read_text
from reference_impl.supervision.subjects import KINDS

__all__ = [
    "DOCUMENTED_INDICATORS", "MEASURED", "Group", "Indicator", "clearing_detail", "indicators", "packaged_groups",
    "parse_groups", "read_groups", "refuse_place", "unfold_groups",
]  # fmt: skip

DOCUMENTED_INDICATORS = 1_486
"""Items of a period that Tai'an's platform puts together for its report (SEED 004)."""
_ROLES: Mapping[str, str] = {"care": "insured", "insured": "care"}
"""The roles of a place, each with the column of its partner."""
_OVER: Mapping[str, tuple[str, ...]] = {"whole": ("whole",), "partner": tuple(PROVINCES), "kind": KINDS}
_PERIODS = ("month", "before", "change_e4")
"""The month, the one before it, and the change between them in ten-thousandths of the one before."""


def _share(part: pl.Expr, whole: pl.Expr, times: int = 1) -> pl.Expr:
    return pl.when(whole > 0).then(part * times // whole)


_ROWS = pl.len().cast(pl.Int64)
_STAYS = pl.col("kind") == "inpatient"
MEASURED: Mapping[str, pl.Expr] = {
    "settlements": _ROWS,
    "persons": pl.col("person").n_unique().cast(pl.Int64),
    "total_fen": pl.col("total_fen").sum(),
    "fund_fen": pl.col("fund_fen").sum(),
    "account_fen": pl.col("account_fen").sum(),
    "cash_fen": pl.col("cash_fen").sum(),
    "mean_bill_fen": _share(pl.col("total_fen").sum(), _ROWS),
    "fund_share_e4": _share(pl.col("fund_fen").sum(), pl.col("total_fen").sum(), E4),
    "stays": _STAYS.cast(pl.Int64).sum(),
    "paper_claims": pl.col("paper").cast(pl.Int64).sum(),
    "institutions": pl.col("institution").n_unique().cast(pl.Int64),
    "largest_bill_fen": pl.col("total_fen").max(),
    "stay_days": (pl.col("settled") - pl.col("began")).filter(_STAYS).dt.total_days().sum(),
}
"""What can be measured of a set of settlements."""
_COUNTED = frozenset({"settlements", "persons", "stays", "paper_claims", "institutions", "stay_days"}) | {
    "total_fen", "fund_fen", "account_fen", "cash_fen",
}  # fmt: skip
"""Measures that are 0 of nothing; the others say nothing of it."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Indicators alike: measures of a place in its roles, over every value of one dimension, in some periods."""

    id: str
    origin: str
    over: str
    measures: tuple[str, ...]
    periods: tuple[str, ...]
    roles: tuple[str, ...] = tuple(_ROLES)


class Indicator(NamedTuple):
    """One indicator."""

    indicator: str
    role: str
    over: str
    value: str
    measure: str
    period: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    group: list[Group]


@cache
def packaged_groups() -> tuple[Group, ...]:
    """Return the groups of indicators that come with yidi."""
    text = resources.files("reference_impl.supervision").joinpath("indicators.toml").read_text("utf-8")
    return parse_groups(text, "indicators.toml")


def read_groups(path: Path) -> tuple[Group, ...]:
    """Return the groups of a file.

    Raises:
        RuleError: when it cannot be read, or says what it may not.

    """
    return parse_groups(read_text(path, "indicators"), str(path))


def parse_groups(text: str, where: str) -> tuple[Group, ...]:
    """Return the groups written in ``text``.

    Raises:
        RuleError: naming the group, what it says, and what may stand there.

    """
    groups = tuple(as_table(text, where, _File).group)
    for one in groups:
        places = {"over": ((one.over,), _OVER), "measures": (one.measures, MEASURED)}
        places |= {"periods": (one.periods, dict.fromkeys(_PERIODS, 0)), "roles": (one.roles, _ROLES)}
        for name, (said, may) in places.items():
            if not said or not set(said) <= set(may) or len(set(said)) != len(said):
                told = f"has {name} {', '.join(said) or 'of nothing'}; expected some of {', '.join(may)}, each once"
                raise RuleError(f"{where}: group {one.id!r} {told}")
    counted = Counter(one.indicator for one in unfold_groups(groups))
    for name, count in counted.items():
        if count > 1:
            raise RuleError(f"{where}: indicator {name} comes of two groups; expected it once")
    return groups


def unfold_groups(groups: tuple[Group, ...]) -> Iterator[Indicator]:
    """Yield every indicator, in the order of the groups."""
    for one in groups:
        for role in one.roles:
            for value in _OVER[one.over]:
                for measure in one.measures:
                    for period in one.periods:
                        name = f"{role}.{one.over}.{value}.{measure}.{period}"
                        yield Indicator(name, role, one.over, value, measure, period)


def indicators(subjects: pl.DataFrame, groups: tuple[Group, ...], place: str, period: Period) -> pl.DataFrame:
    """Return every indicator of a place with its ``figure``, which is empty where there is nothing to say.

    Raises:
        InputError: when the place is no province.

    """
    refuse_place(place)
    rows = subjects.filter((pl.col("care") == place) | (pl.col("insured") == place)).with_columns(whole=pl.lit("whole"))
    asked = pl.DataFrame(list(unfold_groups(groups)), schema=list(Indicator._fields), orient="row")
    months = {"month": period, "before": before(period)}
    measured = [
        _measured(rows.filter((pl.col(role) == place) & _of_month(month)), role, over).with_columns(period=pl.lit(name))
        for role in _ROLES
        for over in _OVER
        for name, month in months.items()
    ]
    grid = asked.select(_POINT).unique(maintain_order=True).join(pl.DataFrame({"period": list(months)}), how="cross")
    figures = grid.join(pl.concat(measured), on=[*_POINT, "period"], how="left", maintain_order="left").with_columns(
        figure=pl.when(pl.col("measure").is_in(sorted(_COUNTED)))
        .then(pl.col("figure").fill_null(0))
        .otherwise("figure")
    )
    now, then = (figures.filter(pl.col("period") == name).drop("period") for name in months)
    change = now.join(then, on=_POINT, suffix="_before").select(
        *_POINT,
        period=pl.lit("change_e4"),
        figure=_share(pl.col("figure") - pl.col("figure_before"), pl.col("figure_before"), E4),
    )
    known = pl.concat([figures.select(change.columns), change])
    return asked.join(known, on=[*_POINT, "period"], how="left", maintain_order="left")


_POINT = ["role", "over", "value", "measure"]


def _measured(rows: pl.DataFrame, role: str, over: str) -> pl.DataFrame:
    """Return every measure of a role's rows by value of a dimension, a row each."""
    column = _ROLES[role] if over == "partner" else over
    wide = rows.group_by(pl.col(column).alias("value")).agg(**MEASURED)
    long = wide.unpivot(on=list(MEASURED), index="value", variable_name="measure", value_name="figure")
    return long.select(
        pl.lit(role).alias("role"), pl.lit(over).alias("over"), "value", "measure", pl.col("figure").cast(pl.Int64)
    )


def _of_month(period: Period) -> pl.Expr:
    return (pl.col("settled").dt.year() == period.year) & (pl.col("settled").dt.month() == period.month)


def before(period: Period) -> Period:
    """Return the month before.

    >>> before(Period(2024, 1)), before(Period(2024, 3))
    (Period(year=2023, month=12), Period(year=2024, month=2))
    """
    earlier = period.year * 12 + period.month - 2
    return Period(earlier // 12, earlier % 12 + 1)


def clearing_detail(items: pl.DataFrame, place: str, period: Period) -> dict[str, pl.DataFrame]:
    """Return, by role, the items of a month in which a place has to do with another (清算明细), in one order.

    Raises:
        InputError: when the place is no province.

    """
    refuse_place(place)
    month = items.filter(pl.col("booked_on").is_between(period.first_day, period.last_day))
    return {role: month.filter(pl.col(role) == place).sort("booked_on", "settlement", "sign") for role in _ROLES}


def refuse_place(place: str) -> None:
    """Raise when ``place`` is no province.

    Raises:
        InputError: saying what one is.

    """
    if place not in PROVINCES:
        raise InputError(f"place {place!r} is no province; expected its 2 digits, such as 37")
