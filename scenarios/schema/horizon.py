"""How long the scenario lasts, and how it is shrunk: ``horizon`` and ``scale``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, NaiveDatetime

from scenarios.schema.base import Model, PeopleTime, span


class Horizon(Model):
    """The stretch of business time in which visits arrive."""

    start: NaiveDatetime = Field(
        default=datetime(2024, 3, 13),
        description="business time of the first moment, China's one zone. Default ASSUMED: a Wednesday of 2024.",
    )
    length: PeopleTime = Field(default=span("1d"), gt=0, description="visits arrive this long. Default ASSUMED.")
    warm_up: PeopleTime = Field(
        default=span("0s"), description="the first stretch, left out of gates and percentiles. Default: none."
    )
    drain_limit: PeopleTime = Field(
        default=span("2h"),
        description="time after the last arrival until everything unsettled counts as open. Default ASSUMED.",
    )


class Scale(Model):
    """How the world is made smaller."""

    time: Annotated[float, Field(ge=1, le=10_000_000)] = Field(
        default=1.0, description="people time is divided by this; machine time is not. Default: real time."
    )
    volume: Annotated[float, Field(gt=0)] = Field(default=1.0, description="visits are multiplied by this. Default 1.")
    provinces: Annotated[int, Field(ge=2)] | None = Field(
        default=None,
        description="keep so many provinces of the topology, those that send and take the most visits, and the visits "
        "among them; what the others send and take is left out. Default: all.",
    )
    capacity: bool = Field(
        default=False,
        description="scale workers, queues, cores and the number of hospitals with volume, and the hub with the visits "
        "that scale.provinces keeps. No gate on latency may stand where that leaves less than a core. Default: no.",
    )
