"""What the hospitals saw: every attempt, every visit's end, and what is in flight at any instant.

Filled by the same journeys in both worlds, it turns typed outcomes into the flat rows of the run record
(``scenarios.record.recorder``). It must never say whether something was lost or doubled: that is the checker's to find.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec

from reference_impl.domain.institution import filing_platform, is_filing_platform
from reference_impl.domain.nodes import HUB, care_node, insured_node, is_city
from reference_impl.domain.regions import CITY_DIGITS, is_cross_province
from reference_impl.domain.scopes import Business
from reference_impl.domain.sessions import SESSION_REFUSALS
from reference_impl.domain.transactions import FILINGS
from reference_impl.hospital.pulse import Pulse, Seen
from reference_impl.hospital.site import concerns
from reference_impl.hospital.standing import Claim, claim_of, is_by_phone, is_filing, stage_of
from reference_impl.protocol.ids import Stamps, message_id
from reference_impl.protocol.messages import (
    Answered,
    Busy,
    Closed,
    Hop,
    MessageId,
    Outcome,
    Overloaded,
    Reply,
    Request,
    Settled,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.restraint import HeldBy
from scenarios.record.fates import PAPER_FATES, Fate, How, Stage
from scenarios.record.outcomes import HELD_BY_BREAKER, HELD_BY_BUDGET
from scenarios.record.recorder import (
    ContactRow,
    IdentificationRow,
    InflightRow,
    MessageRow,
    MidStayRow,
    Recorder,
    TurnedAwayRow,
    VisitRow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reference_impl.hospital.visit_state import VisitState
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Cutover
    from scenarios.schema.course import Course

__all__ = ["History", "reply_crc"]

_OUTCOMES: dict[type[Outcome], str] = {
    Busy: "busy",
    Closed: "closed",
    Overloaded: "overloaded",
    Unreachable: "unreachable",
    Unknown: "unknown",
}
_SEQUENCES = 10_000
"""Message ids of one sender within a second."""
_BEFORE_THE_RUN = -1_000
"""The step of what was filed long before: no other message of a platform is of that time."""
_OF_A_MESSAGE = (Stage.IN_TRANSIT, Stage.UNKNOWN, Stage.REVERSAL_PENDING)
"""Where a message of a visit is what is in flight."""
_encode = msgspec.msgpack.Encoder().encode


def reply_crc(reply: Reply) -> int:
    """Return a checksum of a verdict's content: the same for the same bytes, in both worlds (law 5)."""
    return crc32(_encode(reply))


