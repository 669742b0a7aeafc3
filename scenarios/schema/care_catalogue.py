"""Changes of places' catalogues within a run: from which day a price cap, a grade or a share holds, or an item is gone.

Without the key each place's catalogue is the same on all days. This module must never price a line.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from scenarios.schema.base import Model, ProvinceCode, Share

__all__ = ["CareCatalogue", "CatalogueChange"]


class CatalogueChange(Model):
    """One item at one place of care, from a day on; what is not said stays as it was."""

    care: ProvinceCode
    item: str = Field(description="its code in the synthetic catalogue (scenarios/data/catalogue.csv)")
    since: date = Field(alias="from", description="the first day, by the day on which a charge is taken in")
    until: date | None = Field(default=None, description="the last day; then it is as before. Default: without end")
    grade: Literal["01", "02", "03"] | None = Field(default=None, description="01 in full, 02 in part, 03 not paid")
    cap_price: float | None = Field(default=None, ge=0, description="cap on the unit price, in yuan; 0: none")
    self_pay: Share | None = Field(default=None, description="what the person pays first of an item of grade 02")
    restricted: bool | None = Field(default=None, description="paid only with the hospital's approval")
    gone: bool = Field(default=False, description="not in the catalogue: paid by the person alone")

    @model_validator(mode="after")
    def _sound(self) -> CatalogueChange:
        if self.until is not None and self.until < self.since:
            raise ValueError(f"ends {self.until} before it begins {self.since}; expected a last day after the first")
        said = (self.grade, self.cap_price, self.self_pay, self.restricted)
        if self.gone == any(one is not None for one in said):
            raise ValueError("expected gone alone, or at least one of grade, cap_price, self_pay and restricted")
        return self


class CareCatalogue(Model):
    """What changes in the catalogues of places of care."""

    changes: tuple[CatalogueChange, ...]
