"""What a scenario asks of its parties, as the checker's laws ask for them."""

from __future__ import annotations

from lab.analysis.benefits import policies_of
from lab.analysis.filing import filed_for
from lab.analysis.network import scope_of
from lab.analysis.prefund import prefunds_of
from lab.analysis.sessions import sessions_of
from lab.checker import Agreement
from reference_impl.staging.benefits import policy_under
from scenarios.patients.care_types import special_care
from scenarios.patients.master_data import master_plan
from scenarios.schema import Scenario
from scenarios.schema.renumbered import renumberings_of

__all__ = ["agreement_of"]


def agreement_of(scenario: Scenario) -> Agreement:
    """Return what the scenario asks of its parties."""
    typed = scenario.visits.care_types
    special = None if typed is None else special_care(typed)
    return Agreement(
        filed_for(scenario),
        master_plan(scenario),
        policies_of(scenario),
        scope_of(scenario),
        prefunds_of(scenario),
        {province: policy_under(scenario, province) for province in scenario.topology.province_nodes()},
        () if special is None else special.terms,
        sessions_of(scenario),
        0 if special is None else special.prescription_valid_us,
        0 if scenario.visits.orders is None else scenario.visits.orders.valid,
        renumberings_of(scenario),
    )
