"""What a settlement comes to by a policy, worked out from the person's settlements before it.

A second opinion on ``reference_impl.domain.benefit``: it shares no arithmetic with it and keeps no accumulators, but
adds up the settlements of the year anew. Must never look at what the settlement in question says it paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from reference_impl.domain.policies import DeductiblePer, Supplement, Terms

__all__ = ["FUNDS", "Bill", "owed", "rounded"]

_WHOLE_E4 = 10_000
FUNDS = ("first_fen", "deductible_fen", "pool_fen", "large_fen", "illness_fen", "civil_fen", "aid_fen")
"""What :func:`owed` tells, by the columns of the evidence."""
Row = dict[str, Any]
"""A settlement of the evidence, with the ``kind`` of its visit and the ``month`` that it counts in."""


class Bill(NamedTuple):
    """What is to be settled, and all that counts of before: the ``year`` so far, and the parts of the same stay.

    ``parts`` are those with which it pays one deductible; ``bare_stays``: a stay with nothing in scope is one too.
    """

    row: Row
    first_e4: int
    year: Sequence[Row]
    parts: Sequence[Row] = ()
    bare_stays: bool = True
    civil_servant: bool = False
    aided: bool = False

    @property
    def is_stay(self) -> bool:
        """Whether it is a stay."""
        return self.row["kind"] == "inpatient"


def rounded(amount: int, ratio_e4: int) -> int:
    """Return a share of an amount; half a fen goes up.

    >>> rounded(5, 5_000), rounded(4, 1_000)
    (3, 0)
    """
    return (2 * amount * ratio_e4 + _WHOLE_E4) // (2 * _WHOLE_E4)


def owed(bill: Bill, terms: Terms) -> tuple[int, ...]:
    """Return what is paid first, the deductible, and what each fund pays, in the order of ``FUNDS``."""
    scope_fen = bill.row["scope_fen"]
    first_fen = rounded(scope_fen, bill.first_e4)
    cost_fen = scope_fen - first_fen
    deductible_fen = min(_due(bill, terms), cost_fen)
    pool_fen, uncovered_fen = _pool(bill, terms, cost_fen, deductible_fen)
    large_fen = min(
        rounded(uncovered_fen, terms.large_sum_e4), max(terms.large_sum_cap_fen - _paid(bill, "large_fen"), 0)
    )
    left_fen = cost_fen - pool_fen - large_fen
    illness = terms.serious_illness
    if illness is not None and bill.aided:
        illness = terms.aided_illness or illness
    illness_fen = _steps(illness, bill, "illness_fen", left_fen)
    civil_fen = _steps(terms.civil_servant, bill, "civil_fen", left_fen - illness_fen) if bill.civil_servant else 0
    aid_fen = _steps(terms.aid, bill, "aid_fen", left_fen - illness_fen - civil_fen) if bill.aided else 0
    return first_fen, deductible_fen, pool_fen, large_fen, illness_fen, civil_fen, aid_fen


def _paid(bill: Bill, fund: str) -> int:
    return sum(row[fund] for row in bill.year)


def _due(bill: Bill, terms: Terms) -> int:
    """Return what is still due of a deductible."""
    if terms.deductible_per == "visit":
        if not bill.is_stay:
            return terms.deductible_fen
        stays = [row for row in bill.year if row["kind"] == "inpatient" and (bill.bare_stays or row["scope_fen"])]
        before = len(stays) - sum(part in stays for part in bill.parts)
        whole_fen = terms.deductible_fen if not before else ([*terms.later_deductibles_fen][:before] or [0])[-1]
        return max(whole_fen - sum(part["deductible_fen"] for part in bill.parts), 0)
    alike = [row for row in bill.year if (row["kind"] == "inpatient") == bill.is_stay]
    paid_fen = sum(row["deductible_fen"] for row in alike if _same_period(row, bill.row, terms.deductible_per))
    return max(terms.deductible_fen - paid_fen, 0)


def _same_period(one: Row, other: Row, per: DeductiblePer) -> bool:
    """Return whether two settlements of a year share a deductible."""
    match per:
        case "month":
            return one["month"] == other["month"]
        case "quarter":
            return (one["month"] + 2) // 3 == (other["month"] + 2) // 3
        case "hospital_year":
            return one["hospital"] == other["hospital"]
        case _:
            return True


def _pool(bill: Bill, terms: Terms, cost_fen: int, deductible_fen: int) -> tuple[int, int]:
    """Return what the pool pays, and the cost that its common cap alone leaves uncovered."""
    room_fen = max(terms.cap_fen - _paid(bill, "pool_fen"), 0)
    own_fen = room_fen
    if not bill.is_stay:
        visits_fen = sum(row["pool_fen"] for row in bill.year if row["kind"] != "inpatient")
        own_fen = max(terms.own_cap_fen - visits_fen, 0)
    free_fen, pays_fen, uncovered_fen, start_fen = min(room_fen, own_fen), 0, 0, deductible_fen
    for upto_fen, ratio_e4 in ((one.upto_fen, one.ratio_e4) for one in terms.segments):
        end_fen = min(upto_fen + (deductible_fen if terms.above_deductible else 0), cost_fen)
        if end_fen <= start_fen:
            continue
        wanted_fen = rounded(end_fen - start_fen, ratio_e4)
        if wanted_fen > free_fen - pays_fen:
            covered_fen = -(-(free_fen - pays_fen) * _WHOLE_E4 // ratio_e4)
            uncovered_fen += max(end_fen - start_fen - covered_fen, 0)
        pays_fen += min(wanted_fen, free_fen - pays_fen)
        start_fen = end_fen
    return pays_fen, uncovered_fen if room_fen <= own_fen else 0


def _steps(fund: Supplement | None, bill: Bill, column: str, left_fen: int) -> int:
    """Return what steps pay of the year's own cost with this bill, less what they pay of it without, within the cap."""
    if fund is None:
        return 0
    before_fen = sum(_left(row, column) for row in bill.year)
    pays_fen = _on_steps(fund, before_fen + left_fen) - _on_steps(fund, before_fen)
    return min(pays_fen, max(fund.cap_fen - _paid(bill, column), 0))


_PAID_BEFORE = {"illness_fen": (), "civil_fen": ("illness_fen",), "aid_fen": ("illness_fen", "civil_fen")}
"""Which funds pay before one that goes by what they leave, beside pool and large sum."""


def _left(row: Row, column: str) -> int:
    """Return what was left of an earlier settlement for a fund to pay of."""
    others_fen = row["first_fen"] + row["pool_fen"] + row["large_fen"] + sum(row[fund] for fund in _PAID_BEFORE[column])
    return row["scope_fen"] - others_fen


def _on_steps(fund: Supplement, cost_fen: int) -> int:
    pays_e4 = sum(max(cost_fen - from_fen, 0) * gain_e4 for from_fen, gain_e4 in fund.steps)
    return (2 * pays_e4 + _WHOLE_E4) // (2 * _WHOLE_E4)
