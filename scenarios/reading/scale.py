"""From the scenario as stated to the scenario as run: people time shrunk, provinces left out, capacity scaled.

The result's durations are microseconds of the run's clock, and its provinces those that are kept. Must never touch
machine time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from reference_impl.domain.nodes import HUB
from scenarios.patients.flows import busiest, national_flows, restrict, share_among
from scenarios.schema.base import Model, PeopleClock
from scenarios.schema.nation import Nation
from scenarios.schema.scenario import Scenario
from scenarios.schema.topology import HostSpec, Institutions, NodeChanges, NodeSpec, Topology

ModelT = TypeVar("ModelT", bound=Model)
NodeT = TypeVar("NodeT", NodeSpec, NodeChanges)


def resolve(scenario: Scenario) -> Scenario:
    """Return ``scenario`` on the run's clock, with its capacity scaled and every derived default filled in."""
    scenario = with_capacity(with_provinces(scenario))
    share = scenario.clients.park.share
    plans = tuple(
        plan if plan.park_share is not None else plan.model_copy(update={"park_share": share})
        for plan in scenario.cutover
    )
    changes: dict[str, Any] = {"variants": {}, "cutover": plans}
    return _shrunk(scenario.model_copy(update=changes), scenario.scale.time)


def with_provinces(scenario: Scenario) -> Scenario:
    """Return ``scenario`` with the provinces that ``scale.provinces`` keeps, and the visits among them.

    Raises:
        ValueError: when its flows cannot be met.

    """
    count, topology, visits = scenario.scale.provinces, scenario.topology, scenario.visits
    if count is None or count >= len(topology.regions):
        return scenario
    flows = visits.flows
    matrix = restrict(national_flows(flows.decay, flows.care_weights, flows.insured_weights), topology.regions)
    regions = busiest(matrix, count)
    share = share_among(matrix, regions)
    shares = {
        name: {city: part for city, part in getattr(flows, name).items() if city[:2] in regions}
        for name in ("care_city_shares", "insured_city_shares")
    }
    kept: dict[str, Any] = {
        "regions": regions,
        "cities": _cities_of(topology, regions),
        "provinces": {code: node for code, node in topology.provinces.items() if code in regions},
        "named_hosts": {name: host for name, host in _hosts_of(topology, regions) if host.nodes},
    }
    if scenario.scale.capacity:
        kept["hub"] = _scaled_node(topology.hub, share)
    fewer: dict[str, Any] = {"per_day": visits.per_day * share, "flows": flows.model_copy(update=shares)}
    if visits.local_background is not None:
        fewer["local_background"] = _within(visits.local_background, regions, "cities")
    return scenario.model_copy(
        update={
            "topology": topology.model_copy(update=kept),
            "visits": visits.model_copy(update=fewer),
            "nation": None if scenario.nation is None else _within(scenario.nation, regions, "provinces", "cities"),
        }
    )


def _within(model: ModelT, regions: Collection[str], *names: str) -> ModelT:
    """Return ``model`` with the places of its fields ``names`` that lie in ``regions``."""
    kept = {name: {place: of for place, of in getattr(model, name).items() if place[:2] in regions} for name in names}
    return model.model_copy(update=kept)


def _cities_of(topology: Topology, regions: Collection[str]) -> object:
    """Return the cities that are kept, as they were named."""
    cities = topology.cities
    if isinstance(cities, dict):
        return {city: place for city, place in cities.items() if city[:2] in regions}
    return tuple(city for city in cities if city[:2] in regions)


def _hosts_of(topology: Topology, regions: Collection[str]) -> Iterator[tuple[str, HostSpec]]:
    """Yield the named hosts with the nodes that are kept."""
    for name, host in topology.named_hosts.items():
        nodes = tuple(node for node in host.nodes if node == HUB or node[:2] in regions)
        yield name, host.model_copy(update={"nodes": nodes})


