"""Where the patients go and where they are insured: each visit's institution and insured city, drawn all at once.

Cross-province visits follow the flows, in-province visits the residents, visits written out their own regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.keyed import Purpose
from reference_impl.domain.policies import Kind
from scenarios.patients.background import LocalVisits, desks_for, local_per_day
from scenarios.patients.draws import Floats, GroupedChoice, Ints, uniforms
from scenarios.patients.flows import FlowMatrix, national_flows, restrict
from scenarios.patients.institutions import (
    KINDS,
    LEVELS,
    Institution,
    Sites,
    build,
    choice_weights,
    with_desks_by_load,
    with_places_for,
)
from scenarios.patients.nation import build_nation, level_weights
from scenarios.patients.people import insured_cities
from scenarios.patients.population import rules
from scenarios.patients.provinces import provinces
from scenarios.patients.streams import Traffic, cross_per_day, local_per_cross, written_as

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from scenarios.schema.written_visit import ExplicitVisit, TracedVisit


@dataclass(frozen=True, slots=True)
class Placed:
    """Where each visit happens and where its person is insured. ``city`` is a row of ``cities``, -1 if written out."""

    hospital: NDArray[np.int32]
    insured_region: NDArray[np.int32]
    province: Ints
    city: Ints
    local: NDArray[np.bool_]


class Places:
    """The institutions of a scenario and the choices its patients make among them."""

    __slots__ = (
        "_choices",
        "_flat",
        "_hospital_city",
        "_regions",
        "_scenario",
        "_seed",
        "cities",
        "cross_per_day",
        "flows",
        "hospitals",
        "level_visits",
        "local_shares",
        "visits_per_day",
    )

    def __init__(self, scenario: Scenario) -> None:
        """Lay out institutions, flows and insured cities; nothing is drawn yet."""
        topology, flows = scenario.topology, scenario.visits.flows
        self._seed = scenario.seed
        self._regions = tuple(topology.regions)
        self._scenario = scenario
        self.cities = insured_cities(
            self._regions, (*topology.cities, *flows.insured_city_shares), flows.insured_city_shares
        )
        self.flows = _flows(scenario) if cross_per_day(scenario) > 0.0 else None
        residents = [provinces()[region].residents_e4 for region in self._regions]
        self.local_shares = [count / sum(residents) for count in residents]
        generated = _laid_out(scenario)
        groups = _by_province_and_kind(generated, self._regions)
        weights = _weights(scenario, generated, groups)
        self._flat = np.array([row for rows in groups for row in rows], np.int32)
        self._choices = GroupedChoice(weights)
        self.cross_per_day, loads = self._loads(scenario, len(generated), groups, weights)
        self.level_visits = _by_level(generated, loads)
        self.visits_per_day = _expected(scenario, generated, loads)
        if scenario.nation is None:
            generated = with_desks_by_load(generated, loads.sum(axis=1).tolist(), topology.desks_per_hospital)
        else:
            desks = desks_for(scenario, self.visits_per_day, scenario.nation.desk_use)
            generated = [replace(place, desks=count) for place, count in zip(generated, desks, strict=True)]
        # Places added for visits written out are nobody else's choice, so that such a visit changes no other.
        needs = [(visit.kind, visit.care) for visit in scenario.visits.written if visit.care is not None]
        self.hospitals = tuple(with_places_for(generated, needs, topology.desks_per_hospital))
        rows = {city: row for row, city in enumerate(self.cities.codes)}
        self._hospital_city = np.array([rows.get(place.city, -1) for place in self.hospitals], np.int64)

    def draw(self, traffic: Traffic) -> Placed:
        """Return the places of every visit."""
        count = len(traffic.key)
        local = traffic.local()
        placed = {
            row: visit
            for row in np.flatnonzero(traffic.has_moments()).tolist()
            if (visit := written_as(self._scenario, int(traffic.key[row]))) is not None and visit.insured is not None
        }
        written = np.zeros(count, np.bool_)
        written[list(placed)] = True
        cross = ~local & ~written
        insured, care = np.zeros(count, np.int64), np.zeros(count, np.int64)
        if self.flows is not None:
            cells = GroupedChoice([self.flows.shares.ravel().tolist()])
            cell = cells.draw(np.zeros(int(cross.sum()), np.int64), self._uniforms(traffic.key[cross], Purpose.FLOW))
            insured[cross], care[cross] = cell // len(self._regions), cell % len(self._regions)
            home = GroupedChoice([self.local_shares])
            where = home.draw(np.zeros(int(local.sum()), np.int64), self._uniforms(traffic.key[local], Purpose.FLOW))
            insured[local] = care[local] = where
        hospital = np.zeros(count, np.int32)
        drawn = ~written
        group = care[drawn] * len(KINDS) + traffic.kind[drawn]
        choice = self._choices.draw(group, self._uniforms(traffic.key[drawn], Purpose.HOSPITAL))
        hospital[drawn] = self._flat[choice]
        city = np.full(count, -1, np.int64)
        city[drawn] = self._insured_city(traffic.key[drawn], insured[drawn], hospital[drawn], local[drawn])
        region = np.array([int(code) * 100 for code in self.cities.codes], np.int32)[city]
        for row, visit in placed.items():
            hospital[row] = self._place_of(visit)
            region[row], insured[row] = int(visit.insured or 0), self._regions.index((visit.insured or "")[:2])
            local[row] = self.hospitals[int(hospital[row])].province == (visit.insured or "")[:2]
        return Placed(hospital, region, insured, city, local)

    def _uniforms(self, key: Ints, purpose: Purpose) -> NDArray[np.float64]:
        return uniforms(self._seed, key, 0, 0, purpose)

    def _insured_city(self, key: Ints, insured: Ints, hospital: NDArray[np.int32], local: NDArray[np.bool_]) -> Ints:
        """Return each person's insured city: for most in-province visits that of the institution."""
        same_city = rules()["local"]["same_city"]
        city = self.cities.choice().draw(insured, self._uniforms(key, Purpose.INSURED_CITY))
        near = self._hospital_city[hospital]
        at_home = local & (near >= 0) & (self._uniforms(key, Purpose.SAME_CITY) < same_city)
        return np.where(at_home, near, city)

    def _place_of(self, visit: ExplicitVisit | TracedVisit) -> int:
        named = getattr(visit, "institution", None)
        return next(
            row
            for row, place in enumerate(self.hospitals)
            if (place.code == named if named else place.region == visit.care) and visit.kind in place.kinds
        )

    def _loads(
        self, scenario: Scenario, rows: int, groups: list[list[int]], weights: list[list[float]]
    ) -> tuple[Floats, Floats]:
        """Return the visits of each kind that each institution expects: from other provinces a day, and all journeys.

        Of the latter there are as many as institutions would share if one came a day from other provinces.
        """
        cross, loads = np.zeros((rows, len(KINDS))), np.zeros((rows, len(KINDS)))
        inflow = self.flows.inflow() if self.flows is not None else {}
        mix = scenario.visits.mix
        for number, (group, row_weights) in enumerate(zip(groups, weights, strict=True)):
            province, kind = divmod(number, len(KINDS))
            from_others = inflow.get(self._regions[province], 0.0)
            local = self.local_shares[province] * local_per_cross(scenario) if inflow else 0.0
            of_kind: float = getattr(mix, KINDS[kind])
            cross[group, kind] = from_others * of_kind * cross_per_day(scenario) * np.array(row_weights)
            loads[group, kind] = (from_others + local) * of_kind * np.array(row_weights)
        return cross, loads


