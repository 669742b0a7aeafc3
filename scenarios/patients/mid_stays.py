"""Whose long stay is settled in its middle, and how far on: drawn by the visits' numbers. Must never look at a run."""

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

    def due_after(self, visit: PlannedVisit, batches: int) -> int | None:
        """Return after which of its batches of charges a stay is settled because its patient asks; None when it is not.

        By the batches and not by the clock: a stay that began late is settled as far on as one that did not.
        """
        if batches == 1 or visit.stay_us < self.spec.longer_than or self._drawn(visit, 0) >= self.spec.share:
            return None
        return 1 + int(self._drawn(visit, 1) * (batches - 1))

    def _drawn(self, visit: PlannedVisit, what: int) -> float:
        return uniform(self.seed, visit.visit, what, 0, Purpose.LONG_STAY)
