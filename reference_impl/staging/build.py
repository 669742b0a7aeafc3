"""Build a node from a scenario and its ports: the one place where the rules of a province meet its workflows.

The simulated world and the servers both build their nodes here, so they cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from reference_impl.domain.regions import province_of
from reference_impl.protocol.care import CareRules
from reference_impl.protocol.hub import HUB, Hub
from reference_impl.protocol.ids import Stamps
from reference_impl.protocol.insured import InsuredRules
from reference_impl.protocol.messages import NodeId
from reference_impl.protocol.ports import NodePorts
from reference_impl.protocol.province import Province
from scenarios.patients.catalogue import catalogue_of
from scenarios.patients.institutions import level_of
from scenarios.patients.policies import policy_of
from scenarios.patients.population import PersonFacts, UnknownPersonError, person_facts

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["build_node", "stamps_of"]

_HUB_REGION = "100000"
"""GB/T 2260: the whole country."""
_US_PER_S = 1_000_000


def stamps_of(scenario: Scenario) -> Stamps:
    """Return business time as the scenario runs it."""
    return Stamps(scenario.horizon.start, scenario.scale.time)


def build_node(node: NodeId, ports: NodePorts, scenario: Scenario) -> Province | Hub:
    """Return the hub or the province ``node`` of ``scenario`` on these ports."""
    provinces = frozenset(NodeId(code) for code in scenario.topology.province_nodes())
    reference = _references(node, ports, stamps_of(scenario))
    patience = scenario.clients.forward_patience
    if node == HUB:
        return Hub(ports, provinces, patience_us=patience.hub, reference=reference)

    def next_node(insured_region: str) -> NodeId | None:
        insurer = NodeId(province_of(insured_region))
        if insurer not in provinces:
            return None
        return node if insurer == node else HUB

    return Province(
        ports,
        CareRules(node, catalogue_of(node), level_of, next_node),
        InsuredRules(node, policy_of(node), _facts, _benefit_year(scenario)),
        patience_us=patience.care,
        reference=reference,
    )


def _facts(person: str) -> PersonFacts | None:
    try:
        return person_facts(person)
    except UnknownPersonError:
        return None


def _references(node: NodeId, ports: NodePorts, stamps: Stamps) -> Callable[[], str]:
    """Return a maker of message references: region (6), time (14), serial (10), as inf_refmsgid wants."""
    region = _HUB_REGION if node == HUB else f"{node}0000"
    serials = count(1)
    return lambda: f"{region}{stamps.at(ports.clock.now_us())}{next(serials) % 10**10:010d}"


def _benefit_year(scenario: Scenario) -> Callable[[int], int]:
    """Return the calendar year of an instant: accumulators start anew on 1 January."""
    start, time_scale = scenario.horizon.start, scenario.scale.time
    turns_us = int((start.replace(year=start.year + 1, month=1, day=1, hour=0) - start) / timedelta(microseconds=1))

    def year_of(now_us: int) -> int:
        business_us = int(now_us * time_scale)
        if business_us < turns_us:
            return start.year
        return (start + timedelta(microseconds=business_us)).year

    return year_of
