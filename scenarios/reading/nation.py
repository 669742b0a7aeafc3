"""What no single key of a nation, or of local business in the background, can say of itself.

Against the provinces and their cities, the machines and the planned stops. Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reference_impl.domain.scopes import Business
from scenarios.patients.nation import build_nation, numbers_of
from scenarios.patients.provinces import provinces
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.nation import Nation

__all__ = ["nation_problems"]

Path = tuple[str | int, ...]


def nation_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with ``nation`` and ``visits.local_background``."""
    nation = scenario.nation
    if nation is not None:
        named = [*_known(scenario, nation.provinces, ("nation", "provinces"))]
        named += _known(scenario, nation.cities, ("nation", "cities"))
        named += _nowhere_else(scenario.topology.regions, nation)
        yield from named
        if not named:
            yield from _numbers(scenario, nation)
    if scenario.visits.local_background is not None:
        yield from _background(scenario)


def _known(scenario: Scenario, places: Iterable[str], path: Path) -> Iterator[Problem]:
    """Refuse a province that is not in the scenario, and a city that is in none of them."""
    regions = scenario.topology.regions
    for place in places:
        there = regions if place[:2] not in regions or place in regions else provinces()[place[:2]].cities
        if place not in there:
            expected = f"one of {', '.join(there)}"
            yield Problem((*path, place), "place is not in the scenario", repr(place), expected, nearest(place, there))


def _nowhere_else(regions: Iterable[str], nation: Nation) -> Iterator[Problem]:
    """Refuse numbers of every city of a province: the rest of the province has nowhere to be but there."""
    for province in regions:
        cities = provinces()[province].cities
        if all(city in nation.cities for city in cities):
            what = f"leaves the other institutions of {province} no city"
            expected = f"the numbers of the whole in nation.provinces.{province}"
            yield Problem(("nation", "cities", cities[-1]), what, f"every city of {province}", expected)


def _numbers(scenario: Scenario, nation: Nation) -> Iterator[Problem]:
    regions = scenario.topology.regions
    unmet = False
    for name, places in (("provinces", regions), ("cities", tuple(nation.cities))):
        for place in places:
            try:
                numbers_of(nation, place)
            except ValueError as error:
                unmet = True
                path = ("nation", name, place) if place in getattr(nation, name) else ("nation",)
                yield Problem(path, str(error), "", "")
    if unmet:
        return
    try:
        build_nation(nation, regions, tuple(scenario.topology.cities))
    except ValueError as error:
        yield Problem(("nation",), str(error), "", "")


def _background(scenario: Scenario) -> Iterator[Problem]:
    background, path = scenario.visits.local_background, ("visits", "local_background")
    assert background is not None  # asked only then
    yield from _known(scenario, background.cities, (*path, "cities"))
    if scenario.nation is None:
        expected = "nation: {}, or no local_background"
        yield Problem(path, "nobody knows how many institutions of which level they go to", "no nation", expected)
    relays = scenario.topology.relays()
    if relays:
        what, expected = "is a load on provinces, and a city with a relay has its institutions", "cities that are doors"
        yield Problem(path, what, f"a relay of {relays[0]}", expected)
    if scenario.topology.machine_cores is not None:
        got, expected = f"{scenario.topology.machine_cores:g} cores for all", "no topology.machine_cores"
        yield Problem(path, "is a load on the cores of a province's own host", got, expected)
    for number, plan in enumerate(scenario.cutover):
        if plan.business is not Business.CROSS:
            what = "a stop of local business stops no visit that has no journey"
            expected = "visits.local_per_cross in place of local_background, or business: cross"
            yield Problem(("cutover", number, "business"), what, str(plan.business), expected)
