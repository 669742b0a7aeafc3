"""What an insurer that keeps its promises answers, where certify plays the hub and whoever is behind it.

Nobody's policy: the fund pays a fixed odd share, so that whoever rounds or reckons anew is seen. A message that comes
again is answered as before (G1), a reversed one with no (G4). This module must never send anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from reference_impl.domain.benefit import Settlement
from reference_impl.domain.errors import Refusal
from reference_impl.domain.fees import FeeTotals
from reference_impl.domain.transactions import TRIALS
from reference_impl.protocol import messages as m
from reference_impl.protocol.answers import refused
from reference_impl.protocol.ids import filing_id, negative_settlement_id, settlement_id

__all__ = ["BALANCE_FEN", "Insurer", "paid"]

BALANCE_FEN = 1_234_567
"""What is on everybody's account. ASSUMED: enough, and odd."""
_SHARE_E4 = 6_137
"""Of what is in scope the fund pays so much. ASSUMED: odd, so that no other reckoning comes to the same fen."""
_E4 = 10_000


def paid(fees: FeeTotals) -> Settlement:
    """Return who pays what of a bill, to the fen: its parts add up."""
    pool_fen = fees.in_scope_fen * _SHARE_E4 // _E4
    rest_fen = fees.total_fen - pool_fen
    account_fen = rest_fen // 3
    return Settlement(
        total_fen=fees.total_fen,
        own_pay_fen=fees.own_pay_fen,
        over_limit_fen=fees.over_limit_fen,
        pre_self_pay_fen=fees.pre_self_pay_fen,
        in_scope_fen=fees.in_scope_fen,
        pool_fen=pool_fen,
        account_fen=account_fen,
        cash_fen=rest_fen - account_fen,
    )


@dataclass(slots=True)
class Insurer:
    """The insurers behind the hub, and what they have answered by message id."""

    insurance: str = "310"
    said: dict[m.MessageId, m.Reply] = field(default_factory=dict["m.MessageId", "m.Reply"])
    settled: dict[m.SettlementId, m.Settled] = field(default_factory=dict["m.SettlementId", "m.Settled"])
    reversed_by: dict[m.MessageId, m.MessageId] = field(default_factory=dict["m.MessageId", "m.MessageId"])

    def answer(self, request: m.Request, now_us: int) -> m.Reply:
        """Return the verdict on a message."""
        by = self.reversed_by.get(request.msgid)
        if by is not None:
            return refused(Refusal.REVERSED, by)
        known = self.said.get(request.msgid)
        if known is None:
            known = self.said[request.msgid] = m.Reply(_reference(request.msgid), self._done(request, now_us))
        return known

    def _done(self, request: m.Request, now_us: int) -> m.ReplyBody:
        body = request.body
        match body:
            case m.FindPerson():
                return self._found(request, body)
            case m.Register() | m.Admit():
                return m.VisitOpened(visit=body.visit)
            case m.Settle() | m.SellDrugs():
                return self._settled(request, body, now_us)
            case m.CancelSettlement():
                first = self.settled[body.settlement].amounts if body.settlement in self.settled else Settlement()
                back = msgspec.structs.astuple(first)
                return m.Cancelled(
                    visit=body.visit,
                    settlement=negative_settlement_id(request.msgid),
                    settled_us=now_us,
                    amounts=Settlement(*(-fen for fen in back)),
                    balance_fen=BALANCE_FEN,
                )
            case m.File():
                return m.Filed(filing=filing_id(request.msgid))
            case m.Reverse():
                self.reversed_by[body.original] = request.msgid
                return m.Done()
            case m.AskRecognised():
                return m.Recognised(diseases=())
            case m.AskDesignated():
                return m.Designated(institutions=())
            case _:
                return m.Done()

    def _found(self, request: m.Request, body: m.FindPerson) -> m.PersonFound:
        return m.PersonFound(
            person=body.person,
            insurance=self.insurance,
            person_type="active",
            insured_region=request.insured_region,
            balance_fen=BALANCE_FEN,
            age_e1=430,
        )

    def _settled(self, request: m.Request, body: m.Settle | m.SellDrugs, now_us: int) -> m.Settled:
        trial = request.code in TRIALS
        amounts = paid(body.fees or FeeTotals())
        settled = m.Settled(
            visit=body.visit,
            settlement=m.SettlementId("") if trial else settlement_id(request.msgid),
            settled_us=now_us,
            amounts=amounts,
            hospital_settlement=request.msgid,
            age_e1=430,
            balance_fen=BALANCE_FEN - amounts.account_fen,
        )
        if not trial:
            self.settled[settled.settlement] = settled
        return settled


def _reference(msgid: m.MessageId) -> str:
    return f"N{msgid[1:]}"
