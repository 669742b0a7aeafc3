"""National clearing (清算): what provinces owe each other for a month, its dates, and the states of a declaration.

Pure. Amounts come from the postings; nothing here may ever work one out again, and every set of legs sums to zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import WorkingDays

__all__ = [
    "CLEARING_DAYS",
    "MOVES",
    "ClearingDays",
    "ClearingState",
    "Obligation",
    "Period",
    "clearing_legs",
    "dates_of",
    "may_move",
    "nets_of",
    "payment_legs",
]

_MONTHS = 12
_WRITTEN = re.compile(r"([0-9]{4})-?(0[1-9]|1[0-2])")
_FIRST_YEAR, _LAST_YEAR = 1900, 2999


class Period(NamedTuple):
    """A month that is cleared."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Return the month written ``2024-03`` or ``202403``.

        Raises:
            InputError: when it is none.

        """
        written = _WRITTEN.fullmatch(text)
        if written and _FIRST_YEAR <= int(written[1]) <= _LAST_YEAR:
            return cls(int(written[1]), int(written[2]))
        raise InputError(f"month {text!r} is none; expected year and month, such as 2024-03")

    def __str__(self) -> str:
        return f"{self.year:04d}{self.month:02d}"

    @property
    def next(self) -> Period:
        """The month after it."""
        return Period(self.year + self.month // _MONTHS, self.month % _MONTHS + 1)

    @property
    def first_day(self) -> int:
        """Its first business day, as books keep it."""
        return (self.year * 100 + self.month) * 100 + 1

    @property
    def last_day(self) -> int:
        """A number that no day of it passes and every day of the next month does."""
        return self.first_day + 30


# --- what is owed -----------------------------------------------------------------------------------------------------


class Obligation(NamedTuple):
    """What an insured province owes a province of care for a month, refunds counted off; below 0, the reverse."""

    insured: str
    care: str
    amount_fen: int


Legs = tuple[tuple[str, int], ...]


def nets_of(obligations: Iterable[Obligation]) -> dict[str, int]:
    """Return by province what it receives less what it pays; over all provinces that is zero (G12).

    >>> nets_of([Obligation("34", "33", 70), Obligation("33", "34", 20)])
    {'33': 50, '34': -50}
    """
    nets: dict[str, int] = {}
    for insured, care, amount_fen in obligations:
        nets[insured] = nets.get(insured, 0) - amount_fen
        nets[care] = nets.get(care, 0) + amount_fen
    return dict(sorted(nets.items()))


def clearing_legs(owed: Obligation) -> Legs:
    """Return the legs that move a month's debt from the settlements' account to what is to be paid.

    >>> clearing_legs(Obligation("34", "33", 70))
    (('34:owed:33', 70), ('34:payable:33', -70), ('33:receivable:34', 70), ('33:due:hospitals', -70))
    """
    insured, care, amount_fen = owed
    return (
        (f"{insured}:owed:{care}", amount_fen),
        (f"{insured}:payable:{care}", -amount_fen),
        (f"{care}:receivable:{insured}", amount_fen),
        (f"{care}:due:hospitals", -amount_fen),
    )


def payment_legs(owed: Obligation) -> Legs:
    """Return the legs of its payment between the two fiscal accounts: in full, never a part (SEED 001)."""
    insured, care, amount_fen = owed
    return (
        (f"{insured}:payable:{care}", amount_fen),
        (f"{insured}:fiscal", -amount_fen),
        (f"{care}:fiscal", amount_fen),
        (f"{care}:receivable:{insured}", -amount_fen),
    )


# --- when -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClearingDays:
    """The calendar of a clearing: days of the next month, then working days. All RECALLED (domain facts 2.2)."""

    reconciled_by: int = 3
    care_confirms_by: int = 20
    tables_on: int = 21
    provinces_confirm_by: int = 25
    order_within: int = 5
    transfer_within: int = 10
    months_late_max: int = 2
    """Months that a settlement may be cleared late."""


CLEARING_DAYS = ClearingDays()


def dates_of(period: Period, calendar: WorkingDays, days: ClearingDays = CLEARING_DAYS) -> dict[str, date]:
    """Return the dates of a month's clearing, by what is to be done then."""
    year, month = period.next
    notice = date(*period.next.next, 1) - timedelta(days=1)
    ordered = calendar.after(notice, days.order_within)
    return {
        "reconciled_by": date(year, month, days.reconciled_by),
        "care_confirms_by": date(year, month, days.care_confirms_by),
        "tables_on": date(year, month, days.tables_on),
        "provinces_confirm_by": date(year, month, days.provinces_confirm_by),
        "notice_by": notice,
        "ordered_by": ordered,
        "transferred_by": calendar.after(ordered, days.transfer_within),
    }


# --- states -----------------------------------------------------------------------------------------------------------


class ClearingState(StrEnum):
    """``clr_stas`` of a declaration (FOUND, interface facts 5): 17 numbers, which are not its order."""

    NOT_DECLARED = "0"
    DECLARED = "10"
    ACCEPTED = "20"
    UNDER_AUDIT = "30"
    AUDITED = "40"
    CLEARED = "50"
    PAID = "60"
    BILL_AUDIT = "70"
    SETTLEMENT_SUMMARY = "80"
    SUMMARY_AUDIT = "90"
    SECOND_SUMMARY = "100"
    LEADER_SIGNS = "101"
    FINANCE_SUMMARY = "110"
    PAYMENT_RECHECK = "111"
    PAYMENT_AUDIT = "112"
    PAYMENT_SIGNED = "113"
    BANK_FILE = "120"


_S = ClearingState
ORDER = (
    _S.NOT_DECLARED, _S.DECLARED, _S.ACCEPTED, _S.UNDER_AUDIT, _S.AUDITED, _S.CLEARED, _S.BILL_AUDIT,
    _S.SETTLEMENT_SUMMARY, _S.SUMMARY_AUDIT, _S.SECOND_SUMMARY, _S.LEADER_SIGNS, _S.FINANCE_SUMMARY,
    _S.PAYMENT_RECHECK, _S.PAYMENT_AUDIT, _S.PAYMENT_SIGNED, _S.BANK_FILE, _S.PAID,
)  # fmt: skip
"""From declared to paid. INFERRED from the names: the published table gives numbers alone."""
MOVES: Mapping[ClearingState, frozenset[ClearingState]] = {
    state: frozenset(
        {*ORDER[place + 1 : place + 2], *((_S.NOT_DECLARED,) if state in (_S.DECLARED, _S.ACCEPTED) else ())}
    )
    for place, state in enumerate(ORDER)
}
"""Where a state may go: one step on; and back to not declared while nobody has audited it (ASSUMED)."""


def may_move(before: ClearingState, after: ClearingState) -> bool:
    """Return whether a declaration in ``before`` may become ``after``.

    >>> may_move(ClearingState.CLEARED, ClearingState.PAID), may_move(ClearingState.BANK_FILE, ClearingState.PAID)
    (False, True)
    """
    return after in MOVES[before]
