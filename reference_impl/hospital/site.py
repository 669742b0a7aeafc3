"""What every visit of a scenario shares: the clients' timeouts, and the planned stops that its desks were told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.scopes import concerned, on_the_way
from scenarios.schema.course import Course, courses_of

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Clients, Cutover, Scenario

__all__ = ["HospitalSite", "concerns", "site_of"]


@dataclass(frozen=True, slots=True)
class HospitalSite:
    """What every visit of a scenario shares: the clients' timeouts and the planned stops."""

    clients: Clients
    uploads_per_stay: int
    stops: tuple[Course, ...] = ()

    def known_stop(self, visit: PlannedVisit, now_us: int, *, fresh: bool) -> Course | None:
        """Return the stop on the visit's way that its desk was told of and that is on now; the one that lasts longest.

        With ``fresh``, of a visit that has not begun, a stop is on from its early cut-off.
        """
        found: Course | None = None
        for stop in self.stops:
            plan = stop.plan
            begins_us = plan.early_at if fresh else plan.stop_at
            if not plan.announced or not begins_us <= now_us < stop.reopen_at or not concerns(plan, visit):
                continue
            if found is None or stop.told_reopening_us(now_us) > found.told_reopening_us(now_us):
                found = stop
        return found

    def announced_stop(self, visit: PlannedVisit, now_us: int) -> Course | None:
        """Return the stop on the visit's way that patients were told of and that is on now."""
        for stop in self.stops:
            plan = stop.plan
            if plan.announce is not None and plan.early_at <= now_us < stop.reopen_at and concerns(plan, visit):
                return stop
        return None

    def met(self, scope: str, visit: PlannedVisit, now_us: int) -> Course | None:
        """Return the stop whose closed door of ``scope`` the visit has met; None when an operator closed it."""
        here = [stop for stop in self.stops if stop.plan.scope == scope and concerns(stop.plan, visit)]
        return min(here, key=lambda stop: max(stop.stop_at - now_us, now_us - stop.full_at), default=None)

    def park_share(self, stop: Course | None) -> float:
        """Return the share of those whom ``stop`` turns away who settle later instead of paying in full."""
        stated = None if stop is None else stop.plan.park_share
        return self.clients.park.share if stated is None else stated


def site_of(scenario: Scenario) -> HospitalSite:
    """Return what every hospital of a resolved scenario shares."""
    return HospitalSite(scenario.clients, scenario.visits.uploads_per_stay, courses_of(scenario))


def concerns(plan: Cutover, visit: PlannedVisit) -> bool:
    """Return whether the planned stop is on the visit's way."""
    care, insured = visit.care_region, visit.insured_region
    return concerned(plan.business, care_region=care, insured_region=insured) and on_the_way(
        plan.scope, plan.side, care_region=care, insured_region=insured
    )
