"""Paying the hospital (医药机构结算): by item, DRG or DIP weight, single disease, bed-day, head or a monthly quota.

What insured places owe stays what was settled, item by item (``clearing``). How a place of care pays its hospitals with
it is its own contract with them; what that comes to more or less is its own too (ASSUMED for business between
provinces, which sources 000 and 001 want paid as local business is). Pure: cases and contracts in, payments out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from reference_impl.accounting.contracts import CLR_WAYS, Advance, Contract, Terms, Way
from reference_impl.domain.clearing import Legs, Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.money import E4, share_fen, split_fen
from reference_impl.domain.working_days import date_of

__all__ = [
    "CASES",
    "PAYMENTS",
    "PAYOUTS",
    "ByMonth",
    "pay",
    "payment_to_hospital_legs",
    "payouts",
    "quota_due",
]

CASES: Mapping[str, pl.DataType] = {
    "settlement": pl.String(), "sign": pl.Int8(), "day": pl.Int32(), "settled_on": pl.Int32(),
    "institution": pl.String(), "care": pl.String(), "kind": pl.String(), "level": pl.Int8(), "group": pl.String(),
    "stay_days": pl.Int64(), "person": pl.String(), "total_fen": pl.Int64(), "owed_fen": pl.Int64(),
}  # fmt: skip
"""What is paid for, a row an entry of the insurer with its sign. ``day`` is the one it is booked on, ``settled_on``
the business day of the settlement it is or takes back, by whose contract it is paid. ``group`` is its DRG, DIP or
disease group. ``owed_fen`` is what fund and account owe; the rest of the bill is the patient's."""
PAYMENTS = (
    "institution", "care", "contract", "clr_way", "settlements", "billed_fen", "due_fen", "difference_fen",
)  # fmt: skip
"""What an institution is due by a contract for a month, beside what was billed to the insured places."""


# --- what is due ------------------------------------------------------------------------------------------------------


def pay(cases: pl.DataFrame, terms: Terms, period: Period) -> pl.DataFrame:
    """Return what every institution is due for a month, by contract.

    Raises:
        InputError: when no contract pays for a case of the month.

    """
    month = cases.filter(pl.col("day").is_between(period.first_day, period.last_day))
    if month.height:
        unpaid = month.filter(~pl.any_horizontal(pl.lit(value=False), *(one.applies() for one in terms.contracts)))
        if unpaid.height:
            row = unpaid.sort("settlement").row(0, named=True)
            raise InputError(
                f"no contract pays for {row['kind']} at level {row['level']} in {row['care']} on "
                f"{date_of(row['settled_on'])} (settlement {row['settlement']}); expected one for every case"
            )
    made = [_by_contract(month.filter(one.applies()), one) for one in terms.contracts]
    return pl.concat([_EMPTY, *made]).sort("institution", "contract")


_EMPTY = pl.DataFrame(
    schema={name: pl.Int64() if name.endswith(("_fen", "ments")) else pl.String() for name in PAYMENTS}
)


