"""What a traced message does at a node, as spans: received, waiting for a worker, decided, committed, passed on.

The spans of a message hang under the one in which it was received, and that under the caller's. What a node drives
again by itself, after a crash or because nobody asked, hangs under nothing, in the trace that the message's id gives.
Work of a message that is not traced passes through here untouched. Spans name nodes, transactions, ids of messages and
verdicts, and never what a message says.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeVar

from reference_impl.protocol.messages import Unknown, Unreachable
from reference_impl.protocol.records import Committed
from reference_impl.server.served import verdict_of
from reference_impl.server.workers import Slot
from reference_impl.telemetry.context import (
    TRACEPARENT_HEADER,
    TRACERESPONSE_HEADER,
    TraceContext,
    read_traceparent,
    written,
)
from reference_impl.telemetry.spans import Kind, current_span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractContextManager

    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Answer, Outcome, Request
    from reference_impl.protocol.ports import Books, Peers
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View
    from reference_impl.server.caller import Caller
    from reference_impl.server.workers import Workers
    from reference_impl.telemetry.spans import Facts, Span, Spans
    from reference_impl.wire.answers import WireAnswer

__all__ = [
    "TracedBooks",
    "TracedNode",
    "TracedPeers",
    "TracedSlot",
    "heard_in",
    "mark_verdict",
    "outcome_of",
    "traceparent_line",
]

_T = TypeVar("_T")
_HEADER = TRACEPARENT_HEADER.encode("ascii")


class TracedNode:
    """The spans of one node."""

    __slots__ = ("_node", "spans")

    def __init__(self, spans: Spans, node: str) -> None:
        """Keep what happens at ``node`` among the ``spans`` of its process."""
        self.spans = spans
        self._node = node

    async def received(
        self, code: str, msgid: str, caller: Caller, work: Awaitable[WireAnswer], *, sender: str
    ) -> WireAnswer:
        """Do the work of a message that came; its answer says in which span. ``sender`` is who it says sent it."""
        place = self.spans.heard(msgid, caller.span, trusted=bool(caller.sender))
        if place is None:
            return await work
        facts = self._facts_of(code, msgid) | {"yidi.sender": sender}
        with self.spans.within(f"{code} at {self._node}", Kind.SERVER, place, facts) as span:
            answer = await work
        return answer._replace(headers={**answer.headers, TRACERESPONSE_HEADER: written(span.here)})

    async def decided(self, work: Awaitable[_T]) -> _T:
        """Have a span around what the role does with a message, its commits and calls within."""
        span = current_span.get()
        if span is None:
            return await work
        with self.spans.within("decision", Kind.INTERNAL, span.here, self._here()):
            return await work

    def committing(self, change: Change) -> AbstractContextManager[Span | None]:
        """Have a span around a commit."""
        message = change.message
        return self._part("commit", Kind.INTERNAL, message.code, message.key.msgid)

    def calling(self, node: NodeId, request: Request) -> AbstractContextManager[Span | None]:
        """Have a span around a call."""
        return self._part(f"call {node}", Kind.CLIENT, request.code, request.msgid)

    async def queued(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Have a span around the wait for a worker."""
        span = current_span.get()
        if span is None:
            await wait()
            return
        with self.spans.within("queue", Kind.INTERNAL, span.here, self._here()):
            await wait()

    def _facts_of(self, code: str, msgid: str) -> Facts:
        return self._here() | {"yidi.transaction": code, "yidi.msgid": msgid}

    def _here(self) -> Facts:
        return {"yidi.node": self._node}

    def _part(self, name: str, kind: Kind, code: str, msgid: str) -> AbstractContextManager[Span | None]:
        """Have a span under the one that is under way; beside one, work is driven again, if it is among the chosen."""
        span = current_span.get()
        if span is not None:
            return self.spans.within(name, kind, span.here, self._facts_of(code, msgid))
        place = self.spans.heard(msgid, None, trusted=False)
        if place is None:
            return nullcontext()
        return self.spans.within(name, kind, place, self._facts_of(code, msgid) | {"yidi.again": True})


class TracedBooks:
    """Books with a span around each commit."""

    __slots__ = ("_books", "_node")

    def __init__(self, books: Books, node: TracedNode) -> None:
        """Write in ``books``."""
        self._books = books
        self._node = node

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._books.look(key, *refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        with self._node.committing(change) as span:
            result = await self._books.commit(change)
            if span is not None:
                span.facts["yidi.committed"] = isinstance(result, Committed)
            return result

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return await self._books.open_intents()


class TracedPeers:
    """Peers with a span around each call."""

    __slots__ = ("_node", "_peers")

    def __init__(self, peers: Peers, node: TracedNode) -> None:
        """Call through ``peers``."""
        self._peers = peers
        self._node = node

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node``."""
        with self._node.calling(node, request) as span:
            outcome = await self._peers.call(node, request, timeout_us)
            if span is not None:
                span.facts["yidi.outcome"] = outcome_of(outcome)
            return outcome


class TracedSlot(Slot):
    """The worker of a traced message: a span for each wait for it."""

    __slots__ = ("_node",)

    def __init__(self, workers: Workers, node: TracedNode) -> None:
        """Hold nothing yet."""
        super().__init__(workers)
        self._node = node

    async def take(self) -> None:
        """Take a worker, again or for the first time."""
        await self._node.queued(super().take)


def outcome_of(outcome: Outcome) -> str:
    """Return what a caller learned: a verdict's kind, or that there was none."""
    match outcome:
        case Unknown():
            return "unknown"
        case Unreachable():
            return "unreachable"
        case _:
            return verdict_of(outcome)


def mark_verdict(answer: Answer, fault: str) -> None:
    """Say on the span under way what a message is answered, and from which ``fault`` its node suffers."""
    span = current_span.get()
    if span is not None:
        span.facts["yidi.verdict"] = verdict_of(answer)
        span.facts["yidi.fault"] = fault


def heard_in(headers: Sequence[tuple[bytes, bytes]]) -> TraceContext | None:
    """Return the trace that the headers of a request name; None for none, or more than one."""
    said = [value for name, value in headers if name == _HEADER]
    return read_traceparent(said[0]) if len(said) == 1 else None


def traceparent_line() -> str:
    """Return the header line that names the span under way; nothing where there is none."""
    span = current_span.get()
    return "" if span is None else f"{TRACEPARENT_HEADER}: {written(span.here)}\r\n"
