"""Who pays what: the insured place's policy applied to the charges of a visit (domain facts 6.1, steps 4 to 9).

Pure and exact: whole fen, ratios in ten-thousandths, half a fen rounded away from zero at each step. The identities
of domain facts 1.6 hold to the fen for every settlement made here. A policy's own arithmetic is data
(``policies.py``).
"""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.money import E4, half_up, share_fen
from reference_impl.domain.policies import (
    BEIJING_EMPLOYEE,
    DEFAULT_POLICY,
    Case,
    Kind,
    PersonType,
    Policy,
    Segment,
    Supplement,
    Terms,
)
from reference_impl.domain.remembered import NOTHING, Remembered

if TYPE_CHECKING:
    from reference_impl.domain.fees import FeeTotals

__all__ = [
    "BEIJING_EMPLOYEE",
    "DEFAULT_POLICY",
    "Accumulators",
    "Case",
    "Continued",
    "EarlierYear",
    "Kind",
    "PersonType",
    "Policy",
    "Settlement",
    "identity_breaches",
    "in_year",
    "kept",
    "settle",
    "take_back",
    "together",
    "undo",
]


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """The amounts of one settlement. ``first_self_pay_fen``, the visitor's extra share, is a part of the person's."""

    total_fen: int = 0
    own_pay_fen: int = 0
    over_limit_fen: int = 0
    pre_self_pay_fen: int = 0
    in_scope_fen: int = 0
    deductible_fen: int = 0
    first_self_pay_fen: int = 0
    pool_fen: int = 0
    large_sum_fen: int = 0
    serious_illness_fen: int = 0
    civil_servant_fen: int = 0
    aid_fen: int = 0
    other_fund_fen: int = 0
    hospital_part_fen: int = 0
    account_fen: int = 0
    cash_fen: int = 0

    @property
    def fund_fen(self) -> int:
        """What the funds pay, the personal account not counted (fund_pay_sumamt, Hunan style)."""
        return (
            self.pool_fen
            + self.large_sum_fen
            + self.serious_illness_fen
            + self.civil_servant_fen
            + self.aid_fen
            + self.other_fund_fen
        )

    @property
    def fund_with_account_fen(self) -> int:
        """The same with the personal account counted in, as one family of clients states it (Guangdong style)."""
        return self.fund_fen + self.account_fen

    @property
    def person_fen(self) -> int:
        """What the person pays: personal account and cash (psn_part_amt)."""
        return self.account_fen + self.cash_fen


class Accumulators(msgspec.Struct, frozen=True, gc=False):
    """What a policy remembers of a person within a year; ``balance_fen``, the personal account, outlives the year.

    ``deductible_paid_fen`` counts towards the yearly deductible of visits and sales, ``stay_deductible_paid_fen``
    towards that of stays, where the policy has one a year; ``stays`` stands for that of each stay.
    ``scope_self_paid_fen`` is in-scope cost the person bore, which serious-illness insurance counts.
    """

    year: int = 0
    deductible_paid_fen: int = 0
    pool_paid_fen: int = 0
    supplementary_paid_fen: int = 0
    stays: int = 0
    balance_fen: int = 0
    scope_self_paid_fen: int = 0
    stay_deductible_paid_fen: int = 0


class EarlierYear(msgspec.Struct, frozen=True, gc=False):
    """What the policy remembers of the year before that of the accumulators; the account's balance knows no year."""

    earlier_year: int = 0
    earlier_deductible_paid_fen: int = 0
    earlier_pool_paid_fen: int = 0
    earlier_supplementary_paid_fen: int = 0
    earlier_stays: int = 0
    earlier_scope_self_paid_fen: int = 0
    earlier_stay_deductible_paid_fen: int = 0


class Continued(msgspec.Struct, frozen=True, gc=False):
    """What was settled of a stay before: in which year its last part counts, and the deductible paid for all parts.

    ``transfer``: it was settled by another hospital, which sent the patient on. ``stays``: so many of that year's
    stays they are; a part of which nothing was in scope may be none.
    """

    year: int
    deductible_fen: int
    transfer: bool = False
    stays: int = 1


