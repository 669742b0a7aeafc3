"""Changes of places' catalogues within a run: from which day a price cap, a grade or a share holds, or an item is gone.

Without the key each place's catalogue is the same on all days. This module must never price a line.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scenarios.schema.base import Model, ProvinceCode
from scenarios.schema.benefit import Ratio

__all__ = ["CareCatalogue", "CatalogueChange"]


_PRICE_MAX_YUAN = 10**9
_E6 = 10**6
_NEAR = 1e-3


def _number(value: object) -> object:
    """Refuse a yes or no where a price is meant, which would count as one yuan or as no cap."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no price; expected yuan")  # noqa: TRY004  # pydantic collects these
    return value


def _millionths(price_yuan: float) -> float:
    """Refuse a price that would be cut: a cap of less than the least price would be none."""
    if abs(price_yuan * _E6 - round(price_yuan * _E6)) > _NEAR:
        raise ValueError(f"{price_yuan:g} is finer than a millionth; expected yuan with at most 6 decimal places")
    return price_yuan


_Price = Annotated[float, Field(ge=0, le=_PRICE_MAX_YUAN), BeforeValidator(_number), AfterValidator(_millionths)]


class CatalogueChange(Model):
    """One item at one place of care, from a day on; what is not said stays as it was."""

    care: ProvinceCode
    item: str = Field(description="its code in the synthetic catalogue (scenarios/data/catalogue.csv)")
    since: date = Field(alias="from", description="the first day, by the day on which a charge is taken in")
    until: date | None = Field(default=None, description="the last day; then it is as before. Default: without end")
    grade: Literal["01", "02", "03"] | None = Field(default=None, description="01 in full, 02 in part, 03 not paid")
    cap_price: _Price | None = Field(default=None, description="cap on the unit price, in yuan; 0: none")
    self_pay: Ratio | None = Field(default=None, description="what the person pays first of an item of grade 02")
    restricted: bool | None = Field(default=None, description="paid only with the hospital's approval")
    gone: bool = Field(default=False, description="not in the catalogue: paid by the person alone")

    @model_validator(mode="after")
    def _sound(self) -> CatalogueChange:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"ends {self.until} before it begins {self.since}; expected a last day after the first")
        if self.since == date.min or self.until == date.max:
            raise ValueError("the first day there is, or the last; leave a last day out for a change without end")
        said = (self.grade, self.cap_price, self.self_pay, self.restricted)
        if self.gone == any(one is not None for one in said):
            raise ValueError("expected gone alone, or at least one of grade, cap_price, self_pay and restricted")
        return self


class CareCatalogue(Model):
    """What changes in the catalogues of places of care."""

    changes: tuple[CatalogueChange, ...]
