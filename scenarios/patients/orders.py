"""Who buys by an order, and what becomes of it: drawn by the visits' numbers, so that both worlds see the same.

Must never look at a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.regions import is_cross_province
from scenarios.schema.durations import drawn_us

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.orders import OrdersSection

__all__ = ["OrderDraws"]

_GOES, _CONFIRMS, _AFTER, _REFUNDS = range(4)
"""What is drawn of a visit."""


@dataclass(frozen=True, slots=True)
class OrderDraws:
    """What a scenario says of orders, and the draws of its visits."""

    spec: OrdersSection
    seed: int

    def goes(self, visit: PlannedVisit) -> bool:
        """Return whether a visit is a purchase that goes by an order."""
        if visit.kind != "pharmacy" or visit.prescription:
            return False
        elsewhere = is_cross_province(visit.care_region, visit.insured_region)
        return elsewhere and self._drawn(visit, _GOES) < self.spec.share

    def confirmed_after_us(self, visit: PlannedVisit) -> int | None:
        """Return how long after it was placed an order is confirmed; None where nobody does."""
        if self._drawn(visit, _CONFIRMS) < self.spec.not_confirmed:
            return None
        return drawn_us(self.spec.confirmed_after, self._drawn(visit, _AFTER))

    def refunds(self, visit: PlannedVisit) -> bool:
        """Return whether the pharmacy gives a paid order back."""
        return self._drawn(visit, _REFUNDS) < self.spec.refunded

    def _drawn(self, visit: PlannedVisit, what: int) -> float:
        return uniform(self.seed, visit.visit, what, 0, Purpose.ORDER)