def in_year(now: Accumulators, earlier: EarlierYear, year: int) -> Accumulators:
    """Return what the policy remembers of ``year``, with the account as it is now; a year without business is empty."""
    if year == now.year:
        return now
    if year != earlier.earlier_year:
        return Accumulators(year, balance_fen=now.balance_fen)
    return Accumulators(
        year,
        earlier.earlier_deductible_paid_fen,
        earlier.earlier_pool_paid_fen,
        earlier.earlier_supplementary_paid_fen,
        earlier.earlier_stays,
        now.balance_fen,
        earlier.earlier_scope_self_paid_fen,
        earlier.earlier_stay_deductible_paid_fen,
    )


def kept(now: Accumulators, earlier: EarlierYear, moved: Accumulators) -> tuple[Accumulators, EarlierYear]:
    """Return the two latest years once ``moved``, the accumulators of one of them, has taken its place."""
    if moved.year == now.year:
        return moved, earlier
    if moved.year > now.year:
        return moved, _earlier(now)
    return msgspec.structs.replace(now, balance_fen=moved.balance_fen), _earlier(moved)


def _earlier(a: Accumulators) -> EarlierYear:
    return EarlierYear(
        a.year,
        a.deductible_paid_fen,
        a.pool_paid_fen,
        a.supplementary_paid_fen,
        a.stays,
        a.scope_self_paid_fen,
        a.stay_deductible_paid_fen,
    )


def identity_breaches(
    settlement: Settlement, *, stated_fund_fen: int | None = None, stated_person_fen: int | None = None
) -> tuple[str, ...]:
    """Return the identities of domain facts 1.6 that do not hold, each with its two sides.

    The sums of the fund and of the person are the settlement's own unless another party stated them; a fund stated
    with the personal account counted in is a known variance, not a breach.
    """
    s = settlement
    fund_fen, person_fen = s.fund_fen, s.person_fen
    breaches: list[str] = []
    person_stated_fen = person_fen if stated_person_fen is None else stated_person_fen
    if s.total_fen != fund_fen + person_stated_fen + s.hospital_part_fen:
        right_fen = fund_fen + person_stated_fen + s.hospital_part_fen
        breaches.append(f"total {s.total_fen} fen is not fund + person + hospital part {right_fen} fen")
    if stated_fund_fen not in (None, fund_fen, s.fund_with_account_fen):
        breaches.append(f"fund {stated_fund_fen} fen is not the sum of its parts {fund_fen} fen")
    if person_stated_fen != person_fen:
        breaches.append(f"person's part {person_stated_fen} fen is not account + cash {person_fen} fen")
    split_fen = s.own_pay_fen + s.over_limit_fen + s.pre_self_pay_fen + s.in_scope_fen
    if s.total_fen != split_fen:
        breaches.append(f"total {s.total_fen} fen is not own + over limit + prior + in scope {split_fen} fen")
    return tuple(breaches)


