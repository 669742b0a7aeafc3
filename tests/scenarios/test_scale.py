from __future__ import annotations

import numpy as np
import pytest

from scenarios.patients.flows import FlowMatrix, busiest, national_flows, restrict, share_among
from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import load_scenario, load_stated
from scenarios.reading.scale import resolve, slices_of_cores
from scenarios.schema import Scenario
from scenarios.schema.base import Model, PeopleClock

BASE = {
    "name": "s",
    "topology": {"regions": ["33", "34"], "hub": {"admission": {}}},
    "faults": [
        {"kind": "slow", "node": "33", "at": "1h", "for": "2h", "add": "500ms"},
        {"kind": "lose", "link": ["hub", "33"], "direction": "reply", "at": "1h"},
        {"kind": "clock_off", "node": "33", "at": "1h", "for": "2h", "by": "30s"},
        {"kind": "skewed_clock", "node": "33", "at": "1h", "for": "2h", "by": "40min"},
        {"kind": "slow_close", "link": ["33", "hub"], "direction": "reply", "after": "2s"},
        {"kind": "duplicate", "link": ["33", "hub"], "after": "3s"},
        {"kind": "reorder", "link": ["33", "hub"], "direction": "request", "by": "4s"},
        {"kind": "delay", "link": ["33", "hub"], "add": "1s", "jitter": "500ms"},
        {"kind": "half_partition", "from": ["33"], "to": ["hub"], "at": "1h", "for": "2h"},
    ],
    "cutover": [
        {
            "scope": "34",
            "at": "5h",
            "window": "2h",
            "policies": {
                "mixes": [{"wait": 0.5, "settle_later": 0.5}],
                "wait": {"patience": "3h"},
                "settle_later": {"spread": "2h"},
                "forced_mid_stay": {"lead": "1h"},
            },
            "renumber": {"map": "late", "late_by": "3h"},
            "dialect": {},
        },
        {
            "scope": "33",
            "at": "7h",
            "announce": {"lead": "3h"},
            "early_cutoff": "30min",
            "window": {
                "planned": "8h",
                "freeze": {"distribution": "triangular", "low": "2h", "mode": "3h", "high": "4h"},
                "rows": {"persons": {"count": 8, "moved": 4, "every": "2h"}},
                "verify": {"distribution": "lognormal", "median": "5h", "spread": 0.5},
            },
            "roll_back": {"after": "6h", "takes": "1h"},
            "ramp": {
                "kind": "steps",
                "steps": [{"share": "10%", "hold": "2h"}],
                "gates": {"p95": "3s", "oldest": "2h", "then": "close_again", "closed_for": "5h"},
            },
        },
        {
            "scope": "hub",
            "at": "7h",
            "window": {
                "planned": "8h",
                "freeze": "1h",
                "migrate": "2h",
                "verify": "3h",
            },
            "policies": {"drug_stock": {}, "paper": {"deadline": "88d"}},
            "ramp": {"kind": "token_bucket", "over": "2h", "admit": 30, "every": "1h"},
            "monitor": {"lasts": "3h", "over": "1h", "p95": "2s"},
        },
        {
            "scope": "3401",
            "at": "7h",
            "make_up": "168h",
            "window": {"planned": "8h", "verify": {"distribution": "constant", "value": "1h"}},
        },
    ],
    "prefund": {
        "quotas": [{"insured": "34", "care": "33", "limit_fen": 1, "top_ups": [{"at": "3h", "fen": 1}]}],
        "when_dry": "wait",
        "retry": "20s",
    },
    "filing": {
        "upload_lag": "4h",
        "residence": "240h",
        "locked": "24h",
        "regions": [{"insured": "34", "referral": "3h"}],
    },
    "sessions": {},
    "overload": {"at": "1h", "for": "2h"},
    "clients": {
        "retry_budget": {},
        "breaker": {},
        "clerk": {"wait": {"distribution": "empirical", "values": ["3h", "1h"]}},
        "desk_patience": {"distribution": "exponential", "mean": "2h", "at_least": "1h", "at_most": "6h"},
    },
    "trust": {},
    "network": {"opened": [{"opens": "2h", "closes": "10h"}]},
    "identity": {"guidance": {"takes": "2h"}},
    "master_data": {
        "releases": [{"of": "catalogue", "published": "2h", "valid_from": "3h", "overlap": "5h"}],
        "downloads": [{"of": "catalogue", "at": "7h", "every": "12h", "slows": "5ms"}],
    },
    "visits": {
        "arrivals": {"kind": "closed", "users": 1, "think": "2h"},
        "mid_stay": {},
        "care_types": {"internet": 0.1},
        "orders": {"valid": "2h", "confirmed_after": "3h"},
        "explicit": [{"kind": "inpatient", "care": "330400", "insured": "340100", "at": "2h", "stay": "3d"}],
    },
}

