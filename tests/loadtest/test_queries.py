"""Queries on real processes: desks are answered over sockets and from SQLite as they are in the simulated world."""

from __future__ import annotations

import polars as pl
import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

MORNING = {
    "name": "queries",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "6h", "drain_limit": "24h"},
    "scale": {"time": 1_920},
    "visits": {
        "per_day": 200,
        "local_per_cross": 0,
        "mix": {"outpatient": 0.6, "pharmacy": 0.2, "inpatient": 0.2},
        "stay_mean": "2h",
        "queries": {"share": 0.5},
    },
    "topology": TWO_PROVINCES,
    "clients": HURRIED,
}


def test_both_worlds_answer_every_question(tmp_path):
    real = assert_same_fates(resolve(Scenario.model_validate(MORNING)), tmp_path)

    findings = check(real.books, real.record)
    assert findings.clean, findings.violations
    asked = real.record.messages.filter(pl.col("code").str.starts_with("5"))
    assert set(asked["code"]) == {"5201", "5202", "5203", "5204", "5302", "5303"}
    assert set(asked["refusal"]) == {""}
