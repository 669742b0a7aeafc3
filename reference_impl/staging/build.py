"""The configuration of every node and process, from a scenario: what each world builds its nodes from.

This module must never build a node: ``reference_impl.protocol.assembly`` does, for both worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from reference_impl.domain.failures import InputError
from reference_impl.domain.institution import Institution, filing_platform
from reference_impl.domain.nodes import HUB, NodeId, care_node, is_city
from reference_impl.domain.policies import PolicyTable
from reference_impl.domain.regions import city_of
from reference_impl.protocol.assembly import CityConfig, NodeConfig, ProvinceConfig
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.restraint import CallRules
from reference_impl.protocol.sweeper import SweepRules
from reference_impl.server.config import ServiceConfig, SystemConfig, TrustRules
from reference_impl.staging.benefits import policies_under, policy_under
from reference_impl.staging.loss import commit_losses
from reference_impl.staging.prefunds import prefund_rules
from reference_impl.trust.families import Family
from scenarios.patients.care_types import CareTypeDraws, special_care
from scenarios.patients.catalogue import dated_catalogue
from scenarios.patients.filings import filing_table
from scenarios.patients.identity import certificate_rules
from scenarios.patients.master_data import master_plan
from scenarios.patients.network import network_scope
from scenarios.patients.places import Places
from scenarios.patients.population import register
from scenarios.patients.sessions import session_rules
from scenarios.schema.course import courses_of
from scenarios.schema.renumbered import renumberings_of
from scenarios.schema.spoken import dialects_of

if TYPE_CHECKING:
    from scenarios.patients.institutions import Institution as Place
    from scenarios.schema import Scenario

__all__ = ["institutions_of", "node_config", "refuse_crowds", "stamps_of", "system_config"]

_US_PER_MS = 1000
Institutions = Mapping[NodeId, tuple[Institution, ...]]
"""The register of every province's institutions."""


def stamps_of(scenario: Scenario) -> Stamps:
    """Return business time as the scenario runs it."""
    return Stamps(scenario.horizon.start, scenario.scale.time)


def institutions_of(hospitals: Iterable[Place]) -> Institutions:
    """Return the register of the hospitals and pharmacies of a plan, by province."""
    found: dict[NodeId, list[Institution]] = {}
    for place in hospitals:
        one = Institution(NodeId(place.code), place.region, place.level, place.kinds)
        found.setdefault(care_node(place.region), []).append(one)
    return {node: tuple(institutions) for node, institutions in found.items()}


def node_config(scenario: Scenario, node: str, institutions: Institutions) -> NodeConfig:
    """Return what the hub, the province or the city ``node`` of ``scenario`` is told."""
    city = is_city(node)
    there = () if node == HUB else institutions.get(care_node(node), ())
    return NodeConfig(
        node=NodeId(node),
        provinces=tuple(NodeId(code) for code in scenario.topology.province_nodes()),
        timeout_us=scenario.clients.forward_timeout.of(node),
        starts_at=scenario.horizon.start,
        time_scale=scenario.scale.time,
        province=None if node == HUB or city else _province_config(scenario, node, there),
        city=CityConfig(institutions=tuple(one for one in there if city_of(one.region) == node)) if city else None,
        sweep=SweepRules(apart=frozenset(scenario.topology.relays())),
        renumberings=renumberings_of(scenario),
        closes_s=scenario.closes_s,
        calls=_call_rules(scenario, node),
    )


def _call_rules(scenario: Scenario, node: str) -> CallRules | None:
    """Return what holds the calls of a node back; None where nothing does."""
    clients, at_once = scenario.clients, scenario.topology.spec(node).per_destination
    rules = CallRules(breaker=clients.breaker_rule, budget=clients.budget_rule, at_once=at_once)
    return None if rules == CallRules() else rules


def _province_config(scenario: Scenario, province: str, institutions: tuple[Institution, ...]) -> ProvinceConfig:
    filing = None if scenario.filing is None else filing_table(scenario.filing, courses_of(scenario))
    plan, orders = master_plan(scenario), scenario.visits.orders
    changes = () if scenario.care_catalogue is None else scenario.care_catalogue.changes
    typed = scenario.visits.care_types
    if typed is not None:
        institutions = _designated(institutions, CareTypeDraws(typed, scenario.seed))
    return ProvinceConfig(
        catalogue=dated_catalogue(province, changes),
        institutions=institutions if filing is None and orders is None else (*institutions, filing_platform(province)),
        policy=PolicyTable.of(policy_under(scenario, province)),
        persons=register(),
        filing=filing,
        master=None if plan is None else plan.node_data(province),
        policies=policies_under(scenario, province),
        network=None if scenario.network is None else network_scope(scenario.network, institutions),
        certificates=None if scenario.identity is None else certificate_rules(scenario.identity),
        relays=tuple(NodeId(city) for city in scenario.topology.relays() if care_node(city) == province),
        prefund=prefund_rules(scenario, province),
        special=None if typed is None else special_care(typed),
        sessions=session_rules(scenario, province),
        order_valid_us=None if orders is None else orders.valid,
    )


def _designated(institutions: tuple[Institution, ...], draws: CareTypeDraws) -> tuple[Institution, ...]:
    """Return the register with the pharmacies of two channels marked."""
    return tuple(
        msgspec.structs.replace(one, dual_channel=True) if draws.is_dual_channel(one.code) else one
        for one in institutions
    )


def refuse_crowds(scenario: Scenario) -> None:
    """Raise when a scenario has business that only the simulated world has: visits without a journey send nothing.

    Raises:
        InputError: with what to state in its place.

    """
    if scenario.visits.local_background is not None:
        raise InputError(
            "visits.local_background is a load on simulated stations and desks: its visits send no message to real "
            "ones; expected --world sim, or visits.local_background=null and those visits as visits.local_per_cross"
        )


def system_config(scenario: Scenario) -> SystemConfig:
    """Return what the reference system's processes are told when they are to serve ``scenario``."""
    refuse_crowds(scenario)
    topology, institutions = scenario.topology, institutions_of(Places(scenario).hospitals)
    return SystemConfig(
        hosts={name: host.nodes for name, host in topology.hosts().items()},
        services={node: _service_config(scenario, node, institutions) for node in topology.nodes()},
        starts_at=scenario.horizon.start,
        time_scale=scenario.scale.time,
        trust=_trust_rules(scenario),
    )


def _trust_rules(scenario: Scenario) -> TrustRules | None:
    asked = scenario.trust
    if asked is None:
        return None
    return TrustRules(
        family=Family(asked.headers),
        window_ms=asked.window // _US_PER_MS,
        sealed=asked.seals,
        mutual_tls=asked.mutual_tls,
        hospital_tls=asked.hospital_tls,
    )


def _service_config(scenario: Scenario, node: str, institutions: Institutions) -> ServiceConfig:
    spec = scenario.topology.spec(node)
    return ServiceConfig(
        node=node_config(scenario, node, institutions),
        workers=spec.workers,
        queue=spec.queue,
        hold_while_waiting=spec.hold_while_waiting,
        losses=commit_losses(scenario, node),
        dialects=dialects_of(scenario),
        admission=None if spec.admission is None else spec.admission.rule,
    )
