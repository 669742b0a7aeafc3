"""What the laboratory says of cities' relays: the load by arithmetic against a run, measures, statements."""

from __future__ import annotations

import polars as pl
import pytest

from lab.analysis.capacity import implied_load, patients_per_s
from lab.analysis.measures import measure
from lab.analysis.relay_times import samples
from lab.checker import gather
from lab.worlds.statements import Dates, statements_of
from scenarios.patients.places import care_shares_of_cities, insured_shares_of_cities
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from sim.model.costs import load_costs
from sim.run import simulate

ASKED = {
    "name": "s",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "1h", "drain_limit": "1h"},
    "visits": {
        "per_day": 60_000,
        "day": "average",
        "hourly": [1] * 24,
        "mix": {"outpatient": 0.5, "pharmacy": 0.5, "inpatient": 0},
        "local_per_cross": 0.5,
        "flows": {"care_city_shares": {"3304": 0.4}, "insured_city_shares": {"6301": 0.5}},
    },
    "topology": {"regions": ["33", "63"], "cities": {"3304": {}, "6301": {}}},
}


def asked(**topology: object) -> Scenario:
    return resolve(Scenario.model_validate(ASKED | {"topology": ASKED["topology"] | topology}))


@pytest.fixture(scope="module")
def ran():
    scenario = asked()
    return scenario, simulate(scenario, plan_visits(scenario), load_costs())


def test_the_arithmetic_tells_what_comes_to_every_station_of_a_run(ran):
    """A relay, its province in both parts, and the hub: messages a second told and counted agree."""
    scenario, run = ran
    stations = run.record().stations.filter(station="workers")
    for told in implied_load(scenario, load_costs()).stations:
        if told.station == "workers":
            counted = stations.filter(node=told.node)["arrivals"].sum() / 3600
            assert counted == pytest.approx(told.rate_per_s, rel=0.08), told.node


def test_the_arithmetic_tells_how_busy_the_relay_is(ran):
    scenario, run = ran
    stations = run.record().stations
    within = stations.filter(stations["at_us"] <= scenario.horizon.length)
    for node in ("3304", "6301"):
        told = next(one for one in implied_load(scenario, load_costs()).stations if one.name == f"{node} cpu")
        used = within.filter(node=node, station="cpu")["utilisation"].mean()
        assert used == pytest.approx(told.utilisation, rel=0.35)


def test_a_desk_waits_for_its_citys_relay_too():
    over = {one.name: one for one in implied_load(asked(), load_costs()).stations}
    by_door = {one.name: one for one in implied_load(asked(cities=["3304", "6301"]), load_costs()).stations}

    assert over["33 hospital desk"].service_us > by_door["33 hospital desk"].service_us
    assert over["63 hospital desk"].service_us == pytest.approx(by_door["63 hospital desk"].service_us, rel=1e-3)


def test_a_relay_that_holds_its_workers_holds_them_while_its_province_is_at_it():
    held, let_go = (
        next(
            one
            for one in implied_load(asked(city={"hold_while_waiting": holds}), load_costs()).stations
            if one.name == "3304 workers"
        )
        for holds in (True, False)
    )

    assert held.service_us > let_go.service_us + 30_000


def test_patients_are_counted_once_at_each_node_on_their_way():
    over, by_door = asked(), asked(cities=["3304", "6301"])

    for node in ("hub", "33", "63"):
        assert patients_per_s(over, node) == pytest.approx(patients_per_s(by_door, node))
    assert patients_per_s(over, "3304") > 0


def test_shares_of_cities_are_of_their_province():
    scenario = asked()
    care, insured = care_shares_of_cities(scenario), insured_shares_of_cities(scenario)

    for kind in ("outpatient", "pharmacy"):
        assert care["3304"][kind] == pytest.approx(0.4)
        assert sum(shares.get(kind, 0) for city, shares in care.items() if city[:2] == "33") == pytest.approx(1)
    assert insured["6301"] == pytest.approx(0.5)
    assert sum(share for city, share in insured.items() if city[:2] == "33") == pytest.approx(1)


def test_what_a_relay_adds_and_whom_it_concerns_is_measured(ran):
    scenario, run = ran
    measures = measure(run.record(), scenario)

    assert 10_000 < measures.value("relay.time", "p50") < 40_000  # 2 * 5 to 7 ms, and its own
    assert 0.5 < measures.value("relay.visits") < 0.9


def test_where_no_city_has_a_relay_nothing_is_measured_of_one(ran):
    _, run = ran
    measures = measure(run.record(), asked(cities=["3304", "6301"]))

    assert measures.value("relay.visits") is None
    assert measures.value("relay.time", "p50") is None


def test_a_city_states_nothing_of_its_own(ran):
    scenario, run = ran
    evidence = gather({str(node): books for node, books in run.books.items()}, run.tables())
    stated = statements_of(evidence, Dates.of(scenario))

    assert evidence.relays == ("3304", "6301")
    assert set(evidence.copies["node"]) == {"33", "63", "hub", "3304", "6301"}
    assert stated.height == stated.unique(["side", "settlement", "sign"]).height


def test_gates_may_ask_of_one_city():
    gates = {"contact.latency[care=3304]": ["p50 < 1h"], "direct_rate[insured!=6301]": ["> 1%"]}
    scenario = resolve(Scenario.model_validate(ASKED | {"gates": gates}))
    measures = measure(simulate(scenario, plan_visits(scenario), load_costs()).record(), scenario)

    assert measures.value("contact.latency[care=3304]", "p50") is not None
    assert measures.value("direct_rate[insured!=6301]") is not None


def test_the_library_scenario_has_the_relays_that_it_asks_about():
    assert load_scenario("city-relay").topology.relays() == ("3304", "3415")


def test_a_filing_that_passes_a_relay_after_its_province_adds_nothing():
    visits = pl.DataFrame({"visit": [1], "care_region": ["330400"]})
    hops = {"city_in_us": [1, 30], "city_out_us": [90, 50], "care_in_us": [10, 20], "care_out_us": [80, 70]}
    messages = pl.DataFrame({"visit": [1, 1]} | hops)

    ((name, added_us),) = samples(visits, messages, ("3304",))

    assert (name, added_us.tolist()) == ("relay.time", [19.0])
