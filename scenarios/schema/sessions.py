"""Desks that must be signed in (签到) at their province: ``sessions``.

Without the key no desk signs in and nobody asks. This module must never say what becomes of a message sent under none:
``reference_impl.protocol.sessions`` does.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scenarios.schema.base import MachineTime, Model, PeopleTime, span
from scenarios.units import US_PER_DAY

__all__ = ["SessionsSection"]


class SessionsSection(Model):
    """How long sessions hold, when desks sign out, and what a reopening leaves of them. All of it ASSUMED."""

    lasts: Annotated[PeopleTime, Field(gt=0)] = Field(
        default=span("24h"), description="a session that nobody signs out holds so long. ASSUMED."
    )
    signs_out: Annotated[MachineTime, Field(gt=0, le=US_PER_DAY)] = Field(
        default=span("22h"),
        description="time of day, from midnight, by which a desk signs out; who serves on signs in again. Time of day: "
        "no scale shrinks it. ASSUMED.",
    )
    spread: Annotated[MachineTime, Field(ge=0, le=US_PER_DAY)] = Field(
        default=span("2h"), description="the desks' own hours lie within so long before it. Time of day too. ASSUMED."
    )
    dropped_at_reopening: bool = Field(
        default=True,
        description="a province that a planned stop closes as a place of care opens with a system that knows no "
        "session of before. ASSUMED. A process that is killed forgets its sessions anyway.",
    )
