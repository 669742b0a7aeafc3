"""A planned stop: backlog, drain, trips and yuan-days, from visits written by hand."""

from __future__ import annotations

import math

import pytest

from lab.analysis import cutover as stops
from scenarios.record.recorder import InflightRow
from scenarios.schema import Cutover

HOUR = 3_600_000_000
STOP = Cutover.model_validate({"scope": "33", "at": "10h", "stop_before": "1h", "window": "5h", "ramp": "1h"})
REOPEN = STOP.reopen_at


def parked(make, visit, *, left_h, ended_h):
    """A patient sent away at ``left_h`` who came back and settled at ``ended_h``."""
    ended = None if ended_h is None else ended_h * HOUR
    away = ((ended_h or 20) - left_h) * HOUR
    fate = "open_at_end" if ended is None else "parked_then_direct"
    return make.visit_row(visit, arrival_us=left_h * HOUR, parked_us=away, ended_us=ended, fate=fate)


def measured(world, time_scale=1.0, lost=frozenset(), doubled=frozenset()):
    return stops.measure(world.record(), STOP, time_scale, lost=lost, doubled=doubled)


def test_backlog_is_who_waits_at_the_reopening_and_drains_with_the_last_of_them(world, make):
    world.visits = [
        parked(make, 0, left_h=11, ended_h=16),
        parked(make, 1, left_h=12, ended_h=18),
        make.visit_row(2, arrival_us=16 * HOUR, ended_us=17 * HOUR),
    ]

    found = measured(world)

    assert found["cutover.backlog"] == 2
    assert found["cutover.drain"] == 3 * HOUR


def test_drain_is_told_in_people_time(world, make):
    world.visits = [parked(make, 0, left_h=11, ended_h=16)]

    assert measured(world, time_scale=100.0)["cutover.drain"] == 100 * HOUR


def test_backlog_that_outlives_the_run_never_drains(world, make):
    world.visits = [parked(make, 0, left_h=11, ended_h=16), parked(make, 1, left_h=12, ended_h=None)]

    assert measured(world)["cutover.drain"] == math.inf


def test_nobody_waiting_drains_at_once(world):
    assert measured(world)["cutover.drain"] == 0


def test_paper_and_parking_cost_trips_and_yuan_days(world, make):
    paper = make.visit_row(0, fate="paper_by_closure", paper_fen=10_000)
    day = make.visit_row(1, fate="parked_then_direct", parked_us=24 * HOUR, total_fen=50_000, ended_us=40 * HOUR)
    world.visits = [paper, day, make.visit_row(2)]

    found = measured(world)

    assert found["cutover.trips"] == 2
    assert found["cutover.advance_days"] == pytest.approx(100 * 14 + 500 * 1)


def test_in_flight_is_counted_by_snapshot_and_lost_by_visit(world, make):
    world.visits = [make.visit_row(0), make.visit_row(1)]
    row = InflightRow("stop_accept", 9 * HOUR, 0, "open_stay", "inpatient", "330400", "631100", 500, "direct")
    world.inflight = [row, row._replace(visit=1), row._replace(snapshot="close")]

    found = measured(world, lost=frozenset({0, 7}), doubled=frozenset({"V1"}))

    assert (found["cutover.inflight"], found["cutover.leftover"]) == (2, 1)
    assert (found["cutover.lost"], found["cutover.doubled"]) == (1, 1)


def test_inflight_table_adds_up_stage_by_stage(world):
    row = InflightRow("stop_accept", 9 * HOUR, 0, "open_stay", "inpatient", "330400", "631100", 500, "direct")
    world.inflight = [row, row._replace(visit=1), row._replace(visit=2, stage="unknown", fate="refused")]

    table = stops.inflight_table(world.record().inflight)

    assert table.select("stage", "fate", "len", "advance_fen").rows() == [
        ("unknown", "refused", 1, 500),
        ("open_stay", "direct", 2, 1000),
    ]
