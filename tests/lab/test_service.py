"""What users saw of a planned stop: each figure of a simulated run against one counted another way, and by hand."""

from __future__ import annotations

import math
import statistics
from datetime import datetime, timedelta

import pytest

import yidi
from lab.analysis import cutover, service
from scenarios.record.recorder import EventRow
from scenarios.schema import Objective, Scenario
from scenarios.schema.course import courses_of

H = 3_600_000_000
QUARTER = H // 4
START = datetime(2024, 3, 13)
PLAN = {"name": "night", "scope": "34", "at": "14h", "stop_before": "1h", "ramp": "2h", "window": "3h"}
LATE = H // 2
DIRECT = {"direct", "direct_after_retry", "parked_then_direct"}


@pytest.fixture(scope="module")
def asked():
    """Two days, a stop from 13:00 to 17:00 on the first; and for an hour before it answers of settlements are lost."""
    return Scenario.model_validate(
        {
            "name": "users",
            "horizon": {"start": START.isoformat(), "length": "2d", "drain_limit": "20d"},
            "visits": {"per_day": 700, "mix": {"outpatient": "40%", "pharmacy": "40%", "inpatient": "20%"}},
            "topology": {"regions": ["33", "34"], "desks_per_hospital": 2,
                         "hospitals_per_province": {"hospital": 4, "pharmacy": 4}},
            "clients": {"park": {"share": 0.6, "spread": "1h"}, "deadline": "5min"},
            "faults": [{"kind": "lose", "link": ["hub", "*"], "direction": "reply", "share": 0.9, "at": "775min",
                        "for": "30min"}],
            "objective": {"availability": "99%", "period": "10d", "late_after": "30min"},
            "cutover": PLAN,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def answered(asked):
    return yidi.simulate(asked)


@pytest.fixture(scope="module")
def rows(answered):
    frames = answered.record.frames()
    tables = {name: list(frames[name].iter_rows(named=True)) for name in frames}
    for row in tables["visits"]:
        row["away_us"] = min(
            (away["at_us"] for away in tables["turned_away"] if away["visit"] == row["visit"]), default=None
        )
    return tables


@pytest.fixture(scope="module")
def figures(answered):
    return answered.measures.flat()


def wanted(row):
    """Arrival; a stay, when it began to wait for a desk to leave, or when a door first turned it away."""
    if row["kind"] != "inpatient":
        return row["arrival_us"]
    known = [] if row["away_us"] is None else [row["away_us"]]
    if row["ended_us"] is not None:
        admission_us = 0 if row["open_at_start"] else row["started_us"] - row["arrival_us"]
        at_admission = admission_us if admission_us <= row["desk_wait_us"] else 0
        known.append(row["ended_us"] - row["parked_us"] - row["desk_wait_us"] + at_admission)
    return min(known, default=None)


@pytest.fixture(scope="module")
def intents(rows):
    """(wanted, in time, visit row) of everybody between the two provinces who wanted to settle, in order."""
    found = []
    for row in rows["visits"]:
        at = wanted(row)
        if row["local"] or at is None or row["fate"] == "refused":
            continue
        in_time = row["fate"] in DIRECT and row["ended_us"] - at <= LATE
        found.append((at, in_time, row))
    return sorted(found, key=lambda one: (one[0], one[2]["visit"]))


def during(intents, first=13 * H, last=19 * H):
    return [one for one in intents if first <= one[0] < last]


def test_the_run_has_something_to_measure(figures, intents):
    assert 0 < figures["cutover.unserved"] < len(intents)
    assert figures["cutover.unknown"] > 0
    assert figures["cutover.slipped"] > 0


@pytest.mark.parametrize("kind", ["", ".outpatient", ".pharmacy", ".inpatient"])
def test_unavailability_is_of_the_people_who_wanted_to_settle_meanwhile(figures, intents, kind):
    some = [one for one in during(intents) if kind in ("", f".{one[2]['kind']}")]
    assert figures[f"cutover.unavailable{kind}"] == pytest.approx(sum(not ok for _, ok, _ in some) / len(some))


def test_everybody_who_was_failed_or_late_is_counted_over_the_whole_run(figures, intents):
    assert figures["cutover.unserved"] == sum(not ok for _, ok, _ in intents)


def test_the_budget_by_intents_is_what_a_period_allows(figures, intents):
    allowed = 0.01 * len([one for one in intents if one[0] < 48 * H]) * 10 / 2
    bad = [at for at, ok, _ in intents if not ok]
    assert figures["cutover.budget_intents"] == pytest.approx(len(bad) / allowed)
    unplanned = [at for at in bad if not 13 * H <= at < 17 * H]
    assert 0 < len(unplanned) < len(bad)
    assert figures["cutover.budget_intents_unplanned"] == pytest.approx(len(unplanned) / allowed)


def test_the_budget_by_time_is_of_quarters_in_which_fewer_than_half_were_served(figures, intents):
    minutes_down = unplanned = 0
    for quarter in range(400):
        inside = [ok for at, ok, _ in intents if quarter * QUARTER <= at < (quarter + 1) * QUARTER]
        closed = 13 * 4 <= quarter < 17 * 4
        if (statistics.fmean(inside) < 0.5) if inside else closed:
            minutes_down += 15
            unplanned += 0 if closed else 15
    allowed = 0.01 * 10 * 24 * 60
    assert unplanned < minutes_down
    assert figures["cutover.budget_time"] == pytest.approx(minutes_down / allowed)
    assert figures["cutover.budget_time_unplanned"] == pytest.approx(unplanned / allowed)


def test_stays_that_slip_to_the_next_day_are_told_by_the_calendar(figures, intents):
    def day(us):
        return (START + timedelta(microseconds=us)).date()

    stays = [(at, row) for at, _, row in intents if row["kind"] == "inpatient"]
    slipped = [row for at, row in stays if row["fate"] not in DIRECT or day(row["ended_us"]) > day(at)]
    assert figures["cutover.slipped"] == len(slipped)


def test_who_settles_waits_from_wanting_to_and_who_pays_waits_for_ever(answered, intents):
    waits = sorted((row["ended_us"] - at) if row["fate"] in DIRECT else math.inf for at, _, row in during(intents))
    assert sorted(answered.measures.samples["cutover.settle_wait"]) == waits


def test_unknown_outcomes_are_followed_to_the_verdict_the_reversal_or_the_people(figures, rows, answered):
    on_the_way = {row["visit"] for row in rows["visits"] if not row["local"] and row["fate"] != "refused"
                  and wanted(row) is not None}  # fmt: skip
    by_id, taken_back = {}, {}
    for row in rows["messages"]:
        if row["visit"] in on_the_way:
            by_id.setdefault(row["msgid"], []).append(row)
            if row["code"] == "2601" and row["outcome"] == "ok":
                taken_back[row["visit"]] = row["done_us"]
    drained_us = 17 * H + figures["cutover.drain"]
    ages, how = [], []
    for attempts in by_id.values():
        doubtful = any(one["outcome"] in ("unknown", "busy") for one in attempts)
        first_us = min(one["sent_us"] for one in attempts)
        if not doubtful or attempts[0]["code"] == "2601" or first_us > max(drained_us, 19 * H):
            continue
        verdict = next((one["done_us"] for one in attempts if one["outcome"] in ("ok", "refused")), None)
        known = verdict or taken_back.get(attempts[0]["visit"])
        if known is None or known >= 13 * H:
            ages.append(math.inf if known is None else known - first_us)
            how.append("query" if verdict else "reversal" if known else "hand")
    assert figures["cutover.unknown"] == len(ages)
    for name in ("query", "reversal", "hand"):
        assert figures[f"cutover.unknown_by_{name}"] == pytest.approx(how.count(name) / len(how))
    assert sorted(answered.measures.samples["cutover.unknown_age"]) == sorted(ages)
    assert {"query", "reversal"} <= set(how)


def test_all_is_normal_again_with_the_first_twenty_in_a_row_that_are_served_as_before(figures, intents):
    before = statistics.fmean(ok for at, ok, _ in intents if at < 13 * H)
    after = [(at, ok) for at, ok, _ in intents if at >= 17 * H]
    first = next(
        number for number in range(len(after)) if statistics.fmean(ok for _, ok in after[number:number + 20]) >= 0.95 * before
    )  # fmt: skip
    assert figures["cutover.normal"] == after[first][0] - 17 * H


def test_what_queues_added_to_the_drain_is_what_came_after_the_last_was_back(figures, rows, asked, answered):
    [held] = cutover.every_held(answered.record, courses_of(asked))
    behind = set(held.backlog["visit"])
    back = max(row["until_us"] for row in rows["turned_away"] if row["visit"] in behind and row["until_us"])
    left = max(row["ended_us"] for row in rows["visits"] if row["visit"] in behind)
    assert figures["cutover.drain_queued"] == max(0, left - back)
    assert figures["cutover.drain"] == pytest.approx(back - 17 * H + figures["cutover.drain_queued"])
    assert figures["cutover.reopened"] == 17 * H


# --- by hand ---


def stopped(make, *served, first_h=18):
    """Thirty visits served before a stop from 9 h to 15 h; after it one an hour, served or not."""
    plan = Scenario.model_validate({
        "name": "night", "horizon": {"length": "5d"}, "objective": {"late_after": "30min"}, "topology": {"regions": ["33", "63"]},
        "cutover": {"scope": "33", "at": "10h", "stop_before": "1h", "window": "5h", "ramp": 0},
    })  # fmt: skip
    before = [
        make.visit_row(number, arrival_us=number * H // 10, ended_us=number * H // 10 + 60) for number in range(30)
    ]
    after = [
        make.visit_row(30 + number, arrival_us=(first_h + number) * H, ended_us=(first_h + number) * H + 60,
                       fate="direct" if ok else "paper_by_choice")
        for number, ok in enumerate(served)
    ]  # fmt: skip
    return plan, before + after


def found(world, plan):
    world.events = [EventRow(9 * H, 10 * H, "stop_accept", "33", "33"), EventRow(10 * H, 15 * H, "close", "33", "33"),
                    EventRow(15 * H, None, "full", "33", "33")]  # fmt: skip
    record = world.record()
    return service.measure(record, cutover.every_held(record, courses_of(plan)), plan)


def test_a_service_that_never_comes_back_never_is_normal_again(world, make):
    """The trigger has gone and the trouble stays: metastable."""
    plan, world.visits = stopped(make, *[False] * 40)
    assert found(world, plan)["cutover.normal"] == math.inf


def test_a_service_is_normal_from_the_first_of_twenty_on(world, make):
    plan, world.visits = stopped(make, *[False] * 10, *[True] * 30)
    assert found(world, plan)["cutover.normal"] == (18 + 9 - 15) * H  # nineteen of twenty are 95 % of all


def test_too_few_after_a_stop_say_nothing(world, make):
    plan, world.visits = stopped(make, *[True] * 19)
    assert "cutover.normal" not in found(world, plan)


def test_an_empty_quarter_is_down_only_while_the_door_is_closed(world, make):
    """Nobody comes from 3 h on: six hours of closed door are down, the empty night after it is not."""
    plan, world.visits = stopped(make)
    figures = found(world, plan)
    assert figures["cutover.budget_time"] == pytest.approx(6 / (0.001 * 30 * 24))
    assert figures["cutover.budget_time_unplanned"] == 0
    assert figures["cutover.budget_intents"] == 0


def test_whom_a_rule_refuses_is_neither_served_nor_failed(world, make):
    plan, world.visits = stopped(make, True)
    world.visits.append(make.visit_row(99, arrival_us=12 * H, ended_us=12 * H, fate="refused"))
    assert found(world, plan)["cutover.unserved"] == 0


def test_an_objective_without_a_budget_is_refused():
    with pytest.raises(ValueError, match="less than 1"):
        Objective.model_validate({"availability": "100%"})


@pytest.mark.parametrize("days", [1, 3, 7])
def test_who_is_settled_by_a_deadline_is_counted_from_the_reopening_as_announced(figures, rows, intents, days):
    due = 17 * H + days * 24 * H
    came = [row["fate"] in DIRECT and row["ended_us"] <= due for _, _, row in during(intents)]
    assert figures[f"cutover.settled_{days}d"] == pytest.approx(statistics.fmean(came))
    there = {
        row["visit"] for row in rows["inflight"] if row["snapshot"] == "stop_accept" and row["stage"] != "manual_claim"
    }
    found = [row["fate"] in DIRECT and row["ended_us"] <= due for row in rows["visits"] if row["visit"] in there]
    assert figures[f"cutover.inflight_settled_{days}d"] == pytest.approx(statistics.fmean(found))


def test_a_stop_that_opens_as_announced_is_open_in_time(figures):
    assert figures["cutover.open_in_time"] == 1


def test_unavailability_is_told_by_what_was_done_about_the_intents(figures, rows, intents):
    """Who paid at the door was never served; of the stays of the day before most left in time."""
    stop_us = 13 * H
    paid = [row for row in rows["turned_away"] if row["how"] == "paid"]
    before = [
        in_time
        for wanted_us, in_time, row in intents
        if row["kind"] == "inpatient" and stop_us - 24 * H <= wanted_us < stop_us
    ]

    assert paid
    assert figures["cutover.unavailable.paid"] == 1.0
    assert figures["cutover.unavailable.before_cut"] == pytest.approx(1 - sum(before) / len(before))
    assert "cutover.unavailable.mid_stay" not in figures
