"""Filing (备案): what insured regions want filed, how people come, and what the turned-away do: ``filing``.

Without the key everybody counts as filed, and nothing asks. Shares are of people, drawn by their numbers, so both
worlds see the same. This module must never decide about a visit: ``reference_impl.domain.filing`` does.
"""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field, model_validator

from scenarios.schema.base import CityCode, Model, PeopleTime, ProvinceCode, Share, VisitKind, span
from scenarios.schema.durations import SomeDuration

__all__ = ["Filing", "FilingDesk", "FilingPolicy", "RegionFiling", "ResidenceKinds", "Standings", "VisitingKinds"]

_WHOLE = 1e-9
"""Shares that differ from 1 by no more than this add up to it."""


def _check_whole(total: float, names: str) -> None:
    if abs(total - 1) > _WHOLE:
        raise ValueError(f"{names} sum to {total:g}; expected shares that sum to 1")


def _check_some(kinds: tuple[VisitKind, ...]) -> tuple[VisitKind, ...]:
    if not kinds:
        raise ValueError("no kind of visit; expected one or more, or no filing at all")
    return kinds


class ResidenceKinds(Model):
    """As what people who live elsewhere are filed, in shares that add up to 1."""

    resettled: Share = Field(default=0.4, description="retired, and resettled elsewhere. ASSUMED.")
    long_term: Share = Field(default=0.4, description="living elsewhere for long. ASSUMED.")
    worker: Share = Field(default=0.2, description="posted elsewhere for work. ASSUMED.")

    @model_validator(mode="after")
    def _adds_up(self) -> ResidenceKinds:
        _check_whole(self.resettled + self.long_term + self.worker, "resettled, long_term and worker")
        return self


class VisitingKinds(Model):
    """As what temporary visitors are filed, in shares that add up to 1."""

    temporary: Share = Field(default=0.7, description="away for a time, without a referral. ASSUMED.")
    referral: Share = Field(default=0.3, description="referred by a hospital at home. ASSUMED.")

    @model_validator(mode="after")
    def _adds_up(self) -> VisitingKinds:
        _check_whole(self.temporary + self.referral, "temporary and referral")
        return self


class Standings(Model):
    """How people come who need a filing and have no valid one, as shares of all who need one; the rest have."""

    unfiled: Share = Field(default=0.0, description="never filed")
    expired: Share = Field(default=0.0, description="their filing ended before they came")
    elsewhere: Share = Field(default=0.0, description="filed for another place, or for another hospital of it")
    used_up: Share = Field(default=0.0, description="referred, and all settlements of the referral made")
    not_uploaded: Share = Field(
        default=0.0, description="accepted in their city less than an upload_lag ago: the nation does not know it yet"
    )

    @model_validator(mode="after")
    def _at_most_all(self) -> Standings:
        total = self.unfiled + self.expired + self.elsewhere + self.used_up + self.not_uploaded
        if total > 1 + _WHOLE:
            raise ValueError(f"the shares sum to {total:g}; expected at most 1")
        return self


class FilingDesk(Model):
    """What the people do whom a settlement turns away for want of a filing."""

    files: Share = Field(default=0.7, description="file at once, and come again; the others claim by paper. ASSUMED.")
    by_clerk: Share = Field(
        default=0.3, description="of those, through the hospital (2501); the others by phone, at the insurer. ASSUMED."
    )
    takes: PeopleTime = Field(default=span("10min"), description="filing by phone, beside the desk. ASSUMED.")
    comes_back: Share = Field(
        default=0.5, description="of those whose filing is not uploaded yet, come back later. ASSUMED."
    )
    comes_back_after: SomeDuration = Field(
        default=cast("SomeDuration", span("1d")), description="when they come back, or a distribution of it. ASSUMED."
    )


class FilingPolicy(Model):
    """What an insured region says of a filing."""

    covers: Literal["place", "hospital"] = Field(
        default="place",
        description="'place': every networked hospital of the city it is for (FOUND S10); 'hospital': only those "
        "ticked on the form, as in 2017 and 2018 (SEED 003)",
    )
    upload_lag: PeopleTime = Field(
        default=span("0s"),
        description="from acceptance in the city to the nation (a state of the platform: FOUND). ASSUMED.",
    )
    temporary: PeopleTime = Field(
        default=span("180d"), gt=0, description="how long a temporary visitor's holds: six months or more. RECALLED."
    )
    referral: PeopleTime = Field(default=span("180d"), gt=0, description="how long a referral holds. RECALLED.")
    referral_settlements: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=0, description="settlements that one referral allows (the platform counts them: FOUND); 0: any number"
    )
    residence: PeopleTime | None = Field(
        default=None, gt=0, description="how long a residence filing holds. Default: without end. RECALLED."
    )
    locked: PeopleTime = Field(
        default=span("0s"),
        description="so long a residence filing may be neither withdrawn nor changed: up to six months. RECALLED.",
    )
    interrupted: Share = Field(
        default=0.0,
        description="share of people whose benefits are interrupted: they may not file (SEED 004). ASSUMED.",
    )


class RegionFiling(FilingPolicy):
    """The same of one insured province or city, which has nothing of the others'."""

    insured: ProvinceCode | CityCode = Field(description="its two or four digits")


class Filing(FilingPolicy):
    """Who needs a filing, who has one, and what becomes of the others."""

    needed_for: Annotated[tuple[VisitKind, ...], AfterValidator(_check_some)] = Field(
        default=("outpatient", "inpatient"),
        description="kinds of cross-province visit that settle directly only with a filing. ASSUMED.",
    )
    standings: Standings = Standings()
    residence_kinds: ResidenceKinds = ResidenceKinds()
    visiting_kinds: VisitingKinds = VisitingKinds()
    emergency: Share = Field(
        default=0.0, description="of outpatient visits and stays: it counts as filed (FOUND S10). ASSUMED."
    )
    in_stay: Share = Field(
        default=0.0,
        description="of those who lie in hospital without a valid filing, file by phone before they leave: they are "
        "settled directly (FOUND S10). ASSUMED.",
    )
    withdrawn: Share = Field(
        default=0.0,
        description="of visits of people whose filing holds, just withdrew it (2502) and come nonetheless; by the "
        "hospital or by phone, as desk.by_clerk says. ASSUMED.",
    )
    desk: FilingDesk = FilingDesk()
    remind_before: PeopleTime = Field(
        default=span("30d"), gt=0, description="who is to be reminded: whose filing ends within this time. ASSUMED."
    )
    regions: tuple[RegionFiling, ...] = Field(
        default=(), description="insured regions that say otherwise; the longer code counts"
    )
