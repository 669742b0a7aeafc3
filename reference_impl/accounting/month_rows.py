"""The month's rows that a hospital fetches, confirms and withdraws: 3260, 3261, 3262, and 6527, 6521, 6522 of old.

The new codes serve business within a province, the old ones served that between provinces (FOUND, interface facts 4);
both have the same fields under other names. Pure: a month and an act in, the month after it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import polars as pl

from reference_impl.accounting.clearing import ClearingError
from reference_impl.domain.clearing import Period

__all__ = ["OLD_NAMES", "PAGE_ROWS", "MonthRow", "MonthRows", "Page", "month_rows"]

PAGE_ROWS = 100
"""Rows of a page at most (FOUND, interface facts 4)."""
WHOLE_MONTH = "0"
"""``otransid`` of a withdrawal of everything."""


class MonthRow(NamedTuple):
    """One row of 3260."""

    seqno: int
    mdtrtarea: str
    medins_no: str
    certno: str
    mdtrt_id: str
    mdtrt_setl_time: str
    setl_sn: str
    fulamt_advpay_flag: str
    medfee_sumamt_fen: int
    optins_pay_sumamt_fen: int


OLD_NAMES = ("seqno", "aab299", "akb026", "aac002", "ykc700", "akc194", "aaz216", "ake105", "akc264", "ake149")
"""What 6527 calls the same fields, in the same order (FOUND, interface facts 3)."""


class Page(NamedTuple):
    """A page of rows, with where it starts and how many there are in all."""

    startrow: int
    totalrow: int
    rows: tuple[MonthRow, ...]


class _Said(NamedTuple):
    """What a hospital said of a row: whether it is in this clearing, and by which message."""

    in_this_clearing: bool
    otransid: str


@dataclass(frozen=True, slots=True)
class MonthRows:
    """One institution's rows of a month, and what it has said of them."""

    institution: str
    period: Period
    rows: tuple[MonthRow, ...]
    said: Mapping[str, _Said] = field(default_factory=dict[str, "_Said"])

    @property
    def confirmed(self) -> bool:
        """Whether every row has been spoken for."""
        return all(row.setl_sn in self.said for row in self.rows) and bool(self.rows)

    @property
    def not_in_this(self) -> frozenset[str]:
        """The settlements that the institution keeps out of this month."""
        return frozenset(sn for sn, said in self.said.items() if not said.in_this_clearing)

    def page(self, startrow: int, size: int = PAGE_ROWS) -> Page:
        """Return rows from ``startrow``, counted from 1.

        Raises:
            ClearingError: for a page too large or beyond the rows, or a month that is confirmed.

        """
        if self.confirmed:
            raise ClearingError(f"{self._named} is confirmed; withdraw the confirmation before fetching it again")
        if not 1 <= size <= PAGE_ROWS:
            raise ClearingError(f"{self._named}: {size} rows asked for; expected 1 to {PAGE_ROWS} a page")
        if startrow < 1 or (startrow > len(self.rows) and self.rows):
            raise ClearingError(f"{self._named}: row {startrow} asked for; expected 1 to {len(self.rows)}")
        return Page(startrow, len(self.rows), self.rows[startrow - 1 : startrow - 1 + size])

    def confirm(self, otransid: str, flags: Mapping[str, bool]) -> MonthRows:
        """Return the month after a confirmation (3261): ``flags`` says of a settlement whether it is in.

        Raises:
            ClearingError: for a row that is none of this month's, or was spoken for already.

        """
        known = {row.setl_sn for row in self.rows}
        for settlement in flags:
            if settlement not in known:
                raise ClearingError(
                    f"{self._named} has no settlement {settlement}; expected one of its {len(known)} rows"
                )
            if settlement in self.said:
                by = self.said[settlement].otransid
                raise ClearingError(f"{self._named}: {settlement} was confirmed by {by}; withdraw that first")
        said = {settlement: _Said(flag, otransid) for settlement, flag in flags.items()}
        return replace(self, said={**self.said, **said})

    def withdraw(self, otransid: str) -> MonthRows:
        """Return the month after a withdrawal (3262): of one confirmation, or by ``0`` of all.

        Raises:
            ClearingError: when there is none of that number.

        """
        if otransid == WHOLE_MONTH:
            return replace(self, said={})
        if all(said.otransid != otransid for said in self.said.values()):
            raise ClearingError(
                f"{self._named} has no confirmation {otransid}; expected one that was made, or 0 for all"
            )
        return replace(self, said={sn: said for sn, said in self.said.items() if said.otransid != otransid})

    @property
    def _named(self) -> str:
        return f"month {self.period} of {self.institution}"


def month_rows(items: pl.DataFrame, statements: pl.DataFrame, institution: str, period: Period) -> MonthRows:
    """Return an institution's rows of a month: what of it is to be cleared then."""
    visits = statements.group_by("settlement").agg(pl.col("visit").max())
    of_it = items.filter(
        (pl.col("institution") == institution) & pl.col("booked_on").is_between(period.first_day, period.last_day)
    ).join(visits, on="settlement", how="left")
    summed = of_it.group_by("settlement").agg(
        pl.col("visit").max(), pl.col("care").max(), pl.col("booked_on").max(), pl.col("total_fen", "owed_fen").sum()
    )
    rows = [
        MonthRow(
            number, row["care"], institution, "", row["visit"], str(row["booked_on"]), row["settlement"], "0",
            row["total_fen"], row["owed_fen"],
        )
        for number, row in enumerate(summed.sort("settlement").iter_rows(named=True), start=1)
    ]  # fmt: skip
    return MonthRows(institution, period, tuple(rows))
