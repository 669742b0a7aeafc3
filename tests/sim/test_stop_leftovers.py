"""What planned stops got wrong once: told hours that pass, notices that nobody hears, stock, and stops at the first instant."""

from __future__ import annotations

from typing import Any

import pytest
from support.tiny_world import CARE, S, assert_lawful, assert_nothing_leaked, fates, live, scenario, visit

from lab.analysis import cutover, stops
from scenarios.record.recorder import record_of
from scenarios.schema.course import courses_of

STOP = {"scope": CARE, "at": "60s", "stop_before": "20s", "window": "60s", "ramp": 0}
LATE = STOP | {"window": {"planned": "30s", "migrate": "60s"}}
"""Told to open at 90 s, and open at 120 s."""


def away(run: Any) -> list[tuple[str, int]]:
    rows = run.recorder.frames()["turned_away"].sort("at_us").select("how", "until_us").rows()
    return [(how, until_us // S) for how, until_us in rows]


@pytest.mark.parametrize("recourse", ["settle_later", "stand_in"])
def test_what_is_kept_is_held_until_the_door_is_truly_open(recourse: str) -> None:
    """Sent at the told hour it was counted as on its way for half a minute in which nobody could take it."""
    policies = {"mixes": [{recourse: 1}], "settle_later": {"spread": "1s"}}
    more = {"stand_in": {"limit_fen": 400_000}} if recourse == "stand_in" else {}
    run = live(scenario(visit("pharmacy", at="50s"), cutover=LATE | {"policies": policies | more}))
    assert away(run) == [(recourse, 90), (recourse, 120)]
    (row,) = run.recorder.frames()["visits"].iter_rows(named=True)
    assert row["parked_us"] >= 69 * S
    assert_lawful(run, settled=1)
    assert_nothing_leaked(run)


def test_a_stop_at_the_first_instant_lists_the_stays_that_are_open_then() -> None:
    visits = {"per_day": 20, "local_per_cross": 0, "mix": {"outpatient": 0, "pharmacy": 0, "inpatient": 1}}
    asked = scenario(cutover={"scope": CARE, "at": 0, "stop_before": 0, "window": "1h", "ramp": 0})
    asked = asked.model_copy(update={"visits": asked.visits.model_validate(visits | {"handling": "1s"})})
    run = live(asked)
    frames = run.recorder.frames()
    there = frames["visits"].filter(frames["visits"]["open_at_start"])
    ways = there.filter(stops.on_its_way(asked.cutover[0], run.record().messages.lazy()))["visit"].to_list()
    assert ways
    assert set(frames["inflight"].filter(snapshot="close")["visit"]) >= set(ways)


@pytest.mark.parametrize(("half_heard_after", "heard"), [("0s", 1.0), ("10s", 0.875), ("30s", 0.5), ("1h", 0.0)])
def test_the_longer_the_lead_the_more_have_heard_of_the_stop(half_heard_after: str, heard: float) -> None:
    """Told at 10 s, and all come at 40 s: half a minute later."""
    notice = {"lead": "30s", "half_heard_after": half_heard_after, "comes_anyway": 0}
    came = [visit("pharmacy", at="40s") for _ in range(200)]
    run = live(scenario(*came, cutover=STOP | {"announce": notice}, topology={"desks_per_hospital": 99}))
    at_home = run.recorder.frames()["turned_away"].filter(how="stayed_home")["visit"].n_unique()
    assert at_home / 200 == pytest.approx(heard, abs=0.09)


def stocked(lasts: str, share: float = 1.0, insured: int = 630100) -> Any:
    policies = {"drug_stock": {"lasts": lasts, "share": share}}
    visits = visit("pharmacy", at="50s", insured=insured), visit("outpatient", at="50s")
    return live(scenario(*visits, cutover=STOP | {"policies": policies}))


def measured(run: Any) -> dict[str, float]:
    courses = courses_of(run.simulation.world.scenario)
    return cutover.measure(record_of(run.tables()), courses, 1.0, lost=frozenset(), doubled=frozenset())


def test_medicine_in_stock_spares_the_trip_to_the_pharmacy_and_no_other() -> None:
    run = stocked("10min")
    assert sorted(how for how, _ in away(run)) == ["parked", "stocked"]
    assert fates(run) == ["parked_then_direct", "parked_then_direct"]
    found = measured(run)
    assert found["cutover.spared_by_stock"] == 1
    assert found["cutover.trips"] == 1
    assert_nothing_leaked(run)


def test_whose_stock_is_at_its_end_before_the_door_opens_comes_then_and_is_turned_away() -> None:
    run = stocked("30s")
    assert ("stocked", 70) in away(run)
    assert [how for how, _ in away(run)].count("parked") == 2
    found = measured(run)
    assert found["cutover.trips"] == 2
    assert found["cutover.spared_by_stock"] == 0, "they made the trip in vain all the same"


def test_who_is_spared_is_counted_as_all_else_of_the_stop_is_without_business_within_a_province() -> None:
    run = stocked("10min", insured=330100)
    assert sorted(how for how, _ in away(run)) == ["parked", "stocked"]
    assert measured(run)["cutover.spared_by_stock"] == 0


def test_who_was_put_off_by_an_earlier_stop_joins_the_backlog_of_the_later_one_at_its_own_door() -> None:
    """Parked by the city's stop at 45 s and back after its reopening at 80 s, when the province's stop has begun at 70 s."""
    city = {"name": "city", "scope": "3304", "at": "50s", "stop_before": "10s", "window": "30s", "ramp": 0}
    province = {
        "name": "insurer",
        "scope": "63",
        "side": "insured",
        "at": "70s",
        "stop_before": 0,
        "window": "50s",
        "ramp": 0,
    }
    asked = scenario(visit("pharmacy", at="45s"), cutover=[city, province])
    run = live(asked)
    first, second = cutover.every_held(record_of(run.tables()), courses_of(asked))
    assert first.backlog["joined_us"].to_list() == [45 * S]
    (joined_us,) = second.backlog["joined_us"].to_list()
    assert joined_us >= 80 * S


def test_a_stay_that_a_clerk_tries_again_for_is_late_from_the_first_try() -> None:
    """The stay of 60 s comes to leave at 71 s; the node refuses from then to 85 s, and a clerk tries again each 10 s."""
    stay = visit("inpatient", at="10s") | {"stay": "60s"}
    refusing = [{"kind": "refuse", "node": CARE, "at": "71500ms", "for": "14s"}]
    late_stop = {"scope": "11", "at": "100s", "stop_before": 0, "window": "10s", "ramp": 0}
    asked = scenario(stay, faults=refusing, cutover=late_stop, clients={"retries": {"max": 0}})
    run = live(asked)
    (row,) = stops.wanting(record_of(run.tables())).iter_rows(named=True)
    assert row["fate"] == "direct_after_retry"
    assert row["wanted_us"] == pytest.approx(72 * S, abs=2 * S)
    assert row["ended_us"] > 85 * S
