"""A province (省): the care side and the insured side of one node, and the cities whose doors it keeps.

A city (pooling area, 统筹区) is a door and a line in the list of hops; one with a relay of its own (``city``) stands
between its institutions and the province, and asks the province for the people it insures. Business of one province
passes both sides without leaving it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from reference_impl.domain.institution import is_filing_platform
from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.regions import city_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.scopes import Side
from reference_impl.domain.sessions import SessionRules
from reference_impl.domain.transactions import FILINGS, SIGNING, TRANSACTIONS
from reference_impl.protocol.answers import NO, answer_known, busy_with, is_known, refused, turned_away, waits_for
from reference_impl.protocol.business_day import BusinessDays
from reference_impl.protocol.care import CareRole, CareRules
from reference_impl.protocol.door import Doors
from reference_impl.protocol.forwarder import STALE_LIMIT, Forwarder
from reference_impl.protocol.insured import InsuredRole, InsuredRules
from reference_impl.protocol.messages import (
    Answer,
    Answered,
    Closed,
    Hop,
    Outcome,
    Overloaded,
    Reply,
    Request,
    Reverse,
    SessionNo,
    SignIn,
    SignOut,
)
from reference_impl.protocol.orders import named_order, order_refusal
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.present import Present
from reference_impl.protocol.queries import QUERIES, answered_from
from reference_impl.protocol.records import Change, Committed, Key, MessageRecord, Ref, VisitRecord
from reference_impl.protocol.references import sender_refusal
from reference_impl.protocol.relay import brought_refusal, said_on
from reference_impl.protocol.restraint import Restraint
from reference_impl.protocol.sessions import Sessions
from reference_impl.protocol.sweeper import DEFAULT_SWEEP, LeftOpen, Parked, SweepRules
from reference_impl.protocol.threshold import Threshold

__all__ = ["Province"]


class Province:
    """Serves hospitals as the place of care, and the hub as the insurer."""

    __slots__ = (
        "_care",
        "_codes_change",
        "_forwarder",
        "_inside",
        "_institutions",
        "_insured",
        "_order_valid_us",
        "_ports",
        "_reference",
        "_relays",
        "_sessions",
        "_sessions_asked",
        "_threshold",
        "_timeout_us",
        "doors",
        "node",
        "numbers",
    )

    def __init__(
        self,
        ports: NodePorts,
        care: CareRules,
        insured: InsuredRules,
        *,
        timeout_us: int,
        reference: Callable[[], str],
        sweep: SweepRules = DEFAULT_SWEEP,
        relays: frozenset[NodeId] = frozenset(),
        sessions: SessionRules | None = None,
    ) -> None:
        """``timeout_us`` is how long the province waits for the hub; ``relays`` are its cities that have their own.

        Without ``sessions`` no desk needs to be signed in.
        """
        self.node = care.node
        self.doors = Doors(care.numbers)
        self._threshold = Threshold()
        self._inside = Present()
        """What is in work and passes no forwarder."""
        self._ports = ports
        self._care = CareRole(care)
        self._institutions = care.institutions
        self._order_valid_us = care.order_valid_us
        self.numbers = care.numbers
        self._codes_change = Numbered.INSTITUTION in self.numbers.kinds
        self._insured = InsuredRole(ports, insured, reference)
        self._timeout_us = timeout_us
        self._relays = relays
        self._reference = reference
        self._sessions = Sessions(sessions, ports.clock.now_us, care.numbers, reference)
        self._sessions_asked = self._sessions.asked
        self._forwarder = Forwarder(ports, self._care, self._send, reference, sweep)

    @property
    def days(self) -> BusinessDays:
        """The business days of its postings."""
        return self._insured.days

    async def handle(self, request: Request) -> Answer:
        """Serve one message from a hospital or from the hub."""
        if request.sender == HUB:
            if self._relays and city_of(request.insured_region) in self._relays:
                return await self._ask_city(request)
            return await (self._insured.serve(request) if self.doors.all_open else self._serve_insured(request))
        if request.sender in self._relays:
            refusal = brought_refusal(request)
            return await self._serve_insured(request) if refusal is None else turned_away(refusal)
        if self._codes_change:
            request = self._from_institution(request)
        stranger = sender_refusal(request, self._institutions, self.numbers)
        if stranger is not None:
            return turned_away(stranger)
        came_us = self._ports.clock.now_us()
        refusal = None if self.doors.all_open else await self._institution_refusal(request)
        if refusal is not None:
            return refusal
        of_session: Answered | None = None
        if self._sessions_asked or request.session or request.code in SIGNING:
            request, of_session = self._under_session(request)
        forwarded = TRANSACTIONS[request.code].forwarded
        answer = of_session or await (self._forwarder.forward(request) if forwarded else self._act(request))
        if isinstance(answer, Answered):
            city = NodeId(city_of(request.care_region))
            if city in self._relays:  # it writes its own line
                return answer
            return Answered(answer.reply, (Hop(city, came_us, self._ports.clock.now_us()), *answer.hops))
        return self._threshold.beside(answer, Key(request.sender, request.msgid))

    def _under_session(self, request: Request) -> tuple[Request, Answered | None]:
        """Return business as it is without its session, and the answer to what goes no further.

        A platform by which people file is no desk: it signs in nowhere.
        """
        body = request.body
        if isinstance(body, SignIn | SignOut):
            return request, self._sessions.signed(request, body)
        if not self._institutions[request.sender].kinds:
            return msgspec.structs.replace(request, session=SessionNo("")), None
        business = self._sessions.taken_off(request)
        return (request, business) if isinstance(business, Answered) else (business, None)

    def _from_institution(self, request: Request) -> Request:
        """Return a message with its sender as the register knows it: one institution has one memory of its keys."""
        sender = NodeId(self.numbers.original(Numbered.INSTITUTION, request.sender))
        return request if sender == request.sender else msgspec.structs.replace(request, sender=sender)

    @property
    def restraint(self) -> Restraint | None:
        """What holds its calls to other nodes back; None where nothing does."""
        return self._ports.restraint

    async def recover(self) -> None:
        """Drive the intents that a crash left open to their end, beside the fresh work."""
        await self._forwarder.recover()

    def parked(self) -> tuple[Parked, ...]:
        """Return the messages that cannot be driven, for an operator to read."""
        return self._forwarder.parked()

    def open_intents(self) -> int:
        """Return how many intents stand in line to be driven again."""
        return self._forwarder.sweeper.open

    def left_open(self) -> LeftOpen:
        """Return what they are."""
        return self._forwarder.sweeper.left_open()

    async def _serve_insured(self, request: Request) -> Answer:
        if not self.doors.all_open:
            key, judged = Key(request.sender, request.msgid), self._refusal(request, Side.INSURED)
            refusal = await self._threshold.crossed(key, judged, self._insured.in_work)
            if refusal is not None:
                return refusal
        answer, threshold = await self._insured.serve(request), self._threshold
        return threshold.beside(answer, Key(request.sender, request.msgid)) if threshold.standing else answer

    async def _ask_city(self, request: Request) -> Answer:
        """Have a message for the people of a city go by its relay, which brings it back to be decided.

        Nothing is written down for that: what the relay and the books behind it hold is all there is of it.
        """
        city, key = NodeId(city_of(request.insured_region)), Key(request.sender, request.msgid)
        if not self.doors.all_open:
            judged = self._refusal(msgspec.structs.replace(request, sender=city), Side.INSURED)
            refusal = await self._threshold.crossed(key, judged, self._inside.__contains__)
            if refusal is not None:
                return refusal
        asked = msgspec.structs.replace(request, sender=self.node)
        self._inside[key] += 1
        try:
            return said_on(await self._ports.peers.call(city, asked, self._timeout_us), request)
        finally:
            self._inside.go(key)

    def _send(self, node: NodeId, request: Request) -> Awaitable[Outcome]:
        if node == self.node:
            return self._insured.serve(request) if self.doors.all_open else self._serve_insured(request)
        return self._ports.peers.call(node, request, self._timeout_us)

    async def _act(self, request: Request) -> Answer:
        """Do what stays in the province: one commit of message, reply and visit; a query writes nothing."""
        if isinstance(request.body, QUERIES):
            over_before_us = self._ports.clock.now_us() - self._order_valid_us
            return await answered_from(self._ports.books, request, self.numbers, self._reference(), over_before_us)
        key = Key(request.sender, request.msgid)
        self._inside[key] += 1
        try:
            for _ in range(STALE_LIMIT):
                view = await self._ports.books.look(key, *self._care.wants(request, None))
                known = answer_known(view.message, request, self._reference)
                if known is not None:
                    return known
                if self._care.held(request, view):
                    return busy_with(waits_for(request, view))
                message = MessageRecord(key, request.code, self._ports.clock.now_us(), request)
                acted = self._care.act(request, view, message.opened_us)
                if isinstance(acted, NO):
                    reply, records = refused(acted, self._reference()), ()
                else:
                    body, records = acted
                    reply = Reply(self._reference(), body)
                change = Change(message=message.answered(reply), insert=True, records=records)
                if isinstance(await self._ports.books.commit(change), Committed):
                    return Answered(reply)
        finally:
            self._inside.go(key)
        return busy_with(request.msgid)

    async def _institution_refusal(self, request: Request) -> Closed | Overloaded | None:
        """Return what the door of care answers; who files on a platform is treated by nobody, and passes it."""
        if is_filing_platform(request.sender) and request.code in FILINGS:
            return None
        key = Key(request.sender, request.msgid)
        return await self._threshold.crossed(key, self._judged(request), self._is_in_work)

    async def _judged(self, request: Request) -> Closed | Overloaded | None:
        return await self._refusal(await self._as_of_pharmacy(request), Side.CARE)

    def _is_in_work(self, key: Key) -> bool:
        return key in self._inside or self._forwarder.in_work(key)

    async def _as_of_pharmacy(self, request: Request) -> Request:
        """Return what is said of an order as its door judges it: of its pharmacy's region, its person and its visit.

        A platform says its own region, a refund nobody's name; what names no order of these books stays as it is.
        """
        key, asked = Key(request.sender, request.msgid), request
        if isinstance(request.body, Reverse) and is_filing_platform(request.sender):
            original = (await self._ports.books.look(Key(request.sender, request.body.original))).message
            asked = request if original is None or original.request is None else original.request
        order = named_order(asked)
        visit = (await self._ports.books.look(key, Ref(VisitRecord, order))).get(VisitRecord) if order else None
        if visit is None or order_refusal(request, visit, self.numbers) is not None:
            return request
        return self._care.as_sold(request, visit)

    async def _refusal(self, request: Request, side: Side) -> Closed | Overloaded | None:
        key = Key(request.sender, request.msgid)
        known = is_known((await self._ports.books.look(key)).message)
        return self.doors.refusal(request, side, self._ports.clock.now_us(), known=known)
