"""Contact latency is what patients felt: a stall that holds the first message of a contact is seen by whoever was due."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from support.tiny_world import live, scenario, visit

from lab.analysis.measures import measure
from scenarios.patients.visits import plan_visits
from scenarios.record.recorder import Record

PER_S = 60
STALLS_S = range(12, 40, 5)


def stalling() -> Any:
    """Half a minute of pharmacy visits at 60 a second, and a hub that stands still half a second in every five."""
    visits = [visit("pharmacy", at=f"{10_000 + number * 1000 // PER_S}ms") for number in range(30 * PER_S)]
    faults = [{"kind": "freeze", "node": "hub", "at": f"{at}s", "for": "500ms"} for at in STALLS_S]
    return scenario(*visits, faults=faults, topology={"desks_per_hospital": 1000})


def test_the_p99_of_contacts_is_that_of_open_arrivals_though_the_hub_stalls_the_first_message() -> None:
    asked = stalling()
    frames = live(asked).recorder.frames()
    last = frames["messages"].group_by("visit").agg(pl.col("done_us").max())
    lived = frames["visits"].join(last, on="visit")
    plan = plan_visits(asked)
    due_us = [plan.visit(number).arrival_us + plan.visit(number).handling_us for number in lived["visit"]]
    truth_us = lived["done_us"].to_numpy() - np.array(due_us)

    found = measure(Record(**frames), asked)

    contact_us = found.value("contact.latency", "p99")
    settlement_us = found.value("settlement.latency", "p99")
    assert contact_us is not None
    assert contact_us == pytest.approx(np.quantile(truth_us, 0.99), rel=0.05)
    assert contact_us > 400_000
    assert settlement_us is not None
    assert settlement_us < 0.95 * contact_us
