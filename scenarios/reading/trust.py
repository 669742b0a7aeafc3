"""What no single key of trust can say: against the faults of links and hospitals. Must never change a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HOSPITAL
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.faults import Fault, HospitalFault
from scenarios.schema.link_faults import ANY, LinkFault, Severed, severed

__all__ = ["hospital_fault_problems", "trust_problems"]


def trust_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with the trust of a scenario as stated."""
    trust = scenario.trust
    if trust is None:
        return
    for number, fault in enumerate(scenario.faults):
        for link in _links(scenario, fault):
            of_hospitals = HOSPITAL in link or link == (ANY, ANY)
            if trust.mutual_tls and HOSPITAL not in link:
                yield _encrypted(
                    number, fault, link, "between nodes that speak mutual TLS", "mutual_tls", "a link of hospitals"
                )
                break
            if of_hospitals and trust.hospital_tls:
                yield _encrypted(
                    number, fault, link, "of hospitals that speak TLS", "hospital_tls", "a link between nodes"
                )
                break


def _links(scenario: Scenario, fault: Fault) -> Iterator[tuple[str, ...]]:
    """Yield the links that a fault lies on, as it names them or as the groups that it severs have them."""
    if isinstance(fault, Severed):
        yield from ((caller, callee) for caller, callee, _ in severed(fault, scenario.topology.ways()))
    elif isinstance(fault, LinkFault):
        yield fault.link


def _encrypted(number: int, fault: Fault, link: tuple[str, ...], whose: str, key: str, other: str) -> Problem:
    return Problem(
        ("faults", number, *(("link",) if isinstance(fault, LinkFault) else ())),
        f"a faulty link {whose}: nothing can be lost that is encrypted",
        " to ".join(link),
        f"trust.{key}: false, or {other}",
    )


def hospital_fault_problems(scenario: Scenario, fault: HospitalFault, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """Yield everything wrong with a fault of hospitals: nobody signs, it is nowhere, or it hits nobody."""
    if scenario.trust is None:
        expected = "a 'trust' section, or another fault"
        yield Problem((*path, "kind"), "hospitals do not sign, so nothing would come of it", fault.kind, expected)
    regions = scenario.topology.regions
    if fault.node not in regions:
        expected = f"one of topology.regions: {', '.join(regions)}"
        hint = nearest(fault.node, regions)
        yield Problem((*path, "node"), "province is not in the scenario", repr(fault.node), expected, hint)
    if not fault.share:
        yield Problem((*path, "share"), "it hits no institution", "0%", "more than 0%, or no fault")
