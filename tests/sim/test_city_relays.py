"""Cities as nodes of their own in the simulated world: whom their faults hold up, and what everybody is told."""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl
import pytest
from support.tiny_world import assert_lawful, assert_nothing_leaked, costs, fates, live, scenario, visit

from lab.checker import check_tables
from reference_impl.domain.nodes import NodeId
from sim.model.costs import STAGES, CostRow, Costs, Fitted
from sim.run import SimRun

RELAYS: dict[str, Any] = {"cities": {"3304": {}, "6301": {}}}
DOORS: dict[str, Any] = {"cities": ["3304", "6301"]}
HERE = visit("outpatient", care=330400, insured=630200)
ELSEWHERE = visit("outpatient", care=330100, insured=630200)
INSURED_HERE = visit("outpatient", care=330100, insured=630100)
AT_ANOTHER_DESK = visit("outpatient", care=110100, insured=630200)
BOTH_HERE = visit("inpatient", care=330400, insured=630100)
LOCAL = visit("pharmacy", care=330400, insured=330400)


def lived(*visits: dict[str, Any], topology: dict[str, Any] = RELAYS, **more: Any) -> SimRun:
    patience = {"timeout": "2500ms", "forward_timeout": {"city": "2s", "care": "1500ms", "hub": "1s"}}
    return live(scenario(*visits, topology=topology, clients=patience, **more))


def lawful(run: SimRun) -> None:
    books = {str(node): kept for node, kept in run.books.items()}
    assert check_tables(books, run.tables()).violations == ()
    assert_nothing_leaked(run)


def seen(run: SimRun, *columns: str) -> pl.DataFrame:
    return run.record().visits.select(*columns)


MONEY = ("fate", "settlement_id", "fund_fen", "cash_fen", "account_fen")


def test_who_passes_a_relay_is_told_what_who_passes_a_door_is_told():
    visits = (HERE, ELSEWHERE, INSURED_HERE, BOTH_HERE, LOCAL)
    relayed, by_doors = lived(*visits), lived(*visits, topology=DOORS)

    assert seen(relayed, *MONEY).equals(seen(by_doors, *MONEY))
    assert_lawful(relayed, settled=len(visits))
    lawful(relayed)


def test_the_record_tells_the_relays_own_time_of_the_way():
    messages = lived(BOTH_HERE, ELSEWHERE).record().messages
    over, past = (messages.filter(visit=number) for number in (0, 1))

    assert (over["city_in_us"] < over["care_in_us"]).all()
    assert (over["city_out_us"] > over["care_out_us"]).all()
    assert (past["city_in_us"] >= past["care_in_us"]).all(), "a door is within its province"
    inside = over.filter(pl.col("insured_in_us").is_not_null())
    assert (inside["hub_in_us"] < inside["insured_in_us"]).all()


def test_the_relay_of_the_insured_is_within_the_time_of_their_province():
    messages = lived(INSURED_HERE, ELSEWHERE).record().messages.filter(pl.col("code") == "1101")
    inside = messages.select(pl.col("insured_out_us") - pl.col("insured_in_us")).to_series()

    assert inside[0] > 10_000 > inside[1], "two ways of 5 ms and more to the city and back"


FAULTS = {
    "freeze": {"kind": "freeze", "at": "10s", "for": "5s"},
    "kill": {"kind": "kill", "at": "10s", "for": "5s"},
    "refuse": {"kind": "refuse", "at": "10s", "for": "5s"},
    "slow": {"kind": "slow", "at": "5s", "for": "60s", "add": "700ms"},
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize(("city", "held_up"), [("3304", HERE), ("6301", INSURED_HERE)])
def test_a_fault_of_a_city_holds_up_its_own_people_and_nobody_else(kind, city, held_up):
    calm = lived(held_up, AT_ANOTHER_DESK)
    troubled = lived(held_up, AT_ANOTHER_DESK, faults=[FAULTS[kind] | {"node": city}])

    ended = [seen(run, "ended_us")["ended_us"].to_list() for run in (calm, troubled)]
    assert ended[1][0] > ended[0][0] + 1_000_000
    assert ended[1][1] == pytest.approx(ended[0][1], abs=1_000), "but for turns of their province's process"
    assert all(fate.startswith("direct") for fate in fates(troubled))
    lawful(troubled)


@pytest.mark.parametrize(("city", "expected"), [("3304", True), ("6301", True), ("6302", False)])
def test_a_fault_of_a_city_says_how_many_messages_it_hit(city, expected):
    topology = {"cities": {"3304": {}, "6301": {}, "6302": {}}}
    run = lived(BOTH_HERE, topology=topology, faults=[FAULTS["freeze"] | {"node": city}])

    (hits,) = run.record().events.filter(kind="freeze")["hits"]
    assert (hits > 0) is expected


LINKS = [("hospital", "3304"), ("3304", "33"), ("63", "6301"), ("6301", "63")]


@pytest.mark.parametrize("direction", ["request", "reply"])
@pytest.mark.parametrize("link", LINKS)
def test_what_a_link_of_a_city_loses_is_asked_again_and_settles_once(link, direction):
    faults = [{"kind": "lose", "link": list(link), "direction": direction, "first": 1}]
    run = lived(BOTH_HERE, faults=faults)

    record = run.record()
    if link[0] != "6301":
        assert record.events["hits"].to_list()[0] > 0
    assert_lawful(run, settled=1)
    lawful(run)


@pytest.mark.parametrize("link", LINKS[:3])
def test_a_yes_that_is_none_on_a_link_of_a_city_is_asked_again(link):
    faults = [{"kind": "yes_with_error_text", "link": list(link), "share": "100%", "first": 1, "acted": "50%"}]
    run = lived(BOTH_HERE, faults=faults)

    assert_lawful(run, settled=1)
    lawful(run)


def test_a_planned_stop_of_a_city_that_is_a_relay_is_heard_at_its_desks_and_nowhere_else():
    cutover = {"scope": "3304", "side": "care", "at": "5s", "window": "60s", "ramp": 0}
    run = lived(visit("pharmacy"), visit("pharmacy", care=330100), cutover=cutover)

    turned = run.record().turned_away["visit"].unique().to_list()
    assert turned == [0]
    assert NodeId("33") in run.simulation.world.doors, "the province keeps the doors of its cities"
    lawful(run)


def test_a_relay_may_live_in_its_provinces_process():
    run = lived(BOTH_HERE, topology=RELAYS | {"hosts": {"east": {"nodes": ["33", "3304"]}}})

    assert_lawful(run, settled=1)


def test_a_relay_works_as_the_care_province_hears_and_the_hub_passes_on_unless_it_was_measured():
    assumed = costs()
    likeness = {stage: assumed.mean_us("city", "2207", stage) for stage in STAGES}

    assert likeness == {
        stage: assumed.mean_us("care" if stage in ("receive", "reply") else "hub", "2207", stage) for stage in STAGES
    }
    own = CostRow("city", "2207", "forward", Fitted(1.0, 1.0, 1.0))
    measured = Costs(msgspec.structs.replace(assumed.file, rows=(*assumed.file.rows, own)))
    assert measured.mean_us("city", "2207", "forward") == 1.0
    assert measured.mean_us("city", "2102", "forward") == assumed.mean_us("hub", "2102", "forward")


def test_the_stations_of_a_relay_are_among_the_stations():
    stations = lived(BOTH_HERE).record().stations

    assert {"workers", "writer", "cpu"} <= set(stations.filter(node="3304")["station"])
    assert stations.filter(node="6301", station="workers")["arrivals"].sum() > 0
