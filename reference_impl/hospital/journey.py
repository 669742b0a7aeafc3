"""A patient's way through a hospital: queue, desk, messages, stay; and every way it can go wrong and still end.

The same coroutine runs in the simulated world and inside a Locust user. Every visit ends in exactly one fate
(``scenarios.record.fates``), or is cancelled while open when the run ends. What is said to the province on the way, and
taken back after an unknown, is ``reference_impl.hospital.transacting``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from reference_impl.domain import transactions as tx
from reference_impl.domain.errors import Refusal
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.master_data import STALE_REFUSALS
from reference_impl.domain.transactions import FILINGS, SETTLEMENTS
from reference_impl.hospital.asking import NotCovered, NotServed, OnHold, RefusedByRule, ShutOut, Unresolved
from reference_impl.hospital.care_typed import CareTyped
from reference_impl.hospital.filing_anew import NOTHING_FILED
from reference_impl.hospital.identifying import Identifying, NotIdentified
from reference_impl.hospital.ordering import Ordering, OrderOver
from reference_impl.hospital.querying import Querying
from reference_impl.hospital.stale_data import Updating, unless_stale
from reference_impl.hospital.ways import ADMISSION, DISCHARGE, MID_STAY, ORDER, OUTPATIENT, PHARMACY
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import VisitId
from scenarios.record.fates import Fate, How, Stage
from scenarios.schema.recourse import Recourse

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.patients.orders import OrderDraws
    from scenarios.schema.course import Course

__all__ = ["Journey", "nobody_counts"]

_ON_ACCOUNT = STALE_REFUSALS | {Refusal.NOT_OPENED}
"""Refusals after which a stay is admitted on account: they may not hold when the patient leaves."""
_STAYS_ON = NOTHING_FILED | _ON_ACCOUNT | {Refusal.PREFUND_SHORT, Refusal.NUMBER_NOT_MAPPED, Refusal.OLD_NUMBER}
"""Refusals after which a stay is not settled in its middle, and goes on."""
_DESK_FREE_US = 1_000
"""A desk taken sooner than this was free: to take one needs no time, to read a real clock twice does."""


def nobody_counts(_resting: int) -> None:
    """Hear of rests and do nothing."""


class _Paper(Exception):
    """The patient pays in full and claims by paper."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(fate.value)
        self.fate = fate


