"""A visit's contacts: the queue, the desk, what is done there, and what a hospital sends once the patient has left.

What is said there is ``transacting``; what a stop makes of it, ``turned_away``. Must never decide how the visit ends:
it raises what ended the contact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.transactions import SETTLEMENTS
from reference_impl.hospital.asking import NotCovered, NotServed, OnHold, RefusedByRule, ShutOut
from reference_impl.hospital.identifying import Identifying, NotIdentified
from reference_impl.hospital.querying import Querying
from reference_impl.hospital.turned_away import PaysInFull, TurnedAway
from scenarios.record.fates import Fate, How, Stage
from scenarios.schema.recourse import Recourse

if TYPE_CHECKING:
    from scenarios.schema.course import Course

__all__ = ["AtDesk"]

_DESK_FREE_US = 1_000
"""A desk taken sooner than this was free: to take one needs no time, to read a real clock twice does."""


class AtDesk(TurnedAway, Identifying, Querying):
    """A visit whose patient goes to a desk."""

    __slots__ = ()

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
                    raise PaysInFull(Fate.PAPER_BY_PREFUND if short else Fate.PAPER_BY_CHOICE) from None
                self.clerk_tries += 1
                self.asker.stage = Stage.DESK_QUEUE
                await clock.sleep_us(self._lasts_us(clerk.wait, Purpose.CLERK_WAIT))
            else:
                return None
        return stops, stops[0].told_reopening_us(clock.now_us())

    def _with_filing(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        """Return what is to be done at the desk: first the filing, where the clerk is to file."""
        return (tx.FILE, *codes) if self.clerk_files else codes

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
        patience = self.site.clients.desk_patience
        if not isinstance(patience, int):
            patience = self._lasts_us(patience, Purpose.DESK_PATIENCE)
        try:
            served = await desk.seize(patience)
        finally:  # who still waits when the run ends has waited so long
            self.desk_wait_us += clock.now_us() - came_us
        if not served:
            self.came_us = -1
            raise PaysInFull(Fate.ABANDONED)
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
                    raise PaysInFull(Fate.PAPER_BY_PREFUND) from None
                except ShutOut as shut:
                    stops = self._met(shut)
                    spread_us = self.site.policies(stops).settle_later.spread
                    await self._wait_for_reopening(stops, shut.reopens_us, how, spread_us)
                    self._heed_make_up(stops)