def settle(
    policy: Policy,
    case: Case,
    fees: FeeTotals,
    accumulators: Accumulators,
    year: int,
    *,
    use_account: bool = True,
    continued: Continued | None = None,
    before: Remembered | None = None,
) -> tuple[Settlement, Accumulators]:
    """Return who pays what of ``fees``, and what the policy remembers of the person afterwards.

    Without ``use_account`` the personal account pays nothing. A new benefit year starts from nothing but the account's
    balance. ``continued``: the stay is the rest of one that was settled in its middle, or in another hospital.
    ``before`` is what a policy wants remembered beside the accumulators; None where it wants nothing.

    Raises:
        ValueError: when in-scope cost is negative; refunds go through ``take_back``.
        LookupError: when the policy has no terms for the case.

    """
    scope_fen = fees.in_scope_fen
    if scope_fen < 0:
        raise ValueError(f"cannot settle an in-scope cost of {scope_fen} fen: expected 0 or more, take back instead")
    now = accumulators if accumulators.year >= year else Accumulators(year, balance_fen=accumulators.balance_fen)
    terms = policy.terms_of(case)
    first_fen = 0
    if case.temporary:
        first_e4 = policy.referred_first_self_pay_e4 if case.referred else policy.first_self_pay_e4
        first_fen = share_fen(scope_fen, first_e4)
    cost_fen = scope_fen - first_fen
    due_fen = _deductible_due_fen(terms, now, case.kind, before)
    if continued is not None and policy.merges(transfer=continued.transfer):
        due_fen = _rest_of_deductible_fen(terms, now, continued, before)
    deductible_fen = min(due_fen, cost_fen)
    room_fen = max(terms.cap_fen - now.pool_paid_fen, 0)
    if before is None and not terms.above_deductible:
        pool_fen, uncovered_fen = _pool(terms.segments, deductible_fen, cost_fen, room_fen)
    else:
        pool_fen, uncovered_fen = _pool_of(terms, deductible_fen, cost_fen, room_fen, before)
    large_fen = 0
    if uncovered_fen and terms.large_sum_e4:
        paid_fen = now.supplementary_paid_fen if before is None else before.large_sum_fen
        large_fen = min(share_fen(uncovered_fen, terms.large_sum_e4), max(terms.large_sum_cap_fen - paid_fen, 0))
    left_fen = cost_fen - pool_fen - large_fen
    illness_fen = civil_fen = aid_fen = 0
    if terms.serious_illness is not None:
        illness = terms.aided_illness if case.aided and terms.aided_illness is not None else terms.serious_illness
        illness_fen = _stepwise(illness, now.scope_self_paid_fen, left_fen, (before or NOTHING).illness_fen)
    if before is not None:
        civil_fen, aid_fen = _of_their_own(terms, case, left_fen - illness_fen, before)
    person_fen = fees.total_fen - pool_fen - large_fen - illness_fen - civil_fen - aid_fen
    account_fen = min(person_fen, max(now.balance_fen, 0)) if terms.account_pays and use_account else 0
    settlement = Settlement(
        fees.total_fen,
        fees.own_pay_fen,
        fees.over_limit_fen,
        fees.pre_self_pay_fen,
        scope_fen,
        deductible_fen,
        first_fen,
        pool_fen,
        large_fen,
        illness_fen,
        civil_fen,
        aid_fen,
        account_fen=account_fen,
        cash_fen=person_fen - account_fen,
    )
    return settlement, _moved(now, settlement, case.kind, 1, own_pay_stays_count=policy.own_pay_stays_count)


def together(one: Settlement, other: Settlement) -> Settlement:
    """Return both as one: the parts of a stay that was settled in its middle."""
    return Settlement(*map(add, msgspec.structs.astuple(one), msgspec.structs.astuple(other)))


def take_back(settlement: Settlement) -> Settlement:
    """Return the negative settlement that undoes ``settlement``."""
    s = settlement
    return Settlement(
        -s.total_fen,
        -s.own_pay_fen,
        -s.over_limit_fen,
        -s.pre_self_pay_fen,
        -s.in_scope_fen,
        -s.deductible_fen,
        -s.first_self_pay_fen,
        -s.pool_fen,
        -s.large_sum_fen,
        -s.serious_illness_fen,
        -s.civil_servant_fen,
        -s.aid_fen,
        -s.other_fund_fen,
        -s.hospital_part_fen,
        -s.account_fen,
        -s.cash_fen,
    )


def undo(
    accumulators: Accumulators,
    settlement: Settlement,
    kind: Kind,
    year: int | None = None,
    *,
    own_pay_stays_count: bool = True,
) -> Accumulators:
    """Return the accumulators without ``settlement``.

    ``year`` is the benefit year the settlement counted in, when it is known: one of another year gives back nothing
    but the account's money. ``own_pay_stays_count`` is what the policy said when it was made.
    """
    if year is not None and year != accumulators.year:
        return msgspec.structs.replace(accumulators, balance_fen=accumulators.balance_fen + settlement.account_fen)
    return _moved(accumulators, settlement, kind, -1, own_pay_stays_count=own_pay_stays_count)


def _moved(a: Accumulators, s: Settlement, kind: Kind, sign: int, *, own_pay_stays_count: bool) -> Accumulators:
    """Return ``a`` with ``s`` counted in (1) or out (-1)."""
    stay = kind == "inpatient"
    borne_fen = s.in_scope_fen - s.first_self_pay_fen - s.pool_fen - s.large_sum_fen
    return Accumulators(
        a.year,
        a.deductible_paid_fen + (0 if stay else sign * s.deductible_fen),
        a.pool_paid_fen + sign * s.pool_fen,
        a.supplementary_paid_fen + sign * (s.large_sum_fen + s.serious_illness_fen),
        a.stays + (sign if stay and (own_pay_stays_count or s.in_scope_fen > 0) else 0),
        a.balance_fen - sign * s.account_fen,
        a.scope_self_paid_fen + sign * borne_fen,
        a.stay_deductible_paid_fen + (sign * s.deductible_fen if stay else 0),
    )


