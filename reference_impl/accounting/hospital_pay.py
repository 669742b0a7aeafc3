"""Paying the hospital (医药机构结算): by item, DRG or DIP weight, single disease, bed-day, head or a monthly quota.

What insured places owe stays what was settled, item by item (``clearing``). How a place of care pays its hospitals with
it is its own contract with them; what that comes to more or less is its own too (ASSUMED for business between
provinces, which sources 000 and 001 want paid as local business is). Pure: cases and contracts in, payments out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from reference_impl.domain.clearing import Legs, Period
from reference_impl.domain.failures import InputError
from reference_impl.domain.money import E4, share_fen, split_fen
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.rule_tables import RuleError, as_table, read_text
from reference_impl.domain.working_days import date_of

__all__ = [
    "CASES", "CLR_WAYS", "PAYMENTS", "PAYOUTS", "Advance", "Contract", "Ladder", "Terms", "Way", "packaged_contracts",
    "parse_contracts", "pay", "payment_to_hospital_legs", "payouts", "quota_due", "read_contracts",
]  # fmt: skip

KINDS = ("outpatient", "pharmacy", "inpatient")
LEVELS = (0, 1, 2, 3)


class Way(StrEnum):
    """How a contract pays."""

    ITEM = "item"
    SINGLE_DISEASE = "single-disease"
    BED_DAY = "bed-day"
    HEAD = "head"
    QUOTA = "quota"
    DRG = "drg"
    DIP = "dip"


CLR_WAYS: Mapping[Way, str] = {
    Way.ITEM: "1", Way.SINGLE_DISEASE: "2", Way.BED_DAY: "3", Way.HEAD: "4", Way.QUOTA: "8", Way.DRG: "40",
    Way.DIP: "50",
}  # fmt: skip
"""``clr_way`` of each (FOUND, domain facts 1.10)."""

CASES: Mapping[str, pl.DataType] = {
    "settlement": pl.String(), "sign": pl.Int8(), "day": pl.Int32(), "settled_on": pl.Int32(),
    "institution": pl.String(), "care": pl.String(), "kind": pl.String(), "level": pl.Int8(), "group": pl.String(),
    "stay_days": pl.Int64(), "person": pl.String(), "total_fen": pl.Int64(), "owed_fen": pl.Int64(),
}  # fmt: skip
"""What is paid for, a row an entry of the insurer with its sign. ``day`` is its business day, ``settled_on`` that of
the settlement it is or takes back, by whose contract it is paid. ``group`` is its DRG, DIP or disease group.
``owed_fen`` is what fund and account owe; the rest of the bill is the patient's."""
PAYMENTS = (
    "institution", "care", "contract", "clr_way", "settlements", "billed_fen", "due_fen", "difference_fen",
)  # fmt: skip
"""What an institution is due by a contract for a month, beside what was billed to the insured places."""


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups without names of their own: so many, from the lightest to the heaviest, closer at the light end."""

    count: int
    lowest: int
    highest: int

    def steps(self) -> dict[str, int]:
        """Return the groups, in order.

        >>> Ladder(3, 100, 500).steps()
        {'G0001': 100, 'G0002': 200, 'G0003': 500}
        """
        last = max(1, self.count - 1)
        return {
            f"G{n + 1:04d}": self.lowest + (self.highest - self.lowest) * n * n // (last * last)
            for n in range(self.count)
        }


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a province pays for some kinds of visit at some levels, from a day until a day, both included.

    ``rate_fen`` is what weight 1 is worth (DRG), a day (bed-day) or a person and month (head); ``quota_fen`` what there
    is for a month: of an institution (quota) or of the province (DIP); ``quota_e4`` is a DIP's as a share of what the
    province's hospitals bill. Groups have weights in ten-thousandths (DRG,
    DIP) or prices in fen (single disease), named or on a ladder; a case of no group is paid by item. Of a quota the
    hospital keeps ``surplus_e4`` of what it leaves, and the province bears ``overspend_e4`` of what is beyond.
    """

    id: str
    origin: str
    way: Way
    kinds: tuple[str, ...]
    begins: date = msgspec.field(name="from")
    until: date | None = None
    levels: tuple[int, ...] = LEVELS
    care: tuple[str, ...] = ()
    rate_fen: int = 0
    quota_fen: int = 0
    quota_e4: int = 0
    groups: dict[str, int] = {}
    ladder: Ladder | None = None
    surplus_e4: int = 0
    overspend_e4: int = 0

    @property
    def provinces(self) -> tuple[str, ...]:
        """The provinces of care that it is of."""
        return self.care or tuple(PROVINCES)

    @property
    def weights(self) -> dict[str, int]:
        """Weights or prices by group."""
        return self.groups if self.ladder is None else self.ladder.steps()

    def applies(self) -> pl.Expr:
        """Return whether a case is paid by it."""
        ends = 99_999_999 if self.until is None else _day(self.until)
        return (
            pl.col("kind").is_in(self.kinds)
            & pl.col("level").is_in(self.levels)
            & pl.col("care").is_in(self.provinces)
            & pl.col("settled_on").is_between(_day(self.begins), ends)
        )


