"""Cities as doors or as relays of their own: what a scenario may say of them, and what becomes of it when it is scaled."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from lab.analysis.capacity import implied_load
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario, restore_scenario
from scenarios.schema import Scenario, Topology
from sim.model.costs import load_costs

BASE = """\
name: base
horizon: {length: 4h}
visits: {per_day: 2000}
topology:
  regions: [33, 34, 63]
  cities: CITIES
"""


@pytest.fixture
def read(tmp_path):
    def read(cities: str, more: str = "", sets: tuple[str, ...] = ()) -> Scenario:
        path = tmp_path / "s.yaml"
        path.write_text(BASE.replace("CITIES", cities) + more)
        return load_scenario(path, sets=list(sets))

    return read


def topology(**said):
    return Topology.model_validate({"regions": ["33", "34", "63"], **said})


def test_a_list_names_doors_and_a_mapping_relays_or_doors():
    doors = topology(cities=[3304, 3415])
    mixed = topology(cities={3304: {}, 3415: "door", "6301": {"workers": 7}}, city={"workers": 9, "cores": 0.5})

    assert doors.relays() == ()
    assert doors.nodes() == ("hub", "33", "34", "63")
    assert mixed.relays() == ("3304", "6301")
    assert mixed.nodes() == ("hub", "33", "34", "63", "3304", "6301")
    assert [mixed.spec(city).workers for city in mixed.relays()] == [9, 7]
    assert (mixed.spec("6301").cores, mixed.spec("33").workers) == (0.5, 256)


def test_a_relay_has_a_process_of_its_own_or_lives_with_others():
    own = topology(cities={3304: {"cores": 2}})
    shared = topology(cities={3304: {}}, hosts={"east": {"nodes": [33, 3304], "cores": 3}})

    assert own.cpus() == {"hub": 1, "33": 1, "34": 1, "63": 1, "3304": 2}
    assert shared.host_of("3304") == shared.host_of("33") == "east"


def test_the_links_of_a_relay_are_to_its_hospitals_and_its_province():
    ways = list(topology(cities={3304: {}}).ways())

    assert ways[-3:] == [("hospital", "3304"), ("3304", "33"), ("33", "3304")]
    assert len(ways) == 12


def test_what_is_no_relay_and_no_door_is_refused():
    with pytest.raises(ValidationError):
        topology(cities={3304: "gate"})


TOO_SHORT = """\
scale: {time: 100}
clients: {timeout: 1s, forward_timeout: {city: 50s, care: 1s, hub: 1s}}
faults: [{kind: slow, node: 33, at: 1h, for: 1h, add: 1s}]
"""

REFUSED = [
    ("{3499: {}}", "", "topology.cities.3499", "unknown city"),
    ("{4401: {}}", "", "topology.cities.4401", "province is not in the scenario"),
    ("{3304: {workrs: 3}}", "", "topology.cities.3304.workrs", "did you mean 'workers'?"),
    ("{3304: gate}", "", "topology.cities.3304", "expected 'door'"),
    ("3304", "", "topology.cities", "expected a list"),
    ("{3304: }", "", "topology.cities.3304", "expected a mapping"),
    ("{3304: {}}", "faults: [{kind: slow, node: 3301, at: 1h, for: 1h, add: 1s}]", "faults.0.node", "unknown node"),
    ("[3304]", "faults: [{kind: slow, node: 3304, at: 1h, for: 1h, add: 1s}]", "faults.0.node", "unknown node"),
    ("{3304: {}}", "faults: [{kind: delay, link: [3304, hub], add: 1s}]", "faults.0.link", "no such link"),
    ("{3304: {}}", "faults: [{kind: delay, link: [3304, 34], add: 1s}]", "faults.0.link", "no such link"),
    ("[3304]", "faults: [{kind: delay, link: [hospital, 3304], add: 1s}]", "faults.0.link.1", "unknown end"),
    (
        "{3304: {}}",
        "faults: [{kind: lose, link: [33, 3304], direction: reply, codes: [2204]}]",
        "faults.0.codes.0",
        "never crosses",
    ),
    ("{3304: {}}", "faults: [{kind: lost_commit, node: 3304}]", "faults.0.node", "province is not"),
    ("[3304]", "gates: {relay.time: [p50 < 1s]}", "gates.relay.time", "no city has one"),
    ("{3304: {}}", "gates: {'direct_rate[care=3399]': ['> 1%']}", "gates.direct_rate[care=3399]", "unknown city"),
    ("{3304: {cores: 2}}", "  machine_cores: 1", "topology.cities.3304.cores", "share one machine"),
    ("{3304: {}}", "  machine_cores: 1\n  city: {cores: 2}", "topology.city.cores", "share one machine"),
    ("{3304: {cores: 2}}", "  city: {cores: 2}", "topology.city.cores", "no node has these cores"),
    ("[3304]", "  city: {workers: 2}", "topology.city", "no city has a relay"),
    ("{3304: door}", "  links: {city_province: {latency: 1ms}}", "topology.links.city_province", "no city has a relay"),
    ("[3304]", "  links: {hospital_city: {latency: 1ms}}", "topology.links.hospital_city", "no city has a relay"),
    (
        "{3304: {}}",
        "clients: {forward_timeout: {city: 49s}}",
        "clients.forward_timeout.city",
        "gives up before the node",
    ),
    ("[3304]", "clients: {forward_timeout: {hub: 51s}}", "clients.forward_timeout.care", "gives up before the node"),
    ("[]", "clients: {forward_timeout: {city: 9s}}", "clients.forward_timeout.city", "no city has a relay"),
    (
        "{3304: {}}",
        TOO_SHORT,
        "scale.time",
        "clients.forward_timeout.city",
    ),
]


@pytest.mark.parametrize(
    ("cities", "more", "key", "words"), REFUSED, ids=[f"{n}-{row[2]}" for n, row in enumerate(REFUSED)]
)
def test_what_cannot_be_meant_of_cities_is_refused_with_its_place(read, cities, more, key, words):
    with pytest.raises(ScenarioError) as caught:
        read(cities, f"{more}\n")

    assert caught.value.key == key
    assert words in caught.value.sentence


TAKEN = [
    "faults: [{kind: lose, link: [hospital, 3304], direction: reply, codes: [2204]}]",
    "faults: [{kind: lose, link: [3304, 33], direction: reply, codes: [2204]}]",
    "faults: [{kind: lose, link: ['*', 3304], direction: request, codes: [2207]}]",
    "faults: [{kind: kill, node: 3304, at: 1h, for: 1min}]",
    "cutover: {scope: 3304, at: 2h, window: 1h}",
    "gates: {'contact.latency[care!=3304]': [p95 < 1s], relay.time: [p50 < 1s]}",
]


@pytest.mark.parametrize("more", TAKEN)
def test_what_is_meant_of_a_relay_is_taken(read, more):
    assert read("{3304: {}}", f"{more}\n").topology.relays() == ("3304",)


def test_what_is_written_down_is_read_back(read):
    asked = read("{3304: {workers: 3}, 3415: door}")

    assert restore_scenario(asked.model_dump(mode="json")) == asked


def test_the_relays_of_provinces_that_are_left_out_go_with_them(read):
    hosts = "  hosts: {both: {nodes: [63, 6301]}, east: {nodes: [33, 3304]}}\nscale: {provinces: 2}\n"
    asked = read("{3304: {}, 6301: {}}", hosts)

    assert asked.topology.relays() == ("3304",)
    assert asked.topology.hosts()["east"].nodes == ("33", "3304")
    assert (read("[3304, 6301]", "scale: {provinces: 2}\n")).topology.cities == ("3304",)


def test_relays_are_scaled_with_the_visits(read):
    more = "  city: {workers: 100, queue: 50, cores: 4}\nscale: {volume: 0.5, capacity: true}\n"
    asked = (read("{3304: {workers: 10}, 3415: door, 6301: {}}", more)).topology

    assert [asked.spec(city).workers for city in asked.relays()] == [5, 50]
    assert asked.spec("6301").cores == 2


def test_doors_are_the_same_people_and_institutions_as_relays(read):
    """Whoever opens a relay asks what it changes: nobody may come from elsewhere, or be treated at another place."""
    loads = [implied_load((read(cities)), load_costs()) for cities in ("[3304]", "{3304: {}}")]

    assert loads[0].messages_per_s == loads[1].messages_per_s
    assert loads[0].hub_messages_per_s == loads[1].hub_messages_per_s
