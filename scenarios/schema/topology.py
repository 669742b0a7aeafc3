"""The nodes, the hosts they run on and the links between them: ``topology``.

Three levels: a *node* plays a role (``hub``, a province such as ``33``, a city's relay such as ``3415``), a *host* is
one process that serves one or more nodes, and its cores are its own unless ``machine_cores`` says that all share one
machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from reference_impl.domain.admission import AdmissionRule
from reference_impl.domain.nodes import HOSPITAL, HUB, is_city
from reference_impl.domain.regions import PROVINCES, province_of
from scenarios.schema.base import CityCode, CodeText, MachineTime, Model, Positive, ProvinceCode, code_json, span
from scenarios.schema.durations import MachineDuration

MACHINE = "machine"


class AdmissionSpec(Model):
    """Whom a node lets in when its queue grows, beyond the queue's bound; who is late by then is dropped."""

    wait: MachineTime = Field(
        default=span("200ms"),
        description="what only asks (1101 and queries) is let in while the queue takes so long at most. ASSUMED.",
    )
    retry_after: MachineTime = Field(
        default=span("1s"), gt=0, description="the least that somebody turned away is told to wait. ASSUMED."
    )
    retry_after_max: MachineTime = Field(
        default=span("30s"), gt=0, description="the most that somebody turned away is told to wait. ASSUMED."
    )

    @model_validator(mode="after")
    def _in_order(self) -> AdmissionSpec:
        if self.retry_after_max < self.retry_after:
            raise ValueError("retry_after_max is shorter than retry_after; expected at least as long")
        return self

    @property
    def rule(self) -> AdmissionRule:
        """The rule as a node takes it."""
        return AdmissionRule(wait_us=self.wait, retry_us=self.retry_after, retry_max_us=self.retry_after_max)


class NodeSpec(Model):
    """What a node can do at once."""

    workers: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=256, description="messages in work at once. ASSUMED."
    )
    queue: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1024, description="messages that may wait for a worker; beyond it the node answers overloaded. ASSUMED."
    )
    hold_while_waiting: bool = Field(
        default=False, description="a worker is held while the node waits for the next one (threads), or not (events)."
    )
    per_destination: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None,
        description="messages that it may have sent on for one insured province and that are not answered yet; what "
        "is beyond is turned away before anything is written. Default: as many as it has workers for.",
    )
    admission: AdmissionSpec | None = Field(
        default=None,
        description="early refusal and dropping of late work. Default: a message waits while there is room.",
    )
    cores: Positive = Field(default=1.0, description="cores of its own host, when it has one to itself. ASSUMED.")


class NodeChanges(Model):
    """What differs for one province from ``topology.province``, or for one city's relay from ``topology.city``."""

    workers: Annotated[int, Field(ge=1, le=100_000)] | None = None
    queue: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    hold_while_waiting: bool | None = None
    per_destination: Annotated[int, Field(ge=1, le=100_000)] | None = None
    admission: AdmissionSpec | None = None
    cores: Positive | None = None


class HostSpec(Model):
    """One process and the nodes it serves."""

    cores: Positive = Field(default=1.0, description="cores that its nodes share. ASSUMED.")
    nodes: tuple[CodeText, ...] = Field(
        min_length=1, description="'hub', province codes, and codes of cities that have a relay."
    )


class Institutions(Model):
    """Institutions in a province."""

    hospital: Annotated[int, Field(ge=1, le=20_000)] = Field(default=40, description="hospitals. ASSUMED.")
    pharmacy: Annotated[int, Field(ge=1, le=20_000)] = Field(default=40, description="pharmacies. ASSUMED.")


class Link(Model):
    """One way over a network: ``latency`` plus up to ``jitter``, drawn evenly: who is late is late by both."""

    latency: MachineDuration = cast("MachineDuration", span("5ms"))
    jitter: MachineTime = span("1ms")


class Links(Model):
    """The kinds of link."""

    hospital_province: Link = Field(default=Link(latency=span("5ms"), jitter=span("2ms")), description="ASSUMED.")
    hospital_city: Link = Field(
        default=Link(latency=span("3ms"), jitter=span("1ms")),
        description="where the city has a relay of its own (topology.cities). ASSUMED.",
    )
    city_province: Link = Field(
        default=Link(latency=span("5ms"), jitter=span("2ms")), description="of a city's relay. ASSUMED."
    )
    province_hub: Link = Field(default=Link(latency=span("15ms"), jitter=span("5ms")), description="ASSUMED.")


def _all_regions(value: object) -> object:
    return tuple(PROVINCES) if value == "all" else value


