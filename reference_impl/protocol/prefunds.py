"""What an insured province reserves of its prefund (预付金) for a settlement, and lets go when that is taken back (G6).

Reserved and posted in the commit of the settlement itself: no reservation is ever open between two commits, so none has
to be found again after a crash. This module must never decide a benefit.
"""

from __future__ import annotations

from reference_impl.domain.prefund import Prefund, PrefundRefusal, PrefundRules
from reference_impl.domain.regions import province_of
from reference_impl.protocol.messages import CancelSettlement, Request, Reverse, SellDrugs, Settle, SettlementId
from reference_impl.protocol.records import PrefundRecord, Ref, SettlementRecord, View

__all__ = ["DRY", "Dry", "Prefunds"]

_USING = (Settle, SellDrugs, CancelSettlement, Reverse)


class Dry:
    """A settlement that the prefund does not cover now."""

    __slots__ = ()


DRY = Dry()


class Prefunds:
    """Decides about the prefunds of one insurer, one with each place of care; one that has no quota has no limit."""

    __slots__ = ("_quotas", "retry_us", "waits")

    def __init__(self, rules: PrefundRules) -> None:
        """Go by ``rules``."""
        self._quotas = {quota.care: quota for quota in rules.quotas}
        self.waits = rules.waits
        self.retry_us = rules.retry_us

    def wants(self, request: Request) -> tuple[Ref, ...]:
        """Name the account that a decision about ``request`` may move."""
        care = province_of(request.care_region)
        if care not in self._quotas or not isinstance(request.body, _USING):
            return ()
        return (Ref(PrefundRecord, care),)

    def used(self, view: View, settled: SettlementRecord) -> tuple[PrefundRecord, ...] | Dry:
        """Return the account once a settlement is owed to its place of care, where it has one."""
        care, owed_fen = province_of(settled.care_region), _owed_fen(settled)
        quota = self._quotas.get(care)
        if quota is None or owed_fen == 0:
            return ()
        kept = view.get(PrefundRecord) or PrefundRecord(care, 0, 0)
        account = Prefund(quota.limit_at(settled.posted_us), kept.posted_fen)
        posted = _posted(account, settled.settlement, owed_fen)
        return DRY if posted is None else (_moved(kept, posted),)

    def let_go(self, view: View, negative: SettlementRecord) -> tuple[PrefundRecord, ...]:
        """Return the account once a settlement is owed no more."""
        kept = view.get(PrefundRecord)
        if kept is None:
            return ()
        return (_moved(kept, Prefund(0, kept.posted_fen).take_back(-_owed_fen(negative))),)


def _moved(kept: PrefundRecord, after: Prefund) -> PrefundRecord:
    return PrefundRecord(kept.care, kept.version + 1, after.posted_fen)


def _owed_fen(settled: SettlementRecord) -> int:
    """Return what the funds owe the place of care by a settlement; below zero by one that takes another back."""
    return settled.amounts.fund_fen + settled.amounts.account_fen


def _posted(account: Prefund, settlement: SettlementId, owed_fen: int) -> Prefund | None:
    """Return the account with an amount reserved and posted, or None when it is short."""
    reserved = account.reserve(settlement, owed_fen)
    posted = reserved if isinstance(reserved, PrefundRefusal) else reserved.post(settlement)
    return None if isinstance(posted, PrefundRefusal) else posted
