"""Contracts of places of care with their hospitals: how each pays, from a day until a day, and the file of them.

Two that meet, or a number that its way does not take, are refused here; what a contract comes to is ``hospital_pay``.
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

from reference_impl.domain.clearing import Period
from reference_impl.domain.money import E4
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.rule_tables import RuleError, as_table, read_text

__all__ = [
    "CLR_WAYS",
    "Advance",
    "Contract",
    "Ladder",
    "Terms",
    "Way",
    "packaged_contracts",
    "parse_contracts",
    "read_contracts",
]

KINDS = ("outpatient", "pharmacy", "inpatient")
LEVELS = (0, 1, 2, 3)
_AT_A_GLANCE = 3
"""So many things are read at a glance; of more it is said that there are more."""


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
    return ", ".join(both[:_AT_A_GLANCE]) + (" …" if len(both) > _AT_A_GLANCE else "")


def _day(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
