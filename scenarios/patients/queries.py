"""Whose desk asks about what it did: drawn by the visits' numbers, so that both worlds ask the same.

Must never look at a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.keyed import Purpose, uniform

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema.queries import QueriesSection

__all__ = ["QueryDraws"]


@dataclass(frozen=True, slots=True)
class QueryDraws:
    """What a scenario says of queries, and the draws of its visits."""

    spec: QueriesSection
    seed: int

    def asks(self, visit: PlannedVisit) -> bool:
        """Return whether the desk of a visit asks."""
        return uniform(self.seed, visit.visit, 0, 0, Purpose.QUERY) < self.spec.share