HOUR_US = 3_600_000_000
PEOPLE = """
    horizon.length           24h
    horizon.drain_limit      2h
    visits.stay_mean         192h
    visits.handling          0.025h
    visits.mid_stay.longer_than   336h
    visits.care_types.prescription_valid   72h
    visits.care_types.fetched_within   24h
    visits.orders.valid      2h
    visits.orders.confirmed_after  3h
    visits.arrivals.think    2h
    visits.explicit.0.at     2h
    visits.explicit.0.stay   72h
    clients.desk_patience.mean     2h
    clients.desk_patience.at_least   1h
    clients.desk_patience.at_most   6h
    clients.clerk.wait.values.0    3h
    clients.park.spread      4h
    faults.0.at              1h
    faults.0.lasts           2h
    faults.1.at              1h
    faults.3.lasts           2h
    faults.8.at              1h
    faults.8.lasts           2h
    overload.at              1h
    overload.lasts           2h
    prefund.quotas.0.top_ups.0.at  3h
    filing.temporary               4320h
    filing.referral                4320h
    filing.residence               240h
    filing.locked                  24h
    filing.upload_lag              4h
    filing.remind_before           720h
    filing.desk.takes              0.16666666666666666h
    filing.desk.comes_back_after   24h
    filing.regions.0.referral      3h
    network.opened.0.opens     2h
    network.opened.0.closes    10h
    identity.guidance.takes    2h
    identity.clerk.another_takes  0.008333333333333333h
    identity.clerk.by_hand_takes  0.05h
    master_data.releases.0.published     2h
    master_data.releases.0.valid_from    3h
    master_data.releases.0.overlap       5h
    master_data.downloads.0.every        12h
    master_data.downloads.0.takes        0.5h
    master_data.desk.comes_back_after    24h
    objective.period           720h
    objective.late_after       0.5h
    cutover.0.at               5h
    cutover.0.window           2h
    cutover.0.stop_before      1h
    cutover.0.ramp             2h
    cutover.0.renumber.late_by          3h
    cutover.0.renumber.both_answer_for  720h
    cutover.0.dialect.both_answer_for   720h
    cutover.3.make_up              168h
    cutover.0.policies.wait.patience         3h
    cutover.0.policies.settle_later.spread   2h
    cutover.0.policies.forced_mid_stay.lead  1h
    cutover.0.policies.paper.handed_in_within  1440h
    cutover.1.announce.lead    3h
    cutover.1.announce.half_heard_after  6h
    cutover.1.early_cutoff     0.5h
    cutover.1.window.planned       8h
    cutover.1.window.freeze.low    2h
    cutover.1.window.freeze.mode   3h
    cutover.1.window.freeze.high   4h
    cutover.1.window.rows.persons.every   2h
    cutover.1.window.rows.mended_within   48h
    cutover.1.window.verify.median 5h
    cutover.1.roll_back.after      6h
    cutover.1.roll_back.takes      1h
    cutover.1.ramp.steps.0.hold    2h
    cutover.2.window.freeze        1h
    cutover.3.window.verify.value  1h
    cutover.2.window.migrate       2h
    cutover.1.ramp.gates.over       0.16666666666666666h
    cutover.1.ramp.gates.oldest     2h
    cutover.1.ramp.gates.hold       0.5h
    cutover.1.ramp.gates.closed_for 5h
    cutover.2.window.verify        3h
    cutover.2.policies.drug_stock.lasts  720h
    cutover.2.policies.paper.deadline    2112h
    cutover.2.ramp.over            2h
    cutover.2.ramp.every           1h
    cutover.2.monitor.lasts        3h
    cutover.2.monitor.over         1h
"""
MACHINE = """
    master_data.downloads.0.at          25200s
    master_data.downloads.0.slows       0.005s
    clients.timeout                    60s
    clients.deadline                    600s
    clients.retries.backoff             1s
    clients.retries.cap                 60s
    clients.forward_timeout.city       55s
    clients.forward_timeout.care       50s
    clients.forward_timeout.hub        40s
    clients.reversal_timeout           60s
    clients.retry_budget.one_every     10s
    clients.breaker.over               10s
    topology.hub.admission.wait        0.2s
    topology.hub.admission.retry_after  1s
    topology.hub.admission.retry_after_max  30s
    overload.peak_over                 10s
    clients.breaker.rest               5s
    clients.breaker.ramp               10s
    prefund.retry                      20s
    sessions.signs_out                  79200s
    sessions.spread                     7200s
    faults.0.add                        0.5s
    faults.2.by                         30s
    faults.3.by                         2400s
    faults.4.after                      2s
    faults.5.after                      3s
    faults.6.by                         4s
    faults.7.jitter                     0.5s
    trust.window                        1800s
    cutover.1.ramp.gates.p95            3s
    cutover.2.monitor.p95               2s
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
    paths = [line.split()[0].removesuffix(".0") for line in (PEOPLE + MACHINE).splitlines() if line.strip()]
    listed = {path.rpartition(".")[2] for path in paths} | {"desk_patience"}  # which is there by its parts

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
    assert resolve(Scenario.model_validate(BASE)).cutover[0].park_share == 0.5
    own = BASE | {"cutover": BASE["cutover"][0] | {"park_share": "10%"}}
    assert resolve(Scenario.model_validate(own)).cutover[0].park_share == 0.1


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


# --- fewer provinces --------------------------------------------------------------------------------------------------

SHARES = FlowMatrix(("11", "31", "33", "63"), np.array([
    [0.00, 0.20, 0.05, 0.01],
    [0.30, 0.00, 0.10, 0.01],
    [0.10, 0.15, 0.00, 0.02],
    [0.03, 0.02, 0.01, 0.00],
]))  # fmt: skip


def test_the_busiest_provinces_are_those_that_send_and_take_the_most():
    assert busiest(SHARES, 2) == ("11", "31")
    assert busiest(SHARES, 3) == ("11", "31", "33")
    assert share_among(SHARES, ("11", "31")) == pytest.approx(0.5)


def small_nation(**keys):
    return Scenario.model_validate({
        "name": "nation", "scale": {"provinces": 4}, "visits": {"per_day": 100_000},
        "topology": {"hub": {"workers": 1000, "cores": 16}, "province": {"cores": 8}}, **keys,
    })  # fmt: skip


def test_provinces_that_are_left_out_take_their_visits_with_them_and_the_others_keep_theirs():
    whole = national_flows(1.5, {}, {})

    kept = resolve(small_nation())

    regions = kept.topology.regions
    flows = restrict(national_flows(1.5, {}, {}), regions)
    assert regions == busiest(whole, 4)
    assert kept.visits.per_day == pytest.approx(100_000 * share_among(whole, regions))
    for i, insured in enumerate(regions):
        for j, care in enumerate(regions):
            was = 100_000 * whole.shares[whole.regions.index(insured), whole.regions.index(care)]
            assert kept.visits.per_day * flows.shares[i, j] == pytest.approx(was)


def test_stations_stay_whole_when_provinces_are_left_out_and_the_hub_follows_its_visits_with_capacity():
    share = share_among(national_flows(1.5, {}, {}), busiest(national_flows(1.5, {}, {}), 4))

    plain = resolve(small_nation()).topology
    scaled = resolve(small_nation(scale={"provinces": 4, "volume": 0.5, "capacity": True})).topology

    assert (plain.hub.cores, plain.spec("11").cores) == (16, 8)
    assert scaled.hub.cores == pytest.approx(16 * share * 0.5)
    assert scaled.spec("11").cores == 4


def test_keys_of_provinces_that_are_left_out_leave_with_them():
    kept = resolve(small_nation(
        topology={"cities": ["1101", "6301"], "provinces": {"63": {"workers": 1}, "11": {"workers": 2}}},
        visits={"per_day": 10, "flows": {"care_city_shares": {"6301": 0.5, "1101": 0.7}}},
    ))  # fmt: skip

    assert kept.topology.cities == ("1101",)
    assert set(kept.topology.provinces) == {"11"}
    assert kept.visits.flows.care_city_shares == {"1101": 0.7}


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("faults=[{kind: freeze, node: 63, at: 1h, for: 1h}]", "unknown node (got '63'); expected one of hub, 11, 31"),
        ("cutover={scope: 63, at: 5h, window: 1h}", "unknown scope (got '63')"),
        (
            "visits.explicit=[{kind: pharmacy, care: 630100, insured: 110100, at: 1h}]",
            "province is not in the scenario",
        ),
        ("scale.provinces=99", "more provinces than there are (got 99); expected at most 32"),
        ("scale.provinces=1", "expected a value greater than or equal to 2"),
    ],
)
def test_what_names_a_province_that_is_left_out_is_refused(setting, sentence):
    with pytest.raises(ScenarioError) as caught:
        load_scenario("national-day", sets=["scale.provinces=3", setting])

    assert sentence in str(caught.value)


# --- slices of a core -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["settlement.latency", "settlement.latency.pharmacy", "message.latency.2102"])
def test_a_gate_on_latency_is_refused_where_capacity_leaves_less_than_a_core(gate):
    """A core at a hundredth of its pace takes a hundred times as long for a message: the figure is the sample's."""
    sets = ["gates={visits.lost: [== 0]}", f"gates.{gate}=p95 < 3s", "scale.volume=0.01", "scale.capacity=true"]

    with pytest.raises(ScenarioError) as caught:
        load_scenario("national-day", sets=sets)

    assert caught.value.key == f"gates.{gate}"
    assert caught.value.exit_code == 2
    assert "scale.capacity leaves '11' 0.08 of a core (got scale.volume 0.01)" in str(caught.value)


def test_other_gates_and_whole_cores_pass(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("name: s\ngates: {direct_rate: '> 99%'}\ntopology: {province: {cores: 8}, hub: {cores: 8}}\n")
    slices, whole = (["scale.capacity=true", f"scale.volume={volume}"] for volume in (0.01, 0.125))

    assert slices_of_cores(load_scenario(path, sets=slices))["hub"] == 0.08
    assert slices_of_cores(load_scenario(path, sets=[*whole, "gates.settlement.latency=p95 < 3s"])) == {}


def test_half_a_core_that_a_scenario_states_is_a_machine_and_no_sample(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("name: s\ngates: {settlement.latency: 'p95 < 3s'}\ntopology: {province: {cores: 0.5}}\n")

    assert slices_of_cores(load_scenario(path)) == {}
