"""What a message's stages cost in CPU time, measured where they run, for ``yidi calibrate``.

A message's coroutine is driven step by step, and the thread's CPU clock is read around each step. A step that ends in a
call to the next node is *forward*; before the first commit or call it is *receive*; after that, *reply*. The writer's
thread reports each group's CPU time, shared evenly, as *commit*. What the process spent beside all of these (HTTP,
the loop) is given evenly to the requests received and the calls made, so the stages add up to the process's CPU time.
It must never run unless asked for: reading the clock costs as much as a small step.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Generator, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from reference_impl.domain.nodes import role_of

if TYPE_CHECKING:
    from reference_impl.books.sqlite.group import Watcher
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.protocol.ports import Books, Peers
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["Meter", "MeterReading", "MeteredBooks", "MeteredPeers", "StageReading"]

_SAMPLES_MAX = 20_000
"""Samples kept of one stage of one transaction."""
_NS_PER_US = 1000

Result = TypeVar("Result")


class StageReading(msgspec.Struct, frozen=True, kw_only=True):
    """The CPU time of one stage of one transaction: the samples, HTTP's share not yet in them."""

    role: str
    code: str
    stage: str
    messages: int
    cpu_us: float
    samples_us: tuple[float, ...]


class MeterReading(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured since the start or the last reset.

    ``process_cpu_us`` is what the operating system says the process used; ``stages_cpu_us`` the sum of the stages;
    ``http_us`` is to be added to every *receive* and every *forward*, so that
    ``stages_cpu_us + http_us * (received + forwarded) == process_cpu_us``.
    """

    process_cpu_us: float
    stages_cpu_us: float
    http_us: float
    received: int
    forwarded: int
    commits: int
    commit_latency_us: tuple[int, ...]
    stages: tuple[StageReading, ...]


class _Course:
    """One message on its way through a node; its role and code are known once it is read."""

    __slots__ = ("began", "calling", "code", "costs_ns", "role")

    def __init__(self) -> None:
        self.role = ""
        self.code = ""
        self.began = False
        self.calling = False
        self.costs_ns = {"receive": 0, "forward": 0, "reply": 0}

    def stage(self) -> str:
        if self.calling:
            self.calling = False
            return "forward"
        return "reply" if self.began else "receive"


_course: ContextVar[_Course | None] = ContextVar("metered_course", default=None)


class _Stepped:
    """Awaits a coroutine, reading the CPU clock around each of its steps."""

    __slots__ = ("_course", "_work")

    def __init__(self, work: Coroutine[Any, Any, Any], course: _Course) -> None:
        self._work = work
        self._course = course

    def __await__(self) -> Generator[Any, Any, Any]:
        course, work = self._course, self._work
        error: BaseException | None = None
        while True:
            started_ns = time.thread_time_ns()
            try:
                waits_for = work.send(None) if error is None else work.throw(error)
            except StopIteration as finished:
                course.costs_ns[course.stage()] += time.thread_time_ns() - started_ns
                return finished.value
            course.costs_ns[course.stage()] += time.thread_time_ns() - started_ns
            error = None
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - handed to the work, as await does
                error = thrown


class _Cost:
    """The CPU time of one stage of one transaction. Samples are bounded, the sum is whole."""

    __slots__ = ("messages", "samples_us", "total_us")

    def __init__(self) -> None:
        self.messages = 0
        self.total_us = 0.0
        self.samples_us: list[float] = []

    def add(self, cost_us: float) -> None:
        self.messages += 1
        self.total_us += cost_us
        if len(self.samples_us) < _SAMPLES_MAX:
            self.samples_us.append(cost_us)


class Meter:
    """The measurements of one host process."""

    __slots__ = ("_began_cpu_ns", "_commit_latency_us", "_commits", "_costs", "_forwarded", "_received")

    def __init__(self) -> None:
        """Start measuring now."""
        self.reset()

    def reset(self) -> None:
        """Forget everything measured."""
        self._began_cpu_ns = time.process_time_ns()
        self._costs: dict[tuple[str, str, str], _Cost] = {}
        self._commit_latency_us: list[int] = []
        self._received = 0
        self._forwarded = 0
        self._commits = 0

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run one message's work to its end and keep what its stages cost, if it said what it is (``name``)."""
        course = _Course()
        token = _course.set(course)
        try:
            return await _Stepped(work, course)
        finally:
            _course.reset(token)
            self._received += 1
            if course.code:
                for stage, cost_ns in course.costs_ns.items():
                    if cost_ns:
                        self._keep(course.role, course.code, stage, cost_ns / _NS_PER_US)

    def name(self, role: str, code: str) -> None:
        """Say what the message now at work is."""
        course = _course.get()
        if course is not None:
            course.role, course.code = role, code

    def called(self) -> None:
        """Count a call to another node."""
        self._forwarded += 1
        course = _course.get()
        if course is not None:
            course.began = course.calling = True

    def watch(self, node: str) -> Watcher:
        """Return what the writer of ``node``'s books tells its groups to."""
        return partial(self._committed, node)

    def _committed(self, node: str, changes: Sequence[Change], cpu_ns: int, latency_us: int) -> None:
        """Keep what a group of commits cost."""
        each_us = cpu_ns / len(changes) / _NS_PER_US
        self._commits += len(changes)
        if len(self._commit_latency_us) < _SAMPLES_MAX:
            self._commit_latency_us.append(latency_us)
        for change in changes:
            message = change.message
            self._keep(role_of(node, message.key.sender), message.code, "commit", each_us)

    def read(self) -> MeterReading:
        """Return everything measured."""
        process_us = (time.process_time_ns() - self._began_cpu_ns) / _NS_PER_US
        stages = tuple(
            StageReading(
                role=role,
                code=code,
                stage=stage,
                messages=cost.messages,
                cpu_us=cost.total_us,
                samples_us=tuple(cost.samples_us),
            )
            for (role, code, stage), cost in sorted(self._costs.items())
        )
        stages_us = sum(stage.cpu_us for stage in stages)
        passages = self._received + self._forwarded
        return MeterReading(
            process_cpu_us=process_us,
            stages_cpu_us=stages_us,
            http_us=max(0.0, process_us - stages_us) / passages if passages else 0.0,
            received=self._received,
            forwarded=self._forwarded,
            commits=self._commits,
            commit_latency_us=tuple(self._commit_latency_us),
            stages=stages,
        )

    def _keep(self, role: str, code: str, stage: str, cost_us: float) -> None:
        self._costs.setdefault((role, code, stage), _Cost()).add(cost_us)


class MeteredPeers:
    """Peers that tell the meter when a message goes on."""

    __slots__ = ("_meter", "_peers")

    def __init__(self, peers: Peers, meter: Meter) -> None:
        """Call through ``peers``."""
        self._peers = peers
        self._meter = meter

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node``."""
        self._meter.called()
        return await self._peers.call(node, request, timeout_us)


class MeteredBooks:
    """Books that tell the meter where a message's first commit is."""

    __slots__ = ("_books",)

    def __init__(self, books: Books) -> None:
        """Write in ``books``."""
        self._books = books

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._books.look(key, *refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        verdict = await self._books.commit(change)
        course = _course.get()
        if course is not None:
            course.began = True
        return verdict

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return await self._books.open_intents()
