"""The benefit policies of each insured province under a scenario: its own, and what planned stops say otherwise.

Must never compute a settlement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from scenarios.patients.benefits import region_tables
from scenarios.patients.policies import policy_of

if TYPE_CHECKING:
    from reference_impl.domain.policies import CountsIn, Policy
    from reference_impl.domain.policy_book import RegionTable
    from scenarios.schema import Scenario

__all__ = ["policies_under", "policy_under"]

_COUNTS_IN: Mapping[str, CountsIn] = {"of_discharge": "discharge", "of_settlement": "settlement"}


def policy_under(scenario: Scenario, province: str) -> Policy:
    """Return what the insurer of ``province`` goes by for regions without a policy of their own."""
    return msgspec.structs.replace(policy_of(province), **_said_otherwise(scenario, province))


def policies_under(scenario: Scenario, province: str) -> tuple[RegionTable, ...]:
    """Return the policies that the regions of ``province`` have of their own."""
    policies = () if scenario.benefits is None else scenario.benefits.policies
    said = _said_otherwise(scenario, province)
    return tuple(
        _with(table, said) for policy in policies for table in region_tables(policy) if table.region[:2] == province
    )


def _with(table: RegionTable, said: Mapping[str, Any]) -> RegionTable:
    """Return the same with each of its versions saying what planned stops say."""
    versions = tuple(
        msgspec.structs.replace(one, policy=msgspec.structs.replace(one.policy, **said)) for one in table.versions
    )
    return msgspec.structs.replace(table, versions=versions)


def _said_otherwise(scenario: Scenario, province: str) -> dict[str, Any]:
    """Return what long stays and planned stops say of the policies of ``province``; no two plans tell it otherwise."""
    said: dict[str, Any] = {}
    long_stays = scenario.visits.mid_stay
    if long_stays is not None and long_stays.merge_deductible is not None:
        said["merges_mid_stay"] = long_stays.merge_deductible
    for plan in scenario.cutover:
        if not plan.concerns_insurer(province):
            continue
        year, forced = plan.policies.benefit_year, plan.policies.forced_mid_stay
        if year is not None:
            said["counts_in"] = _COUNTS_IN[year]
        if forced is not None and forced.merge_deductible is not None:
            said["merges_mid_stay"] = forced.merge_deductible
    return said
