"""What a visit says to its province, and how it takes back what it said: its transactions, resent and undone.

After an unknown (ARCHITECTURE.md, "How a step commits"): the same message until the deadline; then 2601 until it is
acknowledged, where 2601 covers the transaction; then the patient pays and claims by paper. What was opened on the way
is undone in the order of domain facts §1.4. Must never decide when the patient goes where.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.certificate import ID_CARD
from reference_impl.domain.errors import Refusal
from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.nodes import care_node
from reference_impl.domain.prescribed import Coded
from reference_impl.domain.transactions import REVERSIBLE, SETTLEMENTS, TRIALS
from reference_impl.hospital.asking import Asker, NotCovered, RefusedByRule, Unresolved
from reference_impl.hospital.bodies import BODIES, said_as
from reference_impl.hospital.visit_state import NOTHING_SETTLED, VisitState
from reference_impl.hospital.ways import CANCEL_SETTLEMENT, UNDO
from reference_impl.protocol.ids import order_visit
from reference_impl.protocol.messages import (
    Admit,
    Body,
    CancelOrder,
    CancelSettlement,
    OrderPlaced,
    PersonNo,
    Recognised,
    RequestBody,
    Reverse,
    SellDrugs,
    Settle,
    Settled,
    Shown,
    UploadLines,
    VisitId,
    VisitOpened,
)
from scenarios.record.fates import Fate, Stage

__all__ = ["Transacting"]

_PAPER_AFTER: Mapping[str, Fate] = {
    Refusal.NUMBER_NOT_MAPPED.value: Fate.PAPER_BY_NUMBER,
    Refusal.OLD_NUMBER.value: Fate.PAPER_BY_NUMBER,
    Refusal.NOT_OPENED.value: Fate.PAPER_BY_NETWORK,
    Refusal.CERTIFICATE_SUSPENDED.value: Fate.PAPER_BY_IDENTITY,
    Refusal.PREFUND_SHORT.value: Fate.PAPER_BY_PREFUND,
}
"""Refusals that say nothing against the claim: what is not found any more under its number, where no scope is open."""


class Transacting(VisitState):
    """A visit that speaks with its province."""

    __slots__ = ()

    async def _perform(self, code: str, *, for_good: bool = False, at_closed_doors: bool = True) -> None:
        """Have one transaction done; ``for_good`` and ``at_closed_doors`` are those of ``Asker.ask``."""
        if code == tx.INPATIENT_LINES:
            await self._upload_all(for_good=for_good, at_closed_doors=at_closed_doors)
            return
        if not self._can_say(code):
            return
        if self._number_is_old(code):
            await self._perform(tx.PERSON, for_good=for_good, at_closed_doors=at_closed_doors)
        body = self._body(code)
        if code in SETTLEMENTS and self.settle_sent_us < 0 and self.mid_lines is None:
            self.settle_sent_us = self.ports.clock.now_us()
        try:
            answered = await self.asker.ask(code, body, for_good=for_good, at_closed_doors=at_closed_doors)
        except RefusedByRule as refusal:
            if code != tx.FILE or refusal.code != Refusal.FILED_ALREADY:
                raise
            self.done.add(code)  # another visit of the person, at another desk, has filed meanwhile
            return
        self.done.add(code)
        self._learn(code, answered.reply.body)

    def _can_say(self, code: str) -> bool:
        """Return whether the hospital's dialect has this transaction now; one that it has not is left out.

        So is a trial of what is settled: the old dialect had none, and today's may be spoken by now.
        """
        return not (self.acked and code in TRIALS) and self.site.can_say(code, self.visit, self.ports.clock.now_us())

    async def _upload(
        self, batch: int, *, for_good: bool, at_closed_doors: bool = True, upto: int | None = None
    ) -> None:
        """Send what is not up yet of a batch; with ``upto`` only so many of its lines."""
        lines = self.visit.lines(batch, self.site.uploads_per_stay)
        if self.site.identity is not None:
            lines = self.site.identity.charged(self.visit, batch, lines)
        lines = lines[self.uploaded_lines : upto]
        if lines:
            if self.site.codes is not None:
                lines = self._coded(lines)
            body = UploadLines(person=self._person, visit=self.visit_id, batch=f"{batch + 1}", lines=lines)
            await self.asker.ask(tx.INPATIENT_LINES, body, for_good=for_good, at_closed_doors=at_closed_doors)
        self.uploaded, self.uploaded_lines = (
            (batch + 1, 0) if upto is None else (batch, self.uploaded_lines + len(lines))
        )
        if self.uploaded == self.site.uploads_per_stay:
            self.done.add(tx.INPATIENT_LINES)

    async def _upload_all(self, *, for_good: bool, at_closed_doors: bool) -> None:
        """Have all charges up that are to be settled now."""
        whole = self.site.uploads_per_stay if self.mid_lines is None else self.charged
        for batch in range(self.uploaded, whole):
            await self._upload(batch, for_good=for_good, at_closed_doors=at_closed_doors)
        if self.mid_lines is not None:
            await self._upload(whole, for_good=for_good, at_closed_doors=at_closed_doors, upto=self.mid_lines)

    def _body(self, code: str) -> RequestBody:
        body = BODIES[code](self.visit, self.visit_id)
        if self.site.codes is not None and isinstance(body, UploadLines | SellDrugs):
            body = msgspec.structs.replace(body, lines=self._coded(body.lines))
        if self.certificate != ID_CARD and isinstance(body, Shown):
            body = msgspec.structs.replace(body, certificate=self.certificate)
        if self.site.care_types is not None and not self.as_ordinary:
            body = said_as(body, self.visit, self.site.care_types)
            if self.site.codes is not None and isinstance(body, Settle) and body.drugs:
                body = msgspec.structs.replace(body, drugs=self._coded(body.drugs))
        if isinstance(body, Admit | Settle) and self.site.is_emergency(self.visit):
            # Of a stay it is said on admission, of an outpatient with the settlement.
            body = msgspec.structs.replace(body, emergency=isinstance(body, Admit) or self.visit.kind == "outpatient")
        if isinstance(body, Admit) and self.mid_stay is not None:
            return msgspec.structs.replace(body, continues=self.mid_stay.visit)
        if not isinstance(body, Settle) or (self.mid_lines is None and self.mid_stay is None):
            return body
        if self.mid_stay is not None:
            return msgspec.structs.replace(body, total_fen=self._unsettled_fen, continues=self.mid_stay.visit)
        return msgspec.structs.replace(body, total_fen=self._charged_fen(), mid_stay=True)

    def _coded(self, lines: tuple[Coded, ...]) -> tuple[Coded, ...]:
        """Return lines, or the drugs of a prescription, by the codes that the hospital has mapped them to by now."""
        visit, codes = self.visit, self.site.codes
        assert codes is not None  # whoever asks has looked
        province = care_node(visit.care_region)
        return codes.written(visit.hospital.code, province, lines, self.ports.clock.now_us())

    def _number_is_old(self, code: str) -> bool:
        """Whether the person was given a new number since the hospital last asked who it is."""
        if code in (tx.PERSON, tx.ORDER_PERSON) or self.asker.number:
            return False
        return self.site.renumbered(self.visit, self.ports.clock.now_us())

    def _learn(self, code: str, body: Body | None) -> None:
        match body:
            case VisitOpened(visit=visit):
                self.visit_id = visit
            case Settled() if code in SETTLEMENTS and self.mid_lines is not None:
                self.mid_stay = msgspec.structs.replace(body, visit=self.visit_id)
                self.mid_until, self.visit_id = (self.charged, self.mid_lines), VisitId("")
                self.done.clear()
                self.history.mid_stay(self, self.mid_stay)
            case Settled() if code in SETTLEMENTS:
                self.visit_id = self.visit_id or body.visit  # a sale opens its visit; any other is known already
                self.settlement, self.acked = body.settlement, True
                self.amounts, self.settled_us = body.amounts, body.settled_us
                self._answered_settlement()
            case OrderPlaced(order=order):
                self.order, self.visit_id = order, order_visit(order)
            case Recognised() if self.site.care_types is not None:
                disease = self.site.care_types.disease(self.visit.person)
                self.as_ordinary = disease not in {one.code for one in body.diseases}
            case _:
                pass

    @property
    def _person(self) -> PersonNo:
        return PersonNo(self.visit.person)

    # --- taken back ---

    async def _reverse(self, unknown: Unresolved) -> None:
        if unknown.code in REVERSIBLE:
            self.asker.stage = Stage.REVERSAL_PENDING
            if await self._is_reversed(unknown):
                self._answered_settlement()
                self.leave_desk("reversed")
                self._pay(Fate.REVERSED_THEN_PAPER)
            else:
                await self._go_by_verdict(unknown)
        else:
            self.leave_desk("unknown")
            self._pay(Fate.PAPER_BY_CHOICE)
            with suppress(RefusedByRule):  # what it opened can only be undone once it is known
                answered = await self.asker.learn(unknown)
                self._learn(unknown.code, answered.reply.body)
                self.done.add(unknown.code)

    async def _is_reversed(self, unknown: Unresolved) -> bool:
        """Reverse a message, and return whether it has no effect now; a refused 2601 has undone nothing."""
        body = Reverse(person=self._person, original=unknown.msgid, original_code=unknown.code)
        try:
            await self._sender_of(unknown).ask(tx.REVERSE, body, for_good=True)
        except RefusedByRule:
            return False
        return True

    def _sender_of(self, unknown: Unresolved) -> Asker:
        """Return who sent a message of whose outcome nobody knows: the desk, or the phone."""
        phone = self.phone
        return self.asker if phone is None or not is_filing_platform(unknown.msgid) else phone

    async def _go_by_verdict(self, unknown: Unresolved) -> None:
        """Ask again for the verdict that came to nobody: what may not be reversed stands."""
        try:
            answered = await self._sender_of(unknown).learn(unknown)
        except RefusedByRule as refusal:
            self.refusal = refusal.code
            self._answered_settlement()
            self.leave_desk("refused")
            self._turned_down(refusal.code)
            return
        except NotCovered:
            self.leave_desk("not_served")
            self._pay(Fate.PAPER_BY_PREFUND)
            return
        self._learn(unknown.code, answered.reply.body)
        self.done.add(unknown.code)
        self.leave_desk("done")
        if self.settlement:
            self._end(self._direct_fate())
        else:
            self._pay(Fate.PAPER_BY_CHOICE)

    def _turned_down(self, code: str) -> None:
        """End by a no; what could be settled but for where or under which number it came is claimed by paper."""
        fate = _PAPER_AFTER.get(code)
        if fate is None:
            self._end(Fate.REFUSED)
        else:
            self._pay(fate)

    async def _undo(self) -> None:
        """Take back what the visit opened on its way, in the order of domain facts §1.4; nobody waits for it."""
        if self.order:
            with suppress(RefusedByRule):  # it was cancelled already
                await self.asker.ask(tx.CANCEL_ORDER, CancelOrder(order=self.order), for_good=True)
        if not self.visit_id or self.visit.kind == "pharmacy":
            return
        for code in UNDO[self.visit.kind]:
            if code == tx.CANCEL_DISCHARGE and tx.DISCHARGE not in self.done:
                continue
            try:
                await self.asker.ask(code, BODIES[code](self.visit, self.visit_id), for_good=True)
            except RefusedByRule:
                continue  # it was never done, or is undone already

    async def refund(self) -> None:
        """Take back a settlement that the insured side does not know, refund, and let the patient claim by paper."""
        body = CancelSettlement(person=self._person, visit=self.visit_id, settlement=self.settlement)
        self.asker.stage = Stage.REVERSAL_PENDING
        try:
            await self.asker.ask(CANCEL_SETTLEMENT[self.visit.kind], body, for_good=True)
        except RefusedByRule as refusal:
            self.refusal = refusal.code
        self.amounts = NOTHING_SETTLED
        self._pay(Fate.REVERSED_THEN_PAPER)
