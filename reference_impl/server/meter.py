"""What serving costs in CPU time, measured where it happens, for ``yidi calibrate``: turns, pieces, groups.

A message's coroutine is driven step by step, and the thread's CPU clock is read around each step. What a message does
between two waits is a *piece*: it is read and decided (*receive*), sent on (*forward*), the next node's answer is read
and decided (*answer*), it is decided once more after a commit (*decide*), its answer is written (*reply*). Pieces that
the loop takes one after another without looking for more are a *turn*. The writer reports each group's CPU apart from
its time on the disk. What the process spent beside all of these (HTTP, the loop) is in its whole CPU time, which is
kept window by window, so that a fit can tell what a turn costs from what a piece costs, and a quick second from a slow
one. Everything is kept by how long the process had slept before, because a cold one costs more: the first piece of a
turn, the others find it warm. It must never run unless asked for: reading the clock costs as much as a small step.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator, Sequence
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from reference_impl.domain.nodes import role_of

if TYPE_CHECKING:
    from reference_impl.books.groups import Flush, Watcher
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.protocol.ports import Books, Peers
    from reference_impl.protocol.records import Change, CommitResult, Key, MessageRecord, Ref, View

__all__ = ["Meter", "MeterReading", "MeteredBooks", "MeteredPeers", "Window"]

WINDOW_NS = 1_000_000_000
_SAMPLES_MAX = 200
"""Samples kept of one stage of one transaction."""
_DISK_SAMPLES_MAX = 20_000
_BUCKETS = 27
"""Gaps are kept by octave of microseconds, up to a minute."""
_NS_PER_US = 1000

Result = TypeVar("Result")
Tally = dict[int, list[int]]
"""By octave of the gap before: sums."""


class Window(msgspec.Struct, kw_only=True):
    """What one process did in about a second; ``began_us`` is of the machine's monotonic clock.

    ``turns`` are, by gap, [turns, sum of gaps in us]; ``groups`` [groups, changes, CPU in ns]; ``pieces`` by
    ``role code stage`` and gap [pieces, CPU in ns], where *change* stands for the groups of one change, and *mixed* for
    pieces that did more than one thing. ``checkpoints`` and ``checkpoints_ns``, their CPU, are apart from all these.
    """

    began_us: int = 0
    length_us: int = 0
    cpu_us: int = 0
    turns: Tally = {}
    groups: Tally = {}
    pieces: dict[str, Tally] = {}
    checkpoints: int = 0
    checkpoints_ns: int = 0


class MeterReading(msgspec.Struct, frozen=True, kw_only=True):
    """Everything measured since the start: windows; single pieces as (gap's octave, ns); times on the disk (us).

    ``disk_us`` are those of groups, ``checkpoint_disk_us`` those of checkpoints.
    """

    windows: tuple[Window, ...]
    samples: dict[str, tuple[tuple[int, int], ...]]
    disk_us: tuple[int, ...]
    checkpoint_disk_us: tuple[int, ...] = ()


class _Course:
    """One message on its way through a node; its role and code are known once it is read."""

    __slots__ = ("began", "code", "ends", "role", "spent_ns")

    def __init__(self) -> None:
        self.role = ""
        self.code = ""
        self.began = "request"
        self.ends = ""
        """What the piece under way ends with: a commit, a call; nothing while it only waits for a worker."""
        self.spent_ns = 0


_STAGES = {
    ("request", "commit"): "receive",
    ("commit", "call"): "forward",
    ("call", "commit"): "answer",
    ("commit", "commit"): "decide",
    ("commit", "end"): "reply",
}
"""What a piece is that begins after the one and ends with the other."""
_course: ContextVar[_Course | None] = ContextVar("metered_course", default=None)


class _Stepped:
    """Awaits a coroutine, reading the CPU clock around each of its steps."""

    __slots__ = ("_course", "_meter", "_work")

    def __init__(self, work: Coroutine[Any, Any, Any], course: _Course, meter: Meter) -> None:
        self._work = work
        self._course = course
        self._meter = meter

    def __await__(self) -> Generator[Any, Any, Any]:
        course, work, meter = self._course, self._work, self._meter
        error: BaseException | None = None
        while True:
            meter.begin_piece()
            started_ns = time.thread_time_ns()
            try:
                waits_for = work.send(None) if error is None else work.throw(error)
            except StopIteration as finished:
                meter.end_piece(course, time.thread_time_ns() - started_ns, "end")
                return finished.value
            meter.end_piece(course, time.thread_time_ns() - started_ns, course.ends)
            error = None
            try:
                yield waits_for
            except BaseException as thrown:  # noqa: BLE001 - handed to the work, as await does
                error = thrown


class Meter:
    """The measurements of one host process."""

    __slots__ = (
        "_began_cpu_ns",
        "_began_ns",
        "_checkpoint_disk_us",
        "_disk_us",
        "_octave",
        "_piece_octave",
        "_ran_ns",
        "_samples",
        "_turning",
        "_window",
        "_windows",
    )

    def __init__(self) -> None:
        """Start measuring now."""
        self.reset()

    def reset(self) -> None:
        """Forget everything measured."""
        self._began_ns = self._ran_ns = time.perf_counter_ns()
        self._began_cpu_ns = time.process_time_ns()
        self._turning = False
        self._octave = 0
        """Of the gap before the turn under way, or the last one."""
        self._piece_octave = 0
        """Of the gap before the next piece: the turn's for its first, none for those that follow it."""
        self._window = Window()
        self._windows: list[Window] = []
        self._samples: dict[str, list[tuple[int, int]]] = {}
        self._disk_us: list[int] = []
        self._checkpoint_disk_us: list[int] = []

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run one message's work to its end and keep what its pieces cost, if it said what it is (``name``)."""
        course = _Course()
        token = _course.set(course)
        try:
            return await _Stepped(work, course, self)
        finally:
            _course.reset(token)

    def name(self, role: str, code: str) -> None:
        """Say what the message now at work is."""
        course = _course.get()
        if course is not None:
            course.role, course.code = role, code

    def begin_piece(self) -> None:
        """Count a turn, when it is the first piece since the loop last looked for more."""
        if self._turning:
            return
        self._turning = True
        asyncio.get_running_loop().call_soon(self._end_turn)
        now_ns = time.perf_counter_ns()
        if now_ns - self._began_ns >= WINDOW_NS:
            self._close_window(now_ns)
        gap_us = (now_ns - self._ran_ns) // _NS_PER_US
        self._octave = self._piece_octave = min(gap_us.bit_length(), _BUCKETS)
        turns = self._window.turns.setdefault(self._octave, [0, 0])
        turns[0] += 1
        turns[1] += gap_us

    def end_piece(self, course: _Course, spent_ns: int, ends: str) -> None:
        """Keep what a piece cost, when it has come to an end."""
        self._ran_ns = time.perf_counter_ns()
        course.spent_ns += spent_ns
        if not ends:
            return
        if course.code:
            stage = _STAGES.get((course.began, ends), "mixed")
            self._keep(f"{course.role} {course.code} {stage}", course.spent_ns, self._piece_octave)
            self._piece_octave = 0
        course.began, course.ends, course.spent_ns = ends, "", 0

    def watch(self, node: str) -> Watcher:
        """Return what the writer of ``node``'s books tells its groups to."""
        return partial(self._committed, node)

    def read(self) -> MeterReading:
        """Return everything measured, the window under way included."""
        self._close_window(time.perf_counter_ns())
        return MeterReading(
            windows=tuple(self._windows),
            samples={name: tuple(samples) for name, samples in sorted(self._samples.items())},
            disk_us=tuple(self._disk_us),
            checkpoint_disk_us=tuple(self._checkpoint_disk_us),
        )

    def _end_turn(self) -> None:
        self._turning = False

    def _close_window(self, now_ns: int) -> None:
        cpu_ns, window = time.process_time_ns(), self._window
        window.began_us = self._began_ns // _NS_PER_US
        window.length_us = (now_ns - self._began_ns) // _NS_PER_US
        window.cpu_us = (cpu_ns - self._began_cpu_ns) // _NS_PER_US
        self._windows.append(window)
        self._window = Window()
        self._began_ns, self._began_cpu_ns = now_ns, cpu_ns

    def _committed(self, node: str, changes: Sequence[Change], cpu_ns: int, flush: Flush) -> None:
        """Keep what a group of commits cost, or a checkpoint."""
        # It grew cold while the disk was at work, and while others had the core after that.
        self._ran_ns = time.perf_counter_ns() - flush.away_us * _NS_PER_US
        if not changes:
            self._window.checkpoints += 1
            self._window.checkpoints_ns += cpu_ns
            self._checkpoint_disk_us.append(flush.disk_us)
            return
        groups = self._window.groups.setdefault(self._octave, [0, 0, 0])
        groups[0] += 1
        groups[1] += len(changes)
        groups[2] += cpu_ns
        if len(self._disk_us) < _DISK_SAMPLES_MAX:
            self._disk_us.append(flush.disk_us)
        if len(changes) == 1:
            message = changes[0].message
            self._keep(f"{role_of(node, message.key.sender)} {message.code} change", cpu_ns, self._octave)

    def _keep(self, name: str, cpu_ns: int, octave: int) -> None:
        piece = self._window.pieces.setdefault(name, {}).setdefault(octave, [0, 0])
        piece[0] += 1
        piece[1] += cpu_ns
        samples = self._samples.setdefault(name, [])
        if len(samples) < _SAMPLES_MAX:
            samples.append((octave, cpu_ns))


class MeteredPeers:
    """Peers that tell the meter when a message goes on."""

    __slots__ = ("_peers",)

    def __init__(self, peers: Peers) -> None:
        """Call through ``peers``."""
        self._peers = peers

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node``."""
        _ends_with("call")
        return await self._peers.call(node, request, timeout_us)


class MeteredBooks:
    """Books that tell the meter where a message is committed."""

    __slots__ = ("_books",)

    def __init__(self, books: Books) -> None:
        """Write in ``books``."""
        self._books = books

    async def look(self, key: Key, *refs: Ref) -> View:
        """Return what is known of the message and of the records named, at one instant."""
        return await self._books.look(key, *refs)

    async def commit(self, change: Change) -> CommitResult:
        """Apply the whole change or none of it."""
        _ends_with("commit")
        return await self._books.commit(change)

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return the intents without outcome."""
        return await self._books.open_intents()


def _ends_with(what: str) -> None:
    course = _course.get()
    if course is not None:
        course.ends = what
