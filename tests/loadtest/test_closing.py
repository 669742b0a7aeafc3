"""Business days that end in the real world: ordered of running processes, and listed as the simulated world lists them."""

from __future__ import annotations

from typing import Any

import pytest
from support import tiny_world
from support.real_system import run_for_real
from support.tiny_world import live, visit

from lab.analysis.agreement import agreement_of
from lab.checker import check

pytestmark = pytest.mark.slow

HORIZON = {"start": "2024-03-13T09:00:00", "length": "30s", "drain_limit": "30s"}
HOUR_US, BACK_US = 25_000_000, 27_000_000
"""The hour is so late that also a busy machine has settled the early ones by then."""
EARLY_AND_LATE = [
    visit("pharmacy", at="500ms"),
    visit("pharmacy", at="600ms", insured=110100),
    visit("outpatient", at="700ms", care=630100, insured=330400, total_fen=90_000),
    visit("pharmacy", at="1s", care=330400, insured=330400),
    visit("pharmacy", at="28s", total_fen=50_000),
]


def closing(*faults: dict[str, Any]):
    """Four settlements before the hour and one after it."""
    return tiny_world.scenario(*EARLY_AND_LATE, horizon=HORIZON, closing={"at": "9h25s"}, faults=faults)


def test_both_worlds_list_the_same_days_of_the_same_business(tmp_path):
    simulated = live(closing()).recorder.frames()["closings"]

    ended = run_for_real(closing(), tmp_path)

    assert (ended.finished, ended.failures) == (True, ()), ended.errors
    real = ended.record.closings
    assert real.drop("closed_us").rows() == simulated.drop("closed_us").rows()
    assert real.height == 9
    assert real["entries"].sum() == len(EARLY_AND_LATE) - 1
    assert (real["closed_us"] >= HOUR_US).all()
    assert check(ended.books, ended.record, agreement=agreement_of(closing())).clean


@pytest.mark.parametrize("kind", ["freeze", "kill"])
def test_a_process_that_is_away_at_the_hour_closes_its_day_when_it_is_back(tmp_path, kind):
    asked = closing({"kind": kind, "node": "63", "at": "24s", "for": "3s"})

    ended = run_for_real(asked, tmp_path)

    assert (ended.finished, ended.failures) == (True, ()), ended.errors
    closed_us = {row["node"]: row["closed_us"] for row in ended.record.closings.iter_rows(named=True)}
    assert closed_us["63"] >= BACK_US
    assert closed_us["33"] >= HOUR_US
    assert ended.record.closings.filter(node="63")["entries"].sum() == 1
    assert [one.business_day for one in ended.books["63"].settlements] == [20240313, 20240314]
    assert check(ended.books, ended.record, agreement=agreement_of(asked)).clean
