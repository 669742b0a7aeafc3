"""Whose long stay is settled in its middle, and when: drawn by the visits' numbers. Must never look at a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.keyed import Purpose, uniform

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.mid_stay import LongStays

__all__ = ["MidStayDraws"]


@dataclass(frozen=True, slots=True)
class MidStayDraws:
    """What a scenario says of long stays, and the draws of its visits."""

    spec: LongStays
    seed: int

    def due_us(self, visit: PlannedVisit) -> int | None:
        """Return when a stay is settled in its middle because its patient asks for it; None when it is not."""
        if visit.stay_us < self.spec.longer_than or self._drawn(visit, 0) >= self.spec.share:
            return None
        return visit.arrival_us + int(visit.stay_us * (1 + 2 * self._drawn(visit, 1)) / 4)

    def _drawn(self, visit: PlannedVisit, what: int) -> float:
        return uniform(self.seed, visit.visit, what, 0, Purpose.LONG_STAY)
