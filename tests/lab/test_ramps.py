"""A token bucket is held against what the node behind its door bears, before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from lab.analysis.capacity import implied_load
from lab.analysis.ramps import RampError, narrowest, refuse_ramps
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs

COSTS = load_costs()


def asked(admit: int, *, scope: str = "hub", reserve: float = 0.0, time: float = 1.0, per_day: float = 50_000) -> Any:
    ramp = {"kind": "token_bucket", "over": "1h", "admit": admit, "every": "1min", "reserve": reserve}
    stated = {
        "name": "s",
        "scale": {"time": time},
        "visits": {"per_day": per_day},
        "topology": {"regions": ["11", "33", "34"], "desks_per_hospital": 10},
        "cutover": {"scope": scope, "at": "8h", "window": "1h", "ramp": ramp},
    }
    return resolve(Scenario.model_validate(stated))


@pytest.mark.parametrize("scope", ["hub", "34", "3415"])
def test_a_bucket_at_what_the_node_bears_passes_and_one_above_is_refused(scope: str) -> None:
    bears = narrowest(asked(1, scope=scope), asked(1, scope=scope).cutover[0], COSTS)
    assert bears is not None
    most = int(bears.patients_per_s * 60)
    refuse_ramps(asked(most, scope=scope), COSTS)
    with pytest.raises(RampError, match=f"lets in {most + 1} patients .* bears {most}; expected") as refused:
        refuse_ramps(asked(most + 1, scope=scope), COSTS)
    assert refused.value.exit_code == 2
    with pytest.raises(RampError):
        refuse_ramps(asked(most, scope=scope, reserve=0.2), COSTS)


def test_so_many_patients_really_fill_the_station() -> None:
    """Offered at that rate in the peak hour, the arithmetic of the whole load says: full."""
    scenario = asked(1)
    bears = narrowest(scenario, scenario.cutover[0], COSTS)
    assert bears is not None
    load = implied_load(scenario, COSTS)
    factor = bears.patients_per_s / load.settlements_per_s
    full = implied_load(asked(1, per_day=50_000 * factor), COSTS)
    assert next(s for s in full.stations if s.name == bears.station).utilisation == pytest.approx(1.0, rel=0.05)


def test_a_shrunk_scenario_bears_as_much_a_second_of_its_clock() -> None:
    plain, fast = asked(1), asked(1, time=60)
    bears = [narrowest(one, one.cutover[0], COSTS) for one in (plain, fast)]
    assert bears[0] is not None
    assert bears[1] is not None
    assert bears[1].patients_per_s == pytest.approx(bears[0].patients_per_s, rel=0.01)


def test_without_a_load_to_go_by_nothing_is_refused() -> None:
    assert narrowest(asked(1, per_day=0), asked(1).cutover[0], COSTS) is None
    refuse_ramps(asked(10**6, per_day=0), COSTS)
