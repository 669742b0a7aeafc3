"""Whether the processes behind a door bear what its token bucket lets in: by arithmetic on means, before a run.

The desks are held against it when the scenario is read; what a process bears depends on measured costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.analysis.capacity import implied_load, patients_per_s
from reference_impl.domain.failures import InputError
from reference_impl.domain.scopes import doorkeeper
from scenarios.schema.arrivals import Profile
from scenarios.schema.cutover import Cutover, Ramp

if TYPE_CHECKING:
    from scenarios.schema import Scenario
    from sim.model.costs import Costs

__all__ = ["Bears", "RampError", "narrowest", "refuse_ramps"]

_FAR_TOO_MANY_A_DAY = 1e12
_LINEAR = ("cpu", "workers")
"""Stations whose use grows with what comes; a writer groups, and is never full."""


class RampError(InputError):
    """A ramp lets in more than the system bears."""


@dataclass(frozen=True, slots=True)
class Bears:
    """The station of a door's node that is full first, and the patients a second of the run's clock that fill it."""

    station: str
    patients_per_s: float


def narrowest(scenario: Scenario, plan: Cutover, costs: Costs) -> Bears | None:
    """Return what the node that keeps a plan's door bears; None where the scenario implies no load to go by."""
    node = doorkeeper(plan.scope)
    # Under full load a turn has many pieces and a group many changes: what each costs at little load says too little.
    scenario = _crowded(scenario)
    come_per_s = patients_per_s(scenario, node)
    here = {node, scenario.topology.cpu_of(node)}
    loads = [s for s in implied_load(scenario, costs).stations if s.node in here and s.station in _LINEAR]
    busy = [load for load in loads if load.utilisation > 0]
    if not busy or not come_per_s:
        return None
    fullest = max(busy, key=lambda load: load.utilisation)
    return Bears(fullest.name, come_per_s / fullest.utilisation)


def _crowded(scenario: Scenario) -> Scenario:
    """Return the scenario with far too many visits, where there are any."""
    visits = scenario.visits
    changes: dict[str, object] = {"per_day": _FAR_TOO_MANY_A_DAY if visits.drawn else 0.0}
    if not visits.open_per_day:
        changes["arrivals"] = Profile(kind="profile")
    crowd = visits.model_copy(update=changes)
    return scenario.model_copy(update={"visits": crowd})


def refuse_ramps(scenario: Scenario, costs: Costs) -> None:
    """Refuse a resolved scenario with a bucket above what the narrowest station bears, less what is in reserve.

    Raises:
        RampError: naming plan, station and the largest number that may be let in.

    """
    for plan in scenario.cutover:
        ramp = plan.ramp
        if not isinstance(ramp, Ramp) or ramp.admit is None or ramp.every is None:
            continue
        bears = narrowest(scenario, plan, costs)
        if bears is None:
            continue
        most = bears.patients_per_s * (1 - ramp.reserve) * ramp.every / 1e6
        if ramp.admit > most:
            raise RampError(
                f"cutover {plan.name}: its token bucket lets in {ramp.admit} patients at a time when {bears.station} "
                f"bears {int(most)}; expected ramp.admit of at most that, a longer ramp.every, or more capacity there"
            )
