"""What every visit of a scenario shares: the clients' timeouts, and the cutover that its desks were told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.scopes import on_the_way

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Clients, Cutover

__all__ = ["HospitalSite", "concerns"]


@dataclass(frozen=True, slots=True)
class HospitalSite:
    """What every visit of a scenario shares: the clients' timeouts and the cutover that was announced."""

    clients: Clients
    uploads_per_stay: int
    cutover: Cutover | None = None

    def known_reopening_us(self, visit: PlannedVisit, now_us: int) -> int | None:
        """Return when the visit's chain reopens, if its desk was told of a cutover that is on now."""
        cutover = self.cutover
        if cutover is None or not cutover.announced or not cutover.stop_at <= now_us < cutover.reopen_at:
            return None
        return cutover.reopen_at if concerns(cutover, visit) else None

    @property
    def park_share(self) -> float:
        """Share of turned-away patients who settle later instead of paying in full."""
        cutover = self.cutover
        return self.clients.park.share if cutover is None or cutover.park_share is None else cutover.park_share


def concerns(cutover: Cutover, visit: PlannedVisit) -> bool:
    """Return whether the cutover is on the visit's way."""
    return on_the_way(cutover.scope, cutover.side, care_region=visit.care_region, insured_region=visit.insured_region)
