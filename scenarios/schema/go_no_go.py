"""Go or no-go, by numbers: before a stopped door opens again, and before a ramp takes its next step.

What is judged before the opening is drawn with the work behind the door (``scenarios.schema.works``); what is judged on
the ramp is seen while the run is made (``reference_impl.staging.stepping``). This module must never decide anything.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.schema.base import MachineTime, Model, PeopleTime, Share, span

__all__ = ["Decision", "Otherwise", "StepGates", "WorkGates"]


class Decision(StrEnum):
    """What was decided at a gate, as the record calls it."""

    GO = "go"
    HOLD = "hold"
    """Not met: another while, or another pass over the rows."""
    NO_GO = "no_go"
    """Not met, and no more time is given: what the plan says then."""
    MET = "gate_met"
    """No decision: when a gate was seen met while a step was held; the step goes on at the end of that while."""


Otherwise = Literal["go_on", "hold_on", "fall_back", "close_again"]


class WorkGates(Model):
    """What the work behind the door must have found before it opens."""

    persons: Share | None = Field(default=None, description="at most this share of the rows of persons is refused")
    visits: Share | None = Field(default=None, description="at most this share of the rows of open visits is refused")
    differences: Share | None = Field(
        default=None, description="at most this share of the rows differs when the new books are held against the old"
    )
    more_passes: Annotated[int, Field(ge=0, le=5)] = Field(
        default=1, description="where one is not met, so many passes and verifications more than window.rows.passes"
    )
    otherwise: Literal["roll_back", "open"] = Field(
        default="roll_back",
        description="where one is still not met: the plan's roll_back at once, or open all the same",
    )

    @model_validator(mode="after")
    def _asks_something(self) -> WorkGates:
        if self.persons is None and self.visits is None and self.differences is None:
            raise ValueError("gates without a number; expected persons, visits or differences")
        return self


class StepGates(Model):
    """A step of a ramp goes on to the next only when its last while was good enough; else it is held."""

    over: PeopleTime = Field(default=span("10min"), gt=0, description="the while that is judged. ASSUMED.")
    p95: Annotated[MachineTime, Field(gt=0)] | None = Field(
        default=None,
        description="95 % of the answers of that while came within it, of the stop's business; not met where messages "
        "had no answer at all",
    )
    busy: Share | None = Field(
        default=None, description="at most this share of its messages met no service; a closed door left out"
    )
    oldest: Annotated[PeopleTime, Field(gt=0)] | None = Field(
        default=None, description="nobody at a desk or in its queue has been there for longer"
    )
    fewest: Annotated[int, Field(ge=1)] = Field(
        default=20, description="fewer messages say nothing: p95 and busy count as met. ASSUMED."
    )
    hold: PeopleTime = Field(default=span("30min"), gt=0, description="a step is held by such whiles. ASSUMED.")
    holds: Annotated[int, Field(ge=0, le=100)] = Field(
        default=3, description="at most so many, each time that a step is come to. ASSUMED."
    )
    then: Otherwise = Field(
        default="go_on",
        description="what comes after: go on all the same; hold on until it is met; fall back a step; or close again, "
        "once. Whatever is held when the horizon ends is let in then.",
    )
    closed_for: Annotated[PeopleTime, Field(gt=0)] | None = Field(
        default=None, description="of close_again: for how long; then the ramp begins anew"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> StepGates:
        if self.p95 is None and self.busy is None and self.oldest is None:
            raise ValueError("gates without a number; expected p95, busy or oldest")
        if (self.closed_for is not None) != (self.then == "close_again"):
            raise ValueError(
                f"closed_for is for 'then: close_again' and needed there (got then: {self.then}, closed_for "
                f"{'not ' if self.closed_for is None else ''}stated)"
            )
        return self