class Journey(Updating, CareTyped, Identifying, Querying, Ordering):
    """One visit on its way: what its patient does, at home, at the desk and in the ward."""

    __slots__ = ()

    # --- the way ---

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
        except _Paper as paper:
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

    async def _stay_on(self) -> None:
        """Do what the stay was woken for: its admission, its settlement ahead of a stop, or its next charges."""
        if not self.lying:
            await self._be_admitted()
            self.lying = True
        elif self.mid_due:
            self.mid_due = False
            await self._settle_mid_stay()
            return
        else:
            await self._run_up()
        self.batch_due_us = self.ports.clock.now_us() + self._batch_us

    def _rest_us(self) -> int:
        """Return how long the stay lies until its next charges are due, or it is settled in its middle."""
        now_us, due_us = self.ports.clock.now_us(), self.batch_due_us
        asked, batches = self.site.mid_stays, self.site.uploads_per_stay
        if asked is not None and self.mid_due is None and asked.due_after(self.visit, batches) == self.charged:
            due_us, self.mid_due = now_us, True
        elif self.site.stops and self.mid_due is None:
            early_us = self.site.mid_stay_us(self.visit, self.ports.draws)
            if early_us is not None and now_us < early_us < due_us:
                due_us, self.mid_due = early_us, True
        return max(0, due_us - now_us)

    @property
    def _batch_us(self) -> int:
        return self.visit.stay_us // self.site.uploads_per_stay

    async def _settle_mid_stay(self) -> None:
        """Settle the stay as far as it has come and open it anew for the rest; if that fails, it simply goes on."""
        left_us = self.batch_due_us - self.ports.clock.now_us()
        lines = self.visit.lines(self.charged, self.site.uploads_per_stay)
        self.mid_lines = min(len(lines) * (self._batch_us - left_us) // self._batch_us, len(lines))
        if self.charged or self.mid_lines:  # else nothing was charged yet
            try:
                await self._at_desk(MID_STAY)
            except (ShutOut, NotServed, NotIdentified):
                self.done.discard(tx.INPATIENT_TRIAL)
            except RefusedByRule as refusal:
                if refusal.code not in _STAYS_ON:
                    raise
                self.done.discard(tx.INPATIENT_TRIAL)
            except _Paper:
                pass  # nobody waited long enough at the desk
        self.mid_lines = None

    async def _be_admitted(self) -> None:
        """Be admitted; when nobody answers the door, or knows the person yet, on account (挂账): papers come later.

        So is whoever lies where nobody from elsewhere settles, or was not known as insured: that may change before
        they leave.
        """
        if self.visit.open_at_start:
            identity = self.site.identity
            if identity is not None:
                self.certificate = identity.shown_before(self.visit) or self.certificate
            plain = self.site.network is None and identity is None
            if plain or self.site.admitted_before(self.visit):
                self.visit_id = visit_id(self.asker.next_id())  # its admission is in the books already: see ``opening``
                self.done.update(ADMISSION)
        elif not self._known_stops():
            try:
                await self._at_desk(ADMISSION)
            except (ShutOut, NotServed, NotIdentified):
                pass
            except RefusedByRule as refusal:
                if refusal.code not in _ON_ACCOUNT:
                    raise

    async def _contact(self, codes: tuple[str, ...]) -> None:
        """Go to the desk until these transactions are done, or the patient gives up on direct settlement."""
        await self._heed_the_notice()
        if self.site.filing is not None:
            await self._withdraw()
        while (shut := await self._shut_out(codes)) is not None:
            kept = await self._turned_away(*shut)
            self._heed_make_up(shut[0])
            if kept is not None:
                await self._send_kept(self._with_filing(codes), kept)
                return

    async def _shut_out(self, codes: tuple[str, ...]) -> tuple[tuple[Course, ...], int] | None:
        """Go to the desk, and return the stops that it turns the visit away for, and when they end; None when done."""
        clerk, clock = self.site.clients.clerk, self.ports.clock
        while not (stops := self._known_stops()):
            try:
                if self.filing_pending:
                    await self._file_what_is_pending()
                await self._at_desk(self._with_filing(codes))
            except ShutOut as closed:
                return self._met(closed), closed.reopens_us
            except RefusedByRule as refusal:
                closed = await self._does_about(refusal)
                if closed is not None:
                    return self._met(closed), closed.reopens_us
            except NotServed as tried:
                if self.clerk_tries >= clerk.retries:
                    short = isinstance(tried, NotCovered)
                    raise _Paper(Fate.PAPER_BY_PREFUND if short else Fate.PAPER_BY_CHOICE) from None
                self.clerk_tries += 1
                self.asker.stage = Stage.DESK_QUEUE
                await clock.sleep_us(clerk.wait)
            else:
                return None
        return stops, stops[0].told_reopening_us(clock.now_us())

    def _with_filing(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is to be done at the desk: first the filing, where the clerk is to file."""
        return (tx.FILE, *codes) if self.clerk_files else codes

    def _met(self, shut: ShutOut | OnHold) -> tuple[Course, ...]:
        """Return the stop whose closed door was met; where a filing met it, that is pending from here on."""
        self.filing_pending = shut.code in FILINGS
        return self.site.met(shut.scope, self.visit, self.ports.clock.now_us(), filing=self.filing_pending)

    def _heed_make_up(self, stops: tuple[Course, ...]) -> None:
        """Pay, where what a stop kept from being filed may be made up no more: to file after leaving is too late."""
        stop = stops[0] if self.filing_pending and stops else None
        if stop is None or stop.plan.make_up is None:
            return
        if self.ports.clock.now_us() >= stop.reopen_at + stop.plan.make_up:
            raise _Paper(Fate.PAPER_BY_FILING)

    async def _at_desk(self, codes: tuple[str, ...]) -> None:
        """Have these transactions done at the desk, over a door that closes while an outcome is unknown."""
        try:
            await self._attend(codes)
        except OnHold as held:
            await self._wait_out(held)
            if not self.done.issuperset(codes):
                await self._at_desk(codes)

    async def _wait_out(self, held: OnHold) -> None:
        """Let the patient leave and ask again when the door opens: the hospital does it itself, without a desk."""
        settles = held.code in SETTLEMENTS
        how, self.held = (How.SETTLE_LATER, Recourse.SETTLE_LATER) if settles else (How.PARKED, Recourse.PARK)
        while True:
            stops = self._met(held)
            spread_us = self.site.policies(stops).settle_later.spread
            await self._wait_for_reopening(stops, held.reopens_us, how, spread_us, stage=Stage.UNKNOWN)
            try:
                return await self._perform(held.code)
            except OnHold as again:
                held = again

    async def _attend(self, codes: tuple[str, ...]) -> None:
        if self.visit.prescription and self.visit.kind == "outpatient":
            await self._follow_up(codes)
            return
        clock, desk = self.ports.clock, self.ports.desk
        self.asker.stage = Stage.DESK_QUEUE
        self.came_us = came_us = clock.now_us()
        try:
            served = await desk.seize(self.site.clients.desk_patience)
        finally:  # who still waits when the run ends has waited so long
            self.desk_wait_us += clock.now_us() - came_us
        if not served:
            self.came_us = -1
            raise _Paper(Fate.ABANDONED)
        try:
            self.asker.stage = Stage.AT_DESK
            self._reach_desk(came_us)
            await clock.sleep_us(self.visit.handling_us)
            await self._served(codes)
        finally:
            self.came_us = -1
            desk.release()

    async def _follow_up(self, codes: tuple[str, ...]) -> None:
        """Be seen by internet: no window, nobody ahead, and nothing to hand over."""
        self.came_us = self.ports.clock.now_us()
        try:
            self.asker.stage = Stage.AT_DESK
            self._reach_desk(self.came_us)
            await self._served(codes)
        finally:
            self.came_us = -1

    def _reach_desk(self, came_us: int) -> None:
        """Begin a contact. What must not slip with a stall of the system or the generator is when it was meant to be.

        Whoever had to wait for a desk is due when it is theirs; whoever walked up to a free one on arrival is due as
        planned, however late the generator lets them in. A stay whose admission met no desk arrived long ago.
        """
        now_us = self.ports.clock.now_us()
        as_planned = self.contacts == 0 and self.parked_us == 0 and not self.lying
        free = now_us - came_us < _DESK_FREE_US
        due_us = self.visit.arrival_us if free and as_planned else now_us
        if self.started_us < 0:
            self.started_us = now_us
        self.contacts += 1
        self.contact_intended_us = due_us + self.visit.handling_us
        self.contact_open = True

    async def _served(self, codes: tuple[str, ...]) -> None:
        """Do what is to be done at the desk. A contact whose outcome is unknown stays open until it is resolved."""
        identity = self.site.identity
        try:
            if identity is not None and tx.PERSON in codes and tx.PERSON not in self.done:
                await self._identify(identity)
            for code in codes:
                if code not in self.done:
                    await self._perform(code)
                    if self.site.queries is not None:
                        await self._ask_after(code)
        except RefusedByRule:
            self.leave_desk("refused")
            raise
        except (ShutOut, OnHold):
            self.leave_desk("closed")
            raise
        except NotServed:
            self.leave_desk("not_served")
            raise
        except NotIdentified:
            self.leave_desk("not_identified")
            raise
        self.leave_desk("done")

    async def _run_up(self) -> None:
        """Have what is charged go up, without a patient waiting; behind a closed door it lies until the next time.

        So do charges by codes that the place of care does not know yet, or not any more.
        """
        self.charged += 1
        if self.charged == 1 or self.filing_pending:
            await self._file_from_ward()
        if tx.ADMIT in self.done:
            try:
                for batch in range(self.uploaded, self.charged):
                    # No patient waits for it: the machine sends it until it is taken.
                    await self._upload(batch, for_good=True, at_closed_doors=False)
            except ShutOut:
                pass
            except RefusedByRule as refusal:
                unless_stale(refusal)

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

    def _heeds(self, stop: Course, now_us: int) -> bool:
        """Return whether the patient has heard of a stop by now, and stays at home for it."""
        notice, draws, visit = stop.plan.announce, self.ports.draws, self.visit.visit
        if notice is None or now_us < stop.plan.announce_at + notice.heard_us(
            draws.uniform(visit, 0, 1, Purpose.NOTICE)
        ):
            return False
        return draws.uniform(visit, 0, 0, Purpose.NOTICE) >= notice.comes_anyway

    async def _turned_away(self, stops: tuple[Course, ...], reopens_us: int) -> How | None:
        """Let the patient do what the plan's mixture says; return how the hospital goes on without them, if it does."""
        draws, clock, policies = self.ports.draws, self.ports.clock, self.site.policies(stops)
        u = draws.uniform(self.visit.visit, 0, 0, Purpose.PARK)
        recourse = self.site.recourse(stops, self.visit, u, self._unsettled_fen)
        spread_us, kept = self.site.clients.park.spread, None
        match recourse:
            case Recourse.PAPER:
                self.history.turned_away(self, stops, clock.now_us(), How.PAID, until_us=None)
                raise _Paper(Fate.PAPER_BY_CLOSURE)
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

    async def _send_kept(self, codes: tuple[str, ...], how: How) -> None:
        """Send what the hospital kept, until there is a verdict on each: no patient, no desk, nobody gives up.

        A door that is still closed, or has not reached this patient, holds it up as before.
        """
        for code in codes:
            while code not in self.done and self._can_say(code):
                try:
                    await self._file_what_is_pending()
                    await self._perform(code, for_good=True, at_closed_doors=False)
                except NotCovered:
                    raise _Paper(Fate.PAPER_BY_PREFUND) from None
                except ShutOut as shut:
                    stops = self._met(shut)
                    spread_us = self.site.policies(stops).settle_later.spread
                    await self._wait_for_reopening(stops, shut.reopens_us, how, spread_us)
                    self._heed_make_up(stops)

    async def _unregister(self) -> None:
        """Take back what the old system knows of a stay on account: it is registered anew, with all its charges."""
        await self._undo()
        self.visit_id, self.uploaded, self.uploaded_lines = VisitId(""), *self.mid_until
        self.done.intersection_update(FILINGS)  # of no visit: what was filed stands