def with_capacity(scenario: Scenario) -> Scenario:
    """Return ``scenario`` with its stations scaled with its visits, when ``scale.capacity`` says so."""
    if not scenario.scale.capacity:
        return scenario
    volume = scenario.scale.volume
    scaled: dict[str, Any] = {"topology": _scaled_topology(scenario.topology, volume)}
    if scenario.nation is not None:
        scaled["nation"] = _scaled_nation(scenario.nation, volume)
    return scenario.model_copy(update=scaled)


def slices_of_cores(scenario: Scenario) -> dict[str, float]:
    """Return the pools that scaling has left less than a core: a message takes longer there, the smaller the sample.

    A core that works at a tenth of its pace serves a tenth of the messages with the right use, and each in ten times
    the time. ``scenario`` has its capacity scaled.
    """
    if not scenario.scale.capacity:
        return {}
    return {pool: cores for pool, cores in scenario.topology.cpus().items() if cores < 1.0}


def shrink_us(duration_us: int, time_scale: float) -> int:
    """Return people time on the run's clock; what lasted at all lasts at least a microsecond."""
    return max(1, round(duration_us / time_scale)) if duration_us else 0


def _shrunk(model: ModelT, time_scale: float) -> ModelT:
    changes: dict[str, Any] = {}
    people = _people_fields(type(model))
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Model):
            changes[name] = _shrunk(value, time_scale)
        elif value is not None and name in people:
            several = isinstance(value, tuple)
            changes[name] = (
                tuple(shrink_us(one, time_scale) for one in cast("tuple[int, ...]", value))
                if several
                else shrink_us(value, time_scale)
            )
        elif isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            changes[name] = tuple(_shrunk(item, time_scale) if isinstance(item, Model) else item for item in items)
    return model.model_copy(update=changes)


@cache
def _people_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if _is_people_time(field))


def _is_people_time(field: FieldInfo) -> bool:
    return _has_marker(field.metadata) or _marked(field.annotation)


def _marked(annotation: Any) -> bool:
    metadata = getattr(annotation, "__metadata__", ())
    return _has_marker(metadata) or any(_marked(part) for part in get_args(annotation) if part is not None)


def _has_marker(metadata: Any) -> bool:
    return any(isinstance(item, PeopleClock) for item in metadata)


def _scaled_topology(topology: Topology, volume: float) -> Topology:
    """Return ``topology`` with ``volume`` times the capacity; a machine named by its cores stays what it is."""
    return topology.model_copy(
        update={
            "hub": _scaled_node(topology.hub, volume),
            "province": _scaled_node(topology.province, volume),
            "provinces": {code: _scaled_node(node, volume) for code, node in topology.provinces.items()},
            "city": _scaled_node(topology.city, volume),
            "cities": _scaled_cities(topology, volume),
            "named_hosts": {name: _scaled_host(host, volume) for name, host in topology.named_hosts.items()},
            "hospitals_per_province": _scaled_institutions(topology.hospitals_per_province, volume),
        }
    )


def _scaled_cities(topology: Topology, volume: float) -> object:
    cities = topology.cities
    if not isinstance(cities, dict):
        return cities
    return {
        city: _scaled_node(place, volume) if isinstance(place, NodeChanges) else place for city, place in cities.items()
    }


def _scaled_node(node: NodeT, volume: float) -> NodeT:
    changes: dict[str, Any] = {}
    for name in ("workers", "queue", "per_destination"):
        count = getattr(node, name)
        if count is not None:
            changes[name] = max(1, round(count * volume))
    if node.cores is not None:
        changes["cores"] = node.cores * volume
    return node.model_copy(update=changes)


def _scaled_host(host: HostSpec, volume: float) -> HostSpec:
    return host.model_copy(update={"cores": host.cores * volume})


def _scaled_institutions(institutions: Institutions, volume: float) -> Institutions:
    return Institutions(
        hospital=max(1, round(institutions.hospital * volume)), pharmacy=max(1, round(institutions.pharmacy * volume))
    )


def _scaled_nation(nation: Nation, volume: float) -> Nation:
    return nation.model_copy(update={"institutions": nation.institutions * volume})
