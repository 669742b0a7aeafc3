"""A ramp whose steps are held by gates, in the making: at each end of a step it goes on, is held, or falls.

Unlike all else of a plan this depends on the run, so no timetable can hold it. Each world looks when ``next_us`` has
come, says what its hospitals have lately met, and does what is answered; the rule is here alone
(docs/why/held-by-what-is-seen.md). Must never look anywhere itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reference_impl.protocol.door import DoorCommand, DoorState, DoorStep
from scenarios.record.tables import EventRow
from scenarios.schema.cutover import Phase, Ramp, RampStep
from scenarios.schema.go_no_go import Decision, StepGates

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId
    from reference_impl.domain.scopes import Side
    from reference_impl.hospital.pulse import Seen
    from reference_impl.protocol.unmended import UnmendedRows
    from scenarios.schema.course import Course

__all__ = ["OpenBySteps", "SteppedRamp", "Turn", "breaches"]


@dataclass(frozen=True, slots=True)
class OpenBySteps:
    """The doors of a plan open by steps that gates hold, at the latest at ``end_us``: then everybody is let in."""

    node: NodeId
    course: Course
    sides: tuple[Side, ...]
    end_us: int
    unmended: UnmendedRows | None = None

    @property
    def gates(self) -> StepGates:
        """What is asked before each step."""
        gates = self.course.plan.step_gates
        assert gates is not None  # else it is in the timetable
        return gates


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done to the doors now, and written down."""

    commands: tuple[DoorCommand, ...] = ()
    rows: tuple[EventRow, ...] = ()


def breaches(gates: StepGates, seen: Seen) -> tuple[str, ...]:
    """Return the gates that are not met, in words."""
    said: list[str] = []
    enough = seen.messages >= gates.fewest
    if gates.p95 is not None and enough:
        if seen.p95_us is None:
            said.append(f"none of {seen.messages} messages answered")
        elif seen.p95_us > gates.p95:
            said.append(f"p95 {_seconds(seen.p95_us)} above {_seconds(gates.p95)}")
    if gates.busy is not None and enough and seen.busy_share > gates.busy:
        said.append(f"not served {seen.busy_share:.1%} above {gates.busy:.1%}")
    if gates.oldest is not None and seen.oldest_us > gates.oldest:
        said.append(f"oldest {_seconds(seen.oldest_us)} above {_seconds(gates.oldest)}")
    return tuple(said)


def _seconds(run_us: int) -> str:
    """Return a time of the run's clock as a reader is told it."""
    return f"{run_us / 1_000_000:.3g} s"


