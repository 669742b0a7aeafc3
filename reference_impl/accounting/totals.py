"""3201: an institution states what a stretch of days comes to, and the centre says whether its books agree.

The basis is the insurer's time of settlement, not the hospital's clock (FOUND S1, domain facts 1.8).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import polars as pl

from reference_impl.accounting.reconciliation import without_refunds
from reference_impl.accounting.statements import StatementError
from reference_impl.domain.transactions import INPATIENT_SETTLE, OUTPATIENT_SETTLE, PHARMACY_SETTLE

__all__ = ["StatedTotals", "StmtResult", "TotalsAnswer", "answer_totals", "clearing_type_of", "totals_of"]


class StmtResult(StrEnum):
    """``stmt_rslt`` of 3201: 0 is balanced. ``stmtResult`` of 4262 has it the other way round (FOUND S1)."""

    BALANCED = "0"
    UNBALANCED = "1"


_CLEARING_TYPES = {PHARMACY_SETTLE: "9974", OUTPATIENT_SETTLE: "99963", INPATIENT_SETTLE: "99968"}
"""``clr_type`` of business out of the region by what settles it: pharmacy, outpatient, inpatient (FOUND, 1.10)."""


def clearing_type_of(code: str) -> str:
    """Return ``clr_type`` for the transaction that settled.

    >>> clearing_type_of(INPATIENT_SETTLE)
    '99968'
    """
    return _CLEARING_TYPES[code]


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
    codes = [code for code, kind in _CLEARING_TYPES.items() if kind == clr_type]
    of_it = (pl.col("institution") == institution) & pl.col("code").is_in(codes) & (pl.col("insured") == setl_optins)
    chosen = rows.filter(of_it & pl.col("day").is_between(first_day, last_day))
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
