"""The policies of an insured province at work: which one holds for a settlement, what of the person it asks for.

Policies are ``reference_impl.domain.policy_book``'s, what they remember ``reference_impl.domain.remembered``'s; here
they meet a message and the books. A province without a book goes by one policy, looks nothing up and pays nothing. It
must never commit: what it returns goes into the one change of the message that is being decided.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from reference_impl.domain.benefit import Case, Policy, Settlement
from reference_impl.domain.filing import Filing, FilingKind
from reference_impl.domain.policies import Kind
from reference_impl.domain.policy_book import PolicyBook, RegionPolicies
from reference_impl.domain.remembered import Asked, Remembered, entered, left_out, remembered
from reference_impl.protocol.copies import MOVING_MONEY
from reference_impl.protocol.messages import PersonNo, Request, Reverse, SellDrugs, Settle, VisitId
from reference_impl.protocol.records import Record, Ref, RememberedRecord, View

__all__ = ["Benefits", "Holding"]

_CONCERNED = (*MOVING_MONEY, Reverse)
_AS_REFERRED = (FilingKind.REFERRAL, FilingKind.EMERGENCY)
"""Whoever is filed as one of these is referred, as benefits see it; an emergency's reduction is that of a referral."""
_DAYS = 100
_JANUARY, _DECEMBER = 1, 12
_NOTHING_HOLDS = Policy(name="none in force", terms={})


class Holding(NamedTuple):
    """What holds for one settlement: the policy of its day, and where it is remembered that it counts."""

    policy: Policy
    region: RegionPolicies | None = None
    asked: Asked | None = None


class Benefits:
    """Finds the policy that holds, by the book of the regions insured here."""

    __slots__ = ("_book", "_day_of", "_own")

    def __init__(self, own: Policy, book: PolicyBook | None, day_of: Callable[[int], int]) -> None:
        """Go by ``book``, and by ``own`` for regions that are not in it; ``day_of`` dates an instant."""
        self._own = own
        self._book = book
        self._day_of = day_of

    @property
    def remembers(self) -> bool:
        """Whether anything is kept of a person beside the accumulators."""
        return self._book is not None and self._book.remembers

    @property
    def dated(self) -> bool:
        """Whether there is a book: without one, the one policy holds for everything."""
        return self._book is not None

    def wants(self, request: Request, person: PersonNo) -> tuple[Ref, ...]:
        """Name what is remembered of the person, where a decision about ``request`` asks for it."""
        region = self.of(request.insured_region)
        if region is None or not region.remembers or not isinstance(request.body, _CONCERNED):
            return ()
        return (Ref(RememberedRecord, person),)

    def of(self, insured_region: str) -> RegionPolicies | None:
        """Return the policies of a region; None where it goes by the insurer's own."""
        return None if self._book is None else self._book.of(insured_region)

    def undated(self, insured_region: str) -> Policy:
        """Return a policy that says what all versions of a region have in common."""
        region = self.of(insured_region)
        return self._own if region is None else region.first

    def holding(self, request: Request, body: Settle | SellDrugs, kind: Kind, year: int, today: int) -> Holding:
        """Return what holds for a visit settled today that counts in ``year``; on a day of no version, nothing."""
        region = self.of(request.insured_region)
        if region is None:
            return Holding(self._own)
        ended_us = body.ended_us if isinstance(body, Settle) and region.first.counts_in == "discharge" else 0
        day = self._day_of(ended_us) if ended_us else today
        asked = Asked(year, _month_in(year, day), request.institution, kind)
        return Holding(region.on(day) or _NOTHING_HOLDS, region, asked)

    def asked(
        self, view: View, case: Case, holding: Holding, person: PersonNo, filing: Filing | None
    ) -> tuple[Case, Remembered | None]:
        """Return the case with what the book adds to it, and the sums of the year that the policy asks for, if any.

        The book adds how a visitor was filed, and which funds are for the person.
        """
        region, terms = holding.region, holding.policy.terms_of(case)
        if region is None or holding.asked is None:
            return case, None
        case = case._replace(
            referred=filing is not None and filing.kind in _AS_REFERRED,
            civil_servant=terms.civil_servant is not None and region.is_civil_servant(person),
            aided=(terms.aid is not None or terms.aided_illness is not None) and region.is_aided(person),
        )
        if not region.remembers:
            return case, None
        kept = view.get(RememberedRecord)
        return case, remembered(() if kept is None else kept.past, terms, holding.asked)

    def after_settlement(
        self, view: View, person: PersonNo, visit: VisitId, holding: Holding, amounts: Settlement
    ) -> tuple[Record, ...]:
        """Return what is remembered once a visit is settled."""
        if holding.region is None or holding.asked is None or not holding.region.remembers:
            return ()
        kept = view.get(RememberedRecord) or RememberedRecord(person, 0, ())
        return (RememberedRecord(kept.person, kept.version + 1, entered(kept.past, visit, holding.asked, amounts)),)

    def after_taking_back(self, view: View, visit: VisitId) -> tuple[Record, ...]:
        """Return what is remembered once the settlement of a visit is taken back."""
        kept = view.get(RememberedRecord)
        if kept is None:
            return ()
        return (RememberedRecord(kept.person, kept.version + 1, left_out(kept.past, visit)),)


def _month_in(year: int, day: int) -> int:
    """Return the month of a benefit year that a business day falls in.

    Where a day ends before midnight, the last evening of a year is dated in the next: it is still December's.

    >>> _month_in(2025, 20251130), _month_in(2025, 20260101)
    (11, 12)
    """
    of_year, month = day // _DAYS // _DAYS, day // _DAYS % _DAYS
    return month if of_year == year else _DECEMBER if of_year > year else _JANUARY
