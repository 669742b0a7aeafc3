"""A gated stop on real processes: refused rows turn the same patients away, and what hospitals meet holds the ramp."""

from __future__ import annotations

from typing import Any

import pytest
from support.both_worlds import HURRIED, TWO_PROVINCES, assert_same_fates
from support.real_system import run_for_real

from scenarios.reading.scale import resolve
from scenarios.schema import Scenario

pytestmark = pytest.mark.slow

DAY: dict[str, Any] = {
    "name": "gated-day",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 1_920},
    "visits": {"per_day": 240, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": TWO_PROVINCES,
    "clients": HURRIED | {"park": {"share": "70%", "spread": "1h"}},
}
ROWS = {"persons": {"count": 1_000, "moved": 1_000, "every": "1h", "refused": "30%"}, "mended_within": "8h"}


def stopped(**plan: Any) -> Any:
    return {"scope": "63", "side": "insured", "at": "6h", "stop_before": "1h", "window": "4h", "ramp": 0} | plan


def asked(faults: Any = (), **plan: Any) -> Scenario:
    return resolve(Scenario.model_validate(DAY | {"faults": faults, "cutover": stopped(**plan)}))


def test_the_same_patients_wait_for_their_rows_in_both_worlds(tmp_path):
    ended = assert_same_fates(asked(window={"planned": "4h", "rows": ROWS}), tmp_path)

    away = ended.record.turned_away
    reopened_us = next(row.at_us for row in ended.events if row.kind == "full")
    assert len(away.filter(away["at_us"] > reopened_us)) > 0


def test_an_insurer_that_refuses_holds_the_ramp_and_a_sound_one_lets_it_go_on(tmp_path):
    """From the reopening at ten for four hours the insurer answers busy: the first step is held over its first end."""
    gates = {"busy": "20%", "over": "1h", "fewest": 3, "hold": "1h", "holds": 9}
    ramp = {"kind": "steps", "steps": [{"share": "80%", "hold": "2h"}], "gates": gates}
    refusing = [{"kind": "refuse", "node": "63", "at": "10h", "for": "4h"}]

    ended = run_for_real(asked(refusing, ramp=ramp), tmp_path)

    kinds = [row.kind for row in ended.events]
    assert ended.finished, ended.errors
    assert ended.failures == ()
    assert kinds.index("reopen") < kinds.index("hold") < kinds.index("go") < kinds.index("full")
    refused_until_us = next(row.until_us for row in ended.events if row.kind == "refuse")
    assert next(row.at_us for row in ended.events if row.kind == "go") > refused_until_us
