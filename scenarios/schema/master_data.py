"""Master data (基础数据): what is issued anew, who downloads it when, what people do then: ``master_data``.

Without the key nothing is ever issued anew, and nothing asks. Shares are of codes, institutions and persons, drawn by
their names, so both worlds see the same. This module must never decide about a message:
``reference_impl.domain.master_data`` says who has which row.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field, model_validator

from scenarios.schema.base import MachineTime, Model, PeopleTime, ProvinceCode, Share, span
from scenarios.schema.closing import US_PER_DAY
from scenarios.schema.durations import SomeDuration

__all__ = ["DownloadPlan", "Downloaded", "MasterData", "MasterRelease", "StaleDesk"]

Downloaded = Literal["catalogue", "mapping", "institutions", "persons"]


class MasterRelease(Model):
    """A new row for a share of all codes, institutions or persons."""

    of: Literal["catalogue", "institutions", "persons"] = Field(
        description="'catalogue': items get new codes (dynamic maintenance of codes: SEED 001); 'institutions': "
        "a row says anew, to insurers elsewhere, that a hospital is rated; its level itself stays what it is, so no "
        "fee, deductible tier or scope changes with it; 'persons': enrolments are renewed by the cities"
    )
    valid_from: PeopleTime = Field(description="when the new rows begin to hold, from the start of the horizon")
    published: PeopleTime | None = Field(
        default=None, description="from when a download brings it. Default: as it begins to hold."
    )
    share: Share = Field(default=1.0, description="of the codes, institutions or persons. Default: all.")
    overlap: PeopleTime = Field(
        default=span("0s"), description="of a catalogue: how long the old codes hold beside the new. ASSUMED."
    )
    first: bool = Field(
        default=False,
        description="of institutions or persons: they had no row before, as an unrated hospital (SEED 004). Default: "
        "a row that ends as the new one begins.",
    )

    @property
    def published_us(self) -> int:
        """When a download brings it."""
        return self.valid_from if self.published is None else self.published

    @model_validator(mode="after")
    def _makes_sense(self) -> MasterRelease:
        if self.published_us > self.valid_from:
            raise ValueError(
                "published after valid_from; expected rows to be published before they hold, or as they do"
            )
        if self.overlap and self.of != "catalogue":
            raise ValueError(f"overlap of {self.of}; expected none: only codes hold beside their successors")
        if self.first and self.of == "catalogue":
            raise ValueError("first of a catalogue; expected none: every item has a code")
        return self


class DownloadPlan(Model):
    """A timed download (定时下载): one province or many, once a day or more often. Timed downloads: SEED 004."""

    of: Downloaded = Field(
        description="'catalogue': codes, by places of care; 'mapping': the same, by their hospitals and pharmacies, "
        "which map their items; 'institutions', 'persons': by insurers"
    )
    by: tuple[ProvinceCode, ...] = Field(default=(), description="provinces. Default: all of the scenario.")
    at: Annotated[MachineTime, Field(ge=0, lt=US_PER_DAY)] = Field(
        default=span("2h"),
        description="time of day, from midnight, at which the first of a day begins. Time of day: no scale shrinks it. "
        "ASSUMED.",
    )
    every: PeopleTime = Field(default=span("1d"), gt=0, description="from one to the next. ASSUMED.")
    takes: PeopleTime = Field(
        default=span("30min"),
        description="until its rows are there; of a mapping, until the items are mapped. ASSUMED.",
    )
    slows: MachineTime = Field(
        default=0,
        description="what the batch adds to each message that the province works on meanwhile, holding its worker "
        "and no core. ASSUMED.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> DownloadPlan:
        if self.takes > self.every:
            raise ValueError("takes longer than every; expected a download to end before the next begins")
        if self.slows and self.of == "mapping":
            raise ValueError("slows of a mapping; expected none: hospitals map beside the province")
        return self


class StaleDesk(Model):
    """What people do whom a message turned away because one side did not have a row that holds."""

    comes_back: Share = Field(default=0.5, description="come again later; the others claim by paper. ASSUMED.")
    comes_back_after: SomeDuration = Field(
        default=cast("SomeDuration", span("1d")), description="when they come again, or a distribution of it. ASSUMED."
    )


def _check_some(releases: tuple[MasterRelease, ...]) -> tuple[MasterRelease, ...]:
    if not releases:
        raise ValueError("nothing is issued anew; expected one release or more, or no master_data at all")
    return releases


class MasterData(Model):
    """What is issued anew during the run, and how it reaches whoever needs it."""

    releases: Annotated[tuple[MasterRelease, ...], AfterValidator(_check_some)] = Field(
        description="what is issued anew, one after the other"
    )
    downloads: tuple[DownloadPlan, ...] = Field(
        default=(), description="who downloads what; who downloads nothing of a kind has it as it is published"
    )
    desk: StaleDesk = StaleDesk()
