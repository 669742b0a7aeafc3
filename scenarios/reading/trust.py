"""What no single key of trust can say: against the faults of links. Must never change a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HOSPITAL
from scenarios.reading.errors import Problem
from scenarios.schema import Scenario

__all__ = ["trust_problems"]


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
