"""Stays that are settled in their middle because they are long, and not because of a stop: ``visits.mid_stay``.

Without the key only a planned stop settles a stay in its middle. This module must never decide when a stay ends.
"""

from __future__ import annotations

from pydantic import Field

from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["LongStays"]


class LongStays(Model):
    """Which long stays are settled once as far as they have come (中途结算), and go on under a visit of their own."""

    longer_than: PeopleTime = Field(
        default=span("14d"), gt=0, description="stays of at least this, counted within the run, are long. ASSUMED."
    )
    share: Share = Field(
        default=0.3,
        description="of long stays, whose patients ask for it: after any batch of charges but the last. ASSUMED.",
    )
    merge_deductible: bool | None = Field(
        default=None,
        description="both parts together pay one deductible, and not one each (MERG_DEDC_TYPE: FOUND). Default: as the "
        "policy of the region says, and one where it has none of its own: ASSUMED.",
    )
