"""Run a scenario in the simulated world, from the first arrival until all is settled or counted as open.

This module must never judge a run: it returns the record and the books, and ``lab`` holds one against the other.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from reference_impl.hospital.calls import note_openings
from reference_impl.hospital.visiting import refund_and_paper
from reference_impl.staging.acts import CloseDay, ListInflight, perform
from reference_impl.staging.hits import with_hits
from reference_impl.staging.stepping import OpenBySteps
from reference_impl.staging.timetable import link_hits_in, timetable
from scenarios.record.recorder import EventRow, Record, Recorder, RunTables, record_of
from sim.actions import SimActions
from sim.closing import DayEnds
from sim.engine.driver import Task
from sim.engine.timeline import COMMAND, LAST, SAMPLE, WORK, Wakeup
from sim.sampling import Sampler
from sim.stepping import open_by_steps
from sim.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from reference_impl.books.final import FinalBooks
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import SettlementId, VisitId
    from scenarios.patients.visits import VisitPlan
    from scenarios.schema import Scenario
    from sim.model.costs import Costs

SAMPLES: Final = 288
"""Samples of every station over the horizon: one each five minutes of a day."""
SAMPLE_MIN_US: Final = 1_000_000
GC_THRESHOLD: Final = 500_000


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, now_us: int, end_us: int, ended: int, planned: int, /) -> None:
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
    simulation: Simulation = field(repr=False)

    @property
    def books(self) -> dict[NodeId, FinalBooks]:
        """The books of every node as they are now."""
        return {node: store.read_all() for node, store in self.simulation.world.stores.items()}

    def digest(self) -> str:
        """Return the run's digest: equal for equal seeds, on any machine (G22)."""
        return self.tables().digest()

    def record(self) -> Record:
        """Return the tables in memory, with what each fault hit."""
        return record_of(self.tables())

    def tables(self) -> RunTables:
        """Return the tables, with what each fault hit; what has gone to disk stays there."""
        return with_hits(self.recorder.tables(), self.simulation.world.scenario, lambda: self.books)

    def follow_up(self, breaks: Iterable[tuple[int, VisitId, SettlementId]], limit_us: int) -> None:
        """Let hospitals work off one-sided breaks: settlements that they hold and no insurer knows.

        A break is (visit, visit id, settlement id). The world goes on from where it stopped, for at most
        ``limit_us``.
        """
        world = self.simulation.world
        for visit, visit_id, settlement in breaks:
            planned = world.plan.visit(visit)
            work = refund_and_paper(
                world.hospital(planned.hospital), world.site, planned, world.history, settled_as=(visit_id, settlement)
            )
            Task(world.timeline, work, world.outside).start_later()
        self.simulation.follow_up(limit_us)
        self.ended_us = world.timeline.now_us


def simulate(
    scenario: Scenario,
    plan: VisitPlan,
    costs: Costs,
    *,
    progress: Progress | None = None,
    until_us: int | None = None,
    folder: Path | None = None,
) -> SimRun:
    """Run ``plan`` through the world of ``scenario``.

    What does not stay in memory lies in ``folder`` meanwhile; without one, where temporary files do.

    Ends when all is settled, or ``drain_limit`` after the last arrival, or at ``until_us``; an interrupt from the
    keyboard ends it between two events and keeps what is finished.
    """
    return Simulation(scenario, plan, costs, progress=progress, folder=folder).run(until_us)


