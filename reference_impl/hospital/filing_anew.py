"""What a patient does about a filing on the way: filing from the ward or at the desk, or withdrawing one that holds.

A clerk files by 2501 through the province, a patient on the platform, which speaks to the insurer directly. Where a
door is closed to it, the filing is pending until it is accepted. What may be filed is the insurer's to say; this module
must never decide that a visit counts as filed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.errors import Refusal
from reference_impl.domain.filing import FILING_REFUSALS
from reference_impl.domain.institution import filing_platform
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.nodes import insured_node
from reference_impl.hospital.asking import Asker, RefusedByRule, ShutOut
from reference_impl.hospital.transacting import Transacting
from reference_impl.protocol.ids import filing_id
from reference_impl.protocol.messages import MessageId, Request, RequestBody, WithdrawFiling
from scenarios.patients.filings import Standing
from scenarios.record.fates import Fate, Stage

if TYPE_CHECKING:
    from scenarios.patients.filings import FilingDraws

__all__ = ["NOTHING_FILED", "PHONE_STEPS", "PlatformAsker", "Registering"]

NOTHING_FILED = FILING_REFUSALS | {
    Refusal.BENEFITS_INTERRUPTED,
    Refusal.EARLIER_UNSETTLED,
    Refusal.FILING_LOCKED,
    Refusal.NO_FILING_NEEDED,
}
"""Refusals after which a bill is paid, and claimed by paper, unless something can be done about it."""
_TURNS_MAX = 3
"""How often a patient tries to do something about it."""
PHONE_STEPS = 500
"""Messages of the platform count their steps from here, those of a turn tens apart."""
_IN_WARD, _AT_DESK, _WITHDRAWS, _AGAIN = 0, 10, 50, 100
"""Where the steps begin of what is filed from the ward, in each turn at the desk, of a withdrawal, and of what is filed
again after a closed door."""
_ON_PLATFORM, _BY_CLERK, _COMES_BACK = range(3)
"""What is drawn of a visit."""


@dataclass(slots=True)
class PlatformAsker(Asker):
    """Sends what a patient does from the phone, in the platform's name: to the insurer, or to where an order lies."""

    def next_id(self) -> MessageId:
        """Return a new message id of the platform's own."""
        self.step += 1
        return self.history.platform_id(filing_platform(self.node).code, self.visit, self.step - PHONE_STEPS)

    def _request(self, code: str, body: RequestBody, msgid: MessageId) -> Request:
        platform = filing_platform(self.node)
        return Request(code, msgid, platform.code, platform.code, platform.region, self.visit.insured_region, body)


class Registering(Transacting):
    """A visit whose patient may file."""

    __slots__ = ()

    @property
    def _filing(self) -> FilingDraws | None:
        """What the scenario says of filing, where this visit needs one."""
        filing = self.site.filing
        return None if filing is None or filing.rules(self.visit) is None else filing

    def _turned_down(self, code: str) -> None:
        """End by a no; who has no filing that holds pays, and claims by paper."""
        if code in NOTHING_FILED:
            self._pay(Fate.PAPER_BY_FILING)
        else:
            super()._turned_down(code)

    async def _file_from_ward(self) -> None:
        """File by phone while lying, for whoever knows that nothing valid is filed; what comes of it shows later.

        A closed door is tried again with the next charges.
        """
        with suppress(ShutOut):
            if self.filing_pending:
                await self._file_on_platform(_AGAIN + self.phone_shut)
            elif self.charged == 1 and self._would_file_from_ward():
                await self._file_on_platform(_IN_WARD)

    def _would_file_from_ward(self) -> bool:
        filing, visit = self._filing, self.visit
        if filing is None or filing.standing(visit.person) is Standing.FILED or filing.is_emergency(visit):
            return False
        return self._drawn(_IN_WARD, _ON_PLATFORM) < filing.spec.in_stay

    async def _withdraw(self) -> None:
        """Withdraw what was filed for the visit, for whoever does so and comes nonetheless.

        The insurer may keep it, and behind a closed door nobody takes it: then it holds on.
        """
        filing, visit = self._filing, self.visit
        if filing is None or not filing.withdraws(visit):
            return
        body = WithdrawFiling(person=self._person, filing=filing_id(self.history.filed_before(visit)))
        by_clerk = self._drawn(_WITHDRAWS, _BY_CLERK) < filing.spec.desk.by_clerk
        asker = self.asker if by_clerk else self._phone(_WITHDRAWS)
        try:
            await asker.ask(tx.WITHDRAW_FILING, body, for_good=True, at_closed_doors=False)
        except (RefusedByRule, ShutOut):
            pass
        finally:
            self.asker.sent += 0 if by_clerk else asker.sent

    async def _file_what_is_pending(self) -> None:
        """File by phone again what a closed door turned away; what a clerk is to file is filed at the desk."""
        if self.filing_pending and not self.clerk_files:
            self.filed_anew |= await self._file_on_platform(_AGAIN + self.phone_shut)

    async def _does_about(self, refusal: RefusedByRule) -> ShutOut | None:
        """Let the patient do something about a refusal, and return the closed door that was met, if one was.

        Raises the refusal where nothing is done, or nothing comes of it.
        """
        try:
            if await self._comes_again(refusal.code):
                return None
        except ShutOut as closed:
            return closed
        raise refusal

    async def _comes_again(self, refusal: str) -> bool:
        """Do something about a refusal for want of a filing, and return whether the patient comes to the desk again."""
        filing = self._filing
        if filing is None or refusal not in FILING_REFUSALS or self.filing_turns == _TURNS_MAX:
            return False
        self.filing_turns += 1
        turn, desk, clock = _AT_DESK * self.filing_turns, filing.spec.desk, self.ports.clock
        if refusal == Refusal.FILING_NOT_UPLOADED:
            self.filed_anew = self._drawn(turn, _COMES_BACK) < desk.comes_back
            if self.filed_anew:
                self.asker.stage = Stage.PARKED
                await clock.sleep_us(self._lasts_us(desk.comes_back_after, Purpose.COMES_BACK))
            return self.filed_anew
        u = self._drawn(turn, _ON_PLATFORM)
        if u >= desk.files:
            return False
        self.asker.stage = Stage.DESK_QUEUE
        if self._drawn(turn, _BY_CLERK) < desk.by_clerk:
            self.clerk_files = self.filed_anew = True
            self.done.discard(tx.FILE)
        else:
            await clock.sleep_us(desk.takes)
            self.filed_anew = await self._file_on_platform(turn)
        return self.filed_anew

    async def _file_on_platform(self, turn: int) -> bool:
        """File from the phone, and return whether anything valid stands now.

        Raises ShutOut where a door is closed to it: then it is pending.
        """
        self.filing_pending = True
        asker = self._phone(turn)
        try:
            await asker.ask(tx.FILE, self._body(tx.FILE), for_good=True, at_closed_doors=False)
        except RefusedByRule as refusal:
            self.filing_pending = False
            return refusal.code == Refusal.FILED_ALREADY
        except ShutOut:
            self.phone_shut += 1
            raise
        finally:
            self.asker.sent += asker.sent
        self.filing_pending = False
        return True

    def _phone(self, turn: int) -> PlatformAsker:
        """Return what sends from the patient's phone; its messages of each turn have steps of their own."""
        node, step = insured_node(self.visit.insured_region), PHONE_STEPS + turn
        number = self.asker.number
        return PlatformAsker(self.ports, self.site.clients, self.visit, node, self.history, step=step, number=number)

    def _drawn(self, turn: int, what: int) -> float:
        return self.ports.draws.uniform(self.visit.visit, turn, what, Purpose.FILE)
