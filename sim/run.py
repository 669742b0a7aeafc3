"""Run a scenario in the simulated world, from the first arrival until all is settled or counted as open.

This module must never judge a run: it returns the record and the books, and ``lab`` holds one against the other.
"""

from __future__ import annotations

import hashlib
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from reference_impl.protocol.journey import live_visit, refund_and_paper
from scenarios.record import EventRow, Recorder
from sim.cutover import cutover_commands
from sim.driver import Task
from sim.faults import fault_commands
from sim.sampling import Sampler
from sim.timeline import COMMAND, SAMPLE, WORK, Signal
from sim.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reference_impl.books.final import FinalBooks
    from reference_impl.protocol.messages import NodeId, SettlementId, VisitId
    from scenarios.costs import Costs
    from scenarios.schema import Scenario
    from scenarios.visits import VisitPlan

SAMPLES: Final = 288
"""Samples of every station over the horizon: one each five minutes of a day."""
SAMPLE_MIN_US: Final = 1_000_000


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, now_us: int, end_us: int, ended: int, planned: int) -> None:
        """Hear the time of the run, when it ends at the latest, the visits ended and the visits planned."""
        ...


@dataclass(slots=True)
class SimRun:
    """A run, finished or interrupted, with its world still standing."""

    recorder: Recorder
    events: list[EventRow]
    ended_us: int
    settled: bool
    """Whether nothing was under way any more at the end."""
    interrupted: bool
    world: World = field(repr=False)

    @property
    def books(self) -> dict[NodeId, FinalBooks]:
        """The books of every node as they are now."""
        return {node: store.read_all() for node, store in self.world.stores.items()}

    def digest(self) -> str:
        """Return a fingerprint of everything the run wrote down: equal for equal seeds, on any machine (G22)."""
        state = hashlib.sha256()
        for name, frame in sorted(self.recorder.frames().items()):
            state.update(name.encode())
            state.update(frame.write_csv().encode())
        return state.hexdigest()

    def follow_up(self, differences: Iterable[tuple[int, VisitId, SettlementId]], limit_us: int) -> None:
        """Let hospitals work off one-sided differences: settlements that they hold and no insurer knows.

        A difference is (visit, visit id, settlement id). The world goes on from where it stopped, for at most
        ``limit_us``.
        """
        world = self.world
        for visit, visit_id, settlement in differences:
            planned = world.plan.visit(visit)
            work = refund_and_paper(
                world.hospital(planned.hospital), world.site, planned, world.history, settled_as=(visit_id, settlement)
            )
            Task(world.timeline, work, world.outside).start_later()
        end_us = world.timeline.now_us + limit_us
        _settle(world, end_us, lambda: None, every_us=SAMPLE_MIN_US)
        world.outside.cancel_all()
        world.history.close()
        self.ended_us = world.timeline.now_us


def simulate(
    scenario: Scenario,
    plan: VisitPlan,
    costs: Costs,
    *,
    progress: Progress | None = None,
    until_us: int | None = None,
) -> SimRun:
    """Run ``plan`` through the world of ``scenario``.

    Ends when all is settled, or ``drain_limit`` after the last arrival, or at ``until_us``; an interrupt from the
    keyboard ends it between two events and keeps what is finished.
    """
    recorder = Recorder()
    world = World(scenario, plan, costs, recorder)
    events: list[EventRow] = []
    _Feeder(world).start()
    commands = _Commands(world, events)
    commands.schedule(fault_commands(world))
    commands.schedule(cutover_commands(world))
    last_us = int(plan.columns.arrival_us[-1]) if len(plan) else 0
    end_us = max(scenario.horizon.length, last_us) + scenario.horizon.drain_limit
    if until_us is not None:
        end_us = min(end_us, until_us)
    sampler = Sampler(world, recorder)

    def look() -> None:
        sampler.sample()
        if progress is not None:
            progress(world.timeline.now_us, end_us, world.history.ended_count, len(plan))

    every_us = max(SAMPLE_MIN_US, scenario.horizon.length // SAMPLES)
    with _interruptible(world) as interrupt:
        _settle(world, end_us, look, every_us=every_us, busy=lambda: commands.pending > 0)
    sampler.sample()
    settled = _all_quiet(world) and world.started == len(plan)
    world.outside.cancel_all()
    world.history.close()
    for row in events:
        recorder.event(row)
    return SimRun(recorder, events, world.timeline.now_us, settled, interrupt.seen, world)


class _Feeder:
    """Starts the journeys at their arrivals, with one event armed at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._arrivals = world.plan.columns.arrival_us

    def start(self) -> None:
        if len(self._arrivals):
            self._arm()

    def _arm(self) -> None:
        arrival = Signal()
        arrival.callbacks.append(self._arrive)
        world = self._world
        world.timeline.at(int(self._arrivals[world.started]), WORK, arrival)

    def _arrive(self, _: Signal) -> None:
        world, arrivals = self._world, self._arrivals
        now_us = world.timeline.now_us
        while world.started < len(arrivals) and arrivals[world.started] <= now_us:
            visit = world.plan.visit(world.started)
            world.started += 1
            journey = live_visit(world.hospital(visit.hospital), world.site, visit, world.history)
            Task(world.timeline, journey, world.outside).start()
        if world.started < len(arrivals):
            self._arm()


class _Commands:
    """What the scenario does to its world, at its times."""

    def __init__(self, world: World, events: list[EventRow]) -> None:
        self._world = world
        self._events = events
        self.pending = 0

    def schedule(self, commands: Iterable[tuple[int, Callable[[], None], EventRow | None]]) -> None:
        for at_us, act, row in commands:
            self.pending += 1
            self._world.timeline.call_at(at_us, COMMAND, self._command(act, row))

    def _command(self, act: Callable[[], None], row: EventRow | None) -> Callable[[], None]:
        def do() -> None:
            self.pending -= 1
            if row is not None:
                self._events.append(row)
            act()

        return do


def _settle(
    world: World, end_us: int, look: Callable[[], None], *, every_us: int, busy: Callable[[], bool] = lambda: False
) -> None:
    """Let time pass until ``end_us``, or until a look finds nothing left to do."""
    timeline = world.timeline

    def sample() -> None:
        look()
        if _all_quiet(world) and world.started == len(world.plan) and not busy():
            timeline.stop()
        elif timeline.now_us + every_us < end_us:
            timeline.call_at(timeline.now_us + every_us, SAMPLE, sample)

    timeline.call_at(min(end_us, timeline.now_us + every_us), SAMPLE, sample)
    timeline.run_until(end_us)


def _all_quiet(world: World) -> bool:
    """Whether nobody is under way: no patient, no message, nothing that goes on beside."""
    return not world.outside.tasks and not any(host.home.tasks for host in world.hosts.values())


@dataclass(slots=True)
class _Interrupt:
    seen: bool = False


@contextmanager
def _interruptible(world: World) -> Iterator[_Interrupt]:
    """Turn Ctrl-C into an orderly stop: an exception in the middle of a commit would leave half of it in the books."""
    interrupt = _Interrupt()

    def stop(_signum: int, _frame: Any) -> None:
        interrupt.seen = True
        world.timeline.stop()

    in_charge = threading.current_thread() is threading.main_thread()
    if not in_charge or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield interrupt  # a worker process leaves interrupts to its parent
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
