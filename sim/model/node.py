"""A serving node in the simulated world: door, bounded queue, workers, CPU, writer; and the protocol's role inside.

The order for a message: a worker or a place in the queue, CPU to receive it, a slow fault's delay, the role's own
steps, CPU to reply. While the role waits for the next node the message holds its worker or not, as the scenario says.
This module must never decide what is answered, except that nobody is there, or that there is no room.
"""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Final

from reference_impl.domain.keyed import key_hash
from reference_impl.domain.nodes import NodeId, role_of
from reference_impl.protocol.messages import Answered, Hop, Overloaded, Request, Unreachable
from sim.engine.driver import SimClock, Task
from sim.engine.timeline import WORK, Timeline
from sim.model.calls import Call, Work
from sim.model.service_times import RECEIVE_AT, REPLY_AT, STEP_MASK, bits_at, message_key
from sim.model.stations import Servers
from sim.model.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from reference_impl.protocol.messages import Answer
    from reference_impl.protocol.records import Change, CommitResult
    from scenarios.schema import NodeSpec
    from sim.model.hosts import Host
    from sim.model.service_times import ServiceTimeTables

    class Role(Protocol):
        """What the protocol offers of a node."""

        async def handle(self, request: Request) -> Answer:
            """Serve one message."""
            ...

        async def recover(self) -> None:
            """Drive what a crash left open."""
            ...

    class Store(Protocol):
        """The node's books, as the writer sees them."""

        def apply(self, change: Change) -> CommitResult:
            """Apply the whole change or none of it."""
            ...


OVERLOADED_RETRY_US: Final = 1_000_000
"""What a node without room tells a sender to wait."""


class SimNode:
    """One node: what arrives at it, and what of it is in work."""

    __slots__ = (
        "_build",
        "_clock",
        "_queue_max",
        "_service_times",
        "_taken",
        "_timeline",
        "holds",
        "host",
        "name",
        "place",
        "refusing",
        "role",
        "seed",
        "slow_us",
        "workers",
        "writer",
    )

    def __init__(
        self,
        timeline: Timeline,
        name: NodeId,
        host: Host,
        spec: NodeSpec,
        *,
        service_times: ServiceTimeTables,
        seed: int,
    ) -> None:
        """Make the node without its role; ``open`` gives it one."""
        self._timeline = timeline
        self.name = name
        self.host = host
        self.seed = seed
        self.place = key_hash(name)
        self._clock = SimClock(timeline)
        self.workers = Servers(timeline, spec.workers)
        self.holds = spec.hold_while_waiting
        self.refusing = False
        self.slow_us = 0
        self._queue_max = spec.queue
        self._service_times = service_times
        self._taken: dict[Work, None] = {}
        host.serve(self)

    def open(self, store: Store, build: Callable[[SimNode], Role]) -> None:
        """Begin to serve; ``build`` makes the role anew after each crash, ``store`` outlives it."""

        def write(changes: list[Any]) -> Sequence[Any]:
            return [store.apply(change) for change in changes]

        self._build = build
        self.writer = Writer(self._timeline, self.host.cpu, write, self.host)
        self.role: Role = build(self)

    # --- messages -----------------------------------------------------------------------------------------------------

    def arrive(self, work: Work) -> None:
        """Take in a message that has come over its link."""
        host = self.host
        if host.group.frozen:
            host.group.defer(self.arrive, work)
            return
        call = work.call
        assert call is not None  # only calls arrive
        if not host.alive:
            call.answer(Unreachable(), self._timeline.now_us, 0)
            return
        work.came_us = self._timeline.now_us
        work.timed(
            self._service_times.of(role_of(self.name, work.request.sender), work.request.code),
            bits_at(work.key, self.place),
        )
        workers = self.workers
        workers.sums.arrivals += 1
        if self.refusing:
            self._turn_away(work, call)
        elif workers.take():
            self._taken[work] = None
            self._receive(work)
        elif len(workers.waiting) < self._queue_max:
            self._taken[work] = None
            work.callbacks = [self._receive_in_turn]
            workers.enqueue(work)
        else:
            self._turn_away(work, call)

    def _turn_away(self, work: Work, call: Call) -> None:
        """Answer at the door, for the price of writing an answer."""
        self.workers.sums.refused += 1
        left_us = self.host.cpu.book(work.service_times.reply[work.bits >> REPLY_AT & STEP_MASK])
        call.answer(Overloaded(OVERLOADED_RETRY_US), left_us, work.bits, self.host)

    def _receive(self, work: Work) -> None:
        """Spend the CPU of receiving; the worker is held from here on."""
        host = self.host
        work.holds_worker = True
        work.callbacks = [self._begin]
        end_us = host.cpu.book(work.service_times.receive[work.bits >> RECEIVE_AT & STEP_MASK])
        work.owner = host
        work.leaves_us = end_us
        timeline = self._timeline
        heappush(timeline.heap, (end_us, WORK, timeline.next_id(), work))

    def _receive_in_turn(self, work: Work) -> None:
        if work in self._taken:  # else the process died at the very instant of its turn
            self._receive(work)

    def _begin(self, work: Work) -> None:
        Task(self._timeline, self._serve(work), self.host.group, work).start()

    async def _serve(self, work: Work) -> None:
        try:
            if self.slow_us:
                await self._clock.sleep_us(self.slow_us)
            answer = await self.role.handle(work.request)
        finally:
            del self._taken[work]
            if work.holds_worker:
                self.workers.release()
        call = work.call
        assert call is not None  # only calls are served
        bits, host = work.bits, self.host
        left_us = host.cpu.book(work.service_times.reply[bits >> REPLY_AT & STEP_MASK])
        if type(answer) is Answered:
            answer = Answered(answer.reply, (Hop(self.name, work.came_us, left_us), *answer.hops))
        call.answer(answer, left_us, bits, host)

    # --- work without a message ---------------------------------------------------------------------------------------

    @property
    def in_work(self) -> int:
        """How many messages are queued or in work."""
        return len(self._taken)

    def work_beside(self, request: Request) -> Work:
        """Return the context of work that no call asked for, such as driving an open intent."""
        work = Work(request, None, message_key(self.seed, request.msgid, 0))
        work.timed(
            self._service_times.of(role_of(self.name, request.sender), request.code), bits_at(work.key, self.place)
        )
        return work

    def flush_table(self) -> tuple[int, ...]:
        """Return the times of a sync of this node's disk."""
        return self._service_times.flush

    # --- what can befall a process ------------------------------------------------------------------------------------

    def shut(self) -> None:
        """Cut off every caller with a request inside, queued or in work."""
        self.workers.dismiss()
        for work in self._taken:
            if work.call is not None:
                work.call.cut()

    def forget(self) -> None:
        """Lose everything but the books: nothing is in work any more."""
        self._taken.clear()
        self.workers.reset()
        self.writer.stop()

    def revive(self) -> None:
        """Start again on the books and drive what was left open."""
        self.role = self._build(self)
        recovery = Task(self._timeline, self.role.recover(), self.host.group)
        recovery.start_later()
