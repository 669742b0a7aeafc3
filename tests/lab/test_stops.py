"""The crowd at a closed door and the times of a stop: each figure of a simulated run against one counted another way."""

from __future__ import annotations

import math
import statistics
from collections import Counter

import pytest

import yidi
from lab.analysis import cutover, stops
from scenarios.record.recorder import EventRow
from scenarios.schema import Scenario
from scenarios.schema.course import courses_of

H = 3_600_000_000
QUARTER = H // 4
PLAN = {
    "name": "night", "scope": "34", "at": "14h", "stop_before": "1h", "ramp": "2h",
    "window": {"planned": "3h", "freeze": "1h", "migrate": {"distribution": "uniform", "low": "3h", "high": "4h"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def asked():
    return Scenario.model_validate(
        {
            "name": "crowd",
            "horizon": {"start": "2024-03-13T00:00:00", "length": "2d", "drain_limit": "20d"},
            "visits": {"per_day": 700, "mix": {"outpatient": "50%", "pharmacy": "40%", "inpatient": "10%"}},
            "topology": {"regions": ["33", "34"], "desks_per_hospital": 3,
                         "hospitals_per_province": {"hospital": 3, "pharmacy": 2}},
            "clients": {"park": {"share": 0.6, "spread": "1h"}},
            "cutover": PLAN,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def answered(asked):
    return yidi.simulate(asked)


@pytest.fixture(scope="module")
def rows(answered):
    frames = answered.record.frames()
    return {name: list(frames[name].iter_rows(named=True)) for name in frames}


@pytest.fixture(scope="module")
def figures(answered):
    return answered.measures.flat()


@pytest.fixture(scope="module")
def began(rows):
    return {row["kind"]: row["at_us"] for row in rows["events"]}


def anhui(rows):
    """Every visit between the provinces passes Anhui's door."""
    return [row for row in rows["visits"] if not row["local"]]


def wanted(row):
    if row["kind"] != "inpatient":
        return row["arrival_us"]
    return math.inf if row["ended_us"] is None else row["ended_us"] - row["parked_us"] - row["desk_wait_us"]


def test_the_stop_lasts_as_its_rows_say_and_overruns_what_was_announced(figures, began):
    assert figures["cutover.stop_planned"] == 4 * H
    assert figures["cutover.stop"] == began["reopen"] - began["stop_accept"]
    assert figures["cutover.overrun"] == began["reopen"] - 17 * H > 0
    assert figures["cutover.full_admission"] == began["full"] - began["stop_accept"]
    assert (figures["cutover.rolled_back"], figures["cutover.closed_in_vain"]) == (0, 0)


def test_goodput_and_refused_share_are_of_who_wanted_to_settle_while_it_lasted(figures, rows, began):
    came = [row for row in anhui(rows) if began["stop_accept"] <= wanted(row) < began["full"]]
    away = {row["visit"] for row in rows["turned_away"]}
    straight = [row for row in came if row["fate"] in ("direct", "direct_after_retry")]

    assert figures["cutover.offered"] == len(came) > 50
    assert figures["cutover.refused"] == pytest.approx(sum(row["visit"] in away for row in came) / len(came))
    assert figures["cutover.at_once"] == pytest.approx(len(straight) / len(came))
    assert not away & {row["visit"] for row in straight}


def test_the_peak_of_arrivals_is_the_fullest_quarter_of_an_hour_over_a_mean_one(figures, rows, began):
    """Whom the ramp turns away has come, and comes again; who stayed at home comes once, when the notice says."""
    home = {row["visit"] for row in rows["turned_away"] if row["how"] == "stayed_home"}
    mine = {row["visit"] for row in anhui(rows)}
    back = [row["until_us"] for row in rows["turned_away"] if row["until_us"] is not None and row["visit"] in mine]
    crowd = back + [wanted(row) for row in anhui(rows) if row["visit"] not in home]
    quarters = Counter((at - began["reopen"]) // QUARTER for at in crowd if began["reopen"] <= at < math.inf)
    before = sum(wanted(row) < began["stop_accept"] for row in anhui(rows))

    assert figures["cutover.arrival_peak"] == pytest.approx(
        max(quarters.values()) / (before / (began["stop_accept"] / QUARTER))
    )
    assert figures["cutover.arrival_peak"] > 1


def test_retries_and_waits_at_desks_are_those_until_the_backlog_had_left(figures, rows, began):
    drained = began["reopen"] + figures["cutover.drain"]
    mine = {row["visit"]: row for row in anhui(rows)}
    sent = [row for row in rows["messages"]
            if row["visit"] in mine and began["stop_accept"] <= row["sent_us"] <= drained]  # fmt: skip
    assert figures["cutover.retry_amplification"] == pytest.approx(len(sent) / len({row["msgid"] for row in sent}))

    seen = {row["visit"] for row in rows["contacts"] if began["reopen"] <= row["intended_us"] <= drained}
    waits = sorted(mine[visit]["desk_wait_us"] for visit in seen & set(mine))
    assert figures["cutover.desk_wait.p50"] == pytest.approx(statistics.median(waits))
    assert figures["cutover.desk_wait.max"] == waits[-1] > 0


def test_who_pays_and_what_is_counted_in_people_and_fen(figures, rows):
    paid = [row for row in anhui(rows) if row["fate"] == "paper_by_closure"]

    assert figures["cutover.self_pay"] == len({row["person"] for row in paid}) > 0
    assert figures["cutover.self_pay_fen"] == sum(row["paper_fen"] for row in paid)


def test_the_backlog_its_oldest_and_its_drain_hold_at_least_everybody_who_was_parked(figures, rows, began):
    held = [row for row in anhui(rows) if row["parked_us"]]
    came = {row["visit"]: max(wanted(row), began["stop_accept"]) for row in held}
    oldest = max(row["ended_us"] - came[row["visit"]] for row in held)
    last = max(row["ended_us"] for row in held)

    assert figures["cutover.backlog_oldest"] >= oldest
    assert figures["cutover.drain"] >= last - began["reopen"]
    most = max(sum(came[row["visit"]] <= at < row["ended_us"] for row in held) for at in came.values())
    assert figures["cutover.backlog"] >= most > 10


def test_moments_of_a_stop_are_read_from_its_own_rows_alone(world, asked):
    (course,) = courses_of(asked)
    world.events = [
        EventRow(13 * H + 5, 14 * H, "stop_accept", "34", "night"),
        EventRow(14 * H + 7, 17 * H, "close", "34", f"night, planned until {17 * H} us"),
        EventRow(9 * H, None, "full", "34", "nightly"),
    ]

    found = stops.went(world.record().events, course)

    assert (found.stopped_us, found.closed_us) == (13 * H + 5, 14 * H + 7)
    assert (found.reopened_us, found.full_us) == (course.reopen_at, course.full_at)


def test_nobody_before_the_stop_means_no_peak_over_a_normal_day(world, make, asked):
    world.visits = [make.visit_row(0, arrival_us=15 * H)]

    found = cutover.measure(world.record(), courses_of(asked), 1.0, lost=frozenset(), doubled=frozenset())

    assert "cutover.arrival_peak" not in found
