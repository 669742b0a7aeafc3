"""A hub that stands still: what the run measures of contacts is what open arrivals meet, computed from the schedule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from support.real_system import run_for_real

from lab.analysis.measures import measure
from loadtest.exits import INVALID
from scenarios.reading.scale import resolve
from scenarios.record.recorder import Record
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

WARM_UP_MS, LAST_MS, EVERY_MS = 3_000, 23_000, 200
FROZEN_FROM_MS, FROZEN_FOR_MS = range(5_990, LAST_MS, 3_000), 500
"""Each begins just before somebody is due, and long after the one before: no settlement is asked for as it begins."""
SETTLED_AGAIN_US = 300_000
"""By then those who waited for the hub have been served."""


def stalling() -> Scenario:
    """Twenty seconds of sales at five a second, desks for everybody, and a hub that is frozen again and again."""
    at_ms = range(0, LAST_MS, EVERY_MS)
    return resolve(
        Scenario.model_validate({
            "name": "stalling",
            "horizon": {
                "start": "2024-03-13T09:00:00", "length": f"{LAST_MS}ms", "warm_up": f"{WARM_UP_MS}ms",
                "drain_limit": "10s",
            },
            "visits": {
                "per_day": 0, "local_per_cross": 0, "handling": "0s",
                "explicit": [
                    {"kind": "pharmacy", "care": 330400, "insured": 630100, "at": f"{at}ms", "total_fen": 400_000}
                    for at in at_ms
                ],
            },
            "topology": {
                "regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 2},
                "desks_per_hospital": 1_000,
            },
            "faults": [
                {"kind": "freeze", "node": "hub", "at": f"{at}ms", "for": f"{FROZEN_FOR_MS}ms"}
                for at in FROZEN_FROM_MS
            ],
        })
    )  # fmt: skip


Freezes = Sequence[tuple[int, int]]


def ends_us(due_us: int, needs_us: int, freezes: Freezes) -> int:
    """Return when a contact ends that needs so long of a hub that moves."""
    at_us = due_us
    for from_us, until_us in freezes:
        if at_us + needs_us <= from_us:
            break
        if at_us < until_us:
            needs_us -= max(0, from_us - at_us)
            at_us = until_us
    return at_us + needs_us


def open_arrivals_p99_us(record: Record) -> float:
    """Return the p99 of whoever was due after the warm-up, each with every latency of the calm ones: no queue, no desk."""
    freezes = list(record.events.select("at_us", "until_us").iter_rows())
    contacts = record.contacts.filter(record.contacts["intended_us"] >= WARM_UP_MS * 1_000)
    spans = list(contacts.select("intended_us", "done_us").iter_rows())
    calm_us = [
        done_us - due_us
        for due_us, done_us in spans
        if not any(due_us < until_us + SETTLED_AGAIN_US and done_us > from_us for from_us, until_us in freezes)
    ]
    truth_us = [ends_us(due_us, needs_us, freezes) - due_us for due_us, _ in spans for needs_us in calm_us]
    return float(np.quantile(truth_us, 0.99))


def test_the_p99_of_contacts_is_that_of_open_arrivals_and_settlements_alone_miss_it(tmp_path):
    asked = stalling()

    ended = run_for_real(asked, tmp_path)

    assert ended.finished, ended.errors
    assert ended.failures == ()
    assert ended.record.events.height == len(FROZEN_FROM_MS)
    if ended.code == INVALID:
        pytest.skip("the machine is too busy: the run itself says that its figures may not be used")
    found = measure(ended.record, asked)
    contact_us, settlement_us = (found.value(name, "p99") for name in ("contact.latency", "settlement.latency"))
    assert contact_us == pytest.approx(open_arrivals_p99_us(ended.record), rel=0.05)
    assert contact_us > 0.9 * FROZEN_FOR_MS * 1_000
    assert settlement_us < 0.5 * contact_us