def _laid_out(scenario: Scenario) -> list[Institution]:
    """Return the institutions of a scenario, each with a number of desks that says nothing yet."""
    sites = _sites(scenario)
    if scenario.nation is None:
        return build(sites)
    return build_nation(scenario.nation, sites.regions, sites.cities)


def _weights_of(scenario: Scenario, places: Sequence[Institution], kind: Kind) -> list[float]:
    shares = scenario.visits.flows.care_city_shares
    if scenario.nation is None:
        return choice_weights(places, kind, shares)
    return level_weights(places, kind, scenario.nation.visitors, shares)


def _by_level(institutions: Sequence[Institution], loads: Floats) -> dict[int, list[float]]:
    """Return the visits that each level of hospital expects, by kind."""
    level = np.array([place.level if place.code[0] == "H" else 0 for place in institutions])
    return {one: loads[level == one].sum(axis=0).tolist() for one in LEVELS}


def _expected(scenario: Scenario, institutions: list[Institution], loads: Floats) -> Floats:
    """Return the visits of each kind that each institution expects, a calendar day, those of the background too."""
    visits = loads * cross_per_day(scenario)
    local = LocalVisits.among(scenario, institutions)
    if local is None:
        return visits
    return visits + np.array([[local.of(place, kind) for kind in KINDS] for place in institutions])


