"""A purchase by an order: it waits for its person, who confirms it on the phone or does not; its pharmacy ends it.

The platform sends a confirmation until there is a verdict on it, and again once a closed door opens (ASSUMED). Must
never decide whether an order may still be paid.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from reference_impl.domain import transactions as tx
from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import care_node
from reference_impl.hospital.asking import NOT_TOLD, Asker, NotCovered, RefusedByRule, ShutOut
from reference_impl.hospital.filing_anew import PHONE_STEPS, PlatformAsker
from reference_impl.hospital.transacting import Transacting
from reference_impl.hospital.visit_state import NO_ORDER, NOTHING_SETTLED
from reference_impl.protocol.messages import AskOrder, AskOrderSettlement, RefundOrder, RequestBody, SellDrugs
from scenarios.record.fates import PAPER_FATES, Fate, Stage

if TYPE_CHECKING:
    from scenarios.patients.orders import OrderDraws

__all__ = ["OrderOver", "Ordering"]

_CONFIRMS: Final = 60
"""Where the steps of a confirmation begin, among those of the phone."""


class OrderOver(Exception):
    """The order ended, and nothing is sold by it."""

    def __init__(self, fate: Fate) -> None:
        """Carry how."""
        super().__init__(fate.value)
        self.fate = fate


class Ordering(Transacting):
    """A visit that may be an order."""

    __slots__ = ()

    async def _wait_for_confirmation(self, orders: OrderDraws) -> None:
        """Let the order wait until its person takes up the phone.

        Raises OrderOver where nobody does: its pharmacy asks, and cancels it.
        """
        after_us = orders.confirmed_after_us(self.visit)
        self.asker.stage = Stage.ORDER_WAITS
        await self.ports.clock.sleep_us(orders.spec.valid if after_us is None else after_us)
        if after_us is None:
            await self._ask_about(tx.ASK_ORDER, AskOrder(person=self._person))
            raise OrderOver(Fate.ORDER_NOT_CONFIRMED)

    async def _confirmed(self) -> ShutOut | None:
        """Have the order paid from the phone, and return the closed door that was met, if one was.

        Raises OrderOver where it was too late or is not covered, RefusedByRule where its insurer refuses it, and
        Unresolved where nobody knows.
        """
        self.settle_sent_us = self.ports.clock.now_us()
        try:
            await self._pay_from_phone()
        except ShutOut as shut:
            return shut
        except NotCovered:
            raise OrderOver(Fate.PAPER_BY_PREFUND) from None
        except RefusedByRule as refusal:
            if refusal.code != Refusal.ORDER_EXPIRED:
                raise
            self.refusal = refusal.code
            self._answered_settlement()
            raise OrderOver(Fate.ORDER_EXPIRED) from None
        return None

    async def _pay_from_phone(self) -> None:
        if self._number_is_old(tx.PHARMACY_SETTLE):
            await self._perform(tx.PERSON, for_good=True, at_closed_doors=False)
        said, phone = self._body(tx.PHARMACY_SETTLE), self._phone_of_order()
        assert isinstance(said, SellDrugs)  # what settles a purchase
        paying, before = msgspec.structs.replace(said, lines=(), order=self.order), (phone.sent, phone.resent)
        try:
            answered = await phone.ask(tx.PHARMACY_SETTLE, paying, for_good=True, at_closed_doors=False)
        finally:
            self.asker.sent += phone.sent - before[0]
            self.asker.resent += phone.resent - before[1]
        self.done.add(tx.PHARMACY_SETTLE)
        self._learn(tx.PHARMACY_SETTLE, answered.reply.body)

    def _phone_of_order(self) -> Asker:
        """Return what speaks to the province where the order lies; its messages go on counting."""
        if self.phone is None:
            self.phone = PlatformAsker(
                self.ports,
                self.site.clients,
                self.visit,
                care_node(self.visit.care_region),
                self.history,
                stage=Stage.ORDER_WAITS,
                step=PHONE_STEPS + _CONFIRMS,
                short_patience_us=self.site.short_patience_us,
            )
        self.phone.number = self.asker.number
        return self.phone

    async def _hand_over(self, orders: OrderDraws) -> None:
        """Let the pharmacy learn that the order is paid, and hand the drugs over, or give the order back."""
        await self._ask_about(tx.ASK_ORDER_SETTLEMENT, AskOrderSettlement(person=self._person, order=self.order))
        if orders.refunds(self.visit):
            await self._give_back()

    def _leave_order(self, fate: Fate) -> None:
        if fate in PAPER_FATES:
            self._pay(fate)
        else:
            self._end(fate)

    async def _ask_about(self, code: str, body: RequestBody) -> None:
        with suppress(*NOT_TOLD):
            await self.asker.ask(code, body, at_closed_doors=False)

    async def _give_back(self) -> None:
        """Give a paid order back; one that its insurer does not know is over too, any other no leaves it paid.

        Raises OrderOver where it is.
        """
        self.asker.stage = Stage.REVERSAL_PENDING
        try:
            await self.asker.ask(tx.REFUND_ORDER, RefundOrder(order=self.order), for_good=True)
        except RefusedByRule as refusal:
            if refusal.code != Refusal.ONE_SIDED:
                return
            self.refusal = refusal.code
        self.amounts, self.acked, self.order = NOTHING_SETTLED, False, NO_ORDER
        raise OrderOver(Fate.ORDER_REFUNDED)