class Simulation:
    """A world with its arrivals, faults and cutover lined up, ready to run."""

    def __init__(
        self,
        scenario: Scenario,
        plan: VisitPlan,
        costs: Costs,
        *,
        progress: Progress | None = None,
        folder: Path | None = None,
    ) -> None:
        """Build the world and put everything that is planned on its timeline."""
        self.recorder = Recorder(folder)
        self.world = World(scenario, plan, costs, self.recorder, folder)
        self._progress = progress
        self._events: list[tuple[int, EventRow]] = []
        self._pending_steps = 0
        self._sampler = Sampler(self.world, self.recorder)
        _Feeder(self.world).start()
        actions = SimActions(self.world)
        day_ends = DayEnds(self.world, self.recorder, partial(self._schedule, event=None))
        for step in timetable(scenario):
            event = None if step.row is None else (step.chain, step.row)
            act = partial(perform, step.act, actions)
            if isinstance(step.act, OpenBySteps):
                act = partial(open_by_steps, step.act, self.world, self._schedule, partial(self._write, step.chain))
            elif isinstance(step.act, CloseDay):
                act = partial(day_ends.begin, step.act)
            # What is open at the start is only there once the first instant is over.
            listed_last = step.at_us == 0 and isinstance(step.act, ListInflight)
            self._schedule(step.at_us, act, event, kind=LAST if listed_last else COMMAND)

    def run(self, until_us: int | None = None) -> SimRun:
        """Let time pass to the end of the run."""
        world, recorder = self.world, self.recorder
        end_us = self._end_us() if until_us is None else min(self._end_us(), until_us)
        horizon = world.scenario.horizon
        with _interruptible(world) as interrupt, _rare_collections():
            self._let_pass(end_us, max(SAMPLE_MIN_US, horizon.length // SAMPLES))
        self._sampler.sample()
        note_openings(world.site.calls, recorder, now_us=world.timeline.now_us)
        settled = self._nothing_left()
        self._close()
        events = link_hits_in(self._events, sum((link.hits for link in world.faulty_links), Counter[int]()))
        for row in events:
            recorder.event(row)
        return SimRun(recorder, events, world.timeline.now_us, settled, interrupt.seen, self)

    def follow_up(self, limit_us: int) -> None:
        """Let time pass for work that was added after the end, for at most ``limit_us``."""
        world = self.world
        self._let_pass(world.timeline.now_us + limit_us, SAMPLE_MIN_US)
        self._close()

    def _close(self) -> None:
        """Cancel what is under way, and write it down as it stands."""
        world = self.world
        world.outside.cancel_all()
        world.journeys.send_home()
        world.history.close()

    def _end_us(self) -> int:
        plan, horizon = self.world.plan, self.world.scenario.horizon
        last_us = int(plan.columns.arrival_us[-1]) if len(plan) else 0
        return max(horizon.length, last_us) + horizon.drain_limit

    def _let_pass(self, end_us: int, every_us: int) -> None:
        """Let time pass until ``end_us``, or until a look finds nothing left to do."""
        world, timeline = self.world, self.world.timeline

        def look() -> None:
            self._sampler.sample()
            if self._progress is not None:
                self._progress(timeline.now_us, end_us, world.history.ended_count, len(world.plan))
            if self._nothing_left():
                timeline.stop()
            elif timeline.now_us < end_us:
                timeline.call_at(min(end_us, timeline.now_us + every_us), SAMPLE, look)

        timeline.call_at(min(end_us, timeline.now_us + every_us), SAMPLE, look)
        timeline.run_until(end_us)

    def _nothing_left(self) -> bool:
        """Whether nobody is to come and nobody is under way: no patient, no message, nothing that goes on beside."""
        world = self.world
        to_come = world.started < len(world.open_rows) or world.journeys.users.left
        if self._pending_steps or to_come or world.outside.tasks or world.journeys.resting:
            return False
        return not any(host.group.tasks for host in world.hosts.values())

    def _write(self, chain: int, row: EventRow) -> None:
        """Write down an event of a chain of the timetable."""
        self._events.append((chain, row))

    def _schedule(
        self, at_us: int, act: Callable[[], None], event: tuple[int, EventRow] | None = None, *, kind: int = COMMAND
    ) -> None:
        """Do something at a moment, and write down an event of a chain of the timetable."""

        def do() -> None:
            self._pending_steps -= 1
            if event is not None:
                self._write(*event)
            act()

        self._pending_steps += 1
        self.world.timeline.call_at(at_us, kind, do)


class _Feeder:
    """Starts the journeys at their arrivals, with one event armed at a time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._rows = world.open_rows
        self._arrivals = world.plan.columns.arrival_us[self._rows]

    def start(self) -> None:
        if len(self._arrivals):
            self._arm()

    def _arm(self) -> None:
        arrival = Wakeup()
        arrival.callbacks.append(self._arrive)
        world = self._world
        world.timeline.at(int(self._arrivals[world.started]), WORK, arrival)

    def _arrive(self, _: Wakeup) -> None:
        world, arrivals = self._world, self._arrivals
        now_us = world.timeline.now_us
        while world.started < len(arrivals) and arrivals[world.started] <= now_us:
            number = int(self._rows[world.started])
            world.started += 1
            world.journeys.begin(number)
        if world.started < len(arrivals):
            self._arm()


@contextmanager
def _rare_collections() -> Generator[None]:
    """Let the collector of cycles run seldom: a run makes next to none, and walking millions of objects is costly."""
    before = gc.get_threshold()
    gc.freeze()  # the plan, the code and the world live as long as the run: no collection need walk them
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


_STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class _Interrupt:
    seen: bool = False


@contextmanager
def _interruptible(world: World) -> Generator[_Interrupt]:
    """Turn Ctrl-C into an orderly stop: an exception in the middle of a commit would leave half of it in the books.

    And SIGTERM, where the process hears it: a background job of a shell hears no Ctrl-C.
    """
    interrupt = _Interrupt()

    def stop(_signum: int, _frame: Any) -> None:
        interrupt.seen = True
        world.timeline.stop()

    in_charge = threading.current_thread() is threading.main_thread()
    # A worker process hears neither: it leaves interrupts to its parent, and is itself ended by SIGTERM.
    heard = [number for number in _STOPS if in_charge and callable(signal.getsignal(number))]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
