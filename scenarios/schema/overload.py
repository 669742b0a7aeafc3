"""The load that figures of an overload are asked of: ``overload``. It says when, and makes none."""

from __future__ import annotations

from pydantic import Field

from scenarios.schema.base import MachineTime, Model, PeopleTime, Share, span


class Overload(Model):
    """When more comes than can be served, or what starts an overload is there."""

    at: PeopleTime = Field(description="from the start of the horizon")
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long; from its end the recovery counts")
    peak_over: MachineTime = Field(
        default=span("10s"),
        gt=0,
        description="the peak is the best goodput over so long a while before it begins. ASSUMED.",
    )

    calm: Share = Field(
        default=0.05, description="it is over once no second has a larger share of tries that go wrong. ASSUMED."
    )

    @property
    def until(self) -> int:
        """The first moment after it."""
        return self.at + self.lasts
