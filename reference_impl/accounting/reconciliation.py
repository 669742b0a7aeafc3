"""Reconciliation (对账): what neighbours on the way hold differently, and the entries that close it (G11).

A pure function of the statements: the order of their rows changes nothing, and the same statements give the same
differences. Every settlement is compared by what it comes to on a side, signs added up, so nothing is matched twice.
This module must never change a statement: an entry is a row of its own, booked on an open day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from reference_impl.accounting.statements import AMOUNTS, COLUMNS, PATH, Side
from reference_impl.domain.differences import CLASSES, ClosingRule, DifferenceClass, Owner, deadline_of
from reference_impl.domain.working_days import WorkingDays, date_of, day_number

__all__ = ["DIFFERENCES", "ENTRIES", "closing_entries", "daily_totals", "reconcile", "without_refunds"]

_Kind = DifferenceClass
DIFFERENCES = {
    "class": pl.String, "near": pl.String, "far": pl.String, "settlement": pl.String, "institution": pl.String,
    "care": pl.String, "insured": pl.String, "day": pl.Int32,
    "near_count": pl.Int64, "far_count": pl.Int64, "near_day": pl.Int64, "far_day": pl.Int64,
    "near_total_fen": pl.Int64, "far_total_fen": pl.Int64, "near_fund_fen": pl.Int64, "far_fund_fen": pl.Int64,
    "owner": pl.String, "deadline": pl.Int32, "rule": pl.String,
}  # fmt: skip
"""Columns of the list of differences. ``day`` is the insurer's where there is one."""
ENTRIES = {**COLUMNS, "booked_on": pl.Int32}
"""Columns of a closing entry: a row of a statement, for the ``day`` that it corrects, booked on an open one."""
_PLACES = ("institution", "care", "insured")
_STATED = ("rows", "count", "day", "paid_fen", *AMOUNTS)


def reconcile(
    statements: pl.DataFrame,
    calendar: WorkingDays,
    *,
    sides: Sequence[Side] = PATH,
    missing: Collection[tuple[Side, int]] = (),
) -> pl.DataFrame:
    """Return every difference between neighbours among ``sides``, in one order.

    ``missing`` are statements that did not come: every settlement of which they may hold a row waits.
    """
    chosen = statements.filter(_by(sides))
    summed = _summed(chosen)
    whole = _whole(summed, sides)
    found = [_between(_of_pair(summed, whole, pair, sides), whole, pair) for pair in _pairs(sides)]
    places = chosen.group_by("settlement").agg(*(pl.col(name).max() for name in _PLACES))
    judged = pl.concat(found).join(_waiting(chosen, missing), on="settlement", how="anti")
    listed = judged.join(places, on="settlement", how="left")
    return _owned(listed, calendar).select(*DIFFERENCES).sort("day", "settlement", "near", "class")


