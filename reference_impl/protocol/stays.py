"""A stay that is settled in parts: which settlement it may go on from, and what is kept of that at its insurer.

A stay goes on from one settled in its middle by the same hospital, or from one in another hospital that sent the
patient on; from each only once, and soon. So no deductible is spared twice, whoever says that something goes on. Pure.
It must never work out an amount.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reference_impl.domain.benefit import Continued, Policy
from reference_impl.domain.errors import Refusal
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import INPATIENT_SETTLE, TRANSACTIONS
from reference_impl.domain.working_days import date_of
from reference_impl.protocol.messages import Admit, Request, Settle, SettlementId, VisitId
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.records import ContinuationRecord, Ref, SettlementRecord, StayPart, View

__all__ = [
    "BY_ITSELF",
    "AskedStay",
    "asked_of",
    "continuation_refs",
    "continued_by",
    "given_up",
    "late_refusal",
    "part_of",
    "rest_of",
]


class AskedStay(NamedTuple):
    """What a settlement says of its stay: that it goes on, and the settlement that it went on from, if any.

    ``transfer``: that was made by another hospital. ``refusal``: why what is said cannot be.
    """

    mid_stay: bool = False
    earlier: SettlementRecord | None = None
    transfer: bool = False
    refusal: Refusal | None = None

    @property
    def part_before(self) -> VisitId | None:
        """The visit of the part that the same hospital settled before."""
        return None if self.earlier is None or self.transfer else self.earlier.visit


BY_ITSELF = AskedStay()


def continuation_refs(body: Settle | Admit) -> tuple[Ref, ...]:
    """Name what is known of the visit that a stay goes on from, and whether another one does."""
    named = body.continues
    if isinstance(body, Admit):
        return (Ref(SettlementRecord, named),) if named else ()
    return (Ref(SettlementRecord, named), Ref(ContinuationRecord, named)) if named else ()


def asked_of(request: Request, body: Settle, view: View, numbers: Numbers) -> AskedStay:
    """Return what a settlement says of its stay, or why that cannot be.

    A stranger learns no more of another's stay than that there is no such part.
    """
    if body.mid_stay and body.ended_us:
        return AskedStay(refusal=Refusal.MID_STAY_ENDED)
    if not body.continues:
        return AskedStay(body.mid_stay)
    settled = (one for one in view.records if isinstance(one, SettlementRecord))
    earlier = next((one for one in settled if one.visit == body.continues), None)
    if earlier is None or not _is_of_the_same(request, earlier, numbers):
        return AskedStay(refusal=Refusal.NO_SUCH_PART)
    transfer = not numbers.same(Numbered.INSTITUTION, earlier.institution, request.institution)
    if not transfer and not earlier.part.mid_stay:
        return AskedStay(refusal=Refusal.STAY_WAS_WHOLE)
    if view.get(ContinuationRecord) is not None:
        return AskedStay(refusal=Refusal.CONTINUED_ALREADY)
    return AskedStay(body.mid_stay, earlier, transfer)


def late_refusal(body: Settle | Admit, view: View, day_of: Callable[[int], int], within_days: int) -> Refusal | None:
    """Return why what goes on from a part that was settled then begins too late for that.

    By business days, of which ``day_of`` gives that of an instant. What is no part here is another refusal's.
    """
    settled = (one for one in view.records if isinstance(one, SettlementRecord))
    earlier = next((one for one in settled if one.visit == body.continues), None)
    if earlier is None:
        return None
    settled_on = date_of(earlier.business_day or day_of(earlier.posted_us))
    return Refusal.REST_TOO_LATE if (date_of(day_of(body.began_us)) - settled_on).days > within_days else None


def _is_of_the_same(request: Request, earlier: SettlementRecord, numbers: Numbers) -> bool:
    """Return whether both are stays of one person, insured at one place."""
    if earlier.code != INPATIENT_SETTLE or TRANSACTIONS[request.code].kind != "inpatient":
        return False
    same = numbers.same(Numbered.PERSON, earlier.person, request.body.person)
    return same and earlier.insured_region == request.insured_region


def rest_of(stay: AskedStay, earlier: SettlementRecord, policy: Policy, year_of: Callable[[int], int]) -> Continued:
    """Return what a stay goes on from: ``earlier``, with all parts before it that paid one deductible."""
    amounts, part = earlier.amounts, earlier.part
    counts = policy.own_pay_stays_count or amounts.in_scope_fen > 0
    year = earlier.year or year_of(earlier.posted_us)
    paid_fen = amounts.deductible_fen + part.merged_deductible_fen
    return Continued(year, paid_fen, stay.transfer, part.merged_stays + counts)


def part_of(stay: AskedStay, continued: Continued | None, policy: Policy, year: int) -> StayPart:
    """Return as which part of a stay a settlement is made that counts in ``year``."""
    mid_stay = 1 if stay.mid_stay else 0
    if stay.earlier is None or continued is None:
        return StayPart(mid_stay)
    named = stay.earlier.visit
    if not policy.merges(transfer=continued.transfer):
        return StayPart(mid_stay, named)
    return StayPart(mid_stay, named, continued.deductible_fen, continued.stays if continued.year == year else 0)


def continued_by(settled: SettlementRecord) -> tuple[ContinuationRecord, ...]:
    """Return what is kept of a settlement that goes on from another one, so that no other does."""
    return (ContinuationRecord(settled.settlement, settled.part.continues, settled.visit, sign=1),)


def given_up(settled: SettlementRecord, by: SettlementId) -> tuple[ContinuationRecord, ...]:
    """Return what is kept once that settlement is taken back ``by`` a negative one: another may go on from there."""
    named = settled.part.continues
    return (ContinuationRecord(by, named, settled.visit, sign=-1, reverses=settled.settlement),)
