"""The sum on an envelope, T = r D / (h - 1), met by simulation: its own assumptions, one cell of its table at a time."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BACKLOG, RUNS = 1000, 4
SCATTER = 1.43
"""1 + c², with c the coefficient of variation of a contact."""
STUDY = Path(__file__).parents[2] / "benchmarks" / "cutover_drain.py"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cutover_drain", STUDY)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["cutover_drain"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("closed_h", "share", "room"), [(14, 0.6, 2.0), (2, 0.6, 3.0)])
def test_the_backlog_drains_in_the_time_that_fluid_theory_gives_within_a_tenth(study, closed_h, share, room):
    """The mean of four runs of some 600 parked scatters by about 3 %.

    The parked alone are served in r D / h, half of it or two thirds: that is no drain, the queue behind them stands.
    """
    cell = study.Cell(closed_h, share, room)

    hours = study.drain_hours(cell, 600, range(1, 5))

    assert sum(hours) / len(hours) == pytest.approx(cell.drain_h, rel=0.1)
    assert min(hours) > 1.1 * share * closed_h / room


def test_as_many_wait_at_the_reopening_as_arrivals_times_hours_times_the_share(study):
    found = study.drained(study.Cell(2, 0.6, 3.0), 600, 1)

    assert found["cutover.backlog_reopening"] == pytest.approx(600, abs=4 * 600**0.5)
    assert found["cutover.backlog"] >= found["cutover.backlog_reopening"]


@pytest.mark.slow
@pytest.mark.parametrize(("closed_h", "share"), [(2, 0.6), (14, 0.6), (117, 0.3), (134, 0.3), (134, 0.6)])
def test_every_row_of_the_table_is_met_within_three_standard_errors(study, closed_h, share):
    """Some 1,000 parked, four runs; the nearer the room is to none, the more a drain scatters (docs/drain.md)."""
    for room in study.ROOM:
        cell = study.Cell(closed_h, share, room)
        scatter = (SCATTER / (BACKLOG * (1 - 1 / room))) ** 0.5
        hours = study.drain_hours(cell, BACKLOG, range(1, RUNS + 1))
        assert sum(hours) / RUNS == pytest.approx(cell.drain_h, rel=3 * scatter / RUNS**0.5)