def without_refunds(statements: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of settlements that stand: what a statement without refunds lists (refd_setl_flag 0)."""
    standing = statements.group_by("side", "settlement").agg(pl.col("sign").sum()).filter(pl.col("sign") != 0)
    return statements.join(standing, on=["side", "settlement"], how="semi").filter(pl.col("sign") > 0)


def daily_totals(statements: pl.DataFrame) -> pl.DataFrame:
    """Return for each side and business day how many rows it lists, refunds counted off, and what they come to."""
    return (
        statements.group_by("day", "side")
        .agg(settlements=pl.col("sign").cast(pl.Int64).sum(), **{name: pl.col(name).sum() for name in AMOUNTS})
        .sort("day", "side")
    )


def closing_entries(
    statements: pl.DataFrame, differences: pl.DataFrame, booked_on: date, *, sides: Sequence[Side] = PATH
) -> pl.DataFrame:
    """Return the entries by which every difference of money, state or date is closed.

    What stands at both ends becomes on every side as the insurer has it; anything else is taken back wherever it
    stands. Booked with the statements, they leave no difference.
    """
    wrong = differences.filter(pl.col("rule") != ClosingRule.NO_ENTRY.value).select("settlement").unique()
    rows = statements.filter(_by(sides)).join(wrong, on="settlement", how="semi")
    if not rows.height:
        return pl.DataFrame(schema=ENTRIES)
    whole = _whole(_summed(rows), sides)
    taken_off = rows.with_columns(-pl.col("sign"), *(-pl.col(name) for name in AMOUNTS))
    as_insured = _as_insured(rows).join(whole.filter("both"), on="settlement", how="semi")
    local = pl.col("care") == pl.col("insured")
    booked = [
        as_insured.filter(~local if side is Side.HUB else pl.lit(value=True)).with_columns(side=pl.lit(side.value))
        for side in sides
    ]
    entries = pl.concat([taken_off, *(frame.select(taken_off.columns) for frame in booked)])
    return _netted(entries).with_columns(booked_on=pl.lit(day_number(booked_on), pl.Int32)).select(*ENTRIES)


def _as_insured(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row a settlement: what the insurer's add up to, or of several that stand, the least.

    The insurer may have corrected a row by taking it back and booking another: its last one dates the sum.
    """
    own = rows.filter(pl.col("side") == Side.INSURED.value)
    positive = own.filter(pl.col("sign") > 0)
    sums = own.group_by("settlement").agg(
        pl.col("sign").cast(pl.Int64).sum(), *(pl.col(name).sum() for name in AMOUNTS)
    )
    once = sums.filter(pl.col("sign") == 1).select("settlement", *AMOUNTS)
    last = positive.sort("day", *AMOUNTS).unique("settlement", keep="last", maintain_order=True)
    least = positive.sort(*AMOUNTS, "day").unique("settlement", keep="first", maintain_order=True)
    summed = last.drop(AMOUNTS).join(once, on="settlement").select(own.columns)
    return pl.concat([summed, least.join(once, on="settlement", how="anti")])


# --- what a settlement comes to ---------------------------------------------------------------------------------------


def _summed(statements: pl.DataFrame) -> pl.DataFrame:
    """Return by settlement and side how often it stands, on which day, and its amounts, signs added up.

    Of what stands once, the days with their signs add up to the day it stands on, however often it was re-dated.
    """
    sign = pl.col("sign").cast(pl.Int64)
    return statements.group_by("settlement", "side").agg(
        rows=pl.len(),
        count=sign.sum(),
        day=(sign * pl.col("day").cast(pl.Int64)).sum(),
        first_day=pl.col("day").min(),
        local=((pl.col("care") == pl.col("insured")) & (pl.col("care") != "")).any(),
        paid_fen=(pl.col("fund_fen") + pl.col("account_fen")).sum(),
        **{name: pl.col(name).sum() for name in AMOUNTS},
    )


def _whole(summed: pl.DataFrame, sides: Sequence[Side]) -> pl.DataFrame:
    """Return by settlement whether it stands at both ends of the way, and lies within one province.

    What the hub lists is no such business, whatever its provinces: it has to be matched there.
    """
    stands = pl.col("count") >= 1
    at = [(stands & (pl.col("side") == side.value)).any() for side in (sides[0], sides[-1])]
    at_hub = (pl.col("side") == Side.HUB.value).any()
    return summed.group_by("settlement").agg(both=at[0] & at[1], local=pl.col("local").any() & ~at_hub)


def _by(sides: Sequence[Side]) -> pl.Expr:
    return pl.col("side").is_in([side.value for side in sides])


Pair = tuple[Side, Side]


def _pairs(sides: Sequence[Side]) -> Iterator[Pair]:
    """Yield who reconciles with whom: neighbours, and across the hub those of business within a province."""
    yield from pairwise(sides)
    if Side.HUB in sides[1:-1]:
        place = sides.index(Side.HUB)
        yield sides[place - 1], sides[place + 1]


def _of_pair(summed: pl.DataFrame, whole: pl.DataFrame, pair: Pair, sides: Sequence[Side]) -> pl.DataFrame:
    """Return the sums that a pair compares: the hub never sees business within a province."""
    if Side.HUB in pair:
        return summed.join(whole.filter("local"), on="settlement", how="anti")
    across = Side.HUB in sides and pair == (Side.CARE, Side.INSURED)
    return summed.join(whole.filter("local"), on="settlement", how="semi") if across else summed


def _between(of_pair: pl.DataFrame, whole: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    """Return the differences of one pair of neighbours."""
    near, far = pair
    joined = _side(of_pair, near, "near").join(_side(of_pair, far, "far"), on="settlement", how="full", coalesce=True)
    joined = joined.with_columns(pl.col("near_rows", "near_count", "far_rows", "far_count").fill_null(0))
    judged = joined.join(whole, on="settlement", how="left").with_columns(_class().alias("class"))
    return (
        judged.filter(pl.col("class").is_not_null())
        .with_columns(near=pl.lit(near.value), far=pl.lit(far.value), day=pl.coalesce("far_first", "near_first"))
        .drop("both", "local")
    )


def _side(summed: pl.DataFrame, side: Side, name: str) -> pl.DataFrame:
    own = summed.filter(pl.col("side") == side.value)
    return own.select(
        "settlement", pl.col("first_day").alias(f"{name}_first"), *(pl.col(c).alias(f"{name}_{c}") for c in _STATED)
    )


def _class() -> pl.Expr:
    """Return the class of a pair's two sums; null where they agree."""
    near, far = pl.col("near_count"), pl.col("far_count")
    one_sided = (near != 0) != (far != 0)
    other_total = _unlike("total_fen")
    other_fund = _unlike("paid_fen") | _unlike("fund_fen")
    compared = ((pl.col("near_rows") > 0) & (pl.col("far_rows") > 0)) | ((near == 0) & (far == 0))
    named: list[tuple[pl.Expr, DifferenceClass]] = [
        (one_sided & pl.col("both"), _Kind.COPY_MISSING),
        (one_sided & (far != 0) & (pl.col("near_rows") == 0), _Kind.ONLY_FAR),
        (one_sided & (near != 0) & (pl.col("far_rows") == 0), _Kind.ONLY_NEAR),
        (one_sided, _Kind.STATE),
        ((near != 0) & ((near != 1) | (far != 1)), _Kind.REPEATED),
        (compared & other_total & other_fund, _Kind.BOTH),
        (compared & other_total, _Kind.TOTAL),
        (compared & other_fund, _Kind.FUND),
        (compared & _unlike("cash_fen"), _Kind.TOTAL),
        ((near == 1) & (far == 1) & (pl.col("near_day") != pl.col("far_day")), _Kind.DATE),
    ]
    chain = pl.when(named[0][0]).then(pl.lit(named[0][1].value))
    for condition, kind in named[1:]:
        chain = chain.when(condition).then(pl.lit(kind.value))
    return chain.otherwise(None)


def _unlike(name: str) -> pl.Expr:
    """Return whether two sums differ; what a side does not list comes to nothing there."""
    return pl.col(f"near_{name}").fill_null(0) != pl.col(f"far_{name}").fill_null(0)


def _waiting(chosen: pl.DataFrame, missing: Collection[tuple[Side, int]]) -> pl.DataFrame:
    """Return the settlements of which a statement that did not come may hold a row.

    The insurer's day is the one that all but the hospital state; the hospital hears of it then or on the day after.
    """
    at_hospital = pl.col("side") == Side.HOSPITAL.value
    dated = chosen.with_columns(alone=at_hospital.all().over("settlement"))
    counted = chosen.group_by("settlement", "side").agg(rows=pl.len())
    found = [pl.DataFrame(schema={"settlement": pl.String})]
    for side, day in sorted(missing):
        if side is Side.HOSPITAL:
            may = ~at_hospital & pl.col("day").is_in([day, _shifted(day, -1)])
        else:
            heard = pl.col("alone") & pl.col("day").is_in([day, _shifted(day, 1)])
            may = (pl.col("side") != side.value) & pl.when(at_hospital).then(heard).otherwise(pl.col("day") == day)
        if side is Side.HUB:
            may &= pl.col("care") != pl.col("insured")
        own = counted.filter(pl.col("side") == side.value).select("settlement", own="rows")
        theirs = counted.join(dated.filter(may).select("settlement", "side"), on=["settlement", "side"], how="semi")
        lacks = theirs.join(own, on="settlement", how="left").filter(pl.col("rows") > pl.col("own").fill_null(0))
        found.append(lacks.select("settlement"))
    return pl.concat(found).unique()


def _shifted(day: int, days: int) -> int:
    return day_number(date_of(day) + timedelta(days=days))


# --- who, until when, by what -----------------------------------------------------------------------------------------


def _owned(found: pl.DataFrame, calendar: WorkingDays) -> pl.DataFrame:
    """Return the differences with owner, deadline and closing rule."""
    deadlines = {day: day_number(deadline_of(date_of(day), calendar)) for day in found["day"].unique()}
    kinds = [kind.value for kind in CLASSES]
    owners = pl.col("class").replace_strict(kinds, [d.owner.value for d in CLASSES.values()], return_dtype=pl.String)
    near_has_more = pl.col("near_count") > pl.col("far_count")
    owner = (
        pl.when(owners == Owner.NEAR.value).then("near")
        .when(owners.is_in([Owner.STANDING.value, Owner.MORE.value]))
        .then(pl.when(near_has_more).then("near").otherwise("far"))
        .when(owners == Owner.LACKING.value).then(pl.when(near_has_more).then("far").otherwise("near"))
        .otherwise(owners)
    )  # fmt: skip
    rules = [d.rule.value for d in CLASSES.values()]
    return found.with_columns(
        owner=owner,
        deadline=pl.col("day").replace_strict(deadlines, default=None, return_dtype=pl.Int32),
        rule=pl.col("class").replace_strict(kinds, rules, return_dtype=pl.String),
    )


def _netted(entries: pl.DataFrame) -> pl.DataFrame:
    """Return entries with those left out that cancel each other on one side and day."""
    keys = ["side", "settlement", "day"]
    sums = [pl.col("sign").cast(pl.Int64).sum(), *(pl.col(name).sum() for name in AMOUNTS)]
    named = [pl.col(name).max() for name in COLUMNS if name not in (*keys, "sign", *AMOUNTS)]
    netted = entries.group_by(keys).agg(*named, *sums)
    moved = netted.filter(pl.any_horizontal(pl.col("sign", *AMOUNTS) != 0)).with_columns(pl.col("sign").cast(pl.Int8))
    return moved.select(*COLUMNS).sort("side", "settlement", "day")
