"""What care provinces are told of sessions, and when each desk signs out: from the scenario alone.

This module must never look at how a run goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from reference_impl.domain.keyed import Purpose, key_hash, uniform
from reference_impl.domain.scopes import Side
from reference_impl.domain.sessions import SessionRules
from scenarios.schema.course import courses_of
from scenarios.units import US_PER_DAY

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Scenario
    from scenarios.schema.sessions import SessionsSection

__all__ = ["Desk", "SessionHours", "desk_of", "session_hours", "session_rules"]


class Desk(NamedTuple):
    """One desk of an institution, by its number: who works at it is its operator (opter_no)."""

    institution: str
    number: int

    @property
    def operator(self) -> str:
        """Its operator's number."""
        return f"{self.number + 1:02d}"


def desk_of(visit: PlannedVisit) -> Desk:
    """Return the desk under whose session a visit's messages are sent: always the same one of its hospital's."""
    return Desk(visit.hospital.code, visit.visit % visit.hospital.desks)


@dataclass(frozen=True, slots=True)
class SessionHours:
    """When desks sign out, on the run's clock."""

    spec: SessionsSection
    seed: int
    started_us: int
    """The time of day at the run's zero."""
    time_scale: float
    end_us: int
    """The end of the horizon: no desk waits for a closing hour after it."""

    def signs_out_us(self, desk: Desk, now_us: int) -> int | None:
        """Return when a desk that signs in now signs out next; None where the run ends before."""
        early = uniform(self.seed, key_hash(desk.institution), desk.number, 0, Purpose.SIGN_OUT)
        closes_us = (self.spec.signs_out - int(self.spec.spread * early)) % US_PER_DAY
        day_us = self.started_us + int(now_us * self.time_scale)
        wait_us = (closes_us - day_us - 1) % US_PER_DAY + 1
        at_us = now_us + round(wait_us / self.time_scale)
        return at_us if at_us < self.end_us else None


def session_hours(scenario: Scenario) -> SessionHours | None:
    """Return when the desks of a resolved scenario sign out; None where none signs in."""
    spec = scenario.sessions
    if spec is None:
        return None
    start = scenario.horizon.start
    started_us = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(microseconds=1)
    return SessionHours(spec, scenario.seed, started_us, scenario.scale.time, scenario.horizon.length)


def session_rules(scenario: Scenario, province: str) -> SessionRules | None:
    """Return what a province asks of its desks; None where it asks nothing."""
    spec = scenario.sessions
    if spec is None:
        return None
    stops = courses_of(scenario) if spec.dropped_at_reopening else ()
    closed = [stop for stop in stops if stop.plan.scope == province and stop.plan.side != Side.INSURED.value]
    return SessionRules(lasts_us=spec.lasts, dropped_us=tuple(sorted(stop.reopen_at for stop in closed)))
