"""The hospitals' ``Peers`` port: the wire's codec over kept connections, each call reported to Locust.

What comes of a call is the same as at the servers' own client: a verdict or a system answer, *unreachable* when nobody
listened, *unknown* when no whole answer came in time. Locust hears of every call, timed from the moment it was
meant to be sent, so that its own statistics hide neither the system's stalls nor the generator's.
"""

from __future__ import annotations

from typing import Any, Protocol

from gevent.event import Event
from gevent.ssl import SSLContext

from loadtest.connections import (
    Connections,
    HttpAnswer,
    NoAnswerError,
    NobodyListensError,
    NothingLeftError,
    Secured,
)
from loadtest.gevent_ports import GeventClock, take_lateness
from loadtest.guard import Guard
from loadtest.inputs import Address, SystemFile
from loadtest.own_time import OwnTime
from loadtest.secured import secured_for
from loadtest.tracing import Tracing
from loadtest.written import METHOD, Writer
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Answered, Outcome, Request, Unknown, Unreachable
from reference_impl.server.traced import outcome_of
from reference_impl.trust.holder import Holder
from reference_impl.wire.errors import WireError
from reference_impl.wire.speech import Speech
from reference_impl.wire.unheard import said_unheard

_US_PER_S = 1_000_000
_US_PER_MS = 1_000


class RequestEvent(Protocol):
    """Locust's ``events.request``."""

    def fire(self, **facts: Any) -> None:
        """Tell every listener."""
        ...


class NotAnsweredError(Exception):
    """Why a call counts as failed in Locust's statistics; never raised."""


class GeventPeers:
    """The provinces, as hospitals reach them."""

    def __init__(
        self,
        system: SystemFile,
        speech: Speech,
        clock: GeventClock,
        events: RequestEvent,
        holder: Holder | None = None,
        tracing: Tracing | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Reach ``system``; ``holder`` signs for its hospitals, where they sign, and ``tracing`` keeps their spans.

        ``guard`` ends a run that may not go on; None where the system is our own.
        """
        self._guard = guard
        self._tracing = tracing
        self._writer = Writer(system, speech, holder)
        self._clock = clock
        self._events = events
        self.own_failures = 0
        """Calls that never left this process, for want of a descriptor or a port: they say nothing of the system."""
        self.own_time = OwnTime()
        self._lanes: dict[tuple[str, int, str], Connections] = {}
        self._tls, self._names = secured_for(system, SSLContext)

    @property
    def in_use(self) -> int:
        """Connections that carry a call now."""
        return sum(lane.in_use for lane in self._lanes.values())

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node`` and return what came of it."""
        late_us = take_lateness()
        entered_us = self._clock.now_us()
        if self._guard is not None and not self._guard.admits(entered_us):
            Event().wait()  # the run is over: whoever waits is ended with it, and nothing more is sent
        outcome, size = self._traced(node, request, timeout_us, entered_us)
        if self._guard is not None:
            self._guard.came(outcome)
        took_us = self._clock.now_us() - entered_us + late_us
        self._events.fire(
            request_type=METHOD,
            name=request.code,
            response_time=took_us / _US_PER_MS,
            response_length=size,
            exception=None if isinstance(outcome, Answered) else NotAnsweredError(type(outcome).__name__.lower()),
            context={},
        )
        return outcome

    def close(self) -> None:
        """Close every kept connection."""
        for lane in self._lanes.values():
            lane.close()

    def _traced(self, node: NodeId, request: Request, timeout_us: int, entered_us: int) -> tuple[Outcome, int]:
        """Exchange a message, within a span if it is traced."""
        if self._tracing is None:
            return self._exchange(node, request, timeout_us, entered_us)
        with self._tracing.calling(node, request) as span:
            outcome, size = self._exchange(node, request, timeout_us, entered_us)
            if span is not None:
                span.facts["yidi.outcome"] = outcome_of(outcome)
            return outcome, size

    def _exchange(self, node: NodeId, request: Request, timeout_us: int, entered_us: int) -> tuple[Outcome, int]:
        entered_ns = self.own_time.begin()
        writer = self._writer
        written = writer.written(node, request, now_us=entered_us, patience_us=timeout_us)
        lane = self._lane(written.destination.address, node)
        try:
            answer = self._carry(lane, written.content, timeout_us / _US_PER_S, timed=entered_ns > 0)
            if not writer.believes(written, answer.status, answer.headers, answer.content):
                return Unknown(self._clock.now_us() - entered_us, said_unheard(answer.status, answer.content)), len(
                    answer.content
                )
            outcome = writer.read(written, answer.status, answer.headers, answer.content)
            self.own_time.keep(entered_ns, answer)
        except NothingLeftError:
            self.own_failures += 1
            return Unreachable(), 0  # surely without effect; the run is invalid
        except NobodyListensError:
            return Unreachable(), 0
        except (NoAnswerError, WireError):
            # An answer that cannot be read is no answer: the other side may well have acted.
            return Unknown(self._clock.now_us() - entered_us), 0
        if isinstance(outcome, Unknown):  # a status that the interface does not know tells nothing
            return Unknown(self._clock.now_us() - entered_us), len(answer.content)
        return outcome, len(answer.content)

    def _carry(self, lane: Connections, request: bytes, deadline_s: float, *, timed: bool) -> HttpAnswer:
        """Send one request; if it cannot leave for want of a descriptor, take that of an idle connection elsewhere."""
        try:
            return lane.exchange(request, deadline_s=deadline_s, timed=timed)
        except NothingLeftError:
            if not any(other.close_one() for other in self._lanes.values()):
                raise
            return lane.exchange(request, deadline_s=deadline_s, timed=timed)

    def _lane(self, address: Address, node: NodeId) -> Connections:
        """Return the connections to a process; by TLS each node's are its own, for it is asked for by its name."""
        name = self._names.get(node, "")
        place = address.host, address.port, name
        lane = self._lanes.get(place)
        if lane is None:
            secured = None if self._tls is None or not name else Secured(self._tls, name)
            self._lanes[place] = lane = Connections(address.host, address.port, secured)
        return lane
