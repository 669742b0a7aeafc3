"""The visits of those who live where they are treated, as numbers: how many come to which institution, and when.

Nobody of them has a journey (``visits.local_background``): they keep stations and desks busy, by the hour and the kind.
Must never draw: what is random about them is the world's that serves them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reference_impl.domain.policies import Kind
from scenarios.patients.arrivals import hour_shares
from scenarios.patients.draws import Floats
from scenarios.patients.institutions import KINDS, Institution
from scenarios.patients.provinces import provinces
from scenarios.patients.streams import MEAN_WEEK, profile_of
from scenarios.schema.durations import mean_us

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from scenarios.schema.nation import LocalBackground

__all__ = ["CONTACTS", "LocalVisits", "desks_for", "local_per_day", "week_of"]

CONTACTS: Mapping[Kind, int] = {"outpatient": 1, "pharmacy": 1, "inpatient": 2}
"""How often a visit of a kind comes to a desk."""
_PER_1000 = 10.0
"""Thousands of residents in ten thousand."""
_US_PER_HOUR = 3_600_000_000


def local_per_day(scenario: Scenario) -> dict[str, dict[Kind, float]]:
    """Return each province's background visits a calendar day, by kind, scaled; none where there is no background."""
    background = scenario.visits.local_background
    if background is None:
        return {}
    return {
        region: {kind: _of_kind(background, region, kind) * scenario.scale.volume for kind in KINDS}
        for region in scenario.topology.regions
    }


def _of_kind(background: LocalBackground, region: str, kind: Kind) -> float:
    visits: float = provinces()[region].residents_e4 * _PER_1000 * background.per_1000
    share: float = getattr(background.mix, kind)
    return visits * share


@dataclass(frozen=True, slots=True)
class LocalVisits:
    """The background visits of every institution, found from what it is and how many there are like it."""

    background: LocalBackground
    per_day: Mapping[str, Mapping[Kind, float]]
    numbers: Mapping[tuple[str, Kind, int], int]
    """Institutions by province, kind of visit and level."""

    @classmethod
    def among(cls, scenario: Scenario, institutions: Sequence[Institution]) -> LocalVisits | None:
        """Return the visits at these institutions; None where the scenario has no background."""
        background = scenario.visits.local_background
        if background is None:
            return None
        alike: Counter[tuple[str, Kind, int]] = Counter[tuple[str, Kind, int]](
            (place.province, kind, place.level) for place in institutions for kind in place.kinds
        )
        return cls(background, local_per_day(scenario), alike)

    def of(self, place: Institution, kind: Kind) -> float:
        """Return the visits of a kind at one institution, a calendar day; as many at each of its level."""
        if kind not in place.kinds:
            return 0.0
        share = self._level_share(place.province, kind, place.level)
        alike = self.numbers[place.province, kind, place.level]
        factor = self.background.cities.get(place.city, 1.0)
        return self.per_day[place.province][kind] * share / alike * factor

    def _level_share(self, province: str, kind: Kind, level: int) -> float:
        """Return a level's share of a province's visits: where a level is missing, the others take its part."""
        if kind == "pharmacy":
            return 1.0
        levels = getattr(self.background.levels, kind)
        there = [one for one in (1, 2, 3) if self.numbers.get((province, kind, one))]
        whole = math.fsum(levels.of(one) for one in there)
        return levels.of(level) / whole if whole else 0.0


def week_of(scenario: Scenario, kind: Kind) -> tuple[float, ...]:
    """Return the share of a mean calendar day that each hour of the week has, from the midnight before the start."""
    return tuple(share for day in hour_shares(profile_of(scenario, kind)) for share in day)


def desks_for(scenario: Scenario, visits_per_day: Floats, use: float) -> list[int]:
    """Return each institution's desks: as many as are used so much in the busiest hour of an average day.

    ``visits_per_day[row, kind]`` are the visits expected, whoever makes them; ``scenario`` is on the run's clock.
    """
    handling_us = mean_us(scenario.visits.handling) * scenario.scale.time
    hours = _mean_day(scenario)
    busiest = np.zeros(len(visits_per_day))
    for hour in range(hours.shape[1]):
        np.maximum(busiest, visits_per_day @ hours[:, hour], out=busiest)
    return [max(1, math.ceil(one)) for one in (busiest * handling_us / _US_PER_HOUR / use).round(9).tolist()]


def _mean_day(scenario: Scenario) -> Floats:
    """Return the contacts of a visit a day in each hour, by kind."""
    rows = [
        [share * CONTACTS[kind] for share in hour_shares(profile_of(scenario, kind, weekday=MEAN_WEEK))[0]]
        for kind in KINDS
    ]
    return np.array(rows)
