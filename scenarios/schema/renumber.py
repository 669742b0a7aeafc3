"""New personal numbers at a reopening: ``cutover[].renumber``.

What a map holds, when it comes and whether it is one to one. Must never work out a number:
``reference_impl.domain.renumbering`` does, the same in both worlds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["Renumber"]


class Renumber(Model):
    """Everybody insured in the plan's scope gets a new personal number (psn_no) when it reopens.

    A move that is rolled back renumbers nobody.
    """

    map: Literal["present", "partial", "late", "absent"] = Field(
        default="present",
        description="from old number to new: whole; of some persons only (mapped); whole, but late (late_by); or none",
    )
    mapped: Share | None = Field(default=None, description="of a partial map: the share of the persons that it has")
    late_by: PeopleTime | None = Field(
        default=None, description="of a late map: so long after the reopening it is there"
    )
    both_answer_for: PeopleTime = Field(
        default=span("30d"),
        gt=0,
        description="old numbers answer so long beside the new ones: a full cycle of reconciliation. ASSUMED.",
    )
    one_to_one: bool = Field(
        default=True, description="each person has a number of their own; false takes collisions and allow_collisions"
    )
    collisions: Share = Field(
        default=0.0, description="a planted mistake: share of the persons who are given one number in pairs"
    )
    allow_collisions: bool = Field(default=False, description="says that the mistake is meant")

    @model_validator(mode="after")
    def _has_its_parameters(self) -> Renumber:
        for kind, name in (("partial", "mapped"), ("late", "late_by")):
            if (self.map == kind) is (getattr(self, name) is None):
                got = f"map {self.map} {'without' if self.map == kind else 'with'} {name}"
                raise ValueError(f"'{name}' is of a map that is {kind}, and of no other (got {got})")
        if self.late_by == 0:
            raise ValueError("a map that is late by nothing is present; give 'late_by' a duration, or 'map: present'")
        return self

    @model_validator(mode="after")
    def _is_one_to_one_unless_asked_for(self) -> Renumber:
        if self.one_to_one is (self.collisions > 0):
            got = f"one_to_one {str(self.one_to_one).lower()}, collisions {self.collisions:.0%}"
            raise ValueError(f"collisions are of a map that is not one to one, and of no other (got {got})")
        if not self.one_to_one and not self.allow_collisions:
            raise ValueError(
                "a map that is not one to one mixes up people and their deductibles; give each a number of their own, "
                "or say 'allow_collisions: true' to plant the mistake"
            )
        return self
