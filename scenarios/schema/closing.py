"""When a business day ends: ``closing``. What is dated on it is fixed with the posting, whatever this key says."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scenarios.schema.base import MachineTime, Model, span

US_PER_DAY = 86_400_000_000


class Closing(Model):
    """Insurers close each business day by a barrier, in both worlds, and list what it closed with."""

    at: Annotated[MachineTime, Field(gt=0, le=US_PER_DAY)] = Field(
        default=span("24h"),
        description="time of day at which a business day ends, from midnight, such as 23h; what settles later counts "
        "for the next day. Time of day: no scale shrinks it. Default ASSUMED: midnight.",
    )
