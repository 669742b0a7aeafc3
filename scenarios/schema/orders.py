"""Orders of pharmacies that people confirm from the phone (异地就医购药): ``visits.orders``.

Without the key every purchase is settled at the counter. That an order is pushed to the phone is FOUND (S1, 2166); how
people confirm it, and when, is in no source. This module must never decide what is paid.
"""

from __future__ import annotations

from pydantic import Field

from scenarios.schema.base import Model, PeopleTime, Share, span
from scenarios.schema.durations import Drawn, Duration

__all__ = ["OrdersSection"]


class OrdersSection(Model):
    """Which purchases of people from other provinces go by an order, and what becomes of one."""

    share: Share = Field(
        default=0.3,
        description="of purchases of people from other provinces, by no electronic prescription: go by an order. "
        "ASSUMED.",
    )
    confirmed_after: Duration = Field(
        default=Drawn.model_validate({"distribution": "lognormal", "median": "3min", "spread": 0.8}),
        description="from the order to its confirmation, of those who confirm. ASSUMED.",
    )
    not_confirmed: Share = Field(
        default=0.05,
        description="of orders: nobody confirms them, and the pharmacy cancels them at their end. ASSUMED.",
    )
    valid: PeopleTime = Field(
        default=span("30min"), gt=0, description="how long an order may be confirmed; later it is refused. ASSUMED."
    )
    refunded: Share = Field(
        default=0.02, description="of confirmed orders: the pharmacy gives them back whole at once. ASSUMED."
    )
