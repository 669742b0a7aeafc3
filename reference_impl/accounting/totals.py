"""3201: an institution states what a stretch of days comes to, and the centre says whether its books agree.

The basis is the insurer's time of settlement, not the hospital's clock (FOUND S1, domain facts 1.8).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import polars as pl

from reference_impl.accounting.reconciliation import without_refunds
from reference_impl.accounting.statements import StatementError
from reference_impl.domain.care_types import clearing_type_of
from reference_impl.domain.transactions import TRANSACTIONS

__all__ = ["StatedTotals", "StmtResult", "TotalsAnswer", "answer_totals", "totals_of", "with_clearing_type"]


class StmtResult(StrEnum):
    """``stmt_rslt`` of 3201: 0 is balanced. ``stmtResult`` of 4262 has it the other way round (FOUND S1)."""

    BALANCED = "0"
    UNBALANCED = "1"


def with_clearing_type(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows of statements, or items of a clearing, with what each is cleared as (``clr_type``).

    By the transaction that settled, the care type, and whether the patient is insured elsewhere; empty where it is not
    known what settled.
    """
    said = ["code", "care_type", "care", "insured"]
    kinds = rows.select(said).unique()
    types = [_clearing_type(*one) for one in kinds.iter_rows()]
    return rows.join(
        kinds.with_columns(pl.Series("clr_type", types, pl.String)), on=said, how="left", maintain_order="left"
    )


def _clearing_type(code: str, care_type: str, care: str, insured: str) -> str:
    kind = TRANSACTIONS[code].kind if code in TRANSACTIONS else None
    return "" if kind is None else clearing_type_of(kind, care_type, elsewhere=care != insured)


class StatedTotals(NamedTuple):
    """What 3201 asks: of an institution, one clearing type and one clearing agency, first and last day included.

    ``refunds``: with them (refd_setl_flag 1, empty or missing) or without (0).
    """

    institution: str
    clr_type: str
    setl_optins: str
    first_day: int
    last_day: int
    medfee_sumamt_fen: int
    fund_pay_sumamt_fen: int
    acct_pay_fen: int
    fixmedins_setl_cnt: int
    refunds: bool = True


class TotalsAnswer(NamedTuple):
    """What 3201 answers: the result, and a sentence where it is not balanced."""

    stmt_rslt: StmtResult
    stmt_rslt_dscr: str


_FIELDS = ("medfee_sumamt_fen", "fund_pay_sumamt_fen", "acct_pay_fen", "fixmedins_setl_cnt")


def totals_of(
    rows: pl.DataFrame,
    institution: str,
    clr_type: str,
    setl_optins: str,
    days: tuple[int, int],
    *,
    refunds: bool = True,
) -> StatedTotals:
    """Return what one side's statement comes to, as 3201 states it.

    Raises:
        StatementError: when the days run backwards.

    """
    first_day, last_day = days
    if last_day < first_day:
        raise StatementError(f"3201 asks for {first_day} to {last_day}; expected stmt_begndate not after stmt_enddate")
    of_it = (pl.col("institution") == institution) & (pl.col("insured") == setl_optins)
    within = rows.filter(of_it & pl.col("day").is_between(first_day, last_day))
    chosen = with_clearing_type(within).filter(pl.col("clr_type") == clr_type).drop("clr_type")
    if not refunds:
        chosen = without_refunds(chosen)
    sums = chosen.select(pl.col("total_fen", "fund_fen", "account_fen").sum(), pl.col("sign").cast(pl.Int64).sum())
    return StatedTotals(institution, clr_type, setl_optins, first_day, last_day, *sums.row(0), refunds=refunds)


def answer_totals(stated: StatedTotals, centre: pl.DataFrame) -> TotalsAnswer:
    """Return what the centre says to an institution's totals, from its own statement."""
    days = (stated.first_day, stated.last_day)
    known = totals_of(centre, stated.institution, stated.clr_type, stated.setl_optins, days, refunds=stated.refunds)
    unlike = [
        f"{name} stated {getattr(stated, name)}, here {getattr(known, name)}"
        for name in _FIELDS
        if getattr(stated, name) != getattr(known, name)
    ]
    if not unlike:
        return TotalsAnswer(StmtResult.BALANCED, "")
    return TotalsAnswer(StmtResult.UNBALANCED, "; ".join(unlike))
