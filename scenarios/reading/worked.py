"""Worked cases of a benefit policy: what a bill comes to by its rules, against what was worked out by hand.

Must never hold a rule of its own: ``reference_impl.domain.benefit`` settles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reference_impl.domain.benefit import Accumulators, Case, Settlement, settle
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.money import format_yuan
from reference_impl.domain.remembered import NOTHING
from scenarios.patients.benefits import policy_table
from scenarios.schema.benefit import BenefitPolicy, WorkedCase

__all__ = ["Worked", "differences", "worked"]

_STAY_YUAN = 10_000
_YEAR = 1
"""Any benefit year: a case stands by itself."""


class Worked(NamedTuple):
    """A case, and who pays what of it."""

    case: WorkedCase
    amounts: Settlement


def worked(policy: BenefitPolicy) -> tuple[Worked, ...]:
    """Return the worked cases of a policy; where it has none, a stay of 10,000 yuan for each person type."""
    cases = policy.worked or tuple(
        WorkedCase(case="a stay at the third level", person=person, scope=_STAY_YUAN)
        for person in policy.versions[-1].persons
    )
    return tuple(Worked(case, amounts_of(policy, case)) for case in cases)


def amounts_of(policy: BenefitPolicy, case: WorkedCase) -> Settlement:
    """Return who pays what of a case."""
    version = policy.version_on(case.day)
    assert version is not None  # a policy holds its cases to a day of a version
    table = policy_table(policy, version).policy()
    asked = Case(
        case.kind,
        case.level,
        case.person,
        temporary=case.visitor != "no",
        referred=case.visitor == "referred",
        civil_servant=case.civil_servant,
        aided=case.aided,
    )
    fees = FeeTotals(case.scope, in_scope_fen=case.scope)
    before = NOTHING if table.remembers else None
    person = Accumulators(_YEAR, stays=case.stays_before)
    return settle(table, asked, fees, person, _YEAR, use_account=False, before=before)[0]


def differences(policy: BenefitPolicy) -> Iterator[tuple[int, str, str, str]]:
    """Yield what a policy's cases say otherwise than its rules: number, key, what it says, what it comes to."""
    for number, (case, amounts) in enumerate(worked(policy)):
        came_to = {"fund": amounts.fund_fen, "pool": amounts.pool_fen, "person_pays": amounts.person_fen}
        for key, fen in came_to.items():
            stated_fen: int | None = getattr(case, key)
            if stated_fen is not None and stated_fen != fen:
                yield number, key, format_yuan(stated_fen), format_yuan(fen)
