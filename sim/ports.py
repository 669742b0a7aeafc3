"""The protocol's ports in the simulated world.

A port reads what the step under way costs from the context of the current task, so the protocol's signatures carry
nothing of the simulation. This module must never decide for the protocol: it makes time pass and hands over.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from reference_impl.books.final import BooksError
from reference_impl.protocol.messages import Unknown, Unreachable
from sim.engine.driver import Task, TaskGroup
from sim.engine.timeline import TIMER, Owned, Timeline, Wakeup
from sim.model.calls import Call, Target, Work
from sim.model.loop import NS_PER_US, WARM_BITS
from sim.model.service_times import ANSWER_AT, FORWARD_AT, LINK_AT, STEP_MASK, message_key

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Mapping

    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View
    from sim.engine.timers import Timeouts
    from sim.model.links import Link
    from sim.model.loop import Loop
    from sim.model.node import SimNode
    from sim.model.service_times import OwnTime

    Routes = Mapping[NodeId, tuple[Target, Link]]

_BUSY_LOOK_US, _BUSY_LOOKS = 100_000, 50
"""How often SQLite looks again whether a file is free, and so many times: for the five seconds of its busy_timeout."""
_SILENT = (Unknown, Unreachable)
"""Outcomes that are no message: nothing is read."""


class NodePeers:
    """The neighbours of a serving node."""

    __slots__ = ("_node", "_routes", "_timeline", "_timeouts")

    def __init__(self, timeline: Timeline, node: SimNode, routes: Routes, timeouts: Timeouts) -> None:
        """``routes`` is read at each call: it may be filled after the node is built."""
        self._timeline = timeline
        self._node = node
        self._routes = routes
        self._timeouts = timeouts

    @types.coroutine
    def call(self, node: NodeId, request: Request, timeout_us: int) -> Generator[Wakeup, Any, Outcome]:
        """Send ``request``, wait for the answer with the worker or without, and read it."""
        here, timeline = self._node, self._timeline
        current = timeline.current
        assert current is not None  # ports are used from tasks
        host, context = here.host, current.context or _context_beside(current, here, request)
        target, link = self._routes[node]
        call = Call(timeline, request, link, timeout_us, host.group)
        bits, loop = context.bits, host.loop
        work = Work(request, call, context.key, target, bits=bits >> LINK_AT)
        work.owner = host
        loop.spent_ns += context.service_times.forward[bits >> FORWARD_AT & STEP_MASK] * loop.rate >> WARM_BITS
        loop.leaving.append(work)
        let_go = context.holds_worker and not here.holds
        if let_go:
            context.holds_worker = False
            here.workers.release()
        queue = self._timeouts[timeout_us]
        queue.add(call)
        try:
            outcome: Outcome = yield call
        finally:
            queue.remove(call)
        if not isinstance(outcome, _SILENT):
            context.decided = True
            loop.spent_ns += context.service_times.answer[bits >> ANSWER_AT & STEP_MASK] * loop.rate >> WARM_BITS
        if let_go:
            if not here.workers.take():
                yield from here.workers.line_up()
            context.holds_worker = True
        return outcome


class HospitalPeers:
    """The one neighbour of a hospital: its province. Counts the attempts of a message in the journey's context."""

    __slots__ = ("_own", "_routes", "_seed", "_timeline", "_timeouts")

    def __init__(self, timeline: Timeline, routes: Routes, timeouts: Timeouts, seed: int, own: OwnTime) -> None:
        """``routes`` leads from any hospital to the provinces."""
        self._own = own
        self._timeline = timeline
        self._routes = routes
        self._timeouts = timeouts
        self._seed = seed

    @types.coroutine
    def call(self, node: NodeId, request: Request, timeout_us: int) -> Generator[Wakeup, Any, Outcome]:
        """Send ``request`` and read its answer; of a hospital's own computing these alone are modelled."""
        timeline = self._timeline
        current = timeline.current
        attempt = 1
        if current is not None:
            last: tuple[str, int] | None = current.context
            if last is not None and last[0] == request.msgid:
                attempt = last[1] + 1
            current.context = (request.msgid, attempt)
        key = message_key(self._seed, request.msgid, attempt)
        target, link = self._routes[node]
        call = Call(timeline, request, link, timeout_us)
        Work(request, call, key, target, bits=key).leave(timeline.now_us + self._own.write_us)
        queue = self._timeouts[timeout_us]
        queue.add(call)
        try:
            outcome: Outcome = yield call
        finally:
            queue.remove(call)
        read_us = self._own.read_us
        if read_us and not isinstance(outcome, _SILENT):
            read = Wakeup()
            timeline.at(timeline.now_us + read_us, TIMER, read)
            yield read
        return outcome


def _context_beside(task: Task, node: SimNode, request: Request) -> Work:
    """Return the context of a task beside the messages, which gets one at its first step."""
    task.context = node.work_beside(request)
    return task.context


class SimBooks:
    """A node's books: what is on disk is read at once, what is to be written joins the writer's next group."""

    __slots__ = ("_node", "_store", "_timeline")

    def __init__(self, timeline: Timeline, node: SimNode, store: Any) -> None:
        """``store`` is the memory the writer writes to (``see``, ``apply``, ``intents``)."""
        self._timeline = timeline
        self._node = node
        self._store = store

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known; reading is part of the price of receiving."""
        return self._store.see(key, refs)

    @types.coroutine
    def commit(self, change: Change) -> Generator[Wakeup, Any, CommitResult]:
        """Return the verdict once the group that holds ``change`` is on disk."""
        node, message = self._node, change.message
        if node.disk_full:
            raise BooksError(f"books {node.name} cannot be written: the disk is full")
        if node.database_held:
            yield from self._wait_for_database()
        current = self._timeline.current
        assert current is not None  # ports are used from tasks
        context: Work | None = current.context
        if context is None:
            assert message.request is not None  # a message that is committed is its own; tombstones ride along
            context = _context_beside(current, node, message.request)
        loop = node.host.loop
        if context.decided:
            context.decided = False
        else:  # business within the province: one commit after another
            loop.spend(context.service_times.decide[context.bits >> FORWARD_AT & STEP_MASK])
        times = node.next_commit(context, message.key.sender, message.code)
        group, place = node.writer.join(change, times, loop.began_us + loop.spent_ns // NS_PER_US)
        return (yield group)[place]

    def _wait_for_database(self) -> Generator[Wakeup, None, None]:
        """Wait as SQLite does for whoever holds the file.

        Raises:
            BooksError: when it is held for longer than that.

        """
        node = self._node
        for _ in range(_BUSY_LOOKS):
            now_us = node.clock.now_us()
            look = Owned(node.host, now_us)
            self._timeline.at(now_us + _BUSY_LOOK_US, TIMER, look)
            yield look
            if not node.database_held:
                return
        raise BooksError(f"books {node.name} cannot be written: the database is locked")

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome, oldest first."""
        return self._store.intents()


class SimTasks:
    """Starts work beside this one."""

    __slots__ = ("_group", "_loop", "_timeline")

    def __init__(self, timeline: Timeline, group: TaskGroup, loop: Loop | None = None) -> None:
        """Start tasks at ``group``, where they die together; those of a process take their turns in its ``loop``."""
        self._timeline = timeline
        self._group = group
        self._loop = loop

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` to its end without waiting for it; a crash of the node cancels it."""
        Task(self._timeline, work, self._group, loop=self._loop).start_later()

    def report(self, error: Exception) -> None:
        """Raise it: a simulation that goes on after an error of ours hides it. Books that fail are the scenario's."""
        if not isinstance(error, BooksError):
            raise error
