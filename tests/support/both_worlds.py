"""One scenario in both worlds, and what a scenario needs so that people's hours pass in seconds of real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.real_system import Ended, run_for_real

from lab.analysis.fates import compare_fates, edges_of
from scenarios.patients.visits import plan_visits
from scenarios.record.recorder import read_record
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

TWO_PROVINCES: dict[str, Any] = {
    "regions": [33, 63],
    "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
    "desks_per_hospital": 99,
    "links": {name: {"latency": "100us", "jitter": "50us"} for name in ("hospital_province", "province_hub")},
}
HURRIED: dict[str, Any] = {
    "retries": {"max": 5, "backoff": "50ms", "cap": "200ms"},
    "desk_patience": "24h",
    "timeout": "740ms",
    "deadline": "3500ms",
    "reversal_timeout": "740ms",
    "forward_timeout": {"care": "540ms", "hub": "340ms"},
}
"""Patience by the machine's clock: on it an hour of people's time is two seconds."""
GUARD_US = 500_000
"""Longer than what waits at an edge (a chain that stood still, a door that opens) takes to pass, on a busy machine."""
COMPARED_MIN = 0.3


def assert_same_fates(asked: Scenario, folder: Path) -> Ended:
    """Simulate a scenario, run it for real, and hold every fate of the one against the other; return the real run."""
    (folder / "sim").mkdir()
    simulated = simulate(asked, plan_visits(asked), load_costs(None))
    simulated.recorder.write(folder / "sim")
    ended = run_for_real(asked, folder)
    assert ended.finished, ended.errors
    assert ended.failures == ()
    edges_us = edges_of(simulated.events, ended.events)
    compared = compare_fates(
        read_record(folder / "sim"), ended.record, asked.clients, edges_us=edges_us, guard_us=GUARD_US
    )
    assert compared.differing.is_empty(), compared.differing.to_dicts()
    assert compared.compared >= COMPARED_MIN * compared.visits, compared.at_an_edge
    return ended
