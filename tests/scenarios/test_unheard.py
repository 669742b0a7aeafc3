"""What a scenario says is acted on or refused: a key that nothing would act on is named, with its place."""

from __future__ import annotations

import pytest

from reference_impl.wire.tables import load_tables
from scenarios.patients.fees_plan import fee_lines, templates
from scenarios.patients.institutions import KINDS
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario
from scenarios.reading.scale import with_provinces
from scenarios.schema import Scenario
from scenarios.schema.written_visit import TOTAL_FEN_MAX

BASE = """\
name: base
horizon: {length: 4h}
visits: {per_day: 100}
topology:
  regions: [33, 34, 63]
variants:
  one-machine:
    topology: {machine_cores: 1}
  cores:
    topology: {hub: {cores: 4}}
  written-out:
    visits: {per_day: 0, explicit: [{kind: pharmacy, care: 330400, insured: 340100, at: 1h}]}
"""


@pytest.fixture
def read(tmp_path):
    def read(topology: str = "", visits: str = "per_day: 100", more: str = "", **options) -> Scenario:
        text = BASE.replace("[33, 34, 63]\n", f"[33, 34, 63]\n{topology}\n").replace("per_day: 100", visits, 1)
        path = tmp_path / "s.yaml"
        path.write_text(f"{text}{more}\n")
        return load_scenario(path, **options)

    return read


ONE_MACHINE = "  machine_cores: 2"
SHARED = "  hosts: {all: {nodes: [hub, 33, 34, 63], cores: 4}}"

SWALLOWED = {
    "the hub's cores on one machine": (f"{ONE_MACHINE}\n  hub: {{cores: 8}}", "", "topology.hub.cores"),
    "the provinces' cores on one machine": (f"{ONE_MACHINE}\n  province: {{cores: 8}}", "", "topology.province.cores"),
    "a province's cores on one machine": (
        f"{ONE_MACHINE}\n  provinces: {{34: {{cores: 8}}}}",
        "",
        "topology.provinces.34.cores",
    ),
    "a host's cores on one machine": (f"{ONE_MACHINE}\n{SHARED}", "", "topology.hosts.all.cores"),
    "the hub's cores, and it runs on a host": (f"{SHARED}\n  hub: {{cores: 8}}", "", "topology.hub.cores"),
    "the provinces' cores, and all run on a host": (
        f"{SHARED}\n  province: {{cores: 8}}",
        "",
        "topology.province.cores",
    ),
    "a province's cores, and it runs on a host": (
        "  hosts: {two: {nodes: [33, 34]}}\n  provinces: {34: {cores: 8}}",
        "",
        "topology.provinces.34.cores",
    ),
    "the provinces' cores, and each has its own": (
        "  province: {cores: 2}\n  provinces: {33: {cores: 8}, 34: {cores: 8}, 63: {cores: 8}}",
        "",
        "topology.province.cores",
    ),
    "a city named twice": ("  cities: [3415, 3415]", "", "topology.cities.1"),
    "one side of the hub": ("", "cutover: {scope: hub, at: 2h, window: 1h, side: care}", "cutover.side"),
    "a loss that lasts no time": (
        "",
        "faults: [{kind: lose, link: ['*', hub], direction: reply, for: 0s}]",
        "faults.0.for",
    ),
    "a delay that lasts no time": ("", "faults: [{kind: delay, link: ['*', hub], add: 1s, for: 0s}]", "faults.0.for"),
    "a lost commit that lasts no time": ("", "faults: [{kind: lost_commit, node: 34, for: 0s}]", "faults.0.for"),
    "a lost commit of a city": ("", "faults: [{kind: lost_commit, node: 3415}]", "faults.0.node"),
    "a lost commit of what is no settlement": (
        "",
        "faults: [{kind: lost_commit, node: 34, codes: [2304, 2401]}]",
        "faults.0.codes.1",
    ),
    "a loss of what never takes the link": (
        "",
        "faults: [{kind: lose, link: [33, hub], direction: reply, codes: [2304, 2301]}]",
        "faults.0.codes.1",
    ),
    "volume, and nobody is drawn": ("", "scale: {volume: 10}", "scale.volume"),
}
"""Lines of topology, lines below it, and the key that nothing would act on."""

