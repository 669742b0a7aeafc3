"""What no single key of trust can say: against the faults of links and hospitals. Must never change a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HOSPITAL
from scenarios.reading.errors import Problem
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.faults import EarlyKey, RevokedKey, SkewedClock

__all__ = ["hospital_fault_problems", "trust_problems"]


def trust_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with the trust of a scenario as stated."""
    if scenario.trust is None or not scenario.trust.mutual_tls:
        return
    for number, fault in enumerate(scenario.faults):
        link: tuple[str, ...] = getattr(fault, "link", ())
        if link and HOSPITAL not in link:
            yield Problem(
                ("faults", number, "link"),
                "a faulty link between nodes that speak mutual TLS: nothing can be lost that is encrypted",
                " to ".join(link),
                "trust.mutual_tls: false, or a link of hospitals",
            )


def hospital_fault_problems(
    scenario: Scenario, fault: SkewedClock | EarlyKey | RevokedKey, path: tuple[str | int, ...]
) -> Iterator[Problem]:
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
