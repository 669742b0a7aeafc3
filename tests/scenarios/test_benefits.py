"""Policy files: what is refused, in one clear error with its place; what a scenario makes of a policy."""

from __future__ import annotations

import json

import msgspec
import pytest
import yaml

from reference_impl.protocol.assembly import NodeConfig
from reference_impl.staging.benefits import policies_under
from reference_impl.staging.build import node_config
from scenarios.reading.errors import ScenarioError
from scenarios.reading.json_schema import policy_schema_text
from scenarios.reading.loader import dump_scenario, load_policy, load_scenario, restore_scenario
from scenarios.reading.policy_file import POLICIES, policy_names
from scenarios.reading.worked import worked
from scenarios.schema import Scenario

STAYS = {
    "kinds": ["inpatient"],
    "persons": ["active"],
    "deductible": 1000,
    "segments": [[10_000, "80%"], [None, "90%"]],
}
VISITS = {"kinds": ["outpatient", "pharmacy"], "persons": ["active"], "deductible": 100, "segments": [[None, "50%"]]}
VERSION = {"cap": {"active": 100_000}, "terms": [STAYS, VISITS]}
POLICY = {"name": "plain", "sources": "by hand", "insured": [34], "versions": [VERSION]}


def written(folder, policy, name="plain.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(policy, sort_keys=False), encoding="utf-8")
    return path


def with_version(**changes):
    return POLICY | {"versions": [VERSION | changes]}


def with_stays(**changes):
    return POLICY | {"versions": [VERSION | {"terms": [STAYS | changes, VISITS]}]}


def two(first, second):
    return POLICY | {"versions": [VERSION | first, VERSION | second]}


WRONG = [
    (two({"until": "2023-06-30"}, {"from": "2023-07-02"}), "a gap between version 0, which ends 2023-06-30"),
    (two({"until": "2023-06-30"}, {"from": "2023-06-30"}), "an overlap between version 0, which ends 2023-06-30"),
    (two({}, {"from": "2023-07-01"}), "version 0 has no last day"),
    (two({"until": "2023-06-30"}, {}), "version 1 has no first day"),
    (with_version(**{"from": "2024-01-02", "until": "2024-01-01"}), "ends 2024-01-01 before it begins 2024-01-02"),
    (with_stays(segments=[[10_000, "80%"], [30_000, "90%"]]), "leave a gap"),
    (with_stays(segments=[[30_000, "80%"], [10_000, "85%"], [None, "90%"]]), "segment bounds [30000, 10000] do not rise"),
    (with_stays(levels=[1, 2]), "no terms for active, inpatient, level 3"),
    (with_stays(levels=[3, 3]), "levels names 3 twice"),
    (with_stays(kinds=["inpatient", "pharmacy"]), "two rows of terms for active, pharmacy, level 1"),
    (with_stays(deductible_per="year", later=["50%"]), "'later' is of stays"),
    (with_stays(deductible=-1), "greater than or equal to 0"),
    (with_stays(segments=[[None, "80.001%"]]), "finer than a ten-thousandth"),
    (with_stays(deductable=5), "unknown key"),
    (with_version(cap={"resident": 5}), "no cap for active"),
    (with_version(visitors={"other": {"first_self_pay": "10%", "points": "10%"}}), "both first_self_pay and points"),
    (with_version(serious_illness={"steps": [[5, "50%"], [5, "60%"]]}), "steps [5, 5] do not rise"),
    (with_version(aid={"people": "5%", "steps": [[0, "60%"], [5, "50%"]]}), "ratios [0.6, 0.5] fall"),
    (with_version(civil_servant={"people": "5%", "persons": ["resident"], "steps": [[0, "60%"]]}), "'active' or 'retired'"),
    (with_version(cap={"active": True}), "true is no amount"),
    (with_version(cap={"active": 5, "resident": 5}), "cap names resident, who has no terms"),
    (with_version(own_cap={"retired": 5}), "own_cap names retired, who has no terms"),
    (with_version(large_sum={"persons": ["resident"], "ratio": "5%", "cap": 5}), "large_sum names resident"),
    (with_version(aid={"people": "5%", "persons": ["retired"], "steps": [[0, "50%"]]}), "aid names retired"),
    (with_stays(segments=[[0, "80%"], [None, "90%"]]), "the first segment ends at 0 yuan"),
    (with_stays(kinds=["pharmacy", "inpatient"], later=["50%"]), "'later' is of stays; expected kinds ['inpatient']"),
    (two({"until": "9999-12-31"}, {"from": "9999-12-31"}), "the last day there is"),
    (POLICY | {"worked": [{"scope": 1, "aided": True}]}, "worked case 0 says aided, and has no such fund"),
    (POLICY | {"worked": [{"scope": 1, "civil_servant": True}]}, "worked case 0 says civil_servant"),
    (POLICY | {"worked": [{"scope": 1, "kind": "pharmacy", "stays_before": 1}]}, "worked case 0 says stays_before"),
    (POLICY | {"insured": [341]}, "not a region code: '341'"),
    (POLICY | {"insured": [99]}, "unknown province '99'"),
    (POLICY | {"insured": [34, 34]}, "insured names '34' twice"),
    (POLICY | {"insured": [True]}, "key 'insured.0'"),
    (POLICY | {"versions": []}, "an empty list; expected one or more"),
    (POLICY | {"worked": [{"scope": 10_000, "fund": 7200.01}]}, "does not come to this (got 7200.01); expected 7200.00"),
    (POLICY | {"worked": [{"scope": 10_000, "pool": "7200.1"}]}, "does not come to this (got 7200.10); expected 7200.00"),
    (POLICY | {"worked": [{"scope": 10_000, "person_pays": 1}]}, "does not come to this (got 1.00); expected 2800.00"),
    (POLICY | {"worked": [{"scope": "1.005"}]}, "at most 2 decimal places"),
    (POLICY | {"worked": [{"scope": []}]}, "key 'worked.0.scope'"),
    (POLICY | {"worked": [{"scope": 1, "person": "resident"}]}, "worked case 0: no terms for resident"),
    (two({"from": "2023-01-01", "until": "2023-06-30"}, {"from": "2023-07-01"})
     | {"worked": [{"scope": 1, "day": "2022-12-31"}]}, "worked case 0: no version holds on 2022-12-31"),
    (two({"until": "2023-06-30", "aid": {"people": "5%", "steps": [[0, "50%"]]}},
         {"from": "2023-07-01", "aid": {"people": "6%", "steps": [[0, "50%"]]}}), "aid.people is [0.05, 0.06] by version"),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_a_policy_that_makes_no_sense_is_refused_with_its_place(policy, message, tmp_path):
    path = written(tmp_path, policy)
    with pytest.raises(ScenarioError) as failure:
        load_policy(str(path))

    text = str(failure.value)
    assert message in text
    assert text.startswith(f"{path}:")
    assert "benefits.policies" not in text


def test_a_policy_that_is_not_there_is_named_with_those_that_are(tmp_path):
    for source in ("beijing-employe", str(tmp_path / "none.yaml")):
        with pytest.raises(ScenarioError) as failure:
            load_policy(source)
        assert source in str(failure.value)


@pytest.mark.parametrize("name", policy_names())
def test_a_packaged_policy_is_valid_has_worked_cases_by_hand_and_names_itself(name):
    policy = load_policy(name)

    assert (policy.name, bool(policy.title)) == (name, True)
    assert len(policy.worked) >= 3
    assert all(one.fund is not None or one.pool is not None or one.person_pays is not None for one in policy.worked)
    assert any(mark in policy.sources for mark in ("FOUND", "SEED", "RECALLED", "ASSUMED"))


def test_without_worked_cases_a_stay_of_each_person_type_is_shown(tmp_path):
    [one] = worked(load_policy(str(written(tmp_path, POLICY))))

    assert (one.case.person, one.case.scope, one.amounts.pool_fen) == ("active", 1_000_000, 720_000)


# --- in a scenario ---


def scenario(folder, policies, **keys):
    table = {
        "version": 2,
        "name": "small",
        "horizon": {"start": "2023-06-29 08:00:00", "length": "1d", "drain_limit": "1d"},
        "topology": {"regions": [33, 34]},
        "benefits": {"policies": policies},
        **keys,
    }
    return written(folder, table, "small.yaml")


def test_a_scenario_names_a_policy_beside_it_or_holds_it_whole(tmp_path):
    written(tmp_path, POLICY)
    beside = load_scenario(scenario(tmp_path, ["plain.yaml"]))
    whole = load_scenario(scenario(tmp_path, [POLICY]))

    assert beside == whole
    assert restore_scenario(json.loads(json.dumps(dump_scenario(whole)))) == whole


def test_a_packaged_policy_may_be_named(tmp_path):
    [policy] = load_scenario(scenario(tmp_path, ["points"])).benefits.policies

    assert policy == load_policy("points")


def test_an_error_in_a_policy_names_the_policys_own_file_and_line(tmp_path):
    path = written(tmp_path, with_stays(deductable=5))
    with pytest.raises(ScenarioError, match="unknown key") as failure:
        load_scenario(scenario(tmp_path, ["plain.yaml"]))

    assert str(failure.value).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (["nowhere"], "no such policy"),
        (["beijing-employee"], "province is not in the scenario"),
        ([POLICY, POLICY | {"name": "other"}], "region of two policies"),
        ([with_version(**{"from": "2023-06-30"})], "no version holds on some days of the run"),
        ([with_version(until="2023-06-30")], "no version holds on some days of the run"),
        ([POLICY | {"worked": [{"scope": 10_000, "fund": 1}]}], "worked case 0 does not come to this"),
        ("points", "a list"),
        ([5], "a mapping"),
    ],
)
def test_policies_that_do_not_fit_the_scenario_are_refused(policies, message, tmp_path):
    with pytest.raises(ScenarioError, match=message):
        load_scenario(scenario(tmp_path, policies))


