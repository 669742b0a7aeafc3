"""A planned stop: backlog, drain, trips and yuan-days, from visits written by hand."""

from __future__ import annotations

import math

import pytest

from lab.analysis import cutover as stops
from scenarios.record.recorder import InflightRow, TurnedAwayRow
from scenarios.schema import Cutover
from scenarios.schema.course import course_of

HOUR = 3_600_000_000
STOP = Cutover.model_validate({"scope": "33", "at": "10h", "stop_before": "1h", "window": "5h", "ramp": "1h"})
COURSE = course_of(STOP, seed=1)


def parked(make, visit, *, left_h, ended_h):
    """A patient sent away at ``left_h`` who came back and settled at ``ended_h``."""
    ended = None if ended_h is None else int(ended_h * HOUR)
    away = int(((ended_h or 20) - left_h) * HOUR)
    fate = "open_at_end" if ended is None else "parked_then_direct"
    return make.visit_row(visit, arrival_us=int(left_h * HOUR), parked_us=away, ended_us=ended, fate=fate)


def queued(make, visit, *, came_h, waits_h, **more):
    """A patient who came to the desk at ``came_h``, waited there, and had left six minutes after the wait."""
    came, waited = int(came_h * HOUR), int(waits_h * HOUR)
    return make.visit_row(visit, arrival_us=came, desk_wait_us=waited, ended_us=came + waited + HOUR // 10, **more)


def measured(world, time_scale=1.0, lost=frozenset(), doubled=frozenset()):
    return stops.measure(world.record(), (COURSE,), time_scale, lost=lost, doubled=doubled)


def test_backlog_is_who_waits_at_the_reopening_and_drains_with_the_last_of_them(world, make):
    world.visits = [
        parked(make, 0, left_h=11, ended_h=16),
        parked(make, 1, left_h=12, ended_h=18),
        make.visit_row(2, arrival_us=16 * HOUR, ended_us=17 * HOUR),
    ]

    found = measured(world)

    assert found["cutover.backlog"] == 2
    assert found["cutover.drain"] == 3 * HOUR


def test_who_queues_behind_the_parked_belongs_to_the_backlog_and_drains_with_it(world, make):
    """A fresh patient who waits behind a parked one waits because of the stop; so does who waits behind the fresh one."""
    world.visits = [
        parked(make, 0, left_h=11, ended_h=16),
        queued(make, 1, came_h=15.5, waits_h=1.5),  # behind the parked
        queued(make, 2, came_h=16.5, waits_h=2.5),  # behind the one behind
        queued(make, 3, came_h=20, waits_h=1),  # the queue had been empty in between
        make.visit_row(4, arrival_us=int(15.6 * HOUR), ended_us=16 * HOUR),  # found a free desk
        queued(make, 5, came_h=15.5, waits_h=9, hospital="H33040000002"),  # where nobody had been parked
        queued(make, 6, came_h=9, waits_h=1),  # and had been served before the door closed
    ]

    found = measured(world)

    assert found["cutover.drain"] == pytest.approx(4.1 * HOUR)
    assert found["cutover.drain_t50"] == pytest.approx(2.1 * HOUR)
    assert found["cutover.backlog"] == 2


def test_who_was_parked_late_belongs_to_the_backlog(world, make):
    """Turned away in the ramp, parked by the clock after the reopening: still of the backlog, still to be drained."""
    world.visits = [parked(make, 0, left_h=11, ended_h=16), parked(make, 1, left_h=15.2, ended_h=19)]

    found = measured(world)

    assert found["cutover.backlog"] == 2
    assert found["cutover.backlog_reopening"] == 1
    assert found["cutover.drain"] == 4 * HOUR


def test_the_backlog_is_counted_when_it_was_largest(world, make):
    """Three wait at once before the reopening, when one of them gives up; at the reopening there are two."""
    world.visits = [
        parked(make, 0, left_h=10, ended_h=16),
        parked(make, 1, left_h=11, ended_h=14.5),
        parked(make, 2, left_h=13, ended_h=17),
    ]

    found = measured(world)

    assert (found["cutover.backlog"], found["cutover.backlog_reopening"]) == (3, 2)
    assert found["cutover.backlog_peak"] == (13 - 9) * HOUR
    assert found["cutover.backlog_oldest"] == 6 * HOUR


def test_patients_within_the_province_lengthen_the_queue_and_are_not_counted(world, make):
    world.visits = [
        parked(make, 0, left_h=11, ended_h=16),
        queued(make, 1, came_h=15.5, waits_h=2.5)._replace(local=True),
        queued(make, 2, came_h=17, waits_h=2),
    ]

    found = measured(world)

    assert found["cutover.drain"] == pytest.approx(4.1 * HOUR)
    assert found["cutover.backlog"] == 1


def test_who_still_waits_in_the_queue_when_the_run_ends_has_not_drained(world, make):
    waiting = make.visit_row(1, arrival_us=int(15.5 * HOUR), ended_us=None, desk_wait_us=HOUR, fate="open_at_end")
    world.visits = [parked(make, 0, left_h=11, ended_h=16), waiting]

    assert measured(world)["cutover.drain"] == math.inf


def test_a_stay_that_waited_at_its_admission_and_still_lies_when_the_run_ends_is_in_no_queue(world, make):
    lying = make.visit_row(1, kind="inpatient", arrival_us=8 * HOUR, ended_us=None, settle_sent_us=None,
                           settle_done_us=None, desk_wait_us=HOUR // 60, fate="open_at_end")  # fmt: skip
    world.visits = [parked(make, 0, left_h=11, ended_h=16), lying]

    found = measured(world)

    assert (found["cutover.backlog"], found["cutover.drain"]) == (1, 1 * HOUR)


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


def test_yuan_days_of_a_long_stop_add_up_beyond_what_whole_numbers_hold(world, make):
    """Forty bills of 30,000 yuan parked for four days: 10^19 fen times microseconds, more than 64 bits."""
    four_days = {"parked_us": 96 * HOUR, "total_fen": 3_000_000, "ended_us": 120 * HOUR}
    world.visits = [make.visit_row(visit, fate="parked_then_direct", **four_days) for visit in range(40)]

    assert measured(world)["cutover.advance_days"] == pytest.approx(40 * 30_000 * 4)


def test_in_flight_is_counted_by_snapshot_and_lost_by_visit(world, make):
    world.visits = [make.visit_row(0), make.visit_row(1)]
    row = InflightRow("stop_accept", 9 * HOUR, 0, "open_stay", "inpatient", "330400", "631100", 500, "direct")
    world.inflight = [row, row._replace(visit=1), row._replace(snapshot="close")]

    found = measured(world, lost=frozenset({0, 7}), doubled=frozenset({"V1"}))

    assert (found["cutover.inflight"], found["cutover.leftover"]) == (2, 1)
    assert (found["cutover.inflight_advance"], found["cutover.leftover_advance"]) == (10, 5)
    assert (found["cutover.lost"], found["cutover.doubled"]) == (1, 1)


def test_inflight_table_adds_up_stage_by_stage(world):
    row = InflightRow("stop_accept", 9 * HOUR, 0, "open_stay", "inpatient", "330400", "631100", 500, "direct")
    world.inflight = [row, row._replace(visit=1), row._replace(visit=2, stage="unknown", fate="refused")]

    table = stops.inflight_table(world.record().inflight)

    assert table.select("stage", "fate", "len", "advance_fen").rows() == [
        ("unknown", "refused", 1, 500),
        ("open_stay", "direct", 2, 1000),
    ]


CROSS, LOCAL = (
    course_of(Cutover.model_validate({"scope": "3304", "window": "5h", "ramp": "1h"} | said), seed=1)
    for said in (
        {"name": "cross", "at": "10h", "business": "cross"},
        {"name": "local", "at": "12h", "business": "local"},
    )
)
"""Stops at 9 h and 11 h, reopens at 15 h and 17 h."""


def of_both(world):
    return stops.measure(world.record(), (CROSS, LOCAL), 1.0, lost=frozenset({1}), doubled=frozenset())


def met(visit, plan, left_h, how="parked"):
    return TurnedAwayRow(visit, plan, int(left_h * HOUR), None if how == "paid" else int(20 * HOUR), how)


def test_each_plan_has_the_business_whose_door_it_closed_and_together_they_have_all_of_it(world, make):
    world.visits = [
        parked(make, 0, left_h=11, ended_h=16),
        parked(make, 1, left_h=12, ended_h=19)._replace(local=True),
        make.visit_row(2, fate="paper_by_closure", paper_fen=10_000),
    ]
    world.turned_away = [met(0, "cross", 11), met(1, "local", 12), met(2, "cross", 12, "paid")]
    row = InflightRow("stop_accept", 9 * HOUR, 0, "open_stay", "inpatient", "330400", "631100", 500, "direct", "cross")
    world.inflight = [row, row._replace(visit=1, plan="local"), row._replace(visit=2)]

    found = of_both(world)

    assert (found["cutover.drain[plan=cross]"], found["cutover.drain[plan=local]"]) == (1 * HOUR, 2 * HOUR)
    assert found["cutover.drain"] == 2 * HOUR
    counts = {name: [found[f"cutover.{name}{of}"] for of in ("[plan=cross]", "[plan=local]", "")] for name in
              ("backlog", "trips", "inflight", "lost")}  # fmt: skip
    assert counts == {"backlog": [1, 1, 2], "trips": [2, 1, 3], "inflight": [2, 1, 3], "lost": [0, 1, 1]}


def test_business_that_met_two_doors_belongs_to_both_plans_and_counts_once_together(world, make):
    """Turned away by its city's door, and once more by the hub's: one patient and one place in the queue, but two trips.

    Of the money each plan has what was out while it was that plan's door that was closed.
    """
    hub = course_of(Cutover.model_validate({"scope": "hub", "at": "12h", "window": "5h", "ramp": "1h"}), seed=1)
    world.visits = [parked(make, 0, left_h=11, ended_h=19)]
    world.turned_away = [
        met(0, "cross", 11)._replace(until_us=16 * HOUR),
        met(0, "hub", 16)._replace(until_us=19 * HOUR),
    ]
    row = InflightRow("close", 10 * HOUR, 0, "parked", "pharmacy", "330400", "631100", 500, "direct", "cross")
    world.inflight = [row, row._replace(plan="hub")]

    found = stops.measure(world.record(), (CROSS, hub), 1.0, lost=frozenset(), doubled=frozenset())

    for name in ("backlog", "leftover", "leftover_advance"):
        each = {found[f"cutover.{name}[plan={plan}]"] for plan in ("cross", "hub")}
        assert each == {found[f"cutover.{name}"]}
    for name, cross, hub in (("trips", 1, 1), ("advance_days", 100 * 5 / 24, 100 * 3 / 24)):
        assert found[f"cutover.{name}[plan=cross]"] == pytest.approx(cross)
        assert found[f"cutover.{name}[plan=hub]"] == pytest.approx(hub)
        assert found[f"cutover.{name}"] == pytest.approx(cross + hub)
    assert found["cutover.drain"] == found["cutover.drain[plan=cross]"] == 4 * HOUR


def test_a_stay_that_was_turned_away_and_not_back_by_the_end_was_refused_and_came_when_it_was_turned_away(world, make):
    away = {
        "kind": "inpatient",
        "arrival_us": 1 * HOUR,
        "ended_us": None,
        "fate": "open_at_end",
        "settle_sent_us": None,
    }
    world.visits = [make.visit_row(0, **away, parked_us=9 * HOUR, care_region="330400")]
    world.turned_away = [TurnedAwayRow(0, "33", 11 * HOUR, 20 * HOUR, "parked")]

    found = measured(world)

    assert (found["cutover.offered"], found["cutover.refused"], found["cutover.at_once"]) == (1, 1, 0)
    assert found["cutover.backlog_peak"] == (11 - 9) * HOUR


def test_a_wait_at_its_admission_does_not_bring_a_stay_to_the_desk_sooner(world, make):
    """It waited four hours to be admitted, and left at once when it came to leave after the reopening was over."""
    lay = {"kind": "inpatient", "arrival_us": 1 * HOUR, "started_us": 5 * HOUR, "desk_wait_us": 4 * HOUR}
    world.visits = [make.visit_row(0, **lay, ended_us=17 * HOUR)]

    assert measured(world)["cutover.offered"] == 0


def test_a_stay_that_was_settled_before_the_stop_and_let_in_by_the_ramp_was_served_at_once(world, make):
    world.visits = [
        make.visit_row(0, kind="inpatient", ended_us=int(15.5 * HOUR), fate="mid_stay_then_direct"),
    ]

    found = measured(world)

    assert (found["cutover.offered"], found["cutover.at_once"]) == (1, 1)
