"""A patient's way through a hospital: queue, desk, messages, stay; and every way it can go wrong and still end.

The same coroutine runs in the simulated world and inside a Locust user. Every visit ends in exactly one fate
(``scenarios.record.fates``), or is cancelled while open when the run ends.

After an unknown (ARCHITECTURE.md, "How a step commits"): the same message until the deadline; then 2601 until it is
acknowledged, where 2601 covers the transaction; then the patient pays and claims by paper. What was opened on the way
is undone in the order of domain facts §1.4.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.domain import transactions as tx
from reference_impl.domain.benefit import Settlement
from reference_impl.domain.errors import Refusal
from reference_impl.domain.keyed import Purpose
from reference_impl.domain.nodes import care_node
from reference_impl.domain.transactions import REVERSIBLE, SETTLEMENTS
from reference_impl.hospital.asking import Asker, NotServed, RefusedByRule, ShutOut, Unresolved
from reference_impl.hospital.bodies import BODIES
from reference_impl.hospital.site import HospitalSite
from reference_impl.hospital.ways import ADMISSION, CANCEL_SETTLEMENT, DISCHARGE, OUTPATIENT, PHARMACY, UNDO
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import (
    Body,
    CancelSettlement,
    PersonNo,
    Reverse,
    Settled,
    SettlementId,
    UploadLines,
    VisitId,
    VisitOpened,
)
from reference_impl.protocol.ports import HospitalPorts
from scenarios.record.fates import Fate, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference_impl.hospital.history import History
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.course import Course

__all__ = ["Journey", "nobody_counts"]

NOTHING_SETTLED = Settlement()
_NUMBER_LOST = frozenset({Refusal.NUMBER_NOT_MAPPED.value, Refusal.OLD_NUMBER.value})
"""Refusals of a person whose number the insurer does not find any more: the bill is paid, and claimed by paper."""
_DESK_FREE_US = 1_000
"""A desk taken sooner than this was free: to take one needs no time, to read a real clock twice does."""


def nobody_counts(_resting: int) -> None:
    """Hear of rests and do nothing."""


class _Paper(Exception):
    """The patient pays in full and claims by paper."""

    def __init__(self, fate: Fate) -> None:
        super().__init__(fate.value)
        self.fate = fate


@dataclass(slots=True)
class Journey:
    """One visit, as far as it has come. Times are of the run's clock; -1 means it has not happened."""

    ports: HospitalPorts
    site: HospitalSite
    visit: PlannedVisit
    history: History
    asker: Asker = field(init=False)
    visit_id: VisitId = VisitId("")
    settlement: SettlementId = SettlementId("")
    done: set[str] = field(default_factory=set[str])
    fate: Fate = Fate.OPEN_AT_END
    refusal: str = ""
    started_us: int = -1
    ended_us: int = -1
    desk_wait_us: int = 0
    charged: int = 0
    """Batches of charges that a stay has run up, whether they could be uploaded or not."""
    uploaded: int = 0
    lying: bool = False
    """Whether the stay has begun, by its papers or on account."""
    parked_us: int = 0
    parked: bool = False
    clerk_tries: int = 0
    contacts: int = 0
    contact_intended_us: int = -1
    contact_open: bool = False
    settle_sent_us: int = -1
    settle_done_us: int = -1
    acked: bool = False
    amounts: Settlement = NOTHING_SETTLED
    settled_us: int = -1
    paper_fen: int = 0

    def __post_init__(self) -> None:
        node = care_node(self.visit.care_region)
        self.asker = Asker(self.ports, self.site.clients, self.visit, node, self.history)

    @property
    def advance_fen(self) -> int:
        """What the patient has to lay out should this never be settled: the bill as it stands, all of it but a stay's.

        A yes that came before (a settlement now being taken back) makes no difference: what the fund paid goes back.
        """
        visit, batches = self.visit, self.site.uploads_per_stay
        if visit.kind != "inpatient" or self.charged == batches:
            return visit.total_fen
        return sum(line.total_fen for batch in range(self.charged) for line in visit.lines(batch, batches))

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
            if refusal.code in _NUMBER_LOST:
                self._pay(Fate.PAPER_BY_NUMBER)
            else:
                self._end(Fate.REFUSED)
        except _Paper as paper:
            self._pay(paper.fate)
        except Unresolved as unknown:
            await self._reverse(unknown)
        if not self.acked:
            await self._undo()
        return None

    async def _walk(self) -> int | None:
        visit = self.visit
        if visit.kind == "pharmacy":
            await self._contact(PHARMACY)
        elif visit.kind == "outpatient":
            await self._contact(OUTPATIENT)
        else:
            if self.lying:
                await self._run_up()
            else:
                await self._be_admitted()
                self.lying = True
            self.asker.stage = Stage.OPEN_STAY
            if self.charged < self.site.uploads_per_stay:
                return visit.stay_us // self.site.uploads_per_stay
            await self._contact(DISCHARGE)
        return None

    async def _be_admitted(self) -> None:
        """Be admitted; when nobody answers the door, on account (挂账): the bed comes first, the papers later."""
        if self.visit.open_at_start:
            self.visit_id = visit_id(self.asker.next_id())  # its admission is in the books already: see ``opening``
            self.done.update(ADMISSION)
        elif not self._known_stops():
            with suppress(ShutOut, NotServed):
                await self._at_desk(ADMISSION)

    async def _contact(self, codes: tuple[str, ...]) -> None:
        """Go to the desk until these transactions are done, or the patient gives up on direct settlement."""
        clerk = self.site.clients.clerk
        await self._heed_the_notice()
        while True:
            while stops := self._known_stops():
                await self._turned_away(stops, stops[0].told_reopening_us(self.ports.clock.now_us()))
            try:
                await self._at_desk(codes)
            except ShutOut as closed:
                met = self.site.met(closed.scope, self.visit, self.ports.clock.now_us())
                await self._turned_away(met, closed.reopens_us)
            except NotServed:
                if self.clerk_tries >= clerk.retries:
                    raise _Paper(Fate.PAPER_BY_CHOICE) from None
                self.clerk_tries += 1
                self.asker.stage = Stage.DESK_QUEUE
                await self.ports.clock.sleep_us(clerk.wait)
            else:
                return

    async def _at_desk(self, codes: tuple[str, ...]) -> None:
        clock, desk = self.ports.clock, self.ports.desk
        self.asker.stage = Stage.DESK_QUEUE
        came_us = clock.now_us()
        try:
            served = await desk.seize(self.site.clients.desk_patience)
        finally:  # who still waits when the run ends has waited so long
            self.desk_wait_us += clock.now_us() - came_us
        if not served:
            raise _Paper(Fate.ABANDONED)
        try:
            self.asker.stage = Stage.AT_DESK
            self._reach_desk(came_us)
            await clock.sleep_us(self.visit.handling_us)
            await self._served(codes)
        finally:
            desk.release()

    def _reach_desk(self, came_us: int) -> None:
        """Begin a contact. What must not slip with a stall of the system or the generator is when it was meant to be.

        Whoever had to wait for a desk is due when it is theirs; whoever walked up to a free one on arrival is due as
        planned, however late the generator lets them in.
        """
        now_us = self.ports.clock.now_us()
        as_planned = self.contacts == 0 and self.parked_us == 0 and not self.visit.open_at_start
        free = now_us - came_us < _DESK_FREE_US
        due_us = self.visit.arrival_us if free and as_planned else now_us
        if self.started_us < 0:
            self.started_us = now_us
        self.contacts += 1
        self.contact_intended_us = due_us + self.visit.handling_us
        self.contact_open = True

    async def _served(self, codes: tuple[str, ...]) -> None:
        """Do what is to be done at the desk. A contact whose outcome is unknown stays open until it is resolved."""
        try:
            for code in codes:
                if code not in self.done:
                    await self._perform(code)
        except RefusedByRule:
            self.leave_desk("refused")
            raise
        except ShutOut:
            self.leave_desk("closed")
            raise
        except NotServed:
            self.leave_desk("not_served")
            raise
        self.leave_desk("done")

    def leave_desk(self, outcome: str) -> None:
        """End the contact that is under way, if one is."""
        if self.contact_open:
            self.history.contact(self, outcome)
            self.contact_open = False

    async def _run_up(self) -> None:
        """Have one more batch of charges go up, without a patient waiting."""
        batch = self.charged
        self.charged = batch + 1
        if tx.ADMIT in self.done:
            # No patient waits for it: the machine sends it until it is taken.
            await self._upload(batch, for_good=True)

    async def _upload(self, batch: int, *, for_good: bool) -> None:
        lines = self.visit.lines(batch, self.site.uploads_per_stay)
        body = UploadLines(person=self._person, visit=self.visit_id, batch=f"{batch + 1}", lines=lines)
        await self.asker.ask(tx.INPATIENT_LINES, body, for_good=for_good)
        self.uploaded = batch + 1
        if self.uploaded == self.site.uploads_per_stay:
            self.done.add(tx.INPATIENT_LINES)

    def _known_stops(self) -> tuple[Course, ...]:
        fresh = self.contacts == 0 and not self.lying
        return self.site.known_stops(self.visit, self.ports.clock.now_us(), fresh=fresh)

    async def _heed_the_notice(self) -> None:
        """Stay at home while a stop is on that patients were told of; a stay lies where it is, and some come anyway."""
        if self.visit.kind == "inpatient" or self.contacts:
            return
        now_us = self.ports.clock.now_us()
        stops = self.site.announced_stops(self.visit, now_us)
        notice = stops[0].plan.announce if stops else None
        if notice and self.ports.draws.uniform(self.visit.visit, 0, 0, Purpose.NOTICE) >= notice.comes_anyway:
            await self._wait_for_reopening(stops, stops[0].told_reopening_us(now_us), "stayed_home")

    async def _turned_away(self, stops: tuple[Course, ...], reopens_us: int) -> None:
        """Park the patient until after the reopening, or let them pay in full: the share is the scenario's."""
        visit, clock = self.visit.visit, self.ports.clock
        if self.ports.draws.uniform(visit, 0, 0, Purpose.PARK) >= self.site.park_share(stops):
            self.history.turned_away(self, stops, clock.now_us(), "paid", until_us=None)
            raise _Paper(Fate.PAPER_BY_CLOSURE)
        await self._wait_for_reopening(stops, reopens_us, "parked")

    async def _wait_for_reopening(self, stops: tuple[Course, ...], reopens_us: int, how: str) -> None:
        draws, clock = self.ports.draws, self.ports.clock
        spread = draws.uniform(self.visit.visit, self.asker.step, 1, Purpose.PARK)
        spread_us = int(self.site.clients.park.spread * spread)
        began_us = clock.now_us()
        self.asker.stage, self.parked = Stage.PARKED, True
        self.settle_sent_us = -1  # the patient has left: latency is of the settlement they come back for
        try:
            await clock.sleep_us(max(0, reopens_us - began_us) + spread_us)
        finally:  # who is still parked when the run ends was parked so long
            self.parked_us += clock.now_us() - began_us
            self.history.turned_away(self, stops, began_us, how, until_us=clock.now_us())

    # --- the transactions ---

    async def _perform(self, code: str) -> None:
        if code == tx.INPATIENT_LINES:
            for batch in range(self.uploaded, self.site.uploads_per_stay):
                await self._upload(batch, for_good=False)
            return
        if not self.site.can_say(code, self.visit, self.ports.clock.now_us()):
            return
        if self._number_is_old(code):
            await self._perform(tx.PERSON)
        body = BODIES[code](self.visit, self.visit_id)
        if code in SETTLEMENTS and self.settle_sent_us < 0:
            self.settle_sent_us = self.ports.clock.now_us()
        answered = await self.asker.ask(code, body)
        self._learn(code, answered.reply.body)
        self.done.add(code)

    def _number_is_old(self, code: str) -> bool:
        """Whether the person was given a new number since the hospital last asked who it is."""
        if code == tx.PERSON or self.asker.number:
            return False
        return self.site.renumbered(self.visit, self.ports.clock.now_us())

    def _learn(self, code: str, body: Body | None) -> None:
        match body:
            case VisitOpened(visit=visit):
                self.visit_id = visit
            case Settled() if code in SETTLEMENTS:
                self.visit_id, self.settlement, self.acked = body.visit, body.settlement, True
                self.amounts, self.settled_us = body.amounts, body.settled_us
                self._answered_settlement()
            case _:
                pass

    def _answered_settlement(self) -> None:
        if self.settle_sent_us >= 0:
            self.settle_done_us = self.ports.clock.now_us()

    @property
    def _person(self) -> PersonNo:
        return PersonNo(self.visit.person)

    # --- the endings ---

    def _direct_fate(self) -> Fate:
        if self.parked:
            return Fate.PARKED_THEN_DIRECT
        return Fate.DIRECT_AFTER_RETRY if self.asker.resent or self.clerk_tries else Fate.DIRECT

    def _pay(self, fate: Fate) -> None:
        if fate is not Fate.ABANDONED:
            self.paper_fen = self.visit.total_fen
        self._end(fate)

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
            await self.asker.ask(tx.REVERSE, body, for_good=True)
        except RefusedByRule:
            return False
        return True

    async def _go_by_verdict(self, unknown: Unresolved) -> None:
        """Ask again for the verdict that came to nobody: what may not be reversed stands."""
        try:
            answered = await self.asker.learn(unknown)
        except RefusedByRule as refusal:
            self.refusal = refusal.code
            self._answered_settlement()
            self.leave_desk("refused")
            self._end(Fate.REFUSED)
            return
        self._learn(unknown.code, answered.reply.body)
        self.done.add(unknown.code)
        self.leave_desk("done")
        if self.settlement:
            self._end(self._direct_fate())
        else:
            self._pay(Fate.PAPER_BY_CHOICE)

    async def _undo(self) -> None:
        """Take back what the visit opened on its way, in the order of domain facts §1.4; nobody waits for it."""
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

    def _end(self, fate: Fate) -> None:
        self.fate = fate
        self.ended_us = self.ports.clock.now_us()
        self.asker.stage = Stage.ENDED
        self.history.ended()
