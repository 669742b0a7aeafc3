"""What a planned stop does to a visit: whether its patient has heard of it, what they do meanwhile, when they go on.

The mixture of what people do is the plan's (``scenarios.schema.recourse``). Must never decide that a door is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from reference_impl.domain.keyed import Purpose
from reference_impl.domain.transactions import FILINGS
from reference_impl.hospital.asking import OnHold, ShutOut
from reference_impl.hospital.transacting import Transacting
from reference_impl.protocol.messages import VisitId
from scenarios.record.fates import Fate, How, Stage
from scenarios.schema.recourse import Recourse

if TYPE_CHECKING:
    from scenarios.schema.course import Course

__all__ = ["PaysInFull", "TurnedAway"]


class PaysInFull(Exception):
    """The patient pays in full and claims by paper."""

    def __init__(self, fate: Fate) -> None:
        """Carry how the visit ends."""
        super().__init__(fate.value)
        self.fate = fate


class TurnedAway(Transacting):
    """A visit that a stop may hold up."""

    __slots__ = ()

    def _known_stops(self) -> tuple[Course, ...]:
        fresh = self.contacts == 0 and not self.lying
        return self.site.known_stops(self.visit, self.ports.clock.now_us(), fresh=fresh)

    async def _heed_the_notice(self) -> None:
        """Stay at home while a stop is on that patients were told of; a stay lies where it is, and some come anyway."""
        if self.visit.kind == "inpatient" or self.contacts:
            return
        now_us = self.ports.clock.now_us()
        stops = self.site.announced_stops(self.visit, now_us)
        if stops and self._heeds(stops[0], now_us):
            spread_us = self.site.clients.park.spread
            await self._wait_for_reopening(stops, stops[0].told_reopening_us(now_us), How.STAYED_HOME, spread_us)
            self.held = Recourse.PARK
        elif self.visit.kind == "pharmacy":
            await self._live_on_stock(now_us)

    def _heeds(self, stop: Course, now_us: int) -> bool:
        """Return whether the patient has heard of a stop by now, and stays at home for it."""
        notice, draws, visit = stop.plan.announce, self.ports.draws, self.visit.visit
        if notice is None or now_us < stop.plan.announce_at + notice.heard_us(
            draws.uniform(visit, 0, 1, Purpose.NOTICE)
        ):
            return False
        return draws.uniform(visit, 0, 0, Purpose.NOTICE) >= notice.comes_anyway

    async def _live_on_stock(self, now_us: int) -> None:
        """Stay at home on the medicine that is there, until it is open again or the stock is at its end."""
        stops = self.site.stocked_stops(self.visit, now_us)
        stock = stops[0].plan.policies.drug_stock if stops else None
        if stock is None or self.ports.draws.uniform(self.visit.visit, 0, 0, Purpose.STOCK) >= stock.share:
            return
        opens_us, out_us = stops[0].told_reopening_us(now_us), stops[0].stop_at + stock.lasts
        if opens_us <= out_us:
            await self._wait_for_reopening(stops, opens_us, How.STOCKED, self.site.clients.park.spread)
            self.held = Recourse.PARK
        elif now_us < out_us:
            await self._wait_for_reopening(stops, out_us, How.STOCKED, 0)

    def _met(self, shut: ShutOut | OnHold) -> tuple[Course, ...]:
        """Return the stop whose closed door was met; where a filing met it, that is pending from here on."""
        self.filing_pending = shut.code in FILINGS
        return self.site.met(shut.scope, self.visit, self.ports.clock.now_us(), filing=self.filing_pending)

    async def _turned_away(self, stops: tuple[Course, ...], reopens_us: int) -> How | None:
        """Let the patient do what the plan's mixture says; return how the hospital goes on without them, if it does."""
        draws, clock, policies = self.ports.draws, self.ports.clock, self.site.policies(stops)
        u = draws.uniform(self.visit.visit, 0, 0, Purpose.PARK)
        recourse = self.site.recourse(stops, self.visit, u, self._unsettled_fen)
        spread_us, kept = self.site.clients.park.spread, None
        match recourse:
            case Recourse.PAPER:
                self.history.turned_away(self, stops, clock.now_us(), How.PAID, until_us=None)
                raise PaysInFull(Fate.PAPER_BY_CLOSURE)
            case Recourse.PARK:
                await self._wait_for_reopening(stops, reopens_us, How.PARKED, spread_us)
            case Recourse.WAIT:
                stays = reopens_us - clock.now_us() <= policies.wait.patience
                await self._wait_for_reopening(stops, reopens_us, How.WAITED if stays else How.CAME_BACK, 0)
            case Recourse.ON_ACCOUNT:
                await self._wait_for_reopening(stops, reopens_us, How.ON_ACCOUNT, spread_us)
                await self._unregister()
            case Recourse.SETTLE_LATER | Recourse.STAND_IN:
                kept = How.SETTLE_LATER if recourse is Recourse.SETTLE_LATER else How.STAND_IN
                await self._wait_for_reopening(stops, reopens_us, kept, policies.settle_later.spread)
            case _:
                assert_never(recourse)
        self.held = recourse
        return kept

    async def _wait_for_reopening(
        self, stops: tuple[Course, ...], reopens_us: int, how: How, spread_us: int, *, stage: Stage = Stage.PARKED
    ) -> None:
        draws, clock = self.ports.draws, self.ports.clock
        drawn_us = int(spread_us * draws.uniform(self.visit.visit, self.asker.step, 1, Purpose.PARK))
        began_us = clock.now_us()
        self.asker.stage = stage
        self.settle_sent_us = -1  # the patient has left: latency is of the settlement they come back for
        try:
            await clock.sleep_us(max(0, reopens_us - began_us) + drawn_us)
        finally:  # who is still parked when the run ends was parked so long
            self.parked_us += clock.now_us() - began_us
            self.history.turned_away(self, stops, began_us, how, until_us=clock.now_us())

    def _heed_make_up(self, stops: tuple[Course, ...]) -> None:
        """Pay, where what a stop kept from being filed may be made up no more: to file after leaving is too late."""
        stop = stops[0] if self.filing_pending and stops else None
        if stop is None or stop.plan.make_up is None:
            return
        if self.ports.clock.now_us() >= stop.reopen_at + stop.plan.make_up:
            raise PaysInFull(Fate.PAPER_BY_FILING)

    async def _unregister(self) -> None:
        """Take back what the old system knows of a stay on account: it is registered anew, with all its charges."""
        await self._undo()
        self.visit_id, self.uploaded, self.uploaded_lines = VisitId(""), *self.mid_until
        self.done.intersection_update(FILINGS)  # of no visit: what was filed stands
