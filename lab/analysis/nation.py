"""What a believable nation did: visits, bills and waits by level of hospital, and local business beside them.

Nothing is measured where institutions are as many everywhere. Local business without journeys is in no record: what is
told of it is what the scenario expects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from scenarios.patients.institutions import KINDS
from scenarios.patients.places import Places, background_per_day
from scenarios.patients.streams import arrivals_of_a_visit_a_day, arrivals_of_one, cross_per_day
from scenarios.schema.measures_nation import LEVELS_BY_NAME

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats
    from scenarios.schema import Scenario

__all__ = ["figures", "samples"]

_FEN_PER_YUAN = 100
_LEVEL_AT = 7
"""Where a code of the synthetic nation has the level, after its letter and region."""


def at_level(visits: pl.DataFrame, level: int) -> pl.DataFrame:
    """Return the visits at hospitals of a level, as the generator of institutions numbers them."""
    hospital = pl.col("hospital").cast(pl.String)
    return visits.filter(hospital.str.starts_with("H") & (hospital.str.slice(_LEVEL_AT, 1) == str(level)))


def figures(visits: pl.DataFrame, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield figures of the visits that are judged, and of what the scenario expects of local business."""
    if scenario.nation is None:
        return
    for name, level in LEVELS_BY_NAME.items():
        there = at_level(visits, level)
        yield f"nation.visits.{name}", there.height
        for kind, measure in (("outpatient", "bill"), ("inpatient", "stay_bill")):
            bills = there.filter(pl.col("kind") == kind)["total_fen"]
            if len(bills):
                yield f"nation.{measure}.{name}", int(bills.sum()) / len(bills) / _FEN_PER_YUAN
    if scenario.visits.local_background is not None:
        yield from _expected(scenario)


def samples(visits: pl.DataFrame, scenario: Scenario) -> Iterator[tuple[str, Floats]]:
    """Yield the waits at desks by level, of the visits that are judged and came to one."""
    if scenario.nation is None:
        return
    came = visits.filter(pl.col("started_us").is_not_null() | (pl.col("desk_wait_us") > 0))
    for name, level in LEVELS_BY_NAME.items():
        waits = at_level(came, level)["desk_wait_us"].to_numpy().astype(float)
        yield f"nation.desk_wait.{name}", waits * scenario.scale.time


def _expected(scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield what the scenario's own numbers say: the visits without a journey, and where visitors are the most."""
    arrivals = {kind: arrivals_of_one(scenario, kind) for kind in KINDS}
    others = background_per_day(scenario).values()
    background = math.fsum(visits * arrivals[kind] for of_kinds in others for kind, visits in of_kinds.items())
    yield "nation.background", background
    cross = cross_per_day(scenario) * math.fsum(arrivals_of_a_visit_a_day(scenario).values())
    if not cross:
        return
    yield "nation.background_per_cross", background / cross
    places = Places(scenario)
    visitors, everybody = places.cross_per_day.sum(axis=1).tolist(), places.visits_per_day.sum(axis=1).tolist()
    came, all_came = dict[str, float](), dict[str, float]()
    for place, visits, of_all in zip(
        places.hospitals, visitors, everybody, strict=False
    ):  # explicit visits' own follow
        came[place.city] = came.get(place.city, 0.0) + visits
        all_came[place.city] = all_came.get(place.city, 0.0) + of_all
    yield "nation.visitor_share", max(visits / all_came[city] for city, visits in came.items() if all_came[city])
