"""A believable nation: institutions by province and level, bills and visitors by level, and people who live there.

``nation`` lays out institutions in their documented numbers; ``visits.local_background`` is the business of those who
live where they are treated, as a load on stations and desks without a journey each. The documented numbers are in
``data/institutions_by_place.csv``. Must never say which institutions are networked when.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from scenarios.schema.base import CityCode, Model, ProvinceCode, Share, Weight
from scenarios.schema.mix import Mix

__all__ = ["ByLevel", "Counts", "KindsByLevel", "LocalBackground", "Nation", "SharesByLevel"]

Number = Annotated[int, Field(ge=0, le=1_000_000)]
Some = Annotated[float, Field(gt=0, le=1)]


class _Levels(Model):
    """A number for each level of hospital; a pharmacy has no level."""

    tertiary: float
    secondary: float
    primary: float

    def of(self, level: int) -> float:
        """Return the number of a level, 1 primary to 3 tertiary."""
        return (self.primary, self.secondary, self.tertiary)[level - 1]


class SharesByLevel(_Levels):
    """A share of the hospitals of each level."""

    tertiary: Share
    secondary: Share
    primary: Share


class ByLevel(_Levels):
    """A weight for each level of hospital."""

    tertiary: Weight
    secondary: Weight
    primary: Weight

    @model_validator(mode="after")
    def _not_all_zero(self) -> ByLevel:
        if not self.tertiary + self.secondary + self.primary:
            raise ValueError("tertiary, secondary and primary are all 0; expected at least one above 0")
        return self


class KindsByLevel(Model):
    """Numbers by level for both kinds of visit at hospitals. Only their proportion counts."""

    outpatient: ByLevel
    inpatient: ByLevel


class Counts(Model):
    """How many institutions a place has; what is not stated is documented, or follows from its residents."""

    hospital: Annotated[Number, Field(ge=1)] | None = Field(default=None, description="hospitals of all levels")
    tertiary: Number | None = Field(default=None, description="of them tertiary")
    secondary: Number | None = Field(default=None, description="of them secondary; the rest are primary")
    inpatient: Number | None = Field(default=None, description="of them treating inpatients, the highest levels first")
    pharmacy: Annotated[Number, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _parts_of_a_whole(self) -> Counts:
        if self.hospital is not None:
            for name, part in self._parts():
                if part > self.hospital:
                    raise ValueError(
                        f"{name} is {part} of {self.hospital} hospitals; expected at most as many as there are"
                    )
        return self

    def _parts(self) -> Iterator[tuple[str, int]]:
        yield "tertiary and secondary together", (self.tertiary or 0) + (self.secondary or 0)
        yield "inpatient", self.inpatient or 0


class Nation(Model):
    """Institutions by place, level and kind as they are documented, in place of the same number in each province."""

    institutions: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1.0,
        description="part of the institutions that exist here, 1 for all of them; a place keeps one of each at least. "
        "With fewer, each has more visits and more desks. scale.capacity multiplies it by scale.volume.",
    )
    provinces: dict[ProvinceCode, Counts] = Field(
        default_factory=dict, description="what is otherwise in single provinces"
    )
    cities: dict[CityCode, Counts] = Field(
        default_factory=dict,
        description="what is otherwise in single cities, as part of their provinces",
    )
    non_public: SharesByLevel = Field(
        default=SharesByLevel(tertiary=0.12, secondary=0.45, primary=0.3),
        description="share of hospitals that are not public. ASSUMED.",
    )
    visitors: KindsByLevel = Field(
        default=KindsByLevel(
            outpatient=ByLevel(tertiary=0.60, secondary=0.22, primary=0.18),
            inpatient=ByLevel(tertiary=0.72, secondary=0.22, primary=0.06),
        ),
        description="where visits with a journey go, by level. ASSUMED: who travels goes to the higher levels.",
    )
    bills: KindsByLevel = Field(
        default=KindsByLevel(
            outpatient=ByLevel(tertiary=381, secondary=244, primary=130),
            inpatient=ByLevel(tertiary=13_700, secondary=6_800, primary=2_700),
        ),
        description="mean bills by level, in any unit: the mean of all visits of a kind stays what it is. RECALLED, "
        "of the health communiqué for 2022 in yuan; its primary level ASSUMED between health centres and stations.",
    )
    desk_use: Some = Field(
        default=0.85,
        description="desks are opened for this use in the busiest hour of an average day, one at least, by the visits "
        "expected there, those of visits.local_background too. ASSUMED.",
    )


_PER_1000_MAX = 1_000.0
"""A visit of every resident every day: fifty times what there are."""


class LocalBackground(Model):
    """Visits within a province that load stations and desks and leave no journey, no message and no row in books."""

    per_1000: Annotated[Weight, Field(le=_PER_1000_MAX)] = Field(
        default=19.4,
        description="such visits a calendar day for 1,000 residents of a province, before scale.volume; beside "
        "visits.local_per_cross. DERIVED: 28 M settlements a day (S28) less 652,000 (S23) over 1.41 bn residents "
        "(RECALLED), 42 for one cross-province visit.",
    )
    mix: Mix = Field(
        default=Mix(outpatient=0.57, pharmacy=0.40, inpatient=0.03), description="their kinds of visit. ASSUMED."
    )
    levels: KindsByLevel = Field(
        default=KindsByLevel(
            outpatient=ByLevel(tertiary=0.27, secondary=0.15, primary=0.58),
            inpatient=ByLevel(tertiary=0.47, secondary=0.31, primary=0.22),
        ),
        description="where they go, by level. RECALLED, of the visits and discharges of 2022.",
    )
    cities: dict[CityCode, Weight] = Field(
        default_factory=dict,
        description="multiplies the visits at a city's institutions: below 1 where residents are few beside those who "
        "come, above 1 where they are many.",
    )
