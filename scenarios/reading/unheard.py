"""What a scenario says and nothing would act on: a key beside another that takes its place.

What is said is acted on or refused. A later layer may take the place of an earlier one (a variant that puts all hosts
on one machine overrules the cores of the file below it), so each finding names the key that overrules, and the loader
looks where both stand. Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reference_impl.domain.nodes import HUB
from scenarios.reading.arrivals import unheard_by_arrivals
from scenarios.reading.errors import Problem
from scenarios.schema import HostSpec, NodeChanges, NodeSpec, Scenario, Topology
from scenarios.schema.arrivals import Closed, Trace
from scenarios.units import format_duration

__all__ = ["Unheard", "unheard"]

_OF_DRAWN_VISITS = ("arrivals", "mix", "hourly", "hourly_by_kind", "weekday", "day", "flows", "stay_mean")
_OF_BACKGROUND_TOO = ("hourly", "hourly_by_kind", "weekday", "day")

Path = tuple[str | int, ...]


class Unheard(NamedTuple):
    """A key that nothing acts on, and the key that takes its place."""

    problem: Problem
    by: Path


def unheard(scenario: Scenario) -> Iterator[Unheard]:
    """Yield every stated key that another one of the scenario leaves without effect."""
    yield from _cores(scenario.topology)
    yield from _no_relays(scenario)
    yield from _stops(scenario)
    yield from _as_many_everywhere(scenario)
    if not scenario.visits.per_day and not isinstance(scenario.visits.arrivals, Trace | Closed):
        yield from _nobody_comes(scenario)
    for path, what in unheard_by_arrivals(scenario):
        expected = "another kind of visits.arrivals, or no such key"
        yield Unheard(Problem(path, what, scenario.visits.arrivals.kind, expected), ("visits", "arrivals"))


def _cores(topology: Topology) -> Iterator[Unheard]:
    """Yield the cores of machines that are not there: all hosts on one machine, or no node on a host of its own."""
    for path, cores, nodes in _stated_cores(topology):
        if topology.machine_cores is not None:
            what, by = f"all hosts share one machine of {topology.machine_cores:g} cores", "machine_cores"
            yield _without_effect(path, what, f"{cores:g}", "no such key, or no topology.machine_cores", by)
        elif not any(topology.host_of(node) == node for node in nodes):
            what = (
                "no node has these cores: each runs on a host of topology.hosts, or has its own in topology.provinces"
            )
            yield _without_effect(path, what, f"{cores:g}", "no such key, or the cores of the host itself", "hosts")


def _stated_cores(topology: Topology) -> Iterator[tuple[Path, float, tuple[str, ...]]]:
    """Yield every stated number of cores with its path and the nodes that could run on them."""
    changes, named = topology.provinces, topology.named_hosts
    relays = _relay_changes(topology)
    like_all = tuple(code for code in topology.regions if code not in changes or changes[code].cores is None)
    like_all_cities = tuple(code for code, changed in relays.items() if changed.cores is None)
    places: list[tuple[Path, NodeSpec | NodeChanges | HostSpec, tuple[str, ...]]] = [
        (("hub",), topology.hub, (HUB,)),
        (("province",), topology.province, like_all),
        *((("provinces", code), changed, (code,)) for code, changed in changes.items()),
        (("city",), topology.city, like_all_cities),
        *((("cities", code), changed, (code,)) for code, changed in relays.items()),
    ]
    if topology.machine_cores is not None:
        places.extend((("hosts", name), host, host.nodes) for name, host in named.items())
    for place, stated, nodes in places:
        if "cores" in stated.model_fields_set and stated.cores is not None:
            yield ("topology", *place, "cores"), stated.cores, nodes


def _no_relays(scenario: Scenario) -> Iterator[Unheard]:
    """Yield what is said of cities' relays where no city has one."""
    topology = scenario.topology
    if topology.relays():
        return
    stated: list[Path] = [("city",)] if "city" in topology.model_fields_set else []
    stated.extend(
        ("links", name) for name in ("hospital_city", "city_province") if name in topology.links.model_fields_set
    )
    places: list[Path] = [("topology", *path) for path in stated]
    if "city" in scenario.clients.forward_timeout.model_fields_set:
        places.append(("clients", "forward_timeout", "city"))
    for place in places:
        expected = "a city in topology.cities that is no door, or no such key"
        yield _without_effect(
            place, "no city has a relay of its own", "no topology.cities but doors", expected, "cities"
        )


def _relay_changes(topology: Topology) -> dict[str, NodeChanges]:
    cities = topology.cities
    if not isinstance(cities, dict):
        return {}
    return {city: place for city, place in cities.items() if isinstance(place, NodeChanges)}


def _stops(scenario: Scenario) -> Iterator[Unheard]:
    for number, plan in enumerate(scenario.cutover):
        path: Path = ("cutover", number)
        if plan.scope == HUB and plan.side != "both":
            what = "the hub has one door, which closes for both sides"
            expected = "'both', or a province or city as cutover.scope"
            yield Unheard(Problem((*path, "side"), what, repr(plan.side), expected), (*path, "scope"))
        if plan.early_cutoff and not plan.announced:
            what, expected = "no desk knows of it beforehand", "announced: true, or no early cut-off"
            got = format_duration(plan.early_cutoff)
            yield Unheard(Problem((*path, "early_cutoff"), what, got, expected), (*path, "announced"))


def _as_many_everywhere(scenario: Scenario) -> Iterator[Unheard]:
    """Yield the numbers of institutions and desks of an even nation, where there is a believable one."""
    for name in ("hospitals_per_province", "desks_per_hospital"):
        if scenario.nation is not None and name in scenario.topology.model_fields_set:
            what, expected = "a nation has its own numbers of institutions and desks", "no such key, or no nation"
            yield Unheard(Problem(("topology", name), what, "nation", expected), ("nation",))


def _nobody_comes(scenario: Scenario) -> Iterator[Unheard]:
    """Yield what shapes visits drawn at a rate where the rate is 0; visits written out have all of it themselves.

    Local business in the background has a rate of its own.
    """
    visits, scale = scenario.visits, scenario.scale
    others = visits.local_background is not None
    shaping = [name for name in _OF_DRAWN_VISITS if not (others and name in _OF_BACKGROUND_TOO)]
    stated = [("visits", name) for name in shaping if name in visits.model_fields_set]
    if visits.local_per_cross and "local_per_cross" in visits.model_fields_set:
        stated.append(("visits", "local_per_cross"))
    if scale.volume != 1 and not scale.capacity and not others:
        stated.append(("scale", "volume"))
    for path in stated:
        what, expected = "shapes visits drawn at a rate, and none are drawn", "visits.per_day above 0, or no such key"
        yield Unheard(Problem(path, what, "visits.per_day: 0", expected), ("visits", "per_day"))


def _without_effect(path: Path, what: str, got: str, expected: str, by: str) -> Unheard:
    return Unheard(Problem(path, what, got, expected), ("topology", by))
