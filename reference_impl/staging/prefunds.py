"""From a scenario's prefunds to what an insured province is told of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.prefund import PrefundRules, Quota, TopUp

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["prefund_rules"]


def prefund_rules(scenario: Scenario, insured: str) -> PrefundRules | None:
    """Return the prefunds of a province; None where it has none."""
    spec = scenario.prefund
    if spec is None:
        return None
    quotas = tuple(
        Quota(one.care, one.limit_fen, tuple(TopUp(top_up.at, top_up.fen) for top_up in one.top_ups))
        for one in spec.quotas
        if one.insured == insured
    )
    return PrefundRules(quotas, waits=spec.when_dry == "wait", retry_us=spec.retry_us) if quotas else None