NOBODY_DRAWN = {
    "local_per_cross": "2",
    "mix": "{outpatient: 1, pharmacy: 0, inpatient: 0}",
    "stay_mean": "3d",
    "day": "average",
    "flows": "{decay: 1}",
    "weekday": "[1, 1, 1, 1, 1, 1, 0]",
}


@pytest.mark.parametrize("case", SWALLOWED)
def test_what_nothing_would_act_on_is_refused_with_its_place(read, case):
    topology, more, key = SWALLOWED[case]
    visits = "per_day: 0" if "nobody" in case else "per_day: 100"

    with pytest.raises(ScenarioError) as caught:
        read(topology, visits, more)

    assert caught.value.key == key
    assert caught.value.line > 1
    assert "expected" in caught.value.sentence


@pytest.mark.parametrize("key", NOBODY_DRAWN)
def test_what_shapes_drawn_visits_is_refused_where_none_are_drawn(read, key):
    with pytest.raises(ScenarioError) as caught:
        read(visits=f"per_day: 0, {key}: {NOBODY_DRAWN[key]}")

    assert caught.value.key == f"visits.{key}"


ACTED_ON = {
    "some provinces run on a host, the others have theirs": (
        "  hosts: {two: {nodes: [33, 34], cores: 2}}\n  province: {cores: 8}\n  hub: {cores: 2}",
        "",
    ),
    "both sides of the hub": ("", "cutover: {scope: hub, at: 2h, window: 1h, side: both}"),
    "a loss at the hospital's own link": (
        "",
        "faults: [{kind: lose, link: ['*', 33], direction: reply, codes: [2301], for: 1us}]",
    ),
}


@pytest.mark.parametrize("case", ACTED_ON)
def test_what_is_acted_on_is_taken(read, case):
    assert read(*(ACTED_ON[case][0], "per_day: 100", ACTED_ON[case][1])).name == "base"


def test_a_later_layer_takes_the_place_of_an_earlier_one_and_never_the_other_way(read):
    """A variant puts all on one machine, a setting draws nobody: the file below them need not be written anew."""
    assert read("  hub: {cores: 8}", variant="one-machine").topology.cpus() == {"machine": 1}
    assert read("  hub: {cores: 8}", sets=["topology.machine_cores=2"]).topology.cpus() == {"machine": 2}
    assert read(visits="per_day: 100, local_per_cross: 2", sets=["visits.per_day=0"]).visits.per_day == 0
    assert read(visits="per_day: 100, stay_mean: 3d", variant="written-out").visits.per_day == 0

    for options in ({"variant": "cores"}, {"sets": ["topology.hub.cores=4"]}):
        with pytest.raises(ScenarioError) as caught:
            read(ONE_MACHINE, **options)
        assert caught.value.key == "topology.hub.cores"


def test_the_largest_bill_can_be_written_and_a_larger_one_is_refused(read):
    bill = "per_day: 0, explicit: [{{kind: pharmacy, care: 330400, insured: 340100, at: 1h, total_fen: {}}}]"

    assert read(visits=bill.format(TOTAL_FEN_MAX)).visits.explicit[0].total_fen == TOTAL_FEN_MAX
    with pytest.raises(ScenarioError) as caught:
        read(visits=bill.format(TOTAL_FEN_MAX + 1))
    assert caught.value.key == "visits.explicit.0.total_fen"

    price = load_tables()["2204"].nodes_in["feedetail"].fields["pric"]
    lines = [
        line
        for kind in range(len(KINDS))
        for template in range(len(templates(kind)))
        for line in fee_lines(kind, template, TOTAL_FEN_MAX, lines=1)
    ]
    assert max(line.price_e6 for line in lines) < 10**price.length


def test_a_province_that_is_left_out_leaves_its_host_too(read):
    """A host that still named it had nothing to serve there, and the real world could not start it."""
    hosts = "  hosts: {a: {nodes: [33, 63]}, b: {nodes: [hub, 34]}}"
    kept = with_provinces(read(hosts, sets=["scale.provinces=2"])).topology

    served = {node for host in kept.hosts().values() for node in host.nodes}
    assert served == set(kept.nodes())


def test_a_window_in_which_nobody_could_be_heard_is_refused():
    assert Scenario.model_validate({"name": "x", "trust": {"window": "1s"}}).trust.window == 1_000_000
    with pytest.raises(ValueError, match="expected 1s or more"):
        Scenario.model_validate({"name": "x", "trust": {"window": "500us"}})