def background_per_day(scenario: Scenario) -> dict[str, dict[Kind, float]]:
    """Return each province's background visits a calendar day, by kind, with what is said of single cities."""
    whole, background = local_per_day(scenario), scenario.visits.local_background
    if background is None or not background.cities:
        return whole
    institutions = _laid_out(scenario)
    local = LocalVisits.among(scenario, institutions)
    assert local is not None  # there is a background
    found: dict[str, dict[Kind, float]] = {region: dict.fromkeys(KINDS, 0.0) for region in whole}
    for place in institutions:
        for kind in place.kinds:
            found[place.province][kind] += local.of(place, kind)
    return found


def care_shares_of_cities(scenario: Scenario) -> dict[str, dict[str, float]]:
    """Return by city, and by kind of visit, the share of its province's visits that its institutions have."""
    regions, generated = tuple(scenario.topology.regions), _laid_out(scenario)
    groups = _by_province_and_kind(generated, regions)
    found: dict[str, dict[str, float]] = {place.city: {} for place in generated}
    for number, (rows, weights) in enumerate(zip(groups, _weights(scenario, generated, groups), strict=True)):
        kind, total = KINDS[number % len(KINDS)], sum(weights)
        for row, weight in zip(rows, weights, strict=True):
            shares = found[generated[row].city]
            shares[kind] = shares.get(kind, 0.0) + weight / total
    return found


def insured_shares_of_cities(scenario: Scenario) -> dict[str, float]:
    """Return by city the share of its province's travelling patients that it insures."""
    topology, flows = scenario.topology, scenario.visits.flows
    named = (*topology.cities, *flows.insured_city_shares)
    cities = insured_cities(tuple(topology.regions), named, flows.insured_city_shares)
    return dict(zip(cities.codes, cities.shares, strict=True))


def _weights(scenario: Scenario, generated: list[Institution], groups: list[list[int]]) -> list[list[float]]:
    """Return the weights of the institutions of each group of ``_by_province_and_kind``."""
    return [
        _weights_of(scenario, [generated[row] for row in rows], KINDS[number % len(KINDS)])
        for number, rows in enumerate(groups)
    ]


def _flows(scenario: Scenario) -> FlowMatrix:
    flows = scenario.visits.flows
    nation = national_flows(flows.decay, flows.care_weights, flows.insured_weights)
    return restrict(nation, scenario.topology.regions)


def _sites(scenario: Scenario) -> Sites:
    topology = scenario.topology
    return Sites(
        tuple(topology.regions),
        topology.hospitals_per_province.hospital,
        topology.hospitals_per_province.pharmacy,
        topology.desks_per_hospital,
        tuple(dict.fromkeys((*topology.cities, *scenario.visits.flows.care_city_shares))),
    )


def _by_province_and_kind(institutions: list[Institution], regions: tuple[str, ...]) -> list[list[int]]:
    """Return the rows of the institutions networked for each kind in each province, group ``province * 3 + kind``."""
    number = {region: k for k, region in enumerate(regions)}
    groups: list[list[int]] = [[] for _ in range(len(regions) * len(KINDS))]
    for row, place in enumerate(institutions):
        for kind in place.kinds:
            groups[number[place.province] * len(KINDS) + KINDS.index(kind)].append(row)
    return groups