class History:
    """The hospitals' history of one run."""

    def __init__(self, recorder: Recorder, stamps: Stamps) -> None:
        """Write rows to ``recorder``; ``stamps`` tells business time for the message ids."""
        self._recorder = recorder
        self._stamps = stamps
        self._live: dict[int, VisitState | int] = {}
        """Visits under way; of one that rests, the place that it is woken by."""
        self._woken: Callable[[int], VisitState] | None = None
        self._claims: dict[int, Claim] = {}
        self._pulses: list[Pulse] = []
        self.ended_count = 0

    # --- what the journeys tell ---

    def message_id(self, visit: PlannedVisit, step: int) -> MessageId:
        """Return the id of a visit's message: from the plan alone, so that both worlds lose the same messages.

        One second a step keeps the steps of a visit apart, the visit's number at its hospital keeps visits apart.
        """
        return message_id(visit.hospital.code, self._stamps.second(visit.planned_s + step), visit.ordinal)

    def platform_id(self, platform: str, visit: PlannedVisit, step: int) -> MessageId:
        """Return the id of what a patient does from the phone: the visit's number in it keeps visits apart.

        Many visits have one platform, so neither the hospital's count of visits nor their time would.
        """
        seconds, sequence = divmod(visit.visit, _SEQUENCES)
        return message_id(platform, self._stamps.second(step * _SEQUENCES + seconds), sequence)

    def filed_before(self, visit: PlannedVisit) -> MessageId:
        """Return the id of the message that filed, before the run, what the visit's patient is going to withdraw."""
        return self.platform_id(filing_platform(insured_node(visit.insured_region)).code, visit, _BEFORE_THE_RUN)

    def began(self, journey: VisitState) -> None:
        """Note that a visit is under way."""
        self._live[journey.visit.visit] = journey

    reopened = began

    def rests(self, visit: int, place: int, woken: Callable[[int], VisitState]) -> None:
        """Note that a visit only lies; ``woken`` gives the journey at a place back, and is the same for every visit."""
        self._live[visit] = place
        self._woken = woken

    def attempt(
        self, visit: int, step: int, attempt: int, request: Request, sent_us: int, outcome: Outcome, *, now_us: int
    ) -> None:
        """Note one attempt and what came of it."""
        for pulse in self._pulses:
            filing = request.code in FILINGS
            by_phone = filing and is_filing_platform(request.sender)
            if concerns(pulse.plan, request, filing=filing, by_phone=by_phone):
                pulse.take(sent_us, outcome, now_us=now_us)
        if isinstance(outcome, Answered):
            reply = outcome.reply
            unserved = "unsigned" if reply.refusal in SESSION_REFUSALS else "refused"
            said = unserved if reply.refusal else "ok"
            refusal, crc, hops = reply.refusal, reply_crc(reply), _by_role(request, outcome.hops)
        else:
            why = outcome.why if isinstance(outcome, Unknown) else ""
            said, refusal, crc, hops = _OUTCOMES[type(outcome)], why, None, _NO_HOPS
        seen = (visit, step, request.code, request.msgid, attempt, sent_us, now_us, said, refusal, crc, *hops)
        self._recorder.attempt(MessageRow._make(seen))

    def held_back(self, visit: int, step: int, attempt: int, request: Request, by: HeldBy, *, now_us: int) -> None:
        """Note a try that the hospital did not make, and by what it was held back."""
        said = HELD_BY_BUDGET if by is HeldBy.BUDGET else HELD_BY_BREAKER
        seen = (visit, step, request.code, request.msgid, attempt, now_us, now_us, said, "", None, *_NO_HOPS)
        self._recorder.attempt(MessageRow._make(seen))

    def contact(self, journey: VisitState, outcome: str) -> None:
        """Note one attendance at a desk and how it ended; an open one has no end."""
        done_us = None if outcome == "open" else journey.ports.clock.now_us()
        row = ContactRow(journey.visit.visit, journey.contacts, journey.contact_intended_us, done_us, outcome)
        self._recorder.contact(row)

    def identification(self, journey: VisitState, step: int, means: str, outcome: str, desk_us: int) -> None:
        """Note what a patient showed at a desk, or that they did not, and what of the bill they pay alone for it."""
        identity, visit = journey.site.identity, journey.visit
        assert identity is not None  # nobody is asked otherwise
        guided = means != "" and not journey.lying and not identity.shows_at_once(visit)
        self_paid_fen = 0
        if outcome == "not_shown" and (journey.lying or visit.kind != "inpatient"):
            self_paid_fen = visit.total_fen
        elif outcome == "accepted" and journey.lying:
            self_paid_fen = identity.extra_fen(visit, journey.site.uploads_per_stay)
        row = IdentificationRow(
            visit.visit,
            journey.contacts,
            step,
            journey.ports.clock.now_us(),
            means,
            outcome,
            guided,
            desk_us,
            self_paid_fen,
        )
        self._recorder.identification(row)

    def turned_away(
        self, journey: VisitState, stops: tuple[Course, ...], at_us: int, how: How, *, until_us: int | None
    ) -> None:
        """Note that planned stops held a visit up, how, and until when; there is none where an operator did."""
        for plan in [stop.plan.name for stop in stops] or [""]:
            self._recorder.turned_away(TurnedAwayRow(journey.visit.visit, plan, at_us, until_us, how.value))

    def mid_stay(self, journey: VisitState, settled: Settled) -> None:
        """Note that a stay was settled as far as it had come."""
        amounts = settled.amounts
        row = MidStayRow(
            journey.visit.visit,
            journey.ports.clock.now_us(),
            settled.hospital_settlement,
            settled.visit,
            settled.settlement,
            amounts.total_fen,
            amounts.fund_fen,
            amounts.cash_fen,
            amounts.account_fen,
            amounts.hospital_part_fen,
            amounts.deductible_fen,
            settled.settled_us,
        )
        self._recorder.mid_stay(row)

    def ended(self) -> None:
        """Count a visit that has its fate; what it opened may still be being undone."""
        self.ended_count += 1

    def left(self, journey: VisitState) -> None:
        """Write a visit down: nothing of it is under way any more."""
        self._live.pop(journey.visit.visit, None)
        journey.leave_desk("open")
        self._write(journey)
        claim = claim_of(journey)
        if claim is not None:
            self._claims[claim.visit] = claim

    # --- what the run asks ---

    @property
    def live_count(self) -> int:
        """How many visits are under way."""
        return len(self._live)

    def watch(self, plan: Cutover, over_us: int) -> Pulse:
        """Begin to keep what the plan's business meets, for ``seen``."""
        pulse = Pulse(plan, over_us)
        self._pulses.append(pulse)
        return pulse

    def seen(self, pulse: Pulse, now_us: int) -> Seen:
        """Return what the business of a watched plan has lately met."""
        came_us = [
            live.came_us
            for live in self._live.values()
            if not isinstance(live, int) and live.came_us >= 0 and _is_on_its_way(live, pulse.plan)
        ]
        return pulse.look(now_us, now_us - min(came_us, default=now_us))

    def unwatch(self, pulse: Pulse) -> None:
        """Keep it no longer."""
        self._pulses.remove(pulse)

    def snapshot(self, name: str, now_us: int, plan: Cutover) -> tuple[tuple[str, int], ...]:
        """List every piece of business under way on the stop's path, and return how many stand at each stage."""
        stages: Counter[str] = Counter()
        for row in (*self._under_way(name, now_us, plan), *self._claimed(name, now_us, plan)):
            stages[row.stage] += 1
            self._recorder.inflight(row)
        return tuple(sorted(stages.items()))

    def _under_way(self, name: str, now_us: int, plan: Cutover) -> Iterator[InflightRow]:
        for journey in map(self._journey, self._live.values()):
            visit, stage = journey.visit, stage_of(journey)
            if not _is_on_its_way(journey, plan):
                continue
            asked = journey.speaking.asked if stage in _OF_A_MESSAGE else None
            yield InflightRow(
                name,
                now_us,
                visit.visit,
                stage.value,
                visit.kind,
                visit.care_region,
                visit.insured_region,
                journey.advance_fen,
                plan=plan.name,
                code=None if asked is None else asked.code,
                msgid=None if asked is None else asked.msgid,
            )

    def _claimed(self, name: str, now_us: int, plan: Cutover) -> Iterator[InflightRow]:
        for claim in self._claims.values():
            by_phone = claim.by_phone and plan.business is Business.FILING
            if concerns(plan, claim, filing=claim.filing, by_phone=by_phone):
                yield InflightRow(
                    name,
                    now_us,
                    claim.visit,
                    Stage.MANUAL_CLAIM.value,
                    claim.kind,
                    claim.care_region,
                    claim.insured_region,
                    claim.advance_fen,
                    plan=plan.name,
                )

    def close(self) -> None:
        """Write down what is still under way when the run ends: a fate already known stands, the rest is open."""
        for live in list(self._live.values()):
            self.left(self._journey(live))

    def _journey(self, live: VisitState | int) -> VisitState:
        if not isinstance(live, int):
            return live
        assert self._woken is not None  # whoever rests has said who wakes it
        return self._woken(live)

    def _write(self, journey: VisitState) -> None:
        visit, asker, money = journey.visit, journey.asker, journey.money
        answered = journey.settle_sent_us >= 0 and journey.settle_done_us >= journey.settle_sent_us
        settled = answered and journey.fate is not Fate.OPEN_AT_END
        row = VisitRow(
            visit.visit,
            visit.kind,
            visit.hospital.code,
            visit.care_region,
            visit.insured_region,
            visit.person,
            visit.arrival_us,
            _happened(journey.started_us),
            journey.desk_wait_us,
            _happened(journey.settle_sent_us),
            _happened(journey.settle_done_us),
            journey.settle_done_us - journey.settle_sent_us if settled else None,
            journey.fate.value,
            journey.refusal,
            journey.settlement,
            journey.visit_id,
            visit.total_fen,
            money.fund_fen,
            money.cash_fen,
            money.account_fen,
            money.hospital_part_fen,
            _happened(journey.settled_us),
            journey.acked,
            asker.sent,
            journey.paper_fen if journey.fate in PAPER_FATES else 0,
            journey.parked_us,
            _happened(journey.ended_us),
            not is_cross_province(visit.care_region, visit.insured_region),
            visit.open_at_start,
        )
        self._recorder.visit(row)


def _is_on_its_way(journey: VisitState, plan: Cutover) -> bool:
    """Return whether a plan is on the way of a visit, or, if it stops no more than that, of its filing."""
    by_phone = plan.business is Business.FILING and is_by_phone(journey)
    return concerns(plan, journey.visit, filing=is_filing(journey), by_phone=by_phone)


_NO_HOPS: tuple[int | None, ...] = (None,) * 8


def _by_role(request: Request, hops: tuple[Hop, ...]) -> tuple[int | None, ...]:
    """Return (city, care, hub, insured) x (in, out) of the hops on the way.

    Of an insurer that asks its city's relay and is asked by it, the outer one counts: the city is within.
    """
    times: list[int | None] = [None] * 8
    care, city = care_node(request.care_region), request.care_region[:CITY_DIGITS]
    for hop in hops:
        node = hop.node
        if node == care:
            place = 2
        elif node == HUB:
            place = 4
        elif node == city:
            place = 0
        elif times[6] is not None or is_city(node):
            continue
        else:
            place = 6
        times[place], times[place + 1] = hop.in_us, hop.out_us
    return tuple(times)


def _happened(time_us: int) -> int | None:
    return None if time_us < 0 else time_us
