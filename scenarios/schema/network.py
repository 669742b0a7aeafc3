"""Which institutions settle directly for people from elsewhere, from when (开通): ``network``.

Without the key every institution of the register does. Must never say who goes where: patients choose as they did, for
most do not know which hospital is opened (SEED 003).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from reference_impl.domain.institution import PRIMARY, SECONDARY, TERTIARY
from scenarios.schema.base import CityCode, Model, PeopleTime, ProvinceCode, Share, VisitKind, span

__all__ = ["LEVELS", "Network", "OpeningSpec"]

LevelName = Literal["primary", "secondary", "tertiary"]
LEVELS: dict[LevelName, int] = {"primary": PRIMARY, "secondary": SECONDARY, "tertiary": TERTIARY}
"""The number of each level that a scenario can name; a pharmacy counts as primary."""
InstitutionCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][0-9]{11}$")]


class OpeningSpec(Model):
    """Institutions that are opened together. What a line leaves out bounds nothing; an institution needs one line."""

    care: tuple[ProvinceCode | CityCode, ...] = Field(
        default=(), description="where they stand, by two or four digits. Default: anywhere."
    )
    levels: tuple[LevelName, ...] = Field(default=(), description="their levels. Default: all.")
    kinds: tuple[VisitKind, ...] = Field(
        default=(), description="the visits they are opened for. Default: all they are networked for."
    )
    institutions: tuple[InstitutionCode, ...] = Field(
        default=(), description="their codes, hospital by hospital, as the record shows them. Default: no matter which."
    )
    share: Share = Field(
        default=1.0,
        description="of the institutions that fit, in an order of their own that no seed changes: those of a smaller "
        "share are among those of a larger.",
    )
    opens: PeopleTime = Field(default=span("0s"), description="from the start of the horizon until they are opened")
    closes: PeopleTime | None = Field(
        default=None, description="from the start of the horizon until they are opened no more. Default: never."
    )

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> OpeningSpec:
        if self.closes is not None and self.closes <= self.opens:
            raise ValueError("closes is not after opens; expected a later time, or no closes at all")
        return self


def _check_some(lines: tuple[OpeningSpec, ...]) -> tuple[OpeningSpec, ...]:
    if not lines:
        raise ValueError("no line opens anything; expected one or more, or no network at all")
    return lines


class Network(Model):
    """The scope of direct settlement for people from elsewhere."""

    between: Literal["provinces", "cities"] = Field(
        default="provinces",
        description="who comes from elsewhere: 'provinces', people of another province; 'cities', people of another "
        "city of the same province too (SEED 003: across cities of Guizhou)",
    )
    opened: Annotated[tuple[OpeningSpec, ...], AfterValidator(_check_some)] = Field(
        description="institutions that are opened; whoever no line names is not"
    )