class Advance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money that an institution got ahead (预付): from its month on a share of what it is due is set off against it."""

    institution: str
    month: str
    amount_fen: int
    share_e4: int


class Terms(NamedTuple):
    """The contracts of a nation, and what was paid ahead."""

    contracts: tuple[Contract, ...]
    advances: tuple[Advance, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    contract: list[Contract]
    advance: list[Advance] = []


# --- contracts --------------------------------------------------------------------------------------------------------


@cache
def packaged_contracts() -> Terms:
    """Return the contracts that come with yidi."""
    text = resources.files("reference_impl.accounting").joinpath("hospital_pay.toml").read_text("utf-8")
    return parse_contracts(text, "hospital_pay.toml")


def read_contracts(path: Path) -> Terms:
    """Return the contracts of a file.

    Raises:
        RuleError: when it cannot be read, or says what it may not.

    """
    return parse_contracts(read_text(path, "contracts"), str(path))


def parse_contracts(text: str, where: str) -> Terms:
    """Return the contracts and advances written in ``text``.

    Raises:
        RuleError: naming the contract, what it says, and what may stand there.

    """
    read = as_table(text, where, _File)
    contracts = tuple(read.contract)
    for advance in read.advance:
        Period.parse(advance.month)
        if advance.amount_fen <= 0 or not 0 < advance.share_e4 <= E4:
            raise RuleError(
                f"{where}: the advance to {advance.institution} is {advance.amount_fen} fen at {advance.share_e4} "
                f"ten-thousandths of what is due; expected more than 0, and a share up to {E4}"
            )
    for one in contracts:
        for problem in _problems(one):
            raise RuleError(f"{where}: contract {one.id!r} {problem}")
    for one, other in combinations(contracts, 2):
        if _both_apply(one, other):
            raise RuleError(
                f"{where}: contracts {one.id!r} and {other.id!r} both pay for {_shared(one.kinds, other.kinds)} at "
                f"level {_shared(one.levels, other.levels)} in {_shared(one.provinces, other.provinces)} on one day; "
                "expected one"
            )
    return Terms(contracts, tuple(read.advance))


def _problems(one: Contract) -> Iterator[str]:
    """Yield what a contract says that it may not, first things first."""
    places = {"kinds": (one.kinds, KINDS), "levels": (one.levels, LEVELS), "care": (one.provinces, tuple(PROVINCES))}
    for name, (said, may) in places.items():
        if not said or not set(said) <= set(may):
            yield f"has {name} {list(said)}; expected some of {', '.join(map(str, may))}"
    if one.until is not None and one.until < one.begins:
        yield f"holds from {one.begins} until {one.until}; expected an end that is not before its beginning"
    if one.groups and one.ladder is not None:
        yield "has groups and a ladder; expected one of them"
    if one.ladder is not None and (one.ladder.count < 1 or one.ladder.highest < one.ladder.lowest):
        yield f"has a ladder of {one.ladder.count} from {one.ladder.lowest} to {one.ladder.highest}; expected a rise"
    said = {name for name in _PARAMETERS if getattr(one, name)} | ({"groups"} if one.ladder else set[str]())
    if said - _MAY[one.way] or _NEEDS[one.way] - said:
        yield f"pays by {one.way} with {sorted(said)}; expected {sorted(_NEEDS[one.way])} of {sorted(_MAY[one.way])}"
    if one.way is Way.DIP and bool(one.quota_fen) == bool(one.quota_e4):
        yield "pays by dip with a quota in fen and one as a share, or with none; expected one of them"
    amounts = (one.rate_fen, one.quota_fen, one.quota_e4, one.surplus_e4, one.overspend_e4, *one.weights.values())
    if min(amounts) < 0 or max(one.surplus_e4, one.overspend_e4) > E4:
        yield f"has an amount below 0, or a share beyond {E4}; expected amounts from 0 on"


_PARAMETERS = ("rate_fen", "quota_fen", "quota_e4", "groups", "surplus_e4", "overspend_e4")
_NEEDS: Mapping[Way, frozenset[str]] = {
    Way.ITEM: frozenset(), Way.SINGLE_DISEASE: frozenset({"groups"}), Way.BED_DAY: frozenset({"rate_fen"}),
    Way.HEAD: frozenset({"rate_fen"}), Way.QUOTA: frozenset({"quota_fen"}), Way.DRG: frozenset({"rate_fen", "groups"}),
    Way.DIP: frozenset({"groups"}),
}  # fmt: skip
_MAY = {
    **_NEEDS,
    Way.QUOTA: frozenset({"quota_fen", "surplus_e4", "overspend_e4"}),
    Way.DIP: frozenset({"groups", "quota_fen", "quota_e4"}),
}


def _both_apply(one: Contract, other: Contract) -> bool:
    met = (
        (one.kinds, other.kinds),
        (one.levels, other.levels),
        (one.provinces, other.provinces),
    )
    before = one.until is not None and one.until < other.begins
    after = other.until is not None and other.until < one.begins
    return all(set(mine) & set(its) for mine, its in met) and not before and not after


def _shared(mine: Sequence[str | int], its: Sequence[str | int]) -> str:
    both = sorted({str(one) for one in mine} & {str(one) for one in its})
    return ", ".join(both[:3]) + (" …" if len(both) > 3 else "")  # noqa: PLR2004 - as many as are read at a glance


def _day(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


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
    "institution": pl.String(), "due_fen": pl.Int64(), "set_off_fen": pl.Int64(), "taken_off_fen": pl.Int64(),
    "paid_fen": pl.Int64(), "advance_left_fen": pl.Int64(),
}  # fmt: skip
"""What an institution is paid for a month: what it is due, less what is set off against advances and what an audit took
off it. Below 0 it pays back."""


def payouts(
    due: Mapping[Period, Mapping[str, int]], advances: Sequence[Advance], period: Period, taken_off: Mapping[str, int]
) -> pl.DataFrame:
    """Return what institutions are paid for a month; ``due`` are the months from the first advance on."""
    left = [one.amount_fen for one in advances]
    set_off: dict[str, int] = {}
    for month in sorted(month for month in due if month <= period):
        set_off = {}
        for number, one in enumerate(advances):
            if Period.parse(one.month) <= month:
                before_fen = set_off.get(one.institution, 0)
                due_fen = max(0, due[month].get(one.institution, 0) - before_fen)
                off_fen = min(left[number], share_fen(due_fen, one.share_e4))
                left[number] -= off_fen
                set_off[one.institution] = before_fen + off_fen
    asked = due.get(period, {})
    held: dict[str, int] = {}
    for one, left_fen in zip(advances, left, strict=True):
        if Period.parse(one.month) <= period:
            held[one.institution] = held.get(one.institution, 0) + left_fen
    rows = [
        (name, asked.get(name, 0), set_off.get(name, 0), taken_off.get(name, 0),
         asked.get(name, 0) - set_off.get(name, 0) - taken_off.get(name, 0), held.get(name, 0))
        for name in sorted({*asked, *set_off, *taken_off})
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=PAYOUTS, orient="row")


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
