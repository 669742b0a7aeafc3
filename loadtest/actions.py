"""The timetable done to running processes: signals freeze and kill, an operator's commands refuse, slow and move doors.

Threads, one a fault or cutover, because a process that cannot hear must not delay the others. It lives in the
laboratory's process: it must never import gevent or Locust, and never leave a fault behind when it stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from loadtest.cpu_hog import CpuHog
from loadtest.held_database import HeldDatabases
from loadtest.moving import put_off, work_on_books
from loadtest.small_disk import SmallDisk
from reference_impl.books.final import BooksError
from reference_impl.books.journal import Stage
from reference_impl.domain.nodes import NodeId
from reference_impl.hospital.pulse import Seen
from reference_impl.protocol.door import DoorCommand
from reference_impl.server.closing import ClosedDay
from reference_impl.server.errors import CommandError, StartError
from reference_impl.server.faults import ClockCommand, RefuseCommand, SlowCommand, SlowDiskCommand
from reference_impl.server.supervisor import System
from reference_impl.staging.acts import Act, CloseDay, MoveDoor, OnlyWritten, WorkOnBooks, perform
from reference_impl.staging.day_ends import DayEnd, closing_rows
from reference_impl.staging.hospital_faults import HitInstitutions
from reference_impl.staging.stepping import OpenBySteps, SteppedRamp, Turn
from reference_impl.staging.timetable import Step, timetable
from scenarios.record.recorder import EventRow
from scenarios.record.tables import ClosingRow
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Phase
from scenarios.schema.renumbered import renumberings_of

__all__ = ["Injector", "Machine", "ProcessActions"]

_INSIST_EVERY_S = 0.2
_STOP_LIMIT_S = 60.0
_US_PER_S = 1_000_000
_ON_TIME_US = 100_000
"""So much later than planned is on time: what a step needs to be done."""
_FAILED = (OSError, BooksError, CommandError, StartError)
_NOTHING_SEEN = Seen(messages=0, p95_us=None, busy=0, oldest_us=0)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run has of the machine beside its processes, for faults to do something to; None where none does."""

    disk: SmallDisk | None = None
    """Under the books."""
    hog: CpuHog | None = None
    """On the system's core."""


