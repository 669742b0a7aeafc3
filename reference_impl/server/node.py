"""One served node: bytes in, bytes out, and between them a bounded queue, workers, and the protocol's role.

The order for a message is that of the simulated world: a worker or a place in the queue, a slow fault's delay, the
role's own steps, the answer. A caller that goes away changes nothing: what was begun goes on to its end. This module
must never decide what is answered, except that there is no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from reference_impl.books.durable import write_whole
from reference_impl.books.final import BooksError
from reference_impl.domain.admission import DROPPED_RETRY_US, Admission, in_vain
from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import HUB, NodeId, care_node, role_of
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.scopes import Business, sides_of
from reference_impl.protocol.answers import turned_away
from reference_impl.protocol.assembly import assemble
from reference_impl.protocol.door import DoorCommand, Doors, DoorState
from reference_impl.protocol.messages import Answer, Answered, Hop, Overloaded
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.province import Province
from reference_impl.protocol.relay import as_carried
from reference_impl.server.closing import ClosedDay
from reference_impl.server.door_orders import refuse_nonsense
from reference_impl.server.faults import NodeFaults
from reference_impl.server.meter import MeteredBooks, MeteredPeers
from reference_impl.server.served import UNHEARD, Served, verdict_of
from reference_impl.server.traced import TracedBooks, TracedNode, TracedPeers, TracedSlot, mark_verdict
from reference_impl.server.uploads import NotedUploads, Uploads, uploads_late
from reference_impl.server.workers import LettingGo, Slot, Workers, current_slot
from reference_impl.telemetry.log import hears_debug, say
from reference_impl.wire.errors import WireError, WireWarning
from reference_impl.wire.old import OldCodec
from reference_impl.wire.peeking import code_in, msgid_in
from reference_impl.wire.speech import HospitalCodec, speech_refusal

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.domain.unheard import Unheard
    from reference_impl.protocol.business_day import BusinessDays
    from reference_impl.protocol.messages import Request
    from reference_impl.protocol.ports import Clock
    from reference_impl.protocol.restraint import Restraint
    from reference_impl.protocol.sweeper import LeftOpen, Parked
    from reference_impl.server.caller import Caller
    from reference_impl.server.config import ServiceConfig
    from reference_impl.server.meter import Meter
    from reference_impl.telemetry.spans import Spans
    from reference_impl.wire.answers import WireAnswer
    from reference_impl.wire.codecs import AnyCodec, Codecs

__all__ = ["OVERLOADED_RETRY_US", "BrokenNode", "ServedNode"]

_T = TypeVar("_T")
OVERLOADED_RETRY_US = 1_000_000
"""What a node without room tells a sender to wait."""
TOO_MUCH_WORK = "too much work; nothing was done"


class ServedNode:
    """A node of the running system."""

    __slots__ = (
        "_admission",
        "_clock",
        "_codecs",
        "_days_file",
        "_dialects",
        "_doors_file",
        "_in_force",
        "_meter",
        "_numbers_file",
        "_relays",
        "_renumberings",
        "_role",
        "_tells",
        "_traced",
        "faults",
        "name",
        "neighbours",
        "served",
        "uploads",
        "workers",
    )

    def __init__(
        self,
        service: ServiceConfig,
        ports: NodePorts,
        *,
        codecs: Codecs,
        beside: Path,
        meter: Meter | None = None,
        spans: Spans | None = None,
        starts: int = 0,
    ) -> None:
        """Build the role on these ports and repeat the commands that a former process obeyed.

        What is obeyed stands in files ``beside`` the books: that is the beginning of their names.
        ``starts`` is how often the node has started on its books before. Without ``spans`` nothing is traced.
        """
        clock = ports.clock
        self.name = service.node.node
        self.neighbours = neighbours_of(service)
        self._relays = relays_of(service)
        self.faults = NodeFaults()
        self.served = Served()
        self.workers = Workers(clock, service.workers, service.queue)
        self._admission = None if service.admission is None else Admission(service.admission)
        self._clock = clock
        self._codecs = codecs
        self._dialects = service.dialects
        self._renumberings = service.node.renumberings
        self._meter = meter
        self._tells = hears_debug()
        self._traced = None if spans is None else TracedNode(spans, self.name)
        self.uploads = Uploads(clock) if uploads_late(service.node) else None
        books, peers = ports.books, ports.peers
        if meter is not None:
            books, peers = MeteredBooks(books), MeteredPeers(peers)
        if self.uploads is not None:
            books = NotedUploads(books, self.uploads)
        if self._traced is not None:
            books, peers = TracedBooks(books, self._traced), TracedPeers(peers, self._traced)
        if not service.hold_while_waiting:
            peers = LettingGo(peers)
        self._role = assemble(service.node, NodePorts(clock, peers, books, ports.tasks, ports.seals), starts=starts)
        self._doors_file = beside.with_name(f"{beside.name}.doors.json")
        self._numbers_file = beside.with_name(f"{beside.name}.numbers.json")
        self._days_file = beside.with_name(f"{beside.name}.days.json")
        for command in _read(self._doors_file, tuple[DoorCommand, ...]) or ():
            self._role.doors.obey(command, clock.now_us())
        self._in_force: dict[str, int | None] = _read(self._numbers_file, dict[str, int | None]) or {}
        for scope, at_us in self._in_force.items():
            self._role.numbers.come_into_force(scope, at_us)
        closed = _read(self._days_file, ClosedDay)
        if closed is not None:
            self.days.close(closed.day, closed.first_open)

    @property
    def days(self) -> BusinessDays:
        """The business days of an insurer.

        Raises:
            LookupError: when the node insures nobody.

        """
        if isinstance(self._role, Province):
            return self._role.days
        raise LookupError(f"node {self.name} is no insurer and closes no day; expected a province")

    async def recover(self) -> None:
        """Start to drive what a crash left open."""
        await self._role.recover()

    async def respond(self, content: bytes, caller: Caller) -> WireAnswer:
        """Return the answer to the request in ``content``."""
        sender, speaker, patience_us, _ = caller
        codec, clock = self._codecs.of(sender, content), self._clock
        came_us = clock.now_us()
        told_us = 0 if self._admission is None else self._early_us(self._admission, content, came_us, patience_us)
        traced = self._traced
        if told_us:
            early = self._turned_away(content, codec, came_us, told_us)
            if traced is None:
                return await early
            return await traced.received(code_in(content), msgid_in(content), caller, early, sender=sender)
        warnings: list[WireWarning] = []
        try:
            request = codec.decode_request(content, NodeId(sender), warnings)
        except WireError as error:
            self.served.count(UNHEARD, "malformed", clock.now_us() - came_us)
            return codec.encode_malformed(error, came_us)
        if not sender:
            request = msgspec.structs.replace(request, sender=request.institution)
        elif sender in self._relays:
            request = as_carried(request)
        if self._meter is not None:
            self._meter.name(role_of(self.name, request.sender), request.code)
        if speaker is not None and speaker != self._role.numbers.original(Numbered.INSTITUTION, request.institution):
            self.served.count(UNHEARD, Refusal.OTHERS_KEY, clock.now_us() - came_us)
            return codec.encode_answer(request, turned_away(Refusal.OTHERS_KEY), came_us)
        work = self._answered(request, codec, came_us, patience_us, warnings)
        if traced is None:
            return await work
        return await traced.received(request.code, request.msgid, caller, work, sender=request.sender)

    def turned_off(self, why: Unheard) -> None:
        """Count a request that the gate did not hear: nothing of it was read, so it is of no transaction."""
        self.served.count(UNHEARD, why, 0)

    async def _answered(
        self, request: Request, codec: AnyCodec, came_us: int, patience_us: int | None, warnings: list[WireWarning]
    ) -> WireAnswer:
        """Return the answer to a request that could be read."""
        answer = self._unheard(request, codec, came_us) or await self._serve(request, patience_us)
        now_us = self._clock.now_us()
        self.served.count(request.code, verdict_of(answer), now_us - came_us)
        self._tell(request.code, request.msgid, answer, now_us - came_us)
        if isinstance(answer, Answered):
            answer = Answered(answer.reply, (Hop(self.name, came_us, now_us), *answer.hops))
        return codec.encode_answer(request, answer, now_us, warnings)

    def _early_us(self, admission: Admission, content: bytes, came_us: int, patience_us: int | None) -> int:
        """Return what a sender is told to wait whose message is turned away before it is read; 0 lets it in."""
        workers = self.workers
        told_us = admission.refusal_us(code_in(content), came_us, patience_us, full=not workers.has_room())
        if told_us:
            workers.arrivals += 1
            workers.refused += 1
        return told_us

    async def _turned_away(self, content: bytes, codec: AnyCodec, came_us: int, told_us: int) -> WireAnswer:
        """Return the answer to a message that was not read; what it says of itself is told and not counted."""
        took_us = self._clock.now_us() - came_us
        self.served.count(UNHEARD, "overloaded", took_us)
        self._tell(code_in(content), msgid_in(content), Overloaded(told_us), took_us)
        return codec.encode_unavailable(TOO_MUCH_WORK, told_us, came_us)

    def _tell(self, code: str, msgid: str, answer: Answer, took_us: int) -> None:
        """Say in log and trace what a message is answered, where anybody wants to know."""
        if self._tells:
            facts = {"transaction": code, "msgid": msgid, "verdict": verdict_of(answer)}
            say("message.served", node=self.name, took_us=took_us, **facts)
        if self._traced is not None:
            mark_verdict(answer, self.faults.state())

    def _unheard(self, request: Request, codec: AnyCodec, came_us: int) -> Answered | None:
        """Return the answer to a hospital that speaks another dialect than its province does now."""
        if not isinstance(codec, HospitalCodec):
            return None
        refusal = speech_refusal(request, self._dialects, came_us, in_old=isinstance(codec, OldCodec))
        return None if refusal is None else turned_away(refusal)

    def obey_door(self, command: DoorCommand) -> None:
        """Move a door, so that a restart finds it as it was left.

        Raises:
            ValueError: when it is nothing that a door can do, or cannot be written down; the door has not moved.

        """
        refuse_nonsense(command, self._codecs.hospitals.clock)
        moved = Doors()
        for each in (*self.doors(), command):
            moved.obey(each)
        try:
            _write(self._doors_file, moved.commands())
        except OSError as error:
            raise ValueError(
                f"cannot write down the doors of node {self.name}: {self._doors_file}: {error}; no door has moved"
            ) from None
        self._role.doors.obey(command)

    def obey_numbers(self, scope: str, at_us: int | None) -> None:
        """Let new numbers come into force at another time than was planned, so that a restart knows it; None is never.

        Raises:
            ValueError: when no numbers change there, or that cannot be written down; nothing has changed.

        """
        if not any(one.scope == scope for one in self._renumberings):
            scopes = ", ".join(sorted({one.scope for one in self._renumberings})) or "none"
            raise ValueError(f"no numbers change in {scope!r}; node {self.name} knows new ones of: {scopes}")
        in_force = self._in_force | {scope: at_us}
        try:
            _write(self._numbers_file, in_force)
        except OSError as error:
            raise ValueError(
                f"cannot write down when numbers change at node {self.name}: {self._numbers_file}: {error}"
            ) from None
        self._in_force = in_force
        self._role.numbers.come_into_force(scope, at_us)

    def close_day(self, closed: ClosedDay) -> int:
        """Close a business day, so that a restart knows it; return how many decisions of it wait for their commit.

        As long as any does, it stays open.

        Raises:
            LookupError: when the node insures nobody.
            ValueError: when the day has not begun, or cannot be written down; it is not closed.

        """
        days = self.days
        today = days.today(self._clock.now_us())
        if closed.day > today:
            raise ValueError(
                f"day {closed.day} of node {self.name} has not begun; expected {today} or an earlier day, for none is "
                "opened again"
            )
        waiting = days.under_way(closed.day)
        if waiting:
            return waiting
        last = _read(self._days_file, ClosedDay)
        if last is None or last.day < closed.day:
            try:
                _write(self._days_file, closed)
            except OSError as error:
                raise ValueError(
                    f"cannot write down the closed day of node {self.name}: {self._days_file}: {error}; day "
                    f"{closed.day} stays open"
                ) from None
        days.close(closed.day, closed.first_open)
        return 0

    @property
    def restraint(self) -> Restraint | None:
        """What holds its calls back; None where nothing does."""
        return self._role.restraint

    def parked(self) -> tuple[Parked, ...]:
        """Return the messages that cannot be driven."""
        return self._role.parked()

    def open_intents(self) -> int:
        """Return how many intents wait to be driven again."""
        return self._role.open_intents()

    def left_open(self) -> LeftOpen:
        """Return what they are."""
        return self._role.left_open()

    def doors(self) -> tuple[DoorCommand, ...]:
        """Return the door commands in force."""
        return self._role.doors.commands()

    def is_shut(self) -> bool:
        """Return whether nothing comes in by any door."""
        closed = {command.door for command in self.doors() if command.state is DoorState.CLOSED}
        return all((side, self.name, Business.ALL) in closed for side in sides_of(self.name, "both"))

    async def _serve(self, request: Request, patience_us: int | None) -> Answer:
        workers, faults = self.workers, self.faults
        workers.arrivals += 1
        if faults.refusing or not workers.has_room():
            workers.refused += 1
            return Overloaded(OVERLOADED_RETRY_US)
        traced = self._traced
        slot = Slot(workers) if traced is None else TracedSlot(workers, traced)
        if self._admission is None or workers.free:
            await slot.take()
        elif not await self._in_time(self._admission, slot, patience_us):
            workers.refused += 1
            return Overloaded(DROPPED_RETRY_US)
        token = current_slot.set(slot)
        try:
            if faults.slow_us:
                await self._clock.sleep_us(faults.slow_us)
            decision = self._role.handle(request)
            return await (decision if traced is None else traced.decided(decision))
        finally:
            current_slot.reset(token)
            slot.give_back()

    async def _in_time(self, admission: Admission, slot: Slot, patience_us: int | None) -> bool:
        """Wait for a worker; return whether the sender still listens then. If not, the worker is given back."""
        came_us = self._clock.now_us()
        admission.queues(came_us)
        try:
            await slot.take()
        finally:
            now_us = self._clock.now_us()
            admission.begins(now_us)
        if in_vain(came_us, now_us, patience_us):
            slot.give_back()
            return False
        return True


class BrokenNode:
    """A node that cannot serve: its callers learn that it did nothing, and why, and the others of its host go on."""

    __slots__ = ("_clock", "_codecs", "name", "neighbours", "reason")

    def __init__(self, service: ServiceConfig, reason: str, *, codecs: Codecs, clock: Clock) -> None:
        """Answer for the node of ``service``, for ``reason``."""
        self.name = service.node.node
        self.neighbours = neighbours_of(service)
        self.reason = reason
        self._codecs = codecs
        self._clock = clock

    async def respond(self, content: bytes, caller: Caller) -> WireAnswer:
        """Return that nothing was done."""
        codec = self._codecs.of(caller.sender, content)
        return codec.encode_unavailable(self.reason, OVERLOADED_RETRY_US, self._clock.now_us())

    def turned_off(self, why: Unheard) -> None:
        """Take in that the gate did not hear a request; nothing is counted here."""


def neighbours_of(service: ServiceConfig) -> frozenset[str]:
    """Return who may send to a node under a name of its own; a hospital is known by its institution."""
    node = service.node
    if node.node == HUB:
        return frozenset(node.provinces)
    return frozenset({care_node(node.node)}) if node.city is not None else relays_of(service) | {HUB}


def relays_of(service: ServiceConfig) -> frozenset[str]:
    """Return the cities that bring a province messages, its institutions' too."""
    province = service.node.province
    return frozenset() if province is None else frozenset(province.relays)


def _read(path: Path, kind: type[_T]) -> _T | None:
    """Return what was written down in a file; None where nothing ever was.

    Raises:
        BooksError: when it says nothing that was ever written; the node then does not serve, and the others do.

    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BooksError(
            f"{path}: {error}; expected what an operator ordered, as the node wrote it down: restore the file"
        ) from None


def _write(path: Path, content: object) -> None:
    """Write down an order that was obeyed, to be found after a power cut too."""
    write_whole(path, msgspec.json.encode(content))
