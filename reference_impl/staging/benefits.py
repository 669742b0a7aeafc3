"""The benefit policy of each insured province under a scenario: its own, and what planned stops say otherwise.

Must never compute a settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from scenarios.patients.policies import policy_of

if TYPE_CHECKING:
    from reference_impl.domain.policies import CountsIn, Policy
    from scenarios.schema import Scenario

__all__ = ["policy_under"]

_COUNTS_IN: Mapping[str, CountsIn] = {"of_discharge": "discharge", "of_settlement": "settlement"}


def policy_under(scenario: Scenario, province: str) -> Policy:
    """Return what the insurer of ``province`` goes by; no two plans tell it different things."""
    policy, long_stays = policy_of(province), scenario.visits.mid_stay
    if long_stays is not None:
        policy = msgspec.structs.replace(policy, merges_mid_stay=long_stays.merge_deductible)
    for plan in scenario.cutover:
        if not plan.concerns_insurer(province):
            continue
        year, forced = plan.policies.benefit_year, plan.policies.forced_mid_stay
        if year is not None:
            policy = msgspec.structs.replace(policy, counts_in=_COUNTS_IN[year])
        if forced is not None:
            policy = msgspec.structs.replace(policy, merges_mid_stay=forced.merge_deductible)
    return policy
