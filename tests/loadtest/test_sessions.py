"""Sessions on real processes: desks sign in over the wire, a reopening drops them, and people fare as when simulated."""

from __future__ import annotations

import polars as pl
import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates

from lab.analysis.agreement import agreement_of
from lab.analysis.sessions import figures
from lab.checker import check
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

MORNING = {
    "name": "sessions",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "12h", "drain_limit": "24h"},
    "scale": {"time": 1_440},
    "visits": {"per_day": 300, "local_per_cross": 1, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": TWO_PROVINCES | {"desks_per_hospital": 9},
    "clients": HURRIED,
    "sessions": {"signs_out": "19h", "spread": 0},
    "cutover": {"name": "noon", "scope": 33, "at": "2h", "stop_before": "30min", "window": "6h", "ramp": 0},
}  # fmt: skip


def test_both_worlds_sign_in_again_after_a_reopening_and_nobody_loses_anything_by_it(tmp_path):
    asked = resolve(Scenario.model_validate(MORNING))

    real = assert_same_fates(asked, tmp_path)

    findings = check(real.books, real.record, agreement=agreement_of(asked))
    assert findings.clean, findings.violations
    found = figures(real.record, asked)
    assert found["sessions.sign_ins"] > found["sessions.sign_outs"] > 0
    assert found["sessions.refused"] > 0
    turned_away = real.record.messages.filter(pl.col("outcome") == "unsigned")
    assert set(turned_away["refusal"]) == {"I02"}
