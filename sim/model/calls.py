"""A call from one node to another, as each side holds it: the caller's timeout, and the work it makes at the callee.

This module must never decide what is said, only when it is heard.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Any, Protocol

from reference_impl.protocol.messages import Answered, Outcome, Reply, Unknown, Unreachable
from reference_impl.staging.loss import FALSE_YES_TEXT
from sim.engine.driver import TaskGroup
from sim.engine.timeline import WORK, Owned, Timeline, Wakeup
from sim.model.links import LINK_MASK
from sim.model.service_times import LINK_BACK_AT

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Request
    from reference_impl.staging.loss import FalseYes, Sent
    from sim.model.links import Link
    from sim.model.service_times import ServiceTimes


class Target(Protocol):
    """Where work goes."""

    def arrive(self, work: Work) -> None:
        """Take in a message that has come over its link."""
        ...


class Call(Owned):
    """The caller's side: what its task waits for. Its value is the outcome.

    ``caller`` is where the caller's tasks live; None outside the chain, where nothing ever stands still.
    """

    __slots__ = ("caller", "given_up", "link", "link_bits", "patience_us", "request", "sent", "started_us", "timeline")

    def __init__(
        self, timeline: Timeline, request: Request, link: Link, patience_us: int, caller: TaskGroup | None = None
    ) -> None:
        """Start waiting now, for ``patience_us``."""
        self.patience_us = patience_us
        self.callbacks = []
        self.value: Any = None
        self.owner: object = None
        self.leaves_us = 0
        self.timeline = timeline
        self.request = request
        self.link = link
        self.caller = caller
        self.link_bits = 0
        """From which the way of the reply over the link is drawn."""
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

    def say(self, outcome: Outcome, bits: int, owner: object) -> None:
        """Have ``outcome`` written, which is to leave; ``owner`` is the host that can be stopped before it does."""
        self.value = outcome
        self.link_bits = bits >> LINK_BACK_AT
        self.owner = owner

    def leave(self, left_us: int) -> None:
        """Let what is said leave the callee at ``left_us`` and be heard when it has crossed the link."""
        if self.given_up:
            return
        link, timeline = self.link, self.timeline
        heard_us = left_us + link.transits_us[self.link_bits & LINK_MASK]
        if self.sent is not None and type(self.value) is not Unreachable:  # that nobody listens is no message
            back = link.send_back(self.request, left_us, self.sent, self.value)
            if back is not None:
                if back.lost:
                    return
                if back.cut is not None:
                    self.break_off(left_us + back.cut.after_us)
                    return
                heard_us += back.delay_us
                if back.false_yes is not None:
                    self.value = _spoilt(self.value, back.false_yes)
        self.leaves_us = left_us
        heappush(timeline.heap, (heard_us, WORK, timeline.next_id(), self))

    def answer_falsely(self, told: FalseYes, left_us: int, delay_us: int) -> None:
        """Let the caller hear a yes that nobody gave: its request was never handed on."""
        if self.given_up:
            return
        self.value = _spoilt(_NO_DEED, told)
        self.owner: object = None
        heard_us = left_us + 2 * self.link.shortest_us + delay_us
        heappush(self.timeline.heap, (heard_us, WORK, self.timeline.next_id(), self))

    def cut(self) -> None:
        """Let the caller learn that the connection broke with its request inside: nobody knows what became of it."""
        if self.given_up or self.processed:
            return
        self.break_off(self.timeline.now_us)

    def break_off(self, broken_us: int) -> None:
        """Let the caller learn that the connection broke at that moment, whatever was on its way over it."""
        if self.given_up:
            return
        heard_us = broken_us + self.link.shortest_us
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
        "target",
    )

    def __init__(
        self, request: Request, call: Call | None, key: int, target: Target | None = None, *, bits: int = 0
    ) -> None:
        """Make the work of ``request``, which goes to ``target``.

        ``bits`` are those from which its way over the link is drawn; the node it comes to puts its own in their place,
        and what it costs there.
        """
        self.callbacks = []
        self.value = None
        self.owner: object = None
        self.leaves_us = 0
        self.request = request
        self.call = call
        self.key = key
        self.target = target
        self.bits = bits
        self.came_us = 0
        self.service_times: ServiceTimes = NO_PRICES
        self.received = False
        """Whether the node has read it."""
        self.holds_worker = False
        self.decided = True
        """Whether what is committed next was paid for with what came in: a request, or the next node's answer."""
        self.commits = 0
        """How often it has been committed here; each time draws its own costs."""

    def leave(self, left_us: int) -> None:
        """Leave the caller at ``left_us``, and come to the target when the link is crossed."""
        call, target = self.call, self.target
        assert call is not None  # only calls are sent
        assert target is not None
        link, timeline = call.link, call.timeline
        self.leaves_us = left_us
        arrives_us = left_us + link.transits_us[self.bits & LINK_MASK]
        if link.faulty is not None:
            sent = call.sent = link.send(self.request, left_us)
            if sent is not None:
                if sent.lost:
                    return
                if sent.cut is not None:
                    call.break_off(left_us + sent.cut.after_us)
                    return
                if sent.false_yes is not None and sent.turned_back:
                    call.answer_falsely(sent.false_yes, left_us, sent.delay_us)
                    return
                arrives_us += sent.delay_us
        self.callbacks.append(target.arrive)
        heappush(timeline.heap, (arrives_us, WORK, timeline.next_id(), self))
        if call.sent is not None and call.sent.copy_after_us is not None:
            self._come_again(call, target, arrives_us + call.sent.copy_after_us)

    def _come_again(self, call: Call, target: Target, arrives_us: int) -> None:
        """Let a copy come to the target, whose answer nobody waits for."""
        unheard = Call(call.timeline, self.request, call.link, call.patience_us)
        unheard.given_up, unheard.started_us = True, call.started_us
        copy = Work(self.request, unheard, self.key, target, bits=self.bits)
        copy.owner, copy.leaves_us = self.owner, self.leaves_us
        copy.callbacks.append(target.arrive)
        heappush(call.timeline.heap, (arrives_us, WORK, call.timeline.next_id(), copy))


_NO_DEED = Answered(Reply(""))
"""A yes that says nothing, of nothing."""


def _spoilt(said: Answered, told: FalseYes) -> Answered:
    """Return a yes as it is heard: with an error beside it, or without what it is about."""
    reply = said.reply
    body, reason = (reply.body, FALSE_YES_TEXT) if told.with_text else (None, "")
    return Answered(Reply(reply.reference, body, "", reason), said.hops)


NO_PRICES: ServiceTimes = ((0,) * 1024,) * 6  # pyright: ignore[reportAssignmentType] - held until the node knows, never read
