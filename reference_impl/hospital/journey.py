"""A patient's way through a hospital: queue, desk, messages, stay; and every way it can go wrong and still end.

The same coroutine runs in the simulated world and inside a Locust user. Every visit ends in exactly one fate
(``scenarios.record.fates``), or is cancelled while open when the run ends. The parts of the way are modules of their
own: ``at_desk``, ``turned_away`` by a stop, ``staying``, ``ordering``; what is said to the province, and taken back
after an unknown, is ``transacting``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.hospital.asking import RefusedByRule, Unresolved
from reference_impl.hospital.care_typed import CareTyped
from reference_impl.hospital.identifying import NotIdentified
from reference_impl.hospital.ordering import Ordering, OrderOver
from reference_impl.hospital.stale_data import Updating
from reference_impl.hospital.staying import Staying
from reference_impl.hospital.turned_away import PaysInFull
from reference_impl.hospital.ways import DISCHARGE, ORDER, OUTPATIENT, PHARMACY
from scenarios.record.fates import How, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.patients.orders import OrderDraws

__all__ = ["Journey", "nobody_counts"]


def nobody_counts(_resting: int) -> None:
    """Hear of rests and do nothing."""


class Journey(Updating, CareTyped, Staying, Ordering):
    """One visit on its way: what its patient does, at home, at the desk and in the ward."""

    __slots__ = ()

    async def live(self, rests: Callable[[int], None] = nobody_counts) -> None:
        """Live the visit to its fate, then clean up after it.

        ``rests`` hears 1 when a stay begins to lie, with nothing under way, and -1 when it goes on.
        """
        while (rest_us := await self.go_on()) is not None:
            rests(1)
            try:
                await self.ports.clock.sleep_us(rest_us)
            finally:
                rests(-1)

    async def go_on(self) -> int | None:
        """Live on to the end of the visit, or to where a stay only lies: return for how long, or None at the end.

        Nothing but what the fields say is remembered over such a rest, so whoever has hundreds of thousands of stays
        may put them away meanwhile (``rest``).
        """
        try:
            rest_us = await self._walk()
            if rest_us is None:
                self._end(self._direct_fate())
            return rest_us
        except RefusedByRule as refusal:
            self.refusal = refusal.code
            self._answered_settlement()
            self._turned_down(refusal.code)
        except PaysInFull as paper:
            self._pay(paper.fate)
        except NotIdentified as unknown:
            self._leave_unknown(unknown.fate)
        except OrderOver as order:
            self._leave_order(order.fate)
        except Unresolved as unknown:
            await self._reverse(unknown)
        if not self.acked:
            await self._undo()
        return None

    async def _walk(self) -> int | None:
        visit = self.visit
        orders = self.site.orders
        if orders is not None and orders.goes(visit):
            await self._buy_by_order(orders)
        elif visit.kind == "pharmacy":
            await self._contact(PHARMACY)
        elif visit.kind == "outpatient":
            await self._contact(OUTPATIENT if self.site.care_types is None else self._looked_up())
        else:
            await self._stay_on()
            self.asker.stage = Stage.OPEN_STAY
            if self.charged < self.site.uploads_per_stay:
                return self._rest_us()
            await self._contact(DISCHARGE)
        return None

    async def _buy_by_order(self, orders: OrderDraws) -> None:
        """Place an order at the counter, have it confirmed, over a door that is closed to that, and hand it over."""
        await self._contact(ORDER)
        await self._wait_for_confirmation(orders)
        while (shut := await self._confirmed()) is not None:
            stops = self._met(shut)
            await self._wait_for_reopening(stops, shut.reopens_us, How.ON_THE_PHONE, 0, stage=Stage.ORDER_WAITS)
        await self._hand_over(orders)
