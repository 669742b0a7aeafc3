"""A call from one node to another, as each side holds it: the caller's timeout, and the work it makes at the callee.

This module must never decide what is said, only when it is heard.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Any

from reference_impl.protocol.messages import Outcome, Unknown, Unreachable
from sim.engine.driver import TaskGroup
from sim.engine.timeline import WORK, Owned, Timeline, Wakeup
from sim.model.service_times import LINK_BACK_AT

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Request
    from reference_impl.staging.loss import Sent
    from sim.model.links import Link
    from sim.model.service_times import ServiceTimes


class Call(Owned):
    """The caller's side: what its task waits for. Its value is the outcome.

    ``caller`` is where the caller's tasks live; None outside the chain, where nothing ever stands still.
    """

    __slots__ = ("caller", "given_up", "link", "request", "sent", "started_us", "timeline")

    def __init__(self, timeline: Timeline, request: Request, link: Link, caller: TaskGroup | None = None) -> None:
        """Start waiting now."""
        self.callbacks = []
        self.value: Any = None
        self.owner: object = None
        self.leaves_us = 0
        self.timeline = timeline
        self.request = request
        self.link = link
        self.caller = caller
        self.sent: Sent | None = None
        self.started_us = timeline.now_us
        self.given_up = False

    def give_up(self) -> None:
        """Say ``Unknown`` to the caller; the other side is not told and goes on, as a zombie that still costs.

        A caller that stands still gives up when it goes on, unless the reply lies there by then. Otherwise a
        reply may be on its way already: whoever waited moves to a signal of its own, and the reply finds nobody.
        """
        if self.processed or self.given_up:
            return
        if self.caller is not None and self.caller.frozen:
            self.caller.put_off(self.give_up)
            return
        self.given_up = True
        late = Wakeup(Unknown(self.timeline.now_us - self.started_us))
        late.callbacks, self.callbacks = self.callbacks, []
        for callback in late.callbacks:
            callback(late)

    def answer(self, left_us: int, outcome: Outcome, bits: int, owner: object = None) -> None:
        """Let ``outcome`` leave the callee at ``left_us`` and be heard when it has crossed the link.

        ``owner`` is the host that could still be stopped before then.
        """
        if self.given_up:
            return
        heard_us = left_us + self.link.transit_us(bits >> LINK_BACK_AT)
        if self.sent is not None and not isinstance(outcome, Unreachable):  # that nobody listens is no message
            back = self.link.send_back(self.request, left_us, self.sent)
            if back is not None:
                if back.lost:
                    return
                heard_us += back.delay_us
        self.value = outcome
        self.owner = owner
        self.leaves_us = left_us
        heappush(self.timeline.heap, (heard_us, WORK, self.timeline.next_id(), self))

    def cut(self) -> None:
        """Let the caller learn that the connection broke with its request inside: nobody knows what became of it."""
        if self.given_up or self.processed:
            return
        heard_us = self.timeline.now_us + self.link.transit_us(0)
        self.value = Unknown(heard_us - self.started_us)
        self.owner: object = None
        heappush(self.timeline.heap, (heard_us, WORK, self.timeline.next_id(), self))


class Work(Owned):
    """The callee's side: a message on its way to a node, then in its hands.

    It is also the context of the node's task: the ports read from it what the message's steps cost there. Work that
    no call asked for (a restart driving its open intents) has no ``call``.
    """

    __slots__ = (
        "bits",
        "call",
        "came_us",
        "commits",
        "decided",
        "holds_worker",
        "key",
        "received",
        "request",
        "service_times",
    )

    def __init__(self, request: Request, call: Call | None, key: int) -> None:
        """Make the work of ``request``; the node it comes to adds the bits drawn for it there and what it costs."""
        self.callbacks = []
        self.value = None
        self.owner: object = None
        self.leaves_us = 0
        self.request = request
        self.call = call
        self.key = key
        self.bits = 0
        self.came_us = 0
        self.service_times: ServiceTimes = NO_PRICES
        self.received = False
        """Whether the node has read it."""
        self.holds_worker = False
        self.decided = True
        """Whether what is committed next was paid for with what came in: a request, or the next node's answer."""
        self.commits = 0
        """How often it has been committed here; each time draws its own costs."""


NO_PRICES: ServiceTimes = ((0,) * 1024,) * 6  # pyright: ignore[reportAssignmentType] - held until the node knows, never read