def test_a_measure_of_policies_wants_policies(tmp_path):
    path = scenario(tmp_path, [POLICY], gates={"benefits.pool": "> 0"})
    assert load_scenario(path)
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    del table["benefits"]
    with pytest.raises(ScenarioError, match="measure of benefit policies, and there are none"):
        load_scenario(written(tmp_path, table, "small.yaml"))


@pytest.mark.parametrize(
    ("policies", "counts_in", "merges"),
    [
        ({}, "discharge", True),
        ({"benefit_year": "of_settlement"}, "settlement", True),
        ({"forced_mid_stay": {"merge_deductible": False}}, "discharge", False),
        ({"forced_mid_stay": {}}, "discharge", True),
    ],
)
def test_an_insurer_is_told_its_own_regions_policies_and_what_a_stop_says_of_them(
    policies, counts_in, merges, tmp_path
):
    asked = load_scenario(scenario(tmp_path, [POLICY]))
    plan = {"scope": 34, "at": "10h", "window": "2h", "policies": policies}
    stopped = Scenario.model_validate({**dump_scenario(asked), "cutover": plan})
    [table] = policies_under(stopped, "34")

    assert policies_under(stopped, "33") == ()
    assert table.region == "34"
    assert (table.versions[0].policy.counts_in, table.versions[0].policy.merges_mid_stay) == (counts_in, merges)


