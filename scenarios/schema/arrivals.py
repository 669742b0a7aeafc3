"""The workload: when visits come. Open arrivals of several shapes, a trace of them, or users in a closed loop.

An open arrival comes when it is due, whatever became of those before. A closed user waits for the end of a visit before
the next one, so a system that stalls is asked less: what such a user hears flatters it. Must never know where visits
go: the other keys of ``visits`` say that.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.schema.base import Model, PeopleTime, PerDay, span
from scenarios.schema.durations import Duration, drawn_us
from scenarios.schema.written_visit import TracedVisit
from scenarios.units import US_PER_DAY

__all__ = [
    "USERS_MAX", "Arrivals", "Bursts", "Closed", "Poisson", "Profile", "Soak", "Spike", "Step", "Trace",
]  # fmt: skip

USERS_MAX = 30_000
"""Closed users of one scenario: a user's visits are numbered apart, and each is somebody else's."""
_QUANTILES = 64
"""Of a duration that is drawn, so many equal shares make up its mean."""

Factor = Annotated[float, Field(gt=1, le=10_000)]


class Profile(Model):
    """A Poisson stream whose rate follows the hours and weekdays: ``visits.hourly`` and ``visits.weekday``."""

    kind: Literal["profile"]


class Poisson(Model):
    """A Poisson stream of even rate, ``visits.per_day``, whatever the hour."""

    kind: Literal["poisson"]


class Bursts(Model):
    """An even rate that is higher in bursts, which begin at drawn moments; its long mean is ``visits.per_day``."""

    kind: Literal["bursts"]
    every: PeopleTime = Field(
        gt=0, description="mean calm between two bursts; each is drawn evenly from none to twice this"
    )
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long each burst lasts")
    factor: Factor = Field(description="the rate in a burst over that in the calm")


class Spike(Model):
    """An even rate, ``visits.per_day``, and once for a while a multiple of it."""

    kind: Literal["spike"]
    at: PeopleTime = Field(description="when it begins, from the start of the horizon")
    lasts: PeopleTime = Field(alias="for", gt=0, description="how long it lasts")
    factor: Factor = Field(description="the rate meanwhile over that before and after")


class Step(Model):
    """A staircase of rates, up from ``visits.per_day``."""

    kind: Literal["step"]
    every: PeopleTime = Field(gt=0, description="how long each step lasts")
    rise: Annotated[float, Field(gt=0, le=1_000)] = Field(description="what each step adds, in shares of per_day")


class Soak(Model):
    """An even rate, ``visits.per_day``, held to the end of the horizon after a rise in equal steps."""

    kind: Literal["soak"]
    ramp: PeopleTime = Field(default=span("0s"), description="how long the rate rises at first. Default: not at all.")


class Trace(Model):
    """Visits at the moments of a file, each exactly once."""

    kind: Literal["trace"]
    file: str | None = Field(
        default=None,
        description="a CSV (*.csv) or Parquet (*.parquet) file, from the folder of the scenario on; columns at and "
        "kind, and where wanted care, insured, institution, stay and total_fen. Its rows become 'visits'.",
    )
    visits: tuple[TracedVisit, ...] = Field(default=(), description="the rows, written here instead of in a file")

    @model_validator(mode="after")
    def _somebody_comes(self) -> Trace:
        if not self.visits:
            raise ValueError("a trace without visits; expected a file with rows, or visits")
        return self


class Closed(Model):
    """Users who each make one visit after the other, and wait for the end of one before the next: a closed loop."""

    kind: Literal["closed"]
    users: Annotated[int, Field(ge=1, le=USERS_MAX)] = Field(description="how many, before scale.volume")
    think: Duration | None = Field(
        default=None,
        description="from the end of a visit to the user's next one: as long, or drawn from a distribution",
    )
    throughput: PerDay | None = Field(
        default=None,
        description="visits that each user begins at most, as a rate such as 2/s or a number a day: the next one is "
        "due 1/throughput after the last began, or at its end if that is later (Locust's constant_throughput)",
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Closed:
        if (self.think is None) == (self.throughput is None):
            raise ValueError("expected one of think and throughput: when a user's next visit is due")
        if self.throughput == 0:
            raise ValueError("users of no throughput never begin; expected a throughput above 0")
        if self.think is not None and self.think_mean_us < 1:
            raise ValueError("users who never think never stop asking; expected a think above 0")
        return self

    @property
    def think_mean_us(self) -> float:
        """Mean time between a user's visits, in microseconds; 0 where they go by a throughput."""
        think = self.think
        if think is None:
            return 0.0
        return sum(drawn_us(think, (k + 0.5) / _QUANTILES) for k in range(_QUANTILES)) / _QUANTILES

    def period_us(self, time_scale: float) -> float:
        """Return the least time between the beginnings of a user's visits on average, on the run's clock.

        ``self`` is on that clock too.
        """
        if self.throughput is None:
            return self.think_mean_us
        return US_PER_DAY / self.throughput / time_scale


Arrivals = Annotated[Profile | Poisson | Bursts | Spike | Step | Soak | Trace | Closed, Field(discriminator="kind")]
