"""Under kills, faults of links hit as many messages in both worlds, when the simulated process is away as long."""

from __future__ import annotations

from typing import Any

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES
from support.real_system import run_for_real

from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

TIME = 1_920
SHARE, FEW = 0.05, 12
"""Hits may differ by a twentieth, and by as many as are under way when a fault begins or ends."""
LINKS = (["hospital", "33"], ["hospital", "63"], ["33", "hub"], ["hub", "63"], ["63", "hub"], ["hub", "33"])
AWAY = {"at": "11h", "for": "8h"}
DISTURBED = [
    *({"kind": "delay", "link": link, "add": "1ms"} | AWAY for link in LINKS),
    {"kind": "duplicate", "link": ["hospital", "33"], "share": "30%"} | AWAY,
    {"kind": "reorder", "link": ["33", "hub"], "direction": "reply", "share": "30%", "by": "5ms"} | AWAY,
]


def day(faults: list[dict[str, Any]]) -> Scenario:
    told = {
        "name": "killed-day",
        "horizon": {"length": "24h", "drain_limit": "48h"},
        "scale": {"time": TIME},
        "visits": {"per_day": 240, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
        "topology": TWO_PROVINCES,
        "clients": HURRIED,
        "faults": faults,
    }
    return resolve(Scenario.model_validate(told))


def test_faults_of_links_hit_as_many_messages_in_both_worlds_while_the_hub_and_an_insurer_are_dead(tmp_path):
    """A real process takes a second or two to start: the simulated one is killed for as long as the real one was."""
    kills = [{"kind": "kill", "node": node, "at": "12h", "for": "4h"} for node in ("hub", "63")]
    real = run_for_real(day([*kills, *DISTURBED]), tmp_path)
    assert real.finished, real.errors
    assert real.failures == ()

    away = {row["target"]: row for row in real.record.events.filter(kind="kill").iter_rows(named=True)}
    told = [
        kill | {"at": f"{row['at_us'] * TIME}us", "for": f"{(row['until_us'] - row['at_us']) * TIME}us"}
        for kill in kills
        for row in [away[kill["node"]]]
    ]
    asked = day([*told, *DISTURBED])
    simulated = simulate(asked, plan_visits(asked), load_costs(None)).record()

    key = ("kind", "target")
    found, expected = (
        {
            tuple(row[name] for name in key): row["hits"]
            for row in events.iter_rows(named=True)
            if row["hits"] is not None
        }
        for events in (real.record.events, simulated.events)
    )
    assert found.keys() == expected.keys()
    assert sum(found.values()) > 1_000
    apart = {
        name: (found[name], hits) for name, hits in expected.items() if abs(found[name] - hits) > SHARE * hits + FEW
    }
    assert apart == {}
