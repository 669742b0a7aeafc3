from __future__ import annotations

import pytest

from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario, load_stated
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema.base import Model, PeopleClock

BASE = {
    "name": "s",
    "topology": {"regions": ["33", "34"]},
    "faults": [
        {"kind": "slow", "node": "33", "at": "1h", "for": "2h", "add": "500ms"},
        {"kind": "lose", "link": ["hub", "33"], "direction": "reply", "at": "1h"},
    ],
    "cutover": {"scope": "34", "at": "5h", "window": "2h"},
    "visits": {"explicit": [{"kind": "inpatient", "care": "330400", "insured": "340100", "at": "2h", "stay": "3d"}]},
}

HOUR_US = 3_600_000_000
PEOPLE = """
    horizon.length           24h
    horizon.drain_limit      2h
    visits.stay_mean         192h
    visits.handling          0.025h
    visits.explicit.0.at     2h
    visits.explicit.0.stay   72h
    clients.desk_patience    2h
    clients.clerk.wait       0.16666666666666666h
    clients.park.spread      4h
    faults.0.at              1h
    faults.0.lasts           2h
    faults.1.at              1h
    cutover.at               5h
    cutover.window           2h
    cutover.stop_before      1h
    cutover.ramp             2h
"""
MACHINE = """
    clients.timeout                    60s
    clients.deadline                    600s
    clients.retries.backoff             1s
    clients.retries.cap                 60s
    clients.forward_timeout.care       50s
    clients.forward_timeout.hub        40s
    clients.reversal_timeout           60s
    faults.0.add                        0.5s
    topology.links.province_hub.latency 0.015s
"""


def at(scenario, path):
    for step in path.split("."):
        scenario = scenario[int(step)] if step.isdecimal() else getattr(scenario, step)
    return scenario


@pytest.mark.parametrize("line", PEOPLE.strip().splitlines())
def test_people_time_shrinks(line):
    path, hours = line.split()
    scenario = resolve(Scenario.model_validate(BASE | {"scale": {"time": 100}}))

    assert at(scenario, path) == round(float(hours[:-1]) * HOUR_US) // 100


@pytest.mark.parametrize("line", MACHINE.strip().splitlines())
def test_machine_time_stays(line):
    path, seconds = line.split()
    scenario = resolve(Scenario.model_validate(BASE | {"scale": {"time": 100}}))

    assert at(scenario, path) == round(float(seconds[:-1]) * 1e6)


def test_every_duration_is_on_one_of_the_two_tables():
    """A new duration is put on a clock on purpose."""
    listed = {line.split()[0].rpartition(".")[2] for line in (PEOPLE + MACHINE).splitlines() if line.strip()}

    assert durations(Scenario) - {"warm_up", "jitter", "lasts", "at"} <= listed


def durations(model: type[Model]) -> set[str]:
    """Names of all fields written as durations, by their JSON schema."""
    definitions = Scenario.model_json_schema()["$defs"]
    return {
        key
        for definition in definitions.values()
        for key, value in definition.get("properties", {}).items()
        if "x-clock" in str(value) and key != "for"
    }


def test_marker_is_what_decides():
    assert PeopleClock in {
        type(item) for item in Scenario.model_fields["horizon"].annotation.model_fields["length"].metadata
    }


def test_what_lasted_at_all_lasts_a_microsecond():
    scenario = resolve(Scenario.model_validate(BASE | {"scale": {"time": 10_000_000}, "visits": {"handling": "1s"}}))

    assert scenario.visits.handling == 1


def test_capacity_scales_with_volume_and_the_machine_does_not():
    topology = {
        "hub": {"workers": 1000, "queue": 500, "cores": 8},
        "provinces": {"33": {"workers": 100}},
        "hosts": {"both": {"nodes": ["33", "34"], "cores": 4}},
        "hospitals_per_province": {"hospital": 300, "pharmacy": 10},
        "machine_cores": 2,
    }
    scale = {"volume": 0.01, "capacity": True}

    scaled = resolve(Scenario.model_validate({"name": "s", "topology": topology, "scale": scale})).topology

    assert (scaled.hub.workers, scaled.hub.queue, scaled.hub.cores) == (10, 5, 0.08)
    assert (scaled.spec("33").workers, scaled.spec("34").workers) == (1, 3)
    assert scaled.hosts()["both"].cores == 0.04
    assert (scaled.hospitals_per_province.hospital, scaled.hospitals_per_province.pharmacy) == (3, 1)
    assert scaled.machine_cores == 2


def test_capacity_stays_when_only_volume_is_scaled():
    scenario = resolve(Scenario.model_validate({"name": "s", "scale": {"volume": 0.01}}))

    assert scenario.topology == Scenario(name="s").topology


def test_cutover_takes_the_parked_share_of_the_clients_unless_it_says_its_own():
    assert resolve(Scenario.model_validate(BASE)).cutover.park_share == 0.5
    own = BASE | {"cutover": BASE["cutover"] | {"park_share": "10%"}}
    assert resolve(Scenario.model_validate(own)).cutover.park_share == 0.1


# --- a scale that breaks a timeout -------------------------------------------------------------------------------------


def load(tmp_path, *sets):
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: s\n"
        "topology: {regions: [33, 34]}\n"
        "clients: {timeout: 1s, forward_timeout: {care: 900ms, hub: 800ms}, deadline: 5s}\n"
        "faults: [{kind: freeze, node: 33, at: 1h, for: 40min}]\n"
    )
    return load_scenario(path, sets=sets)


def test_scale_that_shrinks_a_fault_below_twenty_patiences_is_refused(tmp_path):
    load(tmp_path, "scale.time=120")  # 40 min / 120 = 20 s: twenty patiences of 1 s

    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, "scale.time=121")

    assert caught.value.key == "scale.time"
    assert "clients.timeout (1s) is longer than a twentieth of faults.0.for (40min, shrunk to 19s834ms" in str(
        caught.value
    )
    assert "expected clients.timeout of at most 991ms735us, or scale.time of at most 120" in str(caught.value)


def test_scale_is_held_against_the_longest_patience_and_the_cutover(tmp_path):
    cutover = "cutover={scope: 34, at: 10h, window: 1h}"
    sets = ["scale.time=120", cutover, "clients.forward_timeout.care=2s"]

    with pytest.raises(ScenarioError) as caught:
        load(tmp_path, *sets)

    sentences = [caught.value.sentence, *(error.sentence for error in caught.value.others)]
    assert all("clients.forward_timeout.care (2s)" in sentence for sentence in sentences)
    assert ["faults.0.for" in sentence or "cutover.window" in sentence for sentence in sentences] == [True, True]


def test_unscaled_time_breaks_no_patience(tmp_path):
    assert load(tmp_path, "clients.timeout=10min", "clients.deadline=20min").scale.time == 1


def test_loss_without_an_end_has_no_window_to_break(tmp_path):
    fault = "faults=[{kind: lose, link: [hub, 33], direction: reply}]"

    assert load(tmp_path, fault, "scale.time=100000").scale.time == 100_000


def test_stated_scenario_keeps_its_people_time():
    assert load_stated("national-day", variant="quick").horizon.length == 2 * HOUR_US
    assert load_scenario("national-day", variant="quick").horizon.length == 2 * HOUR_US // 200
