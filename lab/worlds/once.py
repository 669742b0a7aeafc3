"""A smoke test of a system: the first visit of each kind that a scenario has, and nothing else.

The same places and bills, at once and without their stays. Ids are made of the plan, so a system that has heard it
before answers what it answered then. This module must never plan a visit itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.failures import InputError
from scenarios.patients.visits import plan_visits
from scenarios.schema.people import ExplicitVisit

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from scenarios.schema import Scenario

__all__ = ["once_of"]

_APART_US = 1_000_000
_STAY_US = 2_000_000
_HANDLING_US = 10_000
_LENGTH_US = 10_000_000
_DRAIN_US = 120_000_000
"""No system that answers at all takes longer for a handful of visits; a client's patience may be longer."""


def once_of(scenario: Scenario) -> Scenario:
    """Return the scenario of one visit of each kind, one a second; nothing of it is judged.

    Raises:
        InputError: when nobody comes in the scenario.

    """
    first: dict[str, PlannedVisit] = {}
    for visit in plan_visits(scenario):
        if not visit.local and not visit.open_at_start:
            first.setdefault(visit.kind, visit)
    if not first:
        raise InputError(
            f"--once: nobody comes from another province in {scenario.name}; expected a visit of some kind"
        )
    visits = scenario.visits.model_copy(
        update={
            "per_day": 0.0,
            "local_per_cross": 0.0,
            "handling": _HANDLING_US,
            "explicit": tuple(_written(visit, at) for at, visit in enumerate(first.values())),
        }
    )
    horizon = scenario.horizon.model_copy(update={"length": _LENGTH_US, "warm_up": 0, "drain_limit": _DRAIN_US})
    return scenario.model_copy(update={"visits": visits, "horizon": horizon, "gates": {}})


def _written(visit: PlannedVisit, number: int) -> ExplicitVisit:
    return ExplicitVisit.model_construct(
        kind=visit.kind,
        care=visit.care_region,
        insured=visit.insured_region,
        at=number * _APART_US,
        stay=_STAY_US if visit.kind == "inpatient" else 0,
        total_fen=visit.total_fen,
    )
