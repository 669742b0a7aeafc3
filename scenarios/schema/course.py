"""How a planned stop comes true under a seed: what was drawn, whether it overran or turned back, and when it opened.

The draws are keyed by the plan's name, so every world and every process has the same course. A ramp that is held by
gates is as it was planned here: how long it is held, the run shows. Must never say what a door lets through, nor what
patients do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenarios.schema.cutover import Cutover, Phase, Ramp, RampStep, Window
from scenarios.schema.works import NOTHING_FOUND, Found, Judged, work_of

if TYPE_CHECKING:
    from scenarios.schema.scenario import Scenario

__all__ = ["Course", "PhaseTimes", "course_of", "courses_of"]


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """A phase as it is to come: ``until_us`` is None for full admission, ``planned_us`` when its end was to be."""

    phase: Phase
    at_us: int
    until_us: int | None
    planned_us: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """One plan as it comes true; times are of the run's clock."""

    plan: Cutover
    works: tuple[tuple[Phase, int], ...]
    """What is done behind the closed door and how long each takes, until it is done or given up."""
    rolled_back: bool
    """Whether it was given up: what reopens is the old system, with the old numbers."""
    reopen_at: int
    found: Found = NOTHING_FOUND
    """What the work found of the rows that now serve; nothing where the old system opens again."""
    judged: tuple[Judged, ...] = ()
    """What was decided of the opening, by the numbers that the work found."""

    @property
    def stop_at(self) -> int:
        """New business is turned away from here on."""
        return self.plan.stop_at

    @property
    def close_at(self) -> int:
        """Nothing is answered from here on."""
        return self.plan.close_at

    @property
    def planned_reopen_at(self) -> int:
        """When it was to open again."""
        return self.plan.planned_reopen_at

    @property
    def full_at(self) -> int:
        """The door is wide open, unless gates hold its ramp."""
        return self.reopen_at + self.plan.ramp_us

    @property
    def overrun_us(self) -> int:
        """How much later than planned it opened."""
        return max(0, self.reopen_at - self.planned_reopen_at)

    @property
    def ramp_steps(self) -> tuple[tuple[int, RampStep], ...]:
        """When each step of the ramp begins, and whom it lets in; empty for a ramp without steps."""
        at_us, steps = self.reopen_at, list[tuple[int, RampStep]]()
        for step in self.plan.ramp.steps if isinstance(self.plan.ramp, Ramp) else ():
            steps.append((at_us, step))
            at_us += step.hold
        return tuple(steps)

    def listings(self) -> Iterator[tuple[Phase, int]]:
        """Yield the phases at whose beginning business in flight is listed, and when that is."""
        yield Phase.STOP_ACCEPT, self.stop_at
        yield Phase.CLOSE, self.close_at
        yield Phase.REOPEN, self.reopen_at

    def told_reopening_us(self, now_us: int) -> int:
        """Return when it opens as everybody believes at ``now_us``: as planned, until that has passed or it is open."""
        return self.planned_reopen_at if now_us < min(self.planned_reopen_at, self.reopen_at) else self.reopen_at

    def phases(self) -> tuple[PhaseTimes, ...]:
        """Return the phases by their beginning; one of no length is left out, and full admission has no end."""
        return tuple(phase for phase in self._every() if phase.at_us != phase.until_us)

    def _every(self) -> Iterator[PhaseTimes]:
        plan = self.plan
        yield PhaseTimes(Phase.ANNOUNCE, plan.announce_at, plan.early_at)
        yield PhaseTimes(Phase.EARLY_CUTOFF, plan.early_at, plan.stop_at)
        yield PhaseTimes(Phase.STOP_ACCEPT, plan.stop_at, plan.close_at)
        yield PhaseTimes(Phase.CLOSE, plan.close_at, self.reopen_at, self.planned_reopen_at)
        yield from sorted(self._closed(), key=lambda phase: phase.at_us)
        planned_us = self.planned_reopen_at + plan.ramp_us
        yield PhaseTimes(Phase.REOPEN, self.reopen_at, self.full_at, planned_us)
        yield PhaseTimes(Phase.FULL, self.full_at, None)
        if plan.monitor is not None:
            yield PhaseTimes(Phase.MONITOR, self.full_at, self.full_at + plan.monitor.lasts)

    def _closed(self) -> Iterator[PhaseTimes]:
        at_us = self.close_at
        for phase, lasts_us in self.works:
            yield PhaseTimes(phase, at_us, at_us + lasts_us)
            at_us += lasts_us
        if self.rolled_back:
            yield PhaseTimes(Phase.ROLL_BACK, at_us, max(at_us + 1, self.reopen_at))
        if self.overrun_us:
            yield PhaseTimes(Phase.EXTEND, self.planned_reopen_at, self.reopen_at)


def course_of(plan: Cutover, seed: int) -> Course:
    """Return how ``plan``, on the run's clock, comes true under ``seed``."""
    if not isinstance(plan.window, Window):
        return Course(plan, (), rolled_back=False, reopen_at=plan.planned_reopen_at)
    work, back = work_of(plan, seed), plan.roll_back
    over_us = None if back is None or work.lasts_us <= back.after else back.after
    if back is not None and (over_us is not None or work.given_up):
        ended_us = work.lasts_us if over_us is None else over_us
        judged = tuple(one for one in work.judged if one.after_us <= ended_us)
        reopen_at = plan.close_at + ended_us + back.takes
        return Course(plan, tuple(_until(work.parts, ended_us)), rolled_back=True, reopen_at=reopen_at, judged=judged)
    reopen_at = max(plan.planned_reopen_at, plan.close_at + work.lasts_us)
    return Course(plan, work.parts, rolled_back=False, reopen_at=reopen_at, found=work.found, judged=work.judged)


def _until(works: tuple[tuple[Phase, int], ...], end_us: int) -> Iterator[tuple[Phase, int]]:
    """Yield the work as far as it has come after ``end_us``."""
    for phase, lasts_us in works:
        yield phase, min(lasts_us, end_us)
        end_us -= min(lasts_us, end_us)


def courses_of(scenario: Scenario) -> tuple[Course, ...]:
    """Return how the planned stops of a resolved scenario come true under its seed."""
    return tuple(course_of(plan, scenario.seed) for plan in scenario.cutover)