@pytest.mark.parametrize(
    ("merges", "said", "merged"),
    [("none", {}, False), ("mid_stay", {}, True), ("mid_stay", {"merge_deductible": True}, True)],
)
def test_long_stays_that_say_nothing_leave_the_deductible_to_the_policy(merges, said, merged, tmp_path):
    path = scenario(tmp_path, [POLICY | {"merges": merges}], visits={"mid_stay": {"longer_than": "2d", **said}})
    [table] = policies_under(load_scenario(path), "34")

    assert table.versions[0].policy.merges_mid_stay == merged


@pytest.mark.parametrize(("said", "merged"), [({}, False), ({"merge_deductible": True}, True)])
def test_a_stop_that_says_nothing_of_the_deductible_leaves_it_to_the_policy(said, merged, tmp_path):
    """Found by an adversary: a stop that settled stays in their middle merged what the region does not."""
    asked = load_scenario(scenario(tmp_path, [POLICY | {"merges": "none"}]))
    plan = {"scope": 34, "at": "10h", "window": "2h", "policies": {"forced_mid_stay": said}}
    [table] = policies_under(Scenario.model_validate({**dump_scenario(asked), "cutover": plan}), "34")

    assert table.versions[0].policy.merges_mid_stay == merged


def test_a_node_is_told_its_policies_in_a_configuration_that_can_be_read_again(tmp_path):
    config = node_config(load_scenario(scenario(tmp_path, ["points"])), "34", {})
    again = msgspec.json.decode(msgspec.json.encode(config), type=NodeConfig)

    assert again == config
    assert [table.region for table in again.province.policies] == ["34"]


def test_a_published_schema_says_what_a_policy_file_may_say():
    schema = json.loads(policy_schema_text())

    assert {"name", "sources", "insured", "versions"} == set(schema["required"])
    assert "from" in schema["$defs"]["PolicyVersion"]["properties"]
    assert POLICIES.is_dir()


@pytest.mark.parametrize(
    ("merges", "asked"), [("none", "{merge_deductible: true}"), ("both", "{merge_deductible: false}")]
)
def test_long_stays_and_a_policy_that_merge_parts_otherwise_are_refused(merges, asked, tmp_path):
    path = scenario(tmp_path, [POLICY | {"merges": merges}])

    with pytest.raises(ScenarioError) as refused:
        load_scenario(path, sets=[f"visits.mid_stay={asked}", "visits.mid_stay.longer_than=2d"])
    assert refused.value.key == "benefits.policies.0.merges"