class ProcessActions:
    """A ``reference_impl.staging.timetable.Actions`` on the processes of a system."""

    __slots__ = ("_held", "_lock", "_machine", "_revoked", "_system")

    def __init__(self, system: System, machine: Machine) -> None:
        """Act on ``system``; a method raises OSError, CommandError or StartError when a process cannot hear.

        ``machine`` is what may be done beside its processes.
        """
        self._system = system
        self._machine = machine
        self._held = HeldDatabases()
        self._revoked: frozenset[HitInstitutions] = frozenset()
        """Whose keys are revoked at the nodes now."""
        self._lock = threading.Lock()
        """Held while files of keys are written anew: faults have threads of their own."""

    def freeze(self, node: NodeId) -> None:
        """Stop the node's process where it stands."""
        self._system.freeze(node)

    def thaw(self, node: NodeId) -> None:
        """Let it go on."""
        self._system.thaw(node)

    def kill(self, node: NodeId) -> None:
        """End the node's process at once."""
        self._system.kill(node)

    def restart(self, node: NodeId) -> None:
        """Start it again on its books."""
        self._system.restart(node)

    def refuse(self, node: NodeId, *, on: bool) -> None:
        """Let the node answer overloaded to everything, or no longer."""
        self._system.fault(RefuseCommand(node, on=on))

    def slow(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node takes for a message."""
        self._system.fault(SlowCommand(node, add_us))

    def slow_disk(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node's disk takes for a group of commits."""
        self._system.fault(SlowDiskCommand(node, add_us))

    def hold_database(self, node: NodeId, *, on: bool) -> None:
        """Hold the database of the node's books, or let it have it again."""
        self._held.take(node, self._system.place_of(node)) if on else self._held.let_go(node)

    def fill_disk(self, *, on: bool) -> None:
        """Leave no room on the disk under the books, or some again."""
        disk = self._machine.disk
        if disk is None:
            raise CommandError("the books do not lie on a small disk of this run, and no other is filled")
        disk.fill() if on else disk.make_room()

    def hog(self, share: float) -> None:
        """Take a share of the system's core."""
        if self._machine.hog is None:
            raise CommandError("no program of this run takes a share of the system's core")
        self._machine.hog.take(share)

    def set_clock(self, node: NodeId, off_us: int) -> None:
        """Let the clock of the node's process be so far ahead."""
        self._system.fault(ClockCommand(node, off_us))

    def move_door(self, node: NodeId, command: DoorCommand) -> None:
        """Command a door that the node keeps."""
        self._system.door(node, command)

    def revoke(self, of: HitInstitutions, *, on: bool) -> None:
        """Write the nodes' files of keys anew, and have every process read them; hospitals hear of nothing."""
        with self._lock:
            self._revoked = self._revoked | {of} if on else self._revoked - {of}
            hit = self._revoked
            self._system.revoke_at_nodes(lambda line: any(one.has(line.institution) for one in hit))

    def list_inflight(self, phase: Phase, cutover: Cutover) -> None:
        """Leave it to the generator, where the patients are."""


class Injector:
    """Does a scenario's timetable. ``events`` are the rows of what was done, at the times it was done."""

    def __init__(
        self, scenario: Scenario, system: System, now_us: Callable[[], int], machine: Machine = Machine()
    ) -> None:
        """``now_us`` reads the run's clock; ``machine`` is what the scenario does something to."""
        self._system = system
        self._actions = ProcessActions(system, machine)
        self._now_us = now_us
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._events: list[tuple[int, EventRow]] = []
        self._failures: list[str] = []
        self._renumbered = frozenset(one.scope for one in renumberings_of(scenario))
        self._seen: dict[str, Seen] = {}
        self._provinces = scenario.topology.province_nodes()
        self._closings: list[ClosingRow] = []
        by_chain = sorted(timetable(scenario), key=attrgetter("chain"))
        self._threads: list[threading.Thread] = []
        self._day_ends: list[tuple[int, threading.Thread]] = []
        for chain, each in groupby(by_chain, key=attrgetter("chain")):
            steps = tuple(each)
            thread = threading.Thread(target=self._do_chain, args=(steps,), name=f"timetable {chain}", daemon=True)
            self._threads.append(thread)
            if isinstance(steps[-1].act, CloseDay):
                self._day_ends.append((steps[-1].at_us, thread))

    @property
    def events(self) -> tuple[EventRow, ...]:
        """What was done so far, in order."""
        return tuple(row for _, row in self.done)

    @property
    def done(self) -> tuple[tuple[int, EventRow], ...]:
        """What was done so far, in the order of the timetable, each with the chain that it belongs to."""
        with self._lock:
            return tuple(sorted(self._events, key=lambda entry: (entry[1].at_us, entry[0])))

    @property
    def closings(self) -> tuple[ClosingRow, ...]:
        """The sheets of the business days that closed so far."""
        with self._lock:
            return tuple(sorted(self._closings, key=attrgetter("day", "node", "care_region")))

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be done or undone: the run is not the scenario's."""
        with self._lock:
            return tuple(self._failures)

    def hear(self, plan: str, seen: Seen) -> None:
        """Hear from the generator what a plan's business has lately met."""
        with self._lock:
            self._seen[plan] = seen

    def start(self) -> None:
        """Begin to wait for the first step."""
        for thread in self._threads:
            thread.start()

    def end_days(self) -> None:
        """Wait until the last business day of the timetable has closed, which may be after the last patient has left.

        One that does not close in its time is left to :meth:`stop`, which makes it a failure.
        """
        for due_us, thread in self._day_ends:
            thread.join(max(0, due_us - self._now_us()) / _US_PER_S + _STOP_LIMIT_S)

    def stop(self) -> None:
        """Undo what is still on, do nothing more, and return when every thread has ended."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_STOP_LIMIT_S)

    # --- one fault, or one cutover ---

    def _do_chain(self, steps: Sequence[Step]) -> None:
        """Do the steps in order, until one cannot be done or the injector is stopped.

        What waits for books that are still being moved comes so much later, and so does all that follows.
        """
        late_us = 0
        for place, step in enumerate(steps):
            if step.undoes:
                continue  # done with the step before it
            undo = next((later for later in steps[place + 1 :] if later.undoes), None)
            if not self._wait_until(step.at_us + late_us) or not self._do(step, undo, late_us):
                return
            if isinstance(step.act, WorkOnBooks) and step.act.phase is Phase.REOPEN:
                late_us = max(0, self._now_us() - step.at_us)
                self._put_off_numbers(step.act.node, late_us)

    def _do(self, step: Step, undo: Step | None, late_us: int) -> bool:
        """Do a step and what undoes it, and write both down; return whether it was done."""
        if isinstance(step.act, WorkOnBooks):
            return self._work(step, step.act)
        if isinstance(step.act, OpenBySteps):
            return self._open_by_steps(step, _opened_later(step.act, late_us))
        if isinstance(step.act, CloseDay):
            return self._close_day(step.act, step.at_us)
        if not self._perform(_put_off(step.act, late_us), until_us=None if undo is None else undo.at_us):
            return False
        if undo is not None:
            self._undo_in_time(step, undo)
        elif isinstance(step.act, OnlyWritten):
            self._write(step)
        else:
            self._write(step, at_us=self._now_us())
        return True

    def _work(self, step: Step, act: WorkOnBooks) -> bool:
        """Do a phase of a move and write down when it truly was, and what came of it; return whether it was done."""
        began_us = self._now_us()
        worked = self._insist(lambda: work_on_books(self._system, act, self._now_us, self._over), until_us=None)
        if worked is None:
            return False
        if worked.failure:
            self._fail(worked.failure)
        if step.row is not None:
            note = f"{step.row.note}, {worked.note}" if worked.note else step.row.note
            row = step.row._replace(note=note)
            self._write(replace(step, row=row), at_us=began_us, until_us=max(began_us, self._now_us()))
        return True

    def _close_day(self, end: CloseDay, due_us: int) -> bool:
        """Order a day closed until nothing of it waits any more, and write its sheet down; return whether it closed."""
        order = ClosedDay(end.day, end.first_open)
        waiting: int | None = None
        while True:
            said = self._insist(partial(self._system.close_day, end.node, order), until_us=None)
            if said is None:
                return False
            waiting = said.waiting if waiting is None else waiting
            if said.closed_us is not None:
                break
            if self._over.wait(_INSIST_EVERY_S):
                self._fail(f"day {end.day} of node {end.node} stays open: {said.waiting} decisions wait")
                return False
        ended = DayEnd(end.node, end.day, due_us, said.closed_us, waiting)
        with self._lock:
            self._closings.extend(closing_rows(ended, said.sheet, self._provinces))
        return True

    def _put_off_numbers(self, scope: str, late_us: int) -> None:
        """Have new numbers come into force with the reopening as it is: later than planned, or never."""
        if scope not in self._renumbered:
            return
        taken_back = self._insist(lambda: self._system.move_status(scope), until_us=None)
        if taken_back is not None and taken_back["stage"] == Stage.ROLLED_BACK:
            at_us = None
        elif late_us > _ON_TIME_US:
            at_us = self._now_us()
        else:
            return
        for node in self._system.config.services:
            self._insist(partial(self._tell_numbers, node, scope, at_us), until_us=None)

    def _tell_numbers(self, node: str, scope: str, at_us: int | None) -> bool:
        self._system.numbers(node, scope, at_us)
        return True

    def _open_by_steps(self, step: Step, opening: OpenBySteps) -> bool:
        """Open a plan's doors step by step, each when what the generator has heard allows; return whether all was."""
        ramp, plan = SteppedRamp(opening), opening.course.plan.name
        turn = ramp.begin(self._now_us())
        while self._turn(step, opening.node, turn):
            if ramp.next_us is None:
                return True
            if not self._wait_until(ramp.next_us):
                return False
            with self._lock:
                seen = self._seen.get(plan, _NOTHING_SEEN)
            turn = ramp.look(self._now_us(), seen)
        return False

    def _turn(self, step: Step, node: NodeId, turn: Turn) -> bool:
        for command in turn.commands:
            if not self._perform(MoveDoor(node, command), until_us=None):
                return False
        for row in turn.rows:
            self._write(replace(step, row=row))
        return True

    def _undo_in_time(self, step: Step, undo: Step) -> None:
        """Undo what was just done when its time comes, or when the injector stops, and write both down."""
        began_us = self._now_us()
        self._wait_until(undo.at_us)
        self._perform(undo.act, until_us=None)
        ended_us = self._now_us()
        self._write(step, at_us=began_us, until_us=ended_us)
        self._write(undo, at_us=ended_us)

    def _write(self, step: Step, **times_us: int) -> None:
        """Write down a step that has a row, at the times it was really done."""
        if step.row is not None:
            with self._lock:
                self._events.append((step.chain, step.row._replace(**times_us)))

    # --- inside ---

    def _perform(self, act: Act, *, until_us: int | None) -> bool:
        """Do ``act``; return whether it was done."""

        def done() -> bool:
            perform(act, self._actions)
            return True

        return self._insist(done, until_us=until_us) is not None

    def _insist(self, do: Callable[[], _T], *, until_us: int | None) -> _T | None:
        """Try again while the process cannot hear: it may be frozen or dead at this moment. Once over, try once.

        Return what came of it; None when it could not be done.
        """
        while True:
            try:
                return do()
            except _FAILED as error:
                late = until_us is not None and self._now_us() >= until_us
                if late or self._over.wait(_INSIST_EVERY_S):
                    self._fail(str(error))
                    return None

    def _wait_until(self, at_us: int) -> bool:
        """Wait; False when the injector is stopped first."""
        return not self._over.wait(max(0.0, (at_us - self._now_us()) / _US_PER_S))

    def _fail(self, what: str) -> None:
        with self._lock:
            self._failures.append(what)


def _put_off(act: Act, by_us: int) -> Act:
    """Return a step of a door's as it is when everything comes later than it was to."""
    if by_us == 0 or not isinstance(act, MoveDoor):
        return act
    return replace(act, command=put_off(act.command, by_us))


def _opened_later(opening: OpenBySteps, by_us: int) -> OpenBySteps:
    """Return an opening as it is when it comes later than it was to: people begin later to mend rows."""
    rows = opening.unmended
    if by_us == 0 or rows is None:
        return opening
    return replace(opening, unmended=rows.later(by_us))