@dataclass(slots=True)
class SteppedRamp:
    """One plan's ramp as far as it has come. ``next_us`` is when to look; None once everybody is let in."""

    opening: OpenBySteps
    next_us: int | None = None
    _opened_us: int = 0
    _place: int = 0
    """The step that it is at."""
    _ends_us: int = 0
    """When the step, or the while by which it is held, is over."""
    _holds: int = 0
    _met_us: int | None = None
    """Since when the gates are met while the step is held."""
    _reached: list[DoorStep] = field(default_factory=list[DoorStep])
    _closed: bool = False
    _has_closed: bool = False

    @property
    def steps(self) -> tuple[RampStep, ...]:
        """The steps as planned."""
        ramp = self.opening.course.plan.ramp
        return ramp.steps if isinstance(ramp, Ramp) else ()

    def begin(self, now_us: int) -> Turn:
        """Open the door at its first step."""
        self._opened_us = now_us
        turn = self._take(0, now_us)
        planned_us = now_us + self.opening.course.plan.ramp_us
        return Turn(turn.commands, (self._row(now_us, Phase.REOPEN, f"planned until {planned_us} us"),))

    def look(self, now_us: int, seen: Seen) -> Turn:
        """Judge what is seen, and return what to do about it."""
        if self._closed:
            self._closed = False
            return self._take(0, now_us)
        if now_us >= self.opening.end_us:
            return self._full(now_us, "the horizon ends")
        found = breaches(self.opening.gates, seen)
        if found:
            self._met_us = None
        elif self._met_us is None:
            self._met_us = now_us
        if now_us < self._ends_us:
            self._look_again(now_us)
            return Turn()
        return self._decide(now_us, found, seen)

    # --- decisions ---

    def _decide(self, now_us: int, found: tuple[str, ...], seen: Seen) -> Turn:
        gates = self.opening.gates
        if not found:
            return self._go(now_us, Decision.GO, f"{seen.messages} messages")
        why = "; ".join(found)
        if self._holds < gates.holds or gates.then == "hold_on":
            return self._hold(now_us, why)
        if gates.then == "go_on":
            return self._go(now_us, Decision.NO_GO, f"{why}: goes on all the same")
        if gates.then == "fall_back" and self._place > 0:
            turn = self._take(self._place - 1, now_us)
            row = self._row(now_us, Decision.NO_GO, f"{why}: falls back to step {self._place + 1}")
            return Turn(turn.commands, (row,))
        if gates.then == "close_again" and not self._has_closed:
            return self._close(now_us, why)
        return self._hold(now_us, why)

    def _hold(self, now_us: int, why: str) -> Turn:
        self._holds += 1
        self._ends_us = now_us + self.opening.gates.hold
        self._look_again(now_us)
        row = self._row(now_us, Decision.HOLD, f"{self._at}: {why}", until_us=self._ends_us)
        return Turn(self._commands(now_us), (row,))

    def _go(self, now_us: int, decision: Decision, why: str) -> Turn:
        rows = [self._row(now_us, decision, f"{self._at}: {why}")]
        if decision is Decision.GO and self._met_us is not None and self._met_us < now_us:
            rows.insert(0, self._row(self._met_us, Decision.MET, self._at))
        if self._place + 1 == len(self.steps):
            full = self._full(now_us)
            return Turn(full.commands, (*rows, *full.rows))
        return Turn(self._take(self._place + 1, now_us).commands, tuple(rows))

    def _close(self, now_us: int, why: str) -> Turn:
        again_us = min(now_us + (self.opening.gates.closed_for or 0), self.opening.end_us)
        self._closed = self._has_closed = True
        self.next_us, self._met_us = again_us, None
        row = self._row(now_us, Decision.NO_GO, f"{self._at}: {why}: closes again", until_us=again_us)
        return Turn(self._told(DoorState.CLOSED, again_us, again_us + self.opening.course.plan.ramp_us), (row,))

    def _full(self, now_us: int, why: str = "") -> Turn:
        self.next_us = None
        monitor = self.opening.course.plan.monitor
        rows = [self._row(now_us, Phase.FULL, why)]
        if monitor is not None:
            rows.append(self._row(now_us, Phase.MONITOR, until_us=now_us + monitor.lasts))
        return Turn(self._told(DoorState.OPEN, self._opened_us, now_us), tuple(rows))

    # --- the door ---

    def _take(self, place: int, now_us: int) -> Turn:
        """Be at a step from now on; what lay before it stays let in, what lay after it no longer is."""
        step = self.steps[place]
        self._place, self._holds, self._met_us = place, 0, None
        self._ends_us = now_us + step.hold
        del self._reached[place:]
        self._reached.append(DoorStep(now_us, step.share, step.provinces, step.kinds))
        self.next_us = min(self._ends_us, self.opening.end_us)
        return Turn(self._commands(now_us))

    def _look_again(self, now_us: int) -> None:
        """Look before the step ends too while it is held, to know since when its gates are met."""
        next_us = self._ends_us if self._holds == 0 else min(self._ends_us, now_us + self.opening.gates.over)
        self.next_us = min(next_us, self.opening.end_us)

    def _commands(self, now_us: int) -> tuple[DoorCommand, ...]:
        later_us = sum(step.hold for step in self.steps[self._place + 1 :])
        return self._told(DoorState.RAMP, self._opened_us, max(now_us, self._ends_us) + later_us)

    def _told(self, state: DoorState, reopens_us: int, full_us: int) -> tuple[DoorCommand, ...]:
        plan = self.opening.course.plan
        return tuple(
            DoorCommand(
                scope=plan.scope,
                side=side,
                state=state,
                reopens_us=reopens_us,
                full_us=full_us,
                business=plan.business,
                steps=tuple(self._reached) if state is DoorState.RAMP else (),
                by_word=state is DoorState.RAMP,
                unmended=None if state is DoorState.CLOSED else self.opening.unmended,
            )
            for side in self.opening.sides
        )

    @property
    def _at(self) -> str:
        return f"step {self._place + 1} of {len(self.steps)}"

    def _row(self, at_us: int, kind: Phase | Decision, why: str = "", until_us: int | None = None) -> EventRow:
        plan = self.opening.course.plan
        return EventRow(at_us, until_us, kind.value, plan.scope, f"{plan.name}, {why}" if why else plan.name)
