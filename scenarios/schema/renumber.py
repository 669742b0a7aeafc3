"""New numbers at a reopening, of persons and of what was in flight: ``cutover[].renumber``.

What a map holds, when it comes and whether it is one to one, for each kind of number. Must never work out a number:
``reference_impl.domain.renumbering`` does, the same in both worlds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from reference_impl.domain.renumbering import Numbered
from scenarios.schema.base import Model, PeopleTime, Share, span

__all__ = ["NumberMap", "Renumber"]


class NumberMap(Model):
    """The map from the old numbers of one kind to the new ones."""

    map: Literal["present", "partial", "late", "absent"] = Field(
        default="present",
        description="from old number to new: whole; of some only (mapped); whole, but late (late_by); or none",
    )
    mapped: Share | None = Field(default=None, description="of a partial map: the share of the numbers that it has")
    late_by: PeopleTime | None = Field(
        default=None, description="of a late map: so long after the reopening it is there"
    )
    one_to_one: bool = Field(
        default=True, description="each has a number of their own; false takes collisions and allow_collisions"
    )
    collisions: Share = Field(
        default=0.0, description="a planted mistake: share of those who are given one number in pairs of neighbours"
    )
    allow_collisions: bool = Field(default=False, description="says that the mistake is meant")

    @model_validator(mode="after")
    def _has_its_parameters(self) -> NumberMap:
        for kind, name in (("partial", "mapped"), ("late", "late_by")):
            if (self.map == kind) is (getattr(self, name) is None):
                got = f"map {self.map} {'without' if self.map == kind else 'with'} {name}"
                raise ValueError(f"'{name}' is of a map that is {kind}, and of no other (got {got})")
        if self.late_by == 0:
            raise ValueError("a map that is late by nothing is present; give 'late_by' a duration, or 'map: present'")
        return self

    @model_validator(mode="after")
    def _is_one_to_one_unless_asked_for(self) -> NumberMap:
        if self.one_to_one is (self.collisions > 0):
            got = f"one_to_one {str(self.one_to_one).lower()}, collisions {self.collisions:.0%}"
            raise ValueError(f"collisions are of a map that is not one to one, and of no other (got {got})")
        if not self.one_to_one and not self.allow_collisions:
            raise ValueError(
                "a map that is not one to one mixes up people, deductibles and business; give each a number of their "
                "own, or say 'allow_collisions: true' to plant the mistake"
            )
        return self


class Renumber(NumberMap):
    """New numbers when the plan reopens: of everybody insured in its scope, and of the business of its institutions.

    The map of the persons stands here, those of the other kinds under their names; a kind that is not named keeps its
    numbers. A move that is rolled back renumbers nothing.
    """

    persons: bool = Field(
        default=True, description="everybody insured in the scope gets a new personal number (psn_no)"
    )
    visits: NumberMap | None = Field(
        default=None, description="visits of the scope's institutions get new ids (mdtrt_id; ykc700 of old)"
    )
    settlements: NumberMap | None = Field(
        default=None, description="so do settlements, as those institutions know them (setl_id; aaz216 of old)"
    )
    institutions: NumberMap | None = Field(
        default=None, description="the scope's hospitals and pharmacies get new codes (fixmedins_code)"
    )
    both_answer_for: PeopleTime = Field(
        default=span("30d"),
        gt=0,
        description="old numbers answer so long beside the new ones: a full cycle of reconciliation. ASSUMED.",
    )

    def maps(self) -> Iterator[tuple[Numbered, NumberMap]]:
        """Yield the kinds that get new numbers, each with its map."""
        if self.persons:
            yield Numbered.PERSON, self
        kinds = (Numbered.VISIT, self.visits), (Numbered.SETTLEMENT, self.settlements)
        for of, numbers in (*kinds, (Numbered.INSTITUTION, self.institutions)):
            if numbers is not None:
                yield of, numbers

    @property
    def of_care(self) -> bool:
        """Whether anything of the place of care has new numbers."""
        return any(of is not Numbered.PERSON for of, _ in self.maps())

    @model_validator(mode="after")
    def _renumbers_something(self) -> Renumber:
        if not self.persons and not self.of_care:
            raise ValueError(
                "nothing has new numbers; name 'visits', 'settlements' or 'institutions', or leave out all"
            )
        stated = [name for name, key in NumberMap.model_fields.items() if getattr(self, name) != key.default]
        if not self.persons and stated:
            got = ", ".join(sorted(stated))
            raise ValueError(f"the map at this place is that of persons, who keep their numbers here (got {got})")
        return self
