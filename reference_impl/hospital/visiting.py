"""How a world has a visit lived: begun, gone on with from rest to rest, left; and a one-sided break worked off.

What is written down of a journey's beginning and end is written here, so that no world can forget it. A world that puts
resting journeys away (``rest``) does the same in parts of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.hospital.journey import Journey, nobody_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference_impl.hospital.history import History
    from reference_impl.hospital.site import HospitalSite
    from reference_impl.protocol.messages import SettlementId, VisitId
    from reference_impl.protocol.ports import HospitalPorts
    from scenarios.patients.visits import PlannedVisit

__all__ = ["live_visit", "refund_and_paper"]

_FOLLOW_UP_STEP = 1000
"""Following up counts its steps from here: its message ids must never be those of the visit before it."""


async def live_visit(
    ports: HospitalPorts,
    site: HospitalSite,
    visit: PlannedVisit,
    history: History,
    rests: Callable[[int], None] = nobody_counts,
) -> None:
    """Live one planned visit to its end; ``rests`` as of ``Journey.live``.

    Cancelled while open, it stays in the record as open at the end.
    """
    journey = Journey(ports, site, visit, history)
    history.began(journey)
    await journey.live(rests)
    history.left(journey)


async def refund_and_paper(
    ports: HospitalPorts,
    site: HospitalSite,
    visit: PlannedVisit,
    history: History,
    *,
    settled_as: tuple[VisitId, SettlementId],
) -> None:
    """Work off a one-sided break (单边账): a settlement that the insured province does not know."""
    journey = Journey(ports, site, visit, history)
    journey.visit_id, journey.settlement = settled_as
    journey.asker.step = _FOLLOW_UP_STEP
    history.reopened(journey)
    await journey.refund()
    history.left(journey)
