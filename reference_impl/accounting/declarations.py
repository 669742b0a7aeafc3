"""What an institution declares to its province for a month, and what it is owed: 2172, 2173, 2175, 2176.

The receiver is the provincial clearing platform; fields as published (FOUND, interface facts 6 and 7). A statement
holds fund and account as sums: 2174, which splits them by fund, cannot be answered from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import polars as pl

from reference_impl.accounting.clearing import Clearing, ClearingError
from reference_impl.accounting.totals import with_clearing_type
from reference_impl.domain.clearing import MOVES, ClearingState, Period, may_move

__all__ = [
    "DETAIL_PAGE",
    "SUMMARY_PAGE",
    "Account",
    "Declaration",
    "accounts_of",
    "declarations_of",
    "details_of",
    "pages",
]

_RowT = TypeVar("_RowT")
SUMMARY_PAGE, DETAIL_PAGE = 20, 1_000
"""Rows a page of 2172, and of 2173."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A row of 2172: an institution's month with one clearing agency and one type, and how far it has come."""

    setl_dcla_no: str
    fixmedins_code: str
    clr_optins: str
    clr_type: str
    period: Period
    settlements: tuple[str, ...]
    sumamt_fen: int
    fund_pay_sumamt_fen: int
    clr_stas: ClearingState = ClearingState.NOT_DECLARED

    @property
    def clr_psntime(self) -> int:
        """How many settlements it declares."""
        return len(self.settlements)

    def moved(self, state: ClearingState) -> Declaration:
        """Return the declaration in its next state.

        Raises:
            ClearingError: when the state does not follow.

        """
        if not may_move(self.clr_stas, state):
            follows = ", ".join(sorted(MOVES[self.clr_stas])) or "none"
            raise ClearingError(
                f"declaration {self.setl_dcla_no} is in state {self.clr_stas}; got {state}, expected {follows}"
            )
        return replace(self, clr_stas=state)


class Account(NamedTuple):
    """A row of 2176: due, declared, paid and unpaid of an institution and a type."""

    fixmedins_code: str
    clr_type: str
    medfee_sumamt_fen: int
    dfr_sumamt_fen: int
    dcla_sum_fen: int
    pay_sum_fen: int
    no_pay_sum_fen: int


def declarations_of(clearing: Clearing) -> list[Declaration]:
    """Return what the institutions of a clearing declare, one row an institution, insurer's province and type."""
    typed = with_clearing_type(clearing.items)
    grouped = (
        typed.group_by("institution", "insured", "clr_type")
        .agg(pl.col("settlement").unique().sort(), pl.col("total_fen", "owed_fen").sum())
        .sort("institution", "insured", "clr_type")
    )
    return [
        Declaration(
            setl_dcla_no=f"{row['institution']}{clearing.period}{row['insured']}{row['clr_type']}",
            fixmedins_code=row["institution"],
            clr_optins=row["insured"],
            clr_type=row["clr_type"],
            period=clearing.period,
            settlements=tuple(row["settlement"]),
            sumamt_fen=row["total_fen"],
            fund_pay_sumamt_fen=row["owed_fen"],
        )
        for row in grouped.iter_rows(named=True)
    ]


class Detail(NamedTuple):
    """A row of 2173: one settlement of a declaration."""

    setl_dcla_no: str
    setl_id: str
    sumamt_fen: int
    fund_pay_sumamt_fen: int


def details_of(declaration: Declaration, clearing: Clearing) -> list[Detail]:
    """Return the settlements of a declaration (2173), refunds counted off."""
    own = clearing.items.filter(
        (pl.col("institution") == declaration.fixmedins_code)
        & (pl.col("insured") == declaration.clr_optins)
        & pl.col("settlement").is_in(list(declaration.settlements))
    )
    summed = own.group_by("settlement").agg(pl.col("total_fen", "owed_fen").sum()).sort("settlement")
    return [Detail(declaration.setl_dcla_no, *row) for row in summed.iter_rows()]


def pages(rows: list[_RowT], number: int, size: int = SUMMARY_PAGE) -> list[_RowT]:
    """Return one page of 2172 or 2173, counted from 1; beyond the last it is empty."""
    return rows[(number - 1) * size : number * size]


def accounts_of(items: pl.DataFrame, declarations: list[Declaration]) -> list[Account]:
    """Return what each institution is owed by type (2176): due by the books, declared and paid by its declarations."""
    due = with_clearing_type(items).group_by("institution", "clr_type").agg(pl.col("total_fen", "owed_fen").sum())
    declared = _sums(declarations, paid_only=False)
    paid = _sums(declarations, paid_only=True)
    return [
        Account(
            row["institution"], row["clr_type"], row["total_fen"], row["owed_fen"],
            declared.get((row["institution"], row["clr_type"]), 0), paid.get((row["institution"], row["clr_type"]), 0),
            row["owed_fen"] - paid.get((row["institution"], row["clr_type"]), 0),
        )
        for row in due.sort("institution", "clr_type").iter_rows(named=True)
    ]  # fmt: skip


def _sums(declarations: list[Declaration], *, paid_only: bool) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for one in declarations:
        if one.clr_stas is ClearingState.PAID or (not paid_only and one.clr_stas is not ClearingState.NOT_DECLARED):
            key = one.fixmedins_code, one.clr_type
            sums[key] = sums.get(key, 0) + one.fund_pay_sumamt_fen
    return sums
