"""Who visits whom, how often and for how long: ``visits``."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

from scenarios.schema.arrivals import Arrivals, Closed, Profile, Trace
from scenarios.schema.base import (
    CityCode,
    Model,
    PeopleTime,
    PerDay,
    ProvinceCode,
    Share,
    Weight,
    span,
)
from scenarios.schema.care_types import CareTypes
from scenarios.schema.durations import Duration
from scenarios.schema.mid_stay import LongStays
from scenarios.schema.mix import Mix
from scenarios.schema.nation import LocalBackground
from scenarios.schema.orders import OrdersSection
from scenarios.schema.queries import QueriesSection
from scenarios.schema.written_visit import ExplicitVisit, TracedVisit

_HOURLY = (
    *(0.3, 0.2, 0.2, 0.2, 0.3, 0.6, 1.5, 5.0, 15.0, 13.0, 11.5, 8.0),
    *(4.0, 6.0, 9.0, 8.5, 6.5, 3.5, 2.0, 1.7, 1.3, 0.8, 0.5, 0.4),
)
_WEEKDAY = (1.15, 1.10, 1.05, 1.05, 1.00, 0.85, 0.80)


def _not_all_zero(weights: tuple[float, ...]) -> tuple[float, ...]:
    if sum(weights) <= 0:
        raise ValueError("weights sum to 0; expected at least one above 0")
    return weights


Weights = Annotated[tuple[Weight, ...], AfterValidator(_not_all_zero)]
HourlyWeights = Annotated[tuple[Weight, ...], Field(min_length=24, max_length=24), AfterValidator(_not_all_zero)]


class Flows(Model):
    """From where to where: a doubly constrained gravity model, synthetic (no 31 x 31 matrix is public)."""

    decay: Annotated[float, Field(ge=0, le=5)] = Field(
        default=1.5, description="exponent of distance; 1.4 to 1.7 for inpatients of Shanghai. FOUND S39."
    )
    care_weights: dict[ProvinceCode, Weight] = Field(
        default_factory=dict, description="multiplies a province's pull as place of care. Default 1 each."
    )
    insured_weights: dict[ProvinceCode, Weight] = Field(
        default_factory=dict, description="multiplies the number of travelling patients of a province. Default 1 each."
    )
    care_city_shares: dict[CityCode, Share] = Field(
        default_factory=dict,
        description="share of its province's incoming visits that a named city treats. Default: by the model.",
    )
    insured_city_shares: dict[CityCode, Share] = Field(
        default_factory=dict,
        description="share of its province's travelling patients that a named city insures. Default: by the model.",
    )


class HourlyByKind(Model):
    """The rhythm of single kinds of visit; a kind that is not stated keeps ``visits.hourly``."""

    outpatient: HourlyWeights | None = None
    pharmacy: HourlyWeights | None = None
    inpatient: HourlyWeights | None = Field(default=None, description="of admissions; discharges keep visits.hourly.")


class Visits(Model):
    """The patients: generated at a rate, or written out one by one, or both."""

    per_day: PerDay = Field(
        default=652_000.0,
        description="cross-province settlements a calendar day, or a rate such as 5/s, over the scenario's regions, "
        "before scale.volume. Default: mean of 2024, DERIVED from S23.",
    )
    arrivals: Arrivals = Field(
        default=Profile(kind="profile"),
        description="when visits come: open arrivals by the hours (profile) or of another shape, those of a trace, or "
        "users in a closed loop. Default: profile.",
    )
    mix: Mix = Mix()
    hourly: Weights = Field(
        default=_HOURLY,
        min_length=24,
        max_length=24,
        description="weight of each hour of the day; an 08:00 rush with 15 % of the day. ASSUMED.",
    )
    hourly_by_kind: HourlyByKind | None = Field(
        default=None, description="weights of the hours for single kinds of visit. Default: visits.hourly for all."
    )
    weekday: Weights = Field(
        default=_WEEKDAY, min_length=7, max_length=7, description="weight of each day, Monday first. ASSUMED."
    )
    day: Literal["calendar", "average"] = Field(
        default="calendar",
        description="'calendar': the days from horizon.start on, each with its weight of weekday, so that a Monday has "
        "more than per_day visits; 'average': every day is a mean one, with per_day visits.",
    )
    flows: Flows = Flows()
    temporary_share: Share = Field(
        default=0.5, description="share of patients who are temporary visitors, not long-term residents. ASSUMED."
    )
    local_per_cross: Weight = Field(
        default=0.5,
        description="in-province visits per cross-province visit, as background on the same stations. ASSUMED; the "
        "whole platform has about 42 (28 M against 0.652 M a day, DERIVED from S28 and S23), on far larger stations.",
    )
    local_background: LocalBackground | None = Field(
        default=None,
        description="in-province visits without a journey each, at their true number, as a load on stations and desks "
        "of the simulated world. Default: none.",
    )
    stay_mean: PeopleTime = Field(default=span("8d"), gt=0, description="mean stay of an inpatient. ASSUMED.")
    uploads_per_stay: Annotated[int, Field(ge=1, le=100)] = Field(
        default=4, description="batches of charges (2301) sent during a stay. ASSUMED."
    )
    lines_per_upload: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="charge lines in a batch; a batch holds at most 100 (S3). ASSUMED."
    )
    handling: Duration = Field(
        default=cast("Duration", span("90s")),
        description="mean time at the desk for one contact, beside the messages, or a distribution of it. ASSUMED.",
    )
    mid_stay: LongStays | None = Field(
        default=None, description="long stays settled in their middle; without it only a planned stop does that"
    )
    care_types: CareTypes | None = Field(
        default=None, description="as what visits are paid; without it every one is an ordinary one of its kind"
    )
    queries: QueriesSection | None = Field(
        default=None, description="what desks ask about their own business; without it none asks anything"
    )
    orders: OrdersSection | None = Field(
        default=None,
        description="purchases that people confirm from the phone; without it all are settled at the counter",
    )
    explicit: tuple[ExplicitVisit, ...] = Field(
        default=(), description="visits written out; with per_day 0 the only ones."
    )

    @property
    def open_per_day(self) -> float:
        """Cross-province visits a calendar day that come at a rate of their own, before scale.volume."""
        return 0.0 if isinstance(self.arrivals, Trace | Closed) else self.per_day

    @property
    def drawn(self) -> bool:
        """Whether there are visits whose places and people are drawn."""
        match self.arrivals:
            case Closed():
                return True
            case Trace(visits=visits):
                return not all(visit.placed for visit in visits)
            case _:
                return self.per_day > 0

    @property
    def written(self) -> tuple[ExplicitVisit | TracedVisit, ...]:
        """The visits that have moments of their own, in the scenario or in a trace."""
        traced = self.arrivals.visits if isinstance(self.arrivals, Trace) else ()
        return (*self.explicit, *traced)
