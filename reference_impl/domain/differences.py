"""The classes of difference between two statements (对账差异), as data: its name, who owns it, how it is closed.

The first four are those that public clients of the platform tell apart (interface facts 15); what the books of several
nodes add to them is INFERRED, and owners and closing rules are ASSUMED: the annex that orders them is not public.
A difference is between two neighbours on the way, the ``near`` one (towards the hospital) and the ``far`` one (towards
the insurer, whose time and amounts count). Nothing here may ever look at a statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from reference_impl.domain.working_days import WorkingDays

__all__ = ["CLASSES", "ClosingRule", "Difference", "DifferenceClass", "Owner", "deadline_of"]


class DifferenceClass(StrEnum):
    """What is wrong with a settlement, or with a statement."""

    ONLY_NEAR = "only_near"
    ONLY_FAR = "only_far"
    TOTAL = "total"
    FUND = "fund"
    BOTH = "total_and_fund"
    STATE = "state"
    DATE = "date"
    REPEATED = "repeated"
    COPY_MISSING = "copy_missing"
    STATEMENT_MISSING = "statement_missing"
    STATEMENT_LATE = "statement_late"
    STATEMENT_REPEATED = "statement_repeated"


class Owner(StrEnum):
    """Who has to act."""

    HOSPITAL = "hospital"
    INSURED = "insured"
    NEAR = "near"
    STANDING = "where it stands"
    LACKING = "who lacks it"
    MORE = "who lists more"
    STATING = "who states"


class ClosingRule(StrEnum):
    """By which entries a difference is closed."""

    TAKE_BACK = "take back what stands, on every side; refund; the patient claims by paper"
    AS_INSURED = "book as the insurer has it, on every other side"
    NO_ENTRY = "no entry: the statement is asked for, or counts as it is"


@dataclass(frozen=True, slots=True)
class Difference:
    """One class: what the field calls it, what it means, who owns it, what closes it."""

    name_zh: str
    meaning: str
    owner: Owner
    rule: ClosingRule


_D, _O, _R = DifferenceClass, Owner, ClosingRule
CLASSES: dict[DifferenceClass, Difference] = {
    _D.ONLY_NEAR: Difference(
        "HIS单边账", "the hospital's side has it, the insurer's not: no fund will pay it", _O.HOSPITAL, _R.TAKE_BACK
    ),
    _D.ONLY_FAR: Difference(
        "医保单边账", "the insurer's side has it, the hospital's not: nobody was told of it", _O.INSURED, _R.TAKE_BACK
    ),
    _D.TOTAL: Difference("总费用不符", "the bills differ, or what of them is paid in cash", _O.NEAR, _R.AS_INSURED),
    _D.FUND: Difference("统筹不符", "what fund or account pays differs", _O.NEAR, _R.AS_INSURED),
    _D.BOTH: Difference("总费用和统筹不符", "bill and fund's share differ", _O.NEAR, _R.AS_INSURED),
    _D.STATE: Difference(
        "退费状态不符", "taken back on one side, standing on the other: a refund stays one", _O.STANDING, _R.TAKE_BACK
    ),
    _D.DATE: Difference("跨日", "dated on two business days: the insurer's counts", _O.NEAR, _R.AS_INSURED),
    _D.REPEATED: Difference("重复", "listed more than once by a side", _O.MORE, _R.AS_INSURED),
    _D.COPY_MISSING: Difference(
        "留存缺失", "it stands at both ends, and a node between keeps none", _O.LACKING, _R.AS_INSURED
    ),
    _D.STATEMENT_MISSING: Difference(
        "对账单缺失", "no statement came for the day: what others list of it waits", _O.STATING, _R.NO_ENTRY
    ),
    _D.STATEMENT_LATE: Difference(
        "对账单迟到", "came after its days of grace; counts all the same", _O.STATING, _R.NO_ENTRY
    ),
    _D.STATEMENT_REPEATED: Difference("对账单重复", "came again, and counts once", _O.STATING, _R.NO_ENTRY),
}

DEADLINE_DAYS = 3
"""Working days to close a difference. ASSUMED."""
MONTH_DONE_BY = 3
"""Day of the next month by which a month is reconciled. RECALLED (domain facts 2.2)."""


def deadline_of(day: date, calendar: WorkingDays) -> date:
    """Return when a difference found in ``day``'s statements is to be closed: in working days, and with the month.

    >>> from reference_impl.domain.working_days import nation
    >>> deadline_of(date(2024, 3, 13), nation()), deadline_of(date(2024, 3, 29), nation())
    (datetime.date(2024, 3, 18), datetime.date(2024, 4, 3))
    """
    first_of_next = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    month_end = first_of_next.replace(day=MONTH_DONE_BY)
    return min(calendar.after(day, DEADLINE_DAYS), calendar.at_or_after(month_end))
