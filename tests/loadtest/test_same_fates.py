"""The contract between the two worlds: the same faults tell every patient the same fate, by the same answers."""

from __future__ import annotations

import pytest
from support.real_system import run_for_real

from lab.analysis.fates import compare_fates, edges_of
from scenarios.patients.visits import plan_visits
from scenarios.reading.scale import resolve
from scenarios.record.recorder import read_record
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

pytestmark = pytest.mark.slow

DAY = {
    "name": "troubled-day",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 1_920},
    "visits": {"per_day": 240, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": {
        "regions": [33, 63],
        "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
        "desks_per_hospital": 99,
        "links": {name: {"latency": "100us", "jitter": "50us"} for name in ("hospital_province", "province_hub")},
    },
    "clients": {
        "retries": {"max": 5, "backoff": "50ms", "cap": "200ms"},
        "desk_patience": "24h",
        "timeout": "740ms",
        "deadline": "3500ms",
        "reversal_timeout": "740ms",
        "forward_timeout": {"care": "540ms", "hub": "340ms"},
    },
}
GUARD_US = 500_000
"""Longer than a chain that has stood still takes to work off what waited before it, on a busy machine too."""
COMPARED_MIN = 0.3

LOSS = {"kind": "lose", "link": ["hospital", "33"], "direction": "request", "share": "30%"}
LOST_REPLY = {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": "20%"}
DELAY = {"kind": "delay", "link": ["33", "hub"], "add": "10ms"}
MIXES = {
    "an insurer stands still": [{"kind": "freeze", "node": "63", "at": "12h", "for": "4h"}],
    "a care province stands still": [{"kind": "freeze", "node": "33", "at": "12h", "for": "4h"}],
    "the hub stands still": [{"kind": "freeze", "node": "hub", "at": "12h", "for": "4h"}],
    "an insurer refuses, then the hub is killed": [
        {"kind": "refuse", "node": "63", "at": "5h", "for": "3h"},
        {"kind": "kill", "node": "hub", "at": "14h", "for": "4h"},
    ],
    "an insurer is killed while messages are lost and late": [
        {"kind": "kill", "node": "63", "at": "12h", "for": "4h"},
        {"kind": "lose", "link": ["33", "hub"], "direction": "request", "share": "25%"},
        DELAY,
    ],
    "replies and requests are lost on three links": [
        {"kind": "lose", "link": ["33", "hub"], "direction": "reply", "share": "40%"},
        {"kind": "lose", "link": ["hub", "63"], "direction": "reply", "share": "30%"},
        {"kind": "lose", "link": ["hospital", "33"], "direction": "request", "share": "25%"},
    ],
    "the hub stands still while messages are lost and late": [
        LOSS,
        LOST_REPLY,
        DELAY,
        {"kind": "freeze", "node": "hub", "at": "12h", "for": "4h"},
    ],
}


@pytest.mark.parametrize("faults", MIXES.values(), ids=MIXES)
def test_both_worlds_tell_the_same_fates_under_the_same_faults(tmp_path, faults):
    asked = resolve(Scenario.model_validate(DAY | {"faults": faults}))
    (tmp_path / "sim").mkdir()
    simulated = simulate(asked, plan_visits(asked), load_costs(None))
    simulated.recorder.write(tmp_path / "sim")

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    edges_us = edges_of(simulated.events, ended.events)
    compared = compare_fates(
        read_record(tmp_path / "sim"), ended.record, asked.clients, edges_us=edges_us, guard_us=GUARD_US
    )
    assert compared.differing.is_empty(), compared.differing.to_dicts()
    assert compared.compared >= COMPARED_MIN * compared.visits, compared.at_an_edge
    assert {"unknown", "busy", "unreachable", "overloaded"} & set(ended.record.messages["outcome"]), "the trouble shows"
