"""A serving node in the simulated world: door, bounded queue, workers, CPU, writer; and the protocol's role inside.

The order for a message: a turn of the process's loop in which it is read, a worker or a place in the queue, a slow
fault's delay, the role's own steps, the reply. Each step is a piece of a turn. While the role waits for the next node
the message holds its worker or not, as the scenario says.
This module must never decide what is answered, except that nobody is there, or that there is no room.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from reference_impl.books.final import BooksError
from reference_impl.books.sqlite.disk import Committing, choose_committing
from reference_impl.domain.admission import DROPPED_RETRY_US, Admission, in_vain
from reference_impl.domain.keyed import key_hash
from reference_impl.domain.money import E4
from reference_impl.domain.nodes import HUB, NodeId, role_of
from reference_impl.protocol.messages import Answered, Hop, Overloaded, Request, Unknown, Unreachable
from sim.engine.driver import Task
from sim.engine.timeline import Timeline
from sim.model.calls import Work
from sim.model.loop import NS_PER_US, WARM_BITS, LoopClock
from sim.model.service_times import (
    COMMIT_AT,
    COMMIT_MASK,
    COMMIT_STRIDE,
    COMMITS_DRAWN,
    RECEIVE_AT,
    REPLY_AT,
    STEP_BITS,
    STEP_MASK,
    bits_at,
    message_key,
)
from sim.model.stations import Servers
from sim.model.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from reference_impl.protocol.messages import Answer
    from reference_impl.protocol.records import Change, CommitResult
    from reference_impl.protocol.restraint import Restraint
    from scenarios.schema import NodeSpec
    from sim.model.hosts import Host
    from sim.model.service_times import ServiceTimes, ServiceTimeTables

    class Role(Protocol):
        """What the protocol offers of a node."""

        @property
        def restraint(self) -> Restraint | None:
            """What holds its calls back; None where nothing does."""
            ...

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


PEEK_SHARE_E4: Final = 6_000
"""Of reading a message, what it takes to see which it is, in ten-thousandths; the rest is decoding it. ASSUMED."""
OVERLOADED_RETRY_US: Final = 1_000_000
"""What a node without room tells a sender to wait."""


class SimNode:
    """One node: what arrives at it, and what of it is in work."""

    __slots__ = (
        "_admission_rule",
        "_as_insurer",
        "_build",
        "_flush",
        "_queue_max",
        "_service_times",
        "_taken",
        "_timeline",
        "_times",
        "admission",
        "clock",
        "database_held",
        "disk_full",
        "disk_us",
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
        relays: Iterable[str] = (),
    ) -> None:
        """Make the node without its role; ``open`` gives it one. ``relays`` are its cities that are nodes too."""
        self._timeline = timeline
        self.name = name
        self.host = host
        self.seed = seed
        self.place = key_hash(name)
        self.clock = LoopClock(timeline, host.loop)
        self.workers = Servers(timeline, spec.workers)
        self.holds = spec.hold_while_waiting
        self.refusing = False
        self.slow_us = 0
        self.disk_us = 0
        self.disk_full = False
        self.database_held = False
        self._queue_max = spec.queue
        self._admission_rule = None if spec.admission is None else spec.admission.rule
        self.admission = None if self._admission_rule is None else Admission(self._admission_rule)
        self._service_times = service_times
        self._flush = service_times.flush
        self._times: tuple[dict[str, ServiceTimes], dict[str, ServiceTimes]] = ({}, {})
        self._as_insurer = frozenset({HUB, *relays})
        """Whose messages it serves as the insurer's node: a city writes its hospitals' in their own names."""
        self._taken: dict[Work, None] = {}
        host.serve(self)

    def open(self, store: Store, build: Callable[[SimNode], Role]) -> None:
        """Begin to serve; ``build`` makes the role anew after each crash, ``store`` outlives it."""
        host, times, write = self.host, self._service_times, partial(map, store.apply)
        self._build = build
        self.writer = Writer(
            self._timeline, host.loop, host.cpu, times.rhythm, write, owner=host, beside=self._commits_beside()
        )
        self.role: Role = build(self)

    def _commits_beside(self) -> bool:
        """Return what the reference system chooses; several loops on one file have one writer beside them."""
        host = self.host
        chosen = choose_committing(self._service_times.choosing_flush_us, host.nodes)
        return host.loop.loops > 1 or chosen is Committing.BESIDE

    # --- messages -----------------------------------------------------------------------------------------------------

    def arrive(self, work: Work) -> None:
        """Take in a message that has come over its link."""
        host = self.host
        if host.group.frozen:
            host.group.defer(self.arrive, work)
        elif host.alive:
            host.loop.post(self._read, work)
        else:
            call = work.call
            assert call is not None  # only calls arrive
            call.say(Unreachable(), 0, None)
            call.leave(self._timeline.now_us)

    def _read(self, work: Work) -> None:
        """Read a message in its turn, and serve it if there is a worker for it or a place in the queue."""
        loop, request = self.host.loop, work.request
        work.received = True
        work.came_us = loop.began_us + loop.spent_ns // NS_PER_US
        known = self._times[request.sender in self._as_insurer].get(request.code)
        service_times = work.service_times = known or self._times_of(request.sender, request.code)
        bits = work.bits = bits_at(work.key, self.place)
        loop.spent_ns += service_times.receive[bits >> RECEIVE_AT & STEP_MASK] * loop.rate >> WARM_BITS
        workers = self.workers
        workers.sums.arrivals += 1
        if self.refusing:
            self._turn_away(work)
        elif self.admission is not None:
            self._admit(self.admission, work)
        elif workers.take():
            self._taken[work] = None
            self._begin(work)
        elif len(workers.waiting) < self._queue_max:
            self._taken[work] = None
            work.callbacks = [self._won_a_worker]
            workers.enqueue(work)
        else:
            self._turn_away(work)

    def turn_away_unheard(self, work: Work, answer: Unknown) -> None:
        """Give, in its turn, an answer to a message that was not read."""
        self.host.loop.post(partial(self._answer_unheard, answer), work)

    def _answer_unheard(self, answer: Unknown, work: Work) -> None:
        request = work.request
        work.service_times = self._times_of(request.sender, request.code)
        work.bits = bits_at(work.key, self.place)
        self._answer_at_door(work, answer)

    def _admit(self, admission: Admission, work: Work) -> None:
        """Serve a message, let it wait, or turn it away before it is read whole."""
        workers, call = self.workers, work.call
        assert call is not None  # only calls arrive
        full = not workers.free and len(workers.waiting) >= self._queue_max
        told_us = admission.refusal_us(work.request.code, work.came_us, call.patience_us, full=full)
        if told_us:
            loop, read = self.host.loop, work.service_times.receive[work.bits >> RECEIVE_AT & STEP_MASK]
            loop.spent_ns -= (read - read * PEEK_SHARE_E4 // E4) * loop.rate >> WARM_BITS
            self._turn_away(work, told_us)
            return
        self._taken[work] = None
        if workers.take():
            self._begin(work)
            return
        admission.queues(work.came_us)
        work.callbacks = [self._won_a_worker]
        workers.enqueue(work)

    def _begin_in_time(self, work: Work) -> None:
        """Serve a message that has waited, or drop it when its sender has given up."""
        admission, call, now_us = self.admission, work.call, self._timeline.now_us
        assert admission is not None  # only where there is one
        assert call is not None  # only calls arrive
        admission.begins(now_us)
        if not in_vain(work.came_us, now_us, call.patience_us):
            self._begin(work)
            return
        del self._taken[work]
        self.workers.release()
        self._turn_away(work, DROPPED_RETRY_US)

    def _turn_away(self, work: Work, told_us: int = OVERLOADED_RETRY_US) -> None:
        self.workers.sums.refused += 1
        self._answer_at_door(work, Overloaded(told_us))

    def _answer_at_door(self, work: Work, answer: Overloaded | Unknown) -> None:
        """Answer for the price of writing an answer."""
        call = work.call
        assert call is not None  # only calls arrive
        loop = self.host.loop
        loop.spend(work.service_times.reply[work.bits >> REPLY_AT & STEP_MASK])
        call.say(answer, work.bits, self.host)
        loop.leaving.append(call)

    def _won_a_worker(self, work: Work) -> None:
        group = self.host.group
        if work not in self._taken:
            return  # the process died at this very instant
        if group.frozen:
            group.defer(self._won_a_worker, work)
        else:
            self.host.loop.post(self._begin if self.admission is None else self._begin_in_time, work)

    def _begin(self, work: Work) -> None:
        """Serve a message; its worker is held from here on."""
        work.holds_worker = True
        work.owner = self.host
        host = self.host
        Task(self._timeline, self._serve(work), host.group, work, host.loop).start()

    async def _serve(self, work: Work) -> None:
        try:
            if self.slow_us:
                await self.clock.sleep_us(self.slow_us)
            answer = await self.role.handle(work.request)
        except (
            BooksError
        ):  # on a full disk, or in a database that is held: whoever asked does not know what became of it
            assert work.call is not None  # only calls are served
            work.call.cut()
            return
        finally:
            del self._taken[work]
            if work.holds_worker:
                self.workers.release()
        call, bits, host = work.call, work.bits, self.host
        assert call is not None  # only calls are served
        loop = host.loop
        loop.spent_ns += work.service_times.reply[bits >> REPLY_AT & STEP_MASK] * loop.rate >> WARM_BITS
        if type(answer) is Answered:
            written_us = loop.began_us + loop.spent_ns // NS_PER_US
            answer = Answered(answer.reply, (Hop(self.name, work.came_us, written_us), *answer.hops))
        call.say(answer, bits, host)
        loop.leaving.append(call)

    # --- work without a message ---------------------------------------------------------------------------------------

    @property
    def restraint(self) -> Restraint | None:
        """What holds its calls back; None where nothing does."""
        return self.role.restraint

    @property
    def in_work(self) -> int:
        """How many messages are queued or in work."""
        return len(self._taken)

    def work_beside(self, request: Request) -> Work:
        """Return the context of work that no call asked for, such as driving an open intent."""
        work = Work(request, None, message_key(self.seed, request.msgid, 0))
        work.service_times = self._times_of(request.sender, request.code)
        work.bits = bits_at(work.key, self.place)
        return work

    def next_commit(self, work: Work, sender: str, code: str) -> tuple[int, int]:
        """Return the CPU time (ns) and the sync time (us) of the next commit of ``work``: a change of a message."""
        request = work.request
        if sender == request.sender and code == request.code:
            change = work.service_times.change
        else:  # the insurer's part of business within the province, or one of several that a sweep drives
            change = self._times_of(sender, code).change
        commits = work.commits
        work.commits = commits + 1
        along = COMMIT_STRIDE * (commits if commits < COMMITS_DRAWN else COMMITS_DRAWN - 1)
        bits = work.bits >> COMMIT_AT + along & COMMIT_MASK
        return change[bits & STEP_MASK], self._flush[bits >> STEP_BITS] + self.disk_us

    def _times_of(self, sender: str, code: str) -> ServiceTimes:
        """Return what the messages of a transaction cost here, which depends on whether they come for the insurer."""
        insurer = sender in self._as_insurer
        known = self._times[insurer].get(code)
        if known is None:
            known = self._times[insurer][code] = self._service_times.of(role_of(self.name, sender), code)
        return known

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
        if self._admission_rule is not None:
            self.admission = Admission(self._admission_rule)
        self.workers.reset()
        self.writer.stop()

    def revive(self) -> None:
        """Start again on the books and drive what was left open."""
        self.role = self._build(self)
        recovery = Task(self._timeline, self.role.recover(), self.host.group, loop=self.host.loop)
        recovery.start_later()

    def stand_still(self) -> None:
        """Let others have the core that the writer asked for."""
        self.writer.stand_still()

    def go_on(self) -> None:
        """Ask for it again."""
        self.writer.go_on()
