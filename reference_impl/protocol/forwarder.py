"""How a node that passes a message on stays honest: a durable intent, the call, the outcome with the reply.

The care province, the hub and a city's relay are forwarders. What they write beside the message, and where they send
the message, is theirs to say (``ForwardingPolicy``); when a message is fresh, busy, replayed or withdrawn is said here,
once.

The intent's fates: an answer closes it with its reply; an unknown leaves it open and is answered *busy*, so that the
sender asks again with the same key; a node that surely did not act (closed, full, unreachable) withdraws it, for no
restart may drive what the hospital has meanwhile given up. Once an attempt was unknown it can no longer be withdrawn.
A 2601 marks its original with its intent, and lifts the mark with its outcome when it is refused; until then the
original is busy.
What a step saw before its intent still holds when the answer comes, unless a 2601 was in work meanwhile (``leases``):
so the answer's step looks again only where something may have crossed it.
What stays open is swept (``sweeper``); what raises while it is driven is parked there, and never anybody's verdict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, assert_never

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.failures import FailedRunError
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.answers import (
    NO,
    Refused,
    answer_known,
    believed,
    busy_with,
    refused,
    waits_for,
)
from reference_impl.protocol.leases import Leases
from reference_impl.protocol.messages import (
    Answer,
    Answered,
    Busy,
    Closed,
    Hop,
    MessageId,
    Outcome,
    Overloaded,
    Reply,
    Request,
    Reverse,
    Unknown,
    Unreachable,
)
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.records import (
    Change,
    Committed,
    Key,
    MessageRecord,
    Record,
    Ref,
    View,
)
from reference_impl.protocol.restraint import Held, LetGo, Restraint
from reference_impl.protocol.sweeper import Parked, Sweeper, SweepRules

__all__ = ["STALE_LIMIT", "UNREACHABLE_RETRY_US", "Forwarder", "ForwardingPolicy", "Prepared"]

STALE_LIMIT = 8
"""How often a step may be decided again because somebody else moved first; then the sender is told busy."""
UNREACHABLE_RETRY_US = 1_000_000


class ForwardingPolicy(Protocol):
    """What a forwarding node decides about a message; everything here is pure."""

    def wants(self, request: Request, original: MessageRecord | None) -> tuple[Ref, ...]:
        """Return the records the message is about, where the node keeps some; a 2601 is about its original's."""
        ...

    def held(self, request: Request, view: View) -> bool:
        """Return whether another message is deciding about the visit, so that this one must wait."""
        ...

    def released(self, request: Request, view: View) -> tuple[Record, ...]:
        """Return what the message held, let go, when it turns out not to have been served."""
        ...

    def prepare(
        self, request: Request, view: View, original: MessageRecord | None, opened_us: int
    ) -> Prepared | Refusal | Refused:
        """Return what to write with the intent and what to send on, or why not."""
        ...

    def finish(
        self, request: Request, reply: Reply, view: View, original: MessageRecord | None
    ) -> tuple[Reply, tuple[Record, ...]]:
        """Return the reply to store and give, and the records as they stand after it."""
        ...


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A message ready to go on. ``records`` are written with the intent, ``tombstone`` marks the original of a 2601."""

    downstream: Request
    next_node: NodeId
    records: tuple[Record, ...] = ()
    tombstone: MessageRecord | None = None


Send = Callable[[NodeId, Request], Awaitable[Outcome]]
_Tried = tuple[Answer, bool]
"""What to answer, and whether the intent is over: closed with a reply, or withdrawn."""


class Forwarder:
    """Carries messages from the neighbour upstream to the neighbour downstream."""

    __slots__ = ("_leases", "_policy", "_ports", "_reference", "_restraint", "_send", "sweeper")

    def __init__(
        self,
        ports: NodePorts,
        policy: ForwardingPolicy,
        send: Send,
        reference: Callable[[], str],
        sweep: SweepRules,
    ) -> None:
        """``send`` reaches the next node with this node's timeout; ``reference`` makes a fresh message reference."""
        self._ports = ports
        self._policy = policy
        self._send = send
        self._reference = reference
        self._leases = Leases()
        self._restraint = ports.restraint
        self.sweeper = Sweeper(ports, sweep, self._drive)

    async def forward(self, request: Request) -> Answer:
        """Take ``request`` to its verdict, or say what the sender may do instead."""
        key = Key(request.sender, request.msgid)
        if not self._leases.take(key, request):
            return busy_with(request.msgid)
        try:
            return await self._take(key, request)
        finally:
            self._leases.give_back(key)

    def in_work(self, key: Key) -> bool:
        """Return whether a message is in work at this moment."""
        return key in self._leases

    async def recover(self) -> None:
        """Have the intents that a crash left open driven to their end, beside the fresh work."""
        self.sweeper.recover(await self._ports.books.open_intents())

    def parked(self) -> tuple[Parked, ...]:
        """Return the messages that cannot be driven."""
        return tuple(self.sweeper.parked.values())

    async def _drive(self, message: MessageRecord) -> bool:
        """Try once to end an open intent; return whether it is over. What another is at this moment at, is not."""
        key, request = message.key, message.request
        assert request is not None  # a tombstone is never driven
        if not self._leases.take(key, request):
            return False
        try:
            answer, over = await self._go_on(message, request)
        except FailedRunError as error:  # our own books fail, not the message: its turn comes again
            self._ports.tasks.report(error)
            return False
        except Exception as error:  # noqa: BLE001 - the last line: one message never stops the others
            self._park(message, error)
            return False
        else:
            if over:
                self._over(message, answer)
            return over
        finally:
            self._leases.give_back(key)

    async def _take(self, key: Key, request: Request) -> Answer:
        for _ in range(STALE_LIMIT):
            view, original = await self._look(key, request)
            known = answer_known(view.message, request, self._reference)
            if known is not None:
                if isinstance(known, Busy) and view.message is not None:
                    return await self._for_sender(view.message, self._go_on(view.message, request))
                return await self._unless_undecided(view.message, known)
            if self._policy.held(request, view):
                return busy_with(waits_for(request, view))
            message = MessageRecord(key, request.code, self._ports.clock.now_us(), request)
            prepared = self._policy.prepare(request, view, original, message.opened_us)
            if isinstance(prepared, NO):
                reply = refused(prepared, self._reference())
                change = Change(message=message.answered(reply), insert=True)
                if isinstance(await self._ports.books.commit(change), Committed):
                    return Answered(reply)
                continue
            let_go = None if self._restraint is None else self._ask(self._restraint, prepared, again=False)
            if isinstance(let_go, Held):
                return Overloaded(let_go.wait_us)
            change = Change(message=message, insert=True, records=prepared.records, tombstone=prepared.tombstone)
            try:
                if isinstance(await self._ports.books.commit(change), Committed):
                    seen = View(message, (*prepared.records, *view.records))  # of two of a kind the first is found
                    return await self._for_sender(message, self._call(message, prepared, let_go, fresh=seen))
            finally:
                if let_go is not None:
                    let_go.end()
        return busy_with(request.msgid)

    def _ask(self, restraint: Restraint, prepared: Prepared, *, again: bool) -> LetGo | Held | None:
        """Let a message go on, or hold it back; None when it stays in the node."""
        if prepared.next_node == restraint.home:
            return None
        return restraint.ask(prepared.downstream, again=again)

    async def _for_sender(self, message: MessageRecord, work: Awaitable[_Tried]) -> Answer:
        """Work on an intent that its sender asks about; what stays open is swept once nobody asks any more."""
        try:
            answer, over = await work
        except FailedRunError:
            self.sweeper.touched(message)
            raise
        except Exception as error:  # noqa: BLE001 - the last line: one message never stops the others
            self._park(message, error)
            return busy_with(message.key.msgid)
        if over:
            self._over(message, answer)
        else:
            self.sweeper.touched(message)
        return answer

    def _park(self, message: MessageRecord, error: Exception) -> None:
        """Park a message whose driving raises; when our own books fail, the message is not to blame, and is not."""
        self._ports.tasks.report(error)
        self.sweeper.park(message, error)

    def _over(self, message: MessageRecord, answer: Answer) -> None:
        """Take what has its outcome out of the line, and with a reversal what it reversed; a refused one did not."""
        self.sweeper.over(message.key)
        body = None if message.request is None else message.request.body
        if isinstance(body, Reverse) and not (isinstance(answer, Answered) and answer.reply.refusal):
            self.sweeper.over(Key(message.key.sender, body.original))

    async def _go_on(self, message: MessageRecord, request: Request) -> _Tried:
        """Send an intent again whose outcome is not known: the same key downstream, so it is safe."""
        view, original = await self._look(message.key, request)
        known = answer_known(view.message, request, self._reference)
        if isinstance(known, Answered):
            answer = await self._unless_undecided(view.message, known)
            return answer, isinstance(answer, Answered)  # answered or reversed since the intent was read
        prepared = self._policy.prepare(request, view, original, message.opened_us)
        if isinstance(prepared, NO):
            # The visit moved on since the intent (a reversal went ahead): ask downstream for the verdict no more.
            return await self._close(message, refused(prepared, self._reference()), ())
        let_go = None if self._restraint is None else self._ask(self._restraint, prepared, again=True)
        if isinstance(let_go, Held):
            return Busy(let_go.wait_us, message.key.msgid), False
        try:
            return await self._call(message, prepared, let_go, fresh=None)
        finally:
            if let_go is not None:
                let_go.end()

    async def _call(
        self, message: MessageRecord, prepared: Prepared, let_go: LetGo | None, *, fresh: View | None
    ) -> _Tried:
        """Ask the next node; ``fresh`` is what is known with an intent that was written just now."""
        downstream = prepared.downstream
        outcome = believed(await self._send(prepared.next_node, downstream), downstream.code)
        if let_go is not None:
            let_go.end(outcome)
        if isinstance(outcome, Answered):
            return await self._close(message, outcome.reply, outcome.hops, fresh)
        match outcome:
            case Unknown() | Busy():
                return busy_with(message.key.msgid), False
            case Closed() | Overloaded():
                return await self._not_served(message, prepared, outcome, fresh=fresh is not None)
            case Unreachable():
                away = Overloaded(UNREACHABLE_RETRY_US)
                return await self._not_served(message, prepared, away, fresh=fresh is not None)
            case _:
                assert_never(outcome)

    async def _not_served(
        self, message: MessageRecord, prepared: Prepared, refusal: Closed | Overloaded, *, fresh: bool
    ) -> _Tried:
        if prepared.tombstone is not None:
            return refusal, False  # the mark of a reversal stands, so its intent must: it is driven until it is through
        if fresh and not refusal.msgid and await self._withdraw(message):
            return refusal, True
        return busy_with(message.key.msgid), False

    async def _close(
        self, message: MessageRecord, reply: Reply, hops: tuple[Hop, ...], fresh: View | None = None
    ) -> _Tried:
        request = message.request
        assert request is not None  # a tombstone is never driven
        for _ in range(STALE_LIMIT):
            if fresh is not None and self._leases.still_holds(message.key, request):
                view, original, fresh = fresh, None, None
            else:
                view, original = await self._look(message.key, request)
            given, records = self._policy.finish(request, reply, view, original)
            if view.message is not None and view.message.reversed_by is not None:
                reversal = await self._verdict_on(view.message)
                if reversal is None:
                    return busy_with(view.message.reversed_by), False  # whether it counts is being asked
                if reversal.refusal:
                    continue  # the mark is lifted by now
                # A late yes: the reversal has already said what becomes of the visit, and what the answer is (G4).
                given, records = refused(Refusal.REVERSED, view.message.reversed_by), ()
            lifted = _lifted(request, reply)
            change = Change(message=message.answered(given), insert=False, lifted=lifted, records=records)
            if isinstance(await self._ports.books.commit(change), Committed):
                if lifted is not None:
                    self._reopened(original, request.msgid)
                return Answered(given, hops), True
        return busy_with(message.key.msgid), False

    async def _withdraw(self, message: MessageRecord) -> bool:
        """Return whether the intent is withdrawn: while it stands a restart drives it, and nobody may be sent away."""
        request = message.request
        assert request is not None  # a tombstone is never driven
        for _ in range(STALE_LIMIT):
            view, _original = await self._look(message.key, request)
            records = self._policy.released(request, view)
            change = Change(message=msgspec.structs.replace(message, withdrawn=True), insert=False, records=records)
            if isinstance(await self._ports.books.commit(change), Committed):
                return True
        return False

    async def _verdict_on(self, marked: MessageRecord) -> Reply | None:
        """Return what became of the reversal that marked a message, or None while nobody knows."""
        assert marked.reversed_by is not None
        reversal = (await self._ports.books.look(Key(marked.key.sender, marked.reversed_by))).message
        return None if reversal is None else reversal.reply

    async def _unless_undecided(self, message: MessageRecord | None, known: Answer) -> Answer:
        """Return ``known``, unless it rests on a mark that may yet be lifted, or has been since it was seen."""
        if message is None or message.reply is not None or message.reversed_by is None:
            return known
        reversal = await self._verdict_on(message)
        stands = reversal is not None and not reversal.refusal
        return known if stands else busy_with(message.reversed_by)

    def _reopened(self, original: MessageRecord | None, by: MessageId) -> None:
        """Have a message driven on whose reversal was refused, should nobody ask about it."""
        if original is None or original.request is None or original.reply is not None or original.withdrawn:
            return
        if original.reversed_by == by:
            self.sweeper.touched(msgspec.structs.replace(original, reversed_by=None))

    async def _look(self, key: Key, request: Request) -> tuple[View, MessageRecord | None]:
        books, body, original = self._ports.books, request.body, None
        if isinstance(body, Reverse):
            original = (await books.look(Key(request.sender, body.original))).message
        return await books.look(key, *self._policy.wants(request, original)), original


def _lifted(request: Request, reply: Reply) -> Key | None:
    """Return the original that a refused 2601 marked: nothing was undone, so the mark goes with the refusal."""
    body = request.body
    return Key(request.sender, body.original) if isinstance(body, Reverse) and reply.refusal else None