def _deductible_due_fen(terms: Terms, now: Accumulators, kind: Kind, before: Remembered | None) -> int:
    match terms.deductible_per:
        case "visit":
            return _visit_deductible_fen(terms, now.stays) if kind == "inpatient" else terms.deductible_fen
        case "year":
            paid_fen = now.stay_deductible_paid_fen if kind == "inpatient" else now.deductible_paid_fen
        case _:
            paid_fen = (before or NOTHING).deductible_fen
    return max(terms.deductible_fen - paid_fen, 0)


def _visit_deductible_fen(terms: Terms, stays: int) -> int:
    """Return the deductible of the next stay after so many of the year."""
    later = terms.later_deductibles_fen
    return later[min(stays, len(later)) - 1] if stays > 0 else terms.deductible_fen


def _rest_of_deductible_fen(terms: Terms, now: Accumulators, continued: Continued, before: Remembered | None) -> int:
    """Return what is still due of the one deductible of a stay settled in parts."""
    if terms.deductible_per != "visit":
        return _deductible_due_fen(terms, now, "inpatient", before)
    others = now.stays - (continued.stays if continued.year == now.year else 0)
    return max(_visit_deductible_fen(terms, others) - continued.deductible_fen, 0)


def _pool_of(
    terms: Terms, deductible_fen: int, cost_fen: int, room_fen: int, before: Remembered | None
) -> tuple[int, int]:
    """Return the same as ``_pool`` where the terms count from the deductible on, or cap visits and sales apart."""
    if terms.above_deductible:
        deductible_fen, cost_fen = 0, cost_fen - deductible_fen
    own_fen = room_fen if before is None else max(terms.own_cap_fen - before.own_pool_fen, 0)
    pool_fen, uncovered_fen = _pool(terms.segments, deductible_fen, cost_fen, min(own_fen, room_fen))
    return pool_fen, uncovered_fen if room_fen <= own_fen else 0  # large sum pays above the common cap alone


def _pool(segments: tuple[Segment, ...], from_fen: int, cost_fen: int, room_fen: int) -> tuple[int, int]:
    """Return what the pool pays of the cost above ``from_fen``, and the cost its room leaves uncovered."""
    pool_fen = uncovered_fen = 0
    for segment in segments:
        upto_fen = min(segment.upto_fen, cost_fen)
        if upto_fen > from_fen:
            part_fen = upto_fen - from_fen
            pay_fen = half_up(part_fen * segment.ratio_e4, E4)
            if pay_fen > room_fen:
                # The cost whose payment just fills the cap is covered; what is above it is not.
                uncovered_fen += part_fen - min(-(-room_fen * E4 // segment.ratio_e4), part_fen)
                pay_fen = room_fen
            pool_fen += pay_fen
            room_fen -= pay_fen
            from_fen = upto_fen
    return pool_fen, uncovered_fen


def _of_their_own(terms: Terms, case: Case, left_fen: int, before: Remembered) -> tuple[int, int]:
    """Return what the supplement of civil servants and medical aid pay of what is left to those they are for."""
    civil_fen = aid_fen = 0
    if case.civil_servant and terms.civil_servant is not None:
        civil_fen = _stepwise(terms.civil_servant, before.civil_base_fen, left_fen, before.civil_servant_fen)
    if case.aided and terms.aid is not None:
        aid_fen = _stepwise(terms.aid, before.aid_base_fen, left_fen - civil_fen, before.aid_fen)
    return civil_fen, aid_fen


def _stepwise(supplement: Supplement, before_fen: int, left_fen: int, paid_fen: int) -> int:
    """Return what the steps pay of the year's own cost now, less what they pay of that before, within the cap."""
    steps = supplement.steps
    pay_fen = _stepped(steps, before_fen + left_fen) - _stepped(steps, before_fen)
    return min(pay_fen, max(supplement.cap_fen - paid_fen, 0))


def _stepped(steps: tuple[tuple[int, int], ...], cost_fen: int) -> int:
    pay_e4 = 0
    for from_fen, gain_e4 in steps:
        if cost_fen <= from_fen:
            break
        pay_e4 += (cost_fen - from_fen) * gain_e4
    return half_up(pay_e4, E4)
