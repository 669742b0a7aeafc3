"""Spans of messages: what took how long at which node, under the trace that the message is in.

What is done in the middle of a message is no more than to keep two instants and a few words; spans wait in a bounded
queue for whoever takes them away (``export``), and what finds no room is counted and dropped. Work that is not in a
chosen message has no span. This module must never wait, and never raise for what a collector does.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from typing import NamedTuple

from reference_impl.telemetry.context import TraceContext, is_chosen, trace_of

__all__ = ["Facts", "Kind", "Span", "Spans", "Told", "current_span"]

Facts = dict[str, str | int | bool]
_SPAN_BITS = 64
_QUEUE_MAX = 4096


class Kind(IntEnum):
    """What a span is of, with the numbers of OTLP."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


class Span:
    """A piece of work that is under way or done; instants are nanoseconds of the machine's own date and time."""

    __slots__ = ("began_ns", "ended_ns", "facts", "failed", "kind", "name", "parent_id", "span_id", "trace_id")

    def __init__(self, name: str, kind: Kind, parent: TraceContext, facts: Facts) -> None:
        """Begin now, as a child of ``parent``'s span, if it names one."""
        self.name = name
        self.kind = kind
        self.trace_id = parent.trace_id
        self.parent_id = parent.span_id
        self.span_id = _DRAWS.getrandbits(_SPAN_BITS) or 1
        self.facts = facts
        self.failed = ""
        """The kind of the exception that ended it."""
        self.began_ns = time.time_ns()
        self.ended_ns = 0

    @property
    def here(self) -> TraceContext:
        """Where its children hang."""
        return TraceContext(self.trace_id, self.span_id)


_DRAWS = random.Random()  # of its own: nobody's seed is for it, and it is for nobody's result
current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)
"""The span that is under way in this task; None where the message is not traced, and beside messages."""


class Told(NamedTuple):
    """How many spans wait in the queue, were taken by whoever keeps them, or dropped: no room, or nobody took them."""

    waiting: int
    taken: int
    dropped: int


class Spans:
    """The spans of one process."""

    __slots__ = ("_share", "_waiting", "_waiting_max", "dropped", "taken")

    def __init__(self, share: float, queue_max: int = _QUEUE_MAX) -> None:
        """Choose a ``share`` of all messages; at most ``queue_max`` spans that are over wait to be taken away."""
        self._share = share
        self._waiting: deque[Span] = deque()
        self._waiting_max = queue_max
        self.taken = 0
        self.dropped = 0

    def heard(self, msgid: str, caller: TraceContext | None, *, trusted: bool) -> TraceContext | None:
        """Return where a message that came belongs; None when it is not traced.

        A ``trusted`` caller, a neighbour, says whether it is; of others only the trace is taken: how many are traced
        is ours to say.
        """
        if trusted and caller is not None:
            return caller if caller.is_sampled else None
        if not is_chosen(msgid, self._share):
            return None
        return TraceContext(trace_of(msgid)) if caller is None else caller

    @contextmanager
    def within(self, name: str, kind: Kind, parent: TraceContext, facts: Facts) -> Generator[Span]:
        """Have a span around what is done meanwhile."""
        span = Span(name, kind, parent, facts)
        token = current_span.set(span)
        try:
            yield span
        except BaseException as error:
            span.failed = type(error).__name__
            raise
        finally:
            current_span.reset(token)
            self._end(span)

    def take(self, most: int) -> list[Span]:
        """Take at most ``most`` spans away, the oldest first; whoever does counts what becomes of them."""
        queue, taken = self._waiting, list[Span]()
        while queue and len(taken) < most:
            taken.append(queue.popleft())
        return taken

    def told(self) -> Told:
        """Return how many there were."""
        return Told(len(self._waiting), self.taken, self.dropped)

    def _end(self, span: Span) -> None:
        span.ended_ns = time.time_ns()
        if len(self._waiting) < self._waiting_max:
            self._waiting.append(span)
        else:
            self.dropped += 1