RegionList = Annotated[
    tuple[ProvinceCode, ...],
    Field(min_length=1),
    BeforeValidator(_all_regions),
    WithJsonSchema({"anyOf": [{"const": "all"}, {"type": "array", "items": code_json(2), "minItems": 1}]}),
]


CityPlace = Annotated[
    Annotated[Literal["door"], Tag("(door)")] | Annotated[NodeChanges, Tag("(relay)")],
    Discriminator(lambda value: "(door)" if isinstance(value, str) else "(relay)"),
]
"""What a city is: a door that its province keeps, or a relay, with what differs from ``topology.city``."""
Cities = Annotated[
    Annotated[tuple[CityCode, ...], Tag("(list)")] | Annotated[dict[CityCode, CityPlace], Tag("(mapping)")],
    Discriminator(lambda value: "(mapping)" if isinstance(value, dict) else "(list)"),
]
"""Cities as doors, or each as what it is."""


class Topology(Model):
    """Who is there and how strong."""

    regions: RegionList = Field(
        default=cast("tuple[str, ...]", "all"), description="two-digit codes of the provinces, or 'all'."
    )
    cities: Cities = Field(
        default=(),
        description="the cities that a plan may stop, by four-digit code. A list: each is a door that its province "
        "keeps. A mapping: a city is 'door', or a relay of its own on its hospitals' way to the province and on the "
        "province's to the people it insures, with what differs from 'city' ({} for nothing).",
    )
    city: NodeSpec = Field(default=NodeSpec(), description="what the relay of a city can do.")
    hospitals_per_province: Institutions = Institutions()
    desks_per_hospital: Annotated[int, Field(ge=1, le=1000)] = Field(default=6, description="ASSUMED.")
    hub: NodeSpec = NodeSpec()
    province: NodeSpec = NodeSpec()
    provinces: dict[ProvinceCode, NodeChanges] = Field(
        default_factory=dict, description="what differs for single provinces."
    )
    named_hosts: dict[str, HostSpec] = Field(
        default_factory=dict,
        alias="hosts",
        description="processes that serve several nodes. Default: each node has its own.",
    )
    machine_cores: Positive | None = Field(
        default=None,
        description="all hosts run on one machine and share this many cores, as the real world's do on one core. "
        "Default: each host has its own cores.",
    )
    links: Links = Links()

    def province_nodes(self) -> tuple[str, ...]:
        """Return the provinces' nodes, in the order of the file."""
        return self.regions

    def nodes(self) -> tuple[str, ...]:
        """Return all serving nodes, the hub first and the cities' relays last."""
        return (HUB, *self.regions, *self.relays())

    def ways(self) -> Iterator[tuple[str, str]]:
        """Yield the ends of every directed link, caller and callee."""
        for province in self.regions:
            yield from ((HOSPITAL, province), (province, HUB), (HUB, province))
        for city in self.relays():
            yield from ((HOSPITAL, city), (city, province_of(city)), (province_of(city), city))

    def relays(self) -> tuple[str, ...]:
        """Return the cities that are nodes of their own, in the order of the file."""
        if not isinstance(self.cities, dict):
            return ()
        return tuple(city for city, place in self.cities.items() if place != "door")

    def spec(self, node: str) -> NodeSpec:
        """Return what ``node`` can do, with its changes applied."""
        if node == HUB:
            return self.hub
        if is_city(node):
            assert isinstance(self.cities, dict)  # a city that is a node stands in a mapping
            return _changed(self.city, self.cities[node])
        return _changed(self.province, self.provinces.get(node))

    def hosts(self) -> dict[str, HostSpec]:
        """Return every host process by name; a node that no host names has one to itself, called after it."""
        named = {node for host in self.named_hosts.values() for node in host.nodes}
        own = {node: HostSpec(cores=self.spec(node).cores, nodes=(node,)) for node in self.nodes() if node not in named}
        return self.named_hosts | own

    def host_of(self, node: str) -> str:
        """Return the name of the host process that serves ``node``."""
        return next((name for name, host in self.named_hosts.items() if node in host.nodes), node)

    def cpu_of(self, node: str) -> str:
        """Return the name of the pool of cores that ``node`` computes on."""
        return MACHINE if self.machine_cores is not None else self.host_of(node)

    def cpus(self) -> dict[str, float]:
        """Return the cores of every pool that :meth:`cpu_of` names."""
        if self.machine_cores is not None:
            return {MACHINE: self.machine_cores}
        return {name: host.cores for name, host in self.hosts().items()}


def _changed(spec: NodeSpec, changes: NodeChanges | str | None) -> NodeSpec:
    if not isinstance(changes, NodeChanges):
        return spec
    stated = {name: getattr(changes, name) for name in NodeChanges.model_fields}
    return spec.model_copy(update={name: value for name, value in stated.items() if value is not None})