def _by_contract(cases: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return what the cases of one contract come to, by institution."""
    summed = cases.with_columns(due_fen=_due(contract)).group_by("institution", "care").agg(
        pl.col("sign").cast(pl.Int64).sum().alias("settlements"), pl.col("owed_fen").sum().alias("billed_fen"),
        pl.col("due_fen").sum(),
    ).sort("institution")  # fmt: skip
    due_of = _OF_INSTITUTIONS.get(contract.way)
    if due_of is not None:
        summed = summed.with_columns(pl.Series("due_fen", due_of(summed, cases, contract), dtype=pl.Int64))
    return summed.with_columns(
        contract=pl.lit(contract.id),
        clr_way=pl.lit(CLR_WAYS[contract.way]),
        difference_fen=pl.col("due_fen") - pl.col("billed_fen"),
    ).select(*PAYMENTS)


def _due(contract: Contract) -> pl.Expr:
    """Return what a case is due by itself, with its sign: of a standard, what the patient has left of it."""
    weight = pl.col("group").replace_strict(contract.weights, default=None, return_dtype=pl.Int64)
    standards: Mapping[Way, pl.Expr] = {
        Way.SINGLE_DISEASE: weight,
        Way.BED_DAY: pl.col("stay_days").clip(1) * contract.rate_fen,
        Way.DRG: (weight * contract.rate_fen * 2 + E4) // (2 * E4),
    }
    if contract.way not in standards:
        return pl.col("owed_fen")
    patient_fen = (pl.col("total_fen") - pl.col("owed_fen")) * pl.col("sign")
    left = (standards[contract.way] - patient_fen).clip(0) * pl.col("sign")
    return left.fill_null(pl.col("owed_fen"))


def _heads(summed: pl.DataFrame, cases: pl.DataFrame, contract: Contract) -> list[int]:
    """Return a rate for each person of whom something stands that month, however much (per head)."""
    standing = (
        cases.group_by("institution", "person").agg(pl.col("sign").cast(pl.Int64).sum()).filter(pl.col("sign") > 0)
    )
    heads = dict(standing.group_by("institution").len().iter_rows())
    return [contract.rate_fen * heads.get(name, 0) for name in summed["institution"]]


def _points(summed: pl.DataFrame, cases: pl.DataFrame, contract: Contract) -> list[int]:
    """Return each province's money of the month by points, to the fen (DIP); a case of no group takes its item."""
    weight = pl.col("group").replace_strict(contract.weights, default=None, return_dtype=pl.Int64)
    counted = cases.with_columns(
        points=weight * pl.col("sign"), item=pl.when(weight.is_null()).then("owed_fen").otherwise(0)
    )
    by = counted.group_by("institution").agg(pl.col("points").sum(), pl.col("item").sum())
    joined = summed.join(by, on="institution", how="left", maintain_order="left").with_row_index("row")
    due = [0] * summed.height
    for province in joined.partition_by("care"):
        rows, items = province["row"].to_list(), province["item"].to_list()
        billed_fen = int(province["billed_fen"].sum())
        points = [max(0, one) for one in province["points"]]
        quota_fen = contract.quota_fen or share_fen(max(0, billed_fen), contract.quota_e4)
        left_fen = max(0, quota_fen - sum(items))
        shares = split_fen(left_fen, points) if sum(points) else [0] * len(points)
        for row, item_fen, share in zip(rows, items, shares, strict=True):
            due[row] = item_fen + share
    return due


def _quotas(summed: pl.DataFrame, _: pl.DataFrame, contract: Contract) -> list[int]:
    """Return the quota, with the hospital's share of what it leaves, or the province's of what is beyond."""
    return [quota_due(contract, billed_fen) for billed_fen in summed["billed_fen"]]


def quota_due(contract: Contract, billed_fen: int) -> int:
    """Return what an institution is due of a monthly quota."""
    left_fen = contract.quota_fen - billed_fen
    if left_fen >= 0:
        return billed_fen + share_fen(left_fen, contract.surplus_e4)
    return contract.quota_fen + share_fen(-left_fen, contract.overspend_e4)


_OF_INSTITUTIONS = {Way.HEAD: _heads, Way.DIP: _points, Way.QUOTA: _quotas}


# --- what is paid -----------------------------------------------------------------------------------------------------

PAYOUTS = {
    "institution": pl.String(), "due_fen": pl.Int64(), "brought_fen": pl.Int64(), "set_off_fen": pl.Int64(),
    "taken_off_fen": pl.Int64(), "paid_fen": pl.Int64(), "carried_fen": pl.Int64(), "advance_left_fen": pl.Int64(),
}  # fmt: skip
"""What an institution is paid for a month: what it is due, less what is set off against advances, what an audit took
off it and what it still owed from before (``brought_fen``, never above 0). What is below 0 then is not paid but carried
into the next month (``carried_fen``)."""
ByMonth = Mapping[Period, Mapping[str, int]]
"""Money by institution, month by month."""


def payouts(due: ByMonth, advances: Sequence[Advance], period: Period, taken_off: ByMonth) -> pl.DataFrame:
    """Return what institutions are paid for a month; ``due`` are the months from the first of business on."""
    left = [one.amount_fen for one in advances]
    rows: list[tuple[str | int, ...]] = []
    carried: dict[str, int] = {}
    for month in sorted(month for month in due if month <= period):
        parts = due[month], carried, _set_off(due[month], advances, left, month), taken_off.get(month, {})
        paid = {name: _paid(*(part.get(name, 0) for part in parts)) for name in sorted(set[str]().union(*parts))}
        carried = {name: amounts[-1] for name, amounts in paid.items() if amounts[-1]}
        rows = [(name, *amounts) for name, amounts in paid.items()]
    held: dict[str, int] = {}
    for one, left_fen in zip(advances, left, strict=True):
        if Period.parse(one.month) <= period:
            held[one.institution] = held.get(one.institution, 0) + left_fen
    return pl.DataFrame([(*row, held.get(str(row[0]), 0)) for row in rows], schema=PAYOUTS, orient="row")


def _paid(due_fen: int, brought_fen: int, set_off_fen: int, taken_off_fen: int) -> tuple[int, ...]:
    """Return the parts of a payment with what comes of them: paid out, or carried on below 0."""
    left_fen = due_fen + brought_fen - set_off_fen - taken_off_fen
    return due_fen, brought_fen, set_off_fen, taken_off_fen, max(0, left_fen), min(0, left_fen)


def _set_off(due: Mapping[str, int], advances: Sequence[Advance], left: list[int], month: Period) -> dict[str, int]:
    """Return what a month sets off against the advances paid by then, and take it from what is ``left`` of them."""
    set_off: dict[str, int] = {}
    for number, one in enumerate(advances):
        if Period.parse(one.month) <= month:
            before_fen = set_off.get(one.institution, 0)
            due_fen = max(0, due.get(one.institution, 0) - before_fen)
            off_fen = min(left[number], share_fen(due_fen, one.share_e4))
            left[number] -= off_fen
            set_off[one.institution] = before_fen + off_fen
    return set_off


def payment_to_hospital_legs(care: str, institution: str, billed_fen: int, due_fen: int) -> Legs:
    """Return the legs by which what was billed becomes what the institution is due; the difference is the province's.

    >>> payment_to_hospital_legs("33", "H33", 70, 60)
    (('33:due:hospitals', 70), ('33:payable:H33', -60), ('33:contracts', -10))
    """
    return (
        (f"{care}:due:hospitals", billed_fen),
        (f"{care}:payable:{institution}", -due_fen),
        (f"{care}:contracts", due_fen - billed_fen),
    )
