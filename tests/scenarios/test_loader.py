from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import (
    LIBRARY,
    digest,
    dump_scenario,
    library_names,
    load_scenario,
    load_stated,
    restore_scenario,
    variant_names,
)

SMALL = """\
name: small
horizon: {length: 2h}
visits:
  per_day: 100
topology:
  regions: [33, 34, 63]
gates:
  settlement.latency: [p95 < 3s]
variants:
  quick:
    visits: {per_day: 10}
    topology: {hub: {workers: 3}}
    clients: {timeout: 2s}
"""


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes, name: str = "s.yaml") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refusal(path, **options) -> ScenarioError:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path, **options)
    return caught.value


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_name_alone_is_a_scenario(write):
    scenario = load_scenario(write("name: bare\n"))

    assert scenario.visits.per_day == 652_000
    assert len(scenario.topology.regions) == 32
    assert scenario.clients.timeout == 60_000_000
    assert scenario.cutover == ()


def test_volume_may_be_a_rate(write):
    assert load_scenario(write(SMALL), sets=["visits.per_day=5/h"]).visits.per_day == 120


def test_codes_may_stand_without_quotes(write):
    scenario = load_scenario(write(SMALL + "cutover: {scope: 34, at: 1h, window: 30min}\n"))

    assert scenario.topology.regions == ("33", "34", "63")
    assert scenario.cutover[0].scope == "34"


def test_plain_words_are_read_as_yaml_1_2_does(write):
    scenario = load_scenario(
        write("name: 'on'\ntitle: no\nquestion: 12:30:45\nhorizon: {start: 2024-03-13 08:00:00}\n")
    )

    assert (scenario.title, scenario.question) == ("no", "12:30:45")
    assert scenario.horizon.start == datetime(2024, 3, 13, 8)


def test_variant_is_merged_deeply_over_the_file(write):
    scenario = load_scenario(write(SMALL), variant="quick")

    assert (scenario.visits.per_day, scenario.topology.hub.workers) == (10, 3)
    assert scenario.topology.regions == ("33", "34", "63")
    assert (scenario.variant, scenario.variants) == ("quick", {})


def test_settings_win_over_the_variant(write):
    sets = ["visits.per_day=5", "gates.direct_rate=> 99%", "topology.provinces.34.workers=2", "cutover=null"]
    scenario = load_scenario(write(SMALL), variant="quick", sets=sets, seed=7)

    assert (scenario.visits.per_day, scenario.seed) == (5, 7)
    assert scenario.gates["direct_rate"] == ("> 99%",)
    assert scenario.topology.spec("34").workers == 2


def test_an_item_of_a_list_can_be_set(write):
    text = SMALL + "faults:\n- {kind: freeze, node: 33, at: 10min, for: 5min}\n"

    scenario = load_scenario(write(text), sets=["faults.0.for=7min"])

    assert scenario.faults[0].lasts == 7 * 60_000_000


def test_resolved_scenario_is_restored_unscaled_and_keeps_its_digest(write):
    scenario = load_scenario(write(SMALL), sets=["scale.time=4"])

    restored = restore_scenario(dump_scenario(scenario))

    assert restored == scenario
    assert digest(restored) == digest(scenario) != digest(load_scenario(write(SMALL)))


@pytest.mark.parametrize(
    "ramp", ["{kind: big_bang}", "{kind: linear, over: 1h}", "{kind: steps, steps: [{share: 50%, hold: 1h}]}"]
)
def test_a_scenario_with_any_ramp_is_restored_as_a_run_writes_it_down(write, ramp):
    stop = f"cutover: {{scope: 34, at: 2h, window: 2h, ramp: {ramp}}}\n"
    scenario = load_scenario(write(SMALL + stop), sets=["horizon.length=12h"])

    assert restore_scenario(json.loads(json.dumps(dump_scenario(scenario)))) == scenario


def test_resolved_scenario_is_not_loaded_a_second_time(write):
    resolved = write(json.dumps(dump_scenario(load_scenario(write(SMALL)))), "scenario.json")

    assert refusal(resolved).key == "variant"


def test_library_is_found_by_name():
    assert "national-day" in library_names()
    assert load_stated("national-day").name == "national-day"
    assert variant_names("national-day") == ("quick", "morning")


# --- bad input --------------------------------------------------------------------------------------------------------

TABLE = [
    # what is appended or replaced, then line:column, key and words of the error
    ("per_day: 100", "per_dya: 100", "4:3", "visits.per_dya", "unknown key (got 100)", "did you mean 'per_day'?"),
    ("per_day: 100", "per_day: -1", "4:12", "visits.per_day", "(got -1)", "greater than or equal to 0"),
    ("per_day: 100", "per_day: many", "4:12", "visits.per_day", "(got 'many')", "a rate such as '5/s'"),
    ("per_day: 100", "per_day: 5/week", "4:12", "visits.per_day", "(got '5/week')", "a rate such as '5/s'"),
    ("per_day: 100", "per_day: [5]", "4:12", "visits.per_day", "(got a list)", "a valid number"),
    ("{length: 2h}", "{length: 2}", "2:19", "horizon.length", "(got 2)", "a duration such as"),
    ("{length: 2h}", "{length: 2kg}", "2:19", "horizon.length", "(got '2kg')", "a duration such as"),
    ("{length: 2h}", "{length: 2h, length: 3h}", "2:23", "length", "duplicate key", "first given at line 2"),
    ("{length: 2h}", "{length: 2h, warm_up: 2h}", "2:32", "horizon.warm_up", "nothing is left", "horizon.length (2h)"),
    ("{length: 2h}", "3", "2:10", "horizon", "(got 3)", "a mapping"),
    ("{length: 2h}", "{length: " + "9" * 400 + "h}", "2:19", "horizon.length", "(got '999", "a duration such as"),
    ("{length: 2h}", "{length: " + "9" * 90 + "h}", "2:19", "horizon.length", "(got '999", "at most 106751991d"),
    ("{length: 2h}", "{start: 2099-12-31 23:59:00, length: 2h}", "2:47", "horizon.length", "calendar", "year 2099"),
    ("{length: 2h}", "{start: 1999-03-01 08:00:00, length: 2h}", "2:18", "horizon.start", "calendar", "2000 to 2099"),
    ("{length: 2h}", "{start: 2101-03-01 08:00:00, length: 2h}", "2:18", "horizon.start", "calendar", "2000 to 2099"),
    ("per_day: 100", "per_day: " + "9" * 5000, "4:12", "", "number too long", "at most 300 digits"),
    ("per_day: 100", "per_day: " + "9" * 5000 + "/s", "4:12", "visits.per_day", "(got '999", "a rate such as"),
    ("33, 34, 63", "33, 99, 63", "6:17", "topology.regions.1", "unknown province '99'", "31, 32, 33"),
    ("33, 34, 63", "33, 340, 63", "6:17", "topology.regions.1", "not a region code: '340'", "2 digits"),
    ("33, 34, 63", "33, 34, 33", "6:21", "topology.regions.2", "named twice", "each province once"),
    ("33, 34, 63", "33", "6:12", "topology.regions", "no cross-province visits", "two provinces"),
    ("[33, 34, 63]", "[]", "6:12", "topology.regions", "(got a list)", "1 items"),
    (
        "settlement.latency:",
        "settlement.latncy:",
        "8:3",
        "gates.settlement.latncy",
        "unknown measure",
        "settlement.latency",
    ),
    ("p95 < 3s", "p95 < 3", "8:24", "gates.settlement.latency.0", "bound of settlement.latency", "a duration"),
    ("p95 < 3s]", "p95 < 3s", "9:9", "", "not YAML", ""),
    ("name: small\n", "", "1:1", "name", "missing key", "a value for 'name'"),
    ("name: small", "name: Small Town", "1:7", "name", "(got 'Small Town')", "text that matches"),
    ("name: small", "name: small\nvariant: x", "2:1", "variant", "key of a resolved scenario", "as written"),
    ("name: small", "? [a]\n: b", "1:3", "", "key is not a single word", ""),
    ("name: small", "name: *a", "1:7", "", "not YAML: found undefined alias", ""),
    ("name: small", "name: small\nfaults: &a [*a]", "2:9", "", "contains itself", ""),
]


@pytest.mark.parametrize(
    ("old", "new", "place", "key", "what", "expected"), TABLE, ids=[f"{n}-{row[3]}" for n, row in enumerate(TABLE)]
)
def test_wrong_input_is_named_with_its_place(write, old, new, place, key, what, expected):
    assert old in SMALL
    error = refusal(write(SMALL.replace(old, new, 1)))

    assert f"{error.line}:{error.column}" == place
    assert error.key == key
    assert what in error.sentence
    assert expected in error.sentence
    assert error.sentence.startswith(f"{error.file}:{place}: ")


FAULTS = [
    ("{kind: kil, node: 33, at: 1h, for: 5min}", "faults.0.kind", "did you mean 'kill'?"),
    ("{node: 33, at: 1h, for: 5min}", "faults.0.kind", "expected one of freeze, kill"),
    ("{kind: kill, node: 35, at: 1h, for: 5min}", "faults.0.node", "expected one of hub, 33, 34, 63"),
    ("{kind: kill, node: hubb, at: 1h, for: 5min}", "faults.0.node", "did you mean 'hub'?"),
    ("{kind: freeze, node: 33, at: 3h, for: 5min}", "faults.0.at", "after the horizon"),
    ("{kind: freeze, node: 33, at: 1h}", "faults.0.for", "missing key"),
    ("{kind: freeze, node: 33, at: 1h, for: 0}", "faults.0.for", "greater than 0"),
    ("{kind: slow, node: 33, at: 1h, for: 5min, add: -1s}", "faults.0.add", "a duration such as"),
    ("{kind: slow, node: 33, at: 1h, for: 5min, ad: 1s}", "faults.0.ad", "did you mean 'add'?"),
    ("{kind: lose, link: [hospital, hub], direction: reply}", "faults.0.link", "no such link"),
    ("{kind: lose, link: [33, 34], direction: reply}", "faults.0.link", "caller of the hub only"),
    ("{kind: lose, link: [hub, 36], direction: reply}", "faults.0.link.1", "unknown end of a link"),
    ("{kind: lose, link: [hub], direction: reply}", "faults.0.link", "2 items"),
    ("{kind: lose, link: [hub, 33], direction: back}", "faults.0.direction", "'request' or 'reply'"),
    ("{kind: lose, link: [hub, 33], direction: reply, share: 120%}", "faults.0.share", "a share such as"),
    (
        "{kind: lose, link: [hub, 33], direction: reply, codes: [9999]}",
        "faults.0.codes.0",
        "unknown transaction '9999'",
    ),
    ("{kind: lost_commit, node: hub}", "faults.0.node", "province is not in the scenario"),
    ("{kind: yes_with_error_text, link: [33, 34]}", "faults.0.link", "caller of the hub only"),
    ("{kind: yes_with_error_text, link: [33, hub], acted: 2}", "faults.0.acted", "a share such as"),
    ("{kind: yes_without_receipt, link: [33, hub], codes: []}", "faults.0.codes", "1 items"),
    ("{kind: yes_with_error_text, link: [33, hub], codes: [2203]}", "faults.0.codes.0", "the care province acts alone"),
    (
        "{kind: yes_without_receipt, link: [hospital, 33], codes: [2402]}",
        "faults.0.codes.0",
        "no receipt that could be",
    ),
    (
        "{kind: kill, node: 33, at: 20min, for: 20min}, {kind: freeze, node: 33, at: 30min, for: 5min}",
        "faults.1.at",
        "overlaps faults.0 (kill)",
    ),
    (
        "{kind: slow, node: 33, at: 20min, for: 20min, add: 1s}, {kind: slow, node: 33, at: 30min, for: 5min, add: 1s}",
        "faults.1.at",
        "overlaps faults.0 (slow)",
    ),
    (
        "{kind: full_disk, at: 20min, for: 20min}, {kind: full_disk, at: 30min, for: 5min}",
        "faults.1.at",
        "full_disk of node '*' overlaps faults.0 (full_disk)",
    ),
    (
        "{kind: clock_off, node: hub, at: 20min, for: 20min, by: 1s}, {kind: clock_off, node: hub, at: 30min, for: 5min, by: 1s}",
        "faults.1.at",
        "overlaps faults.0 (clock_off)",
    ),
    ("{kind: slow_disk, node: 99, at: 1min, for: 1min, add: 1s}", "faults.0.node", "hub"),
    ("{kind: clock_off, node: hub, at: 1min, for: 1min, by: 0s}", "faults.0.by", ""),
    ("{kind: cpu_hog, at: 1min, for: 1min, share: 95%}", "faults.0.share", "less than or equal to 0.9"),
    ("{kind: cpu_hog, at: 1min, for: 1min, share: 0}", "faults.0.share", "greater than 0"),
    ("{kind: cpu_hog, node: 33, at: 1min, for: 1min, share: 50%}", "faults.0.node", "unknown key"),
    (
        "{kind: cpu_hog, at: 1min, for: 2min, share: 50%}, {kind: cpu_hog, at: 2min, for: 2min, share: 50%}",
        "faults.1.at",
        "cpu_hog of node '*' overlaps faults.0 (cpu_hog)",
    ),
    ("{kind: delay, link: [33, hub], add: 1s, jitter: 25h}", "faults.0.jitter", "a value less than or equal to"),
    ("{kind: reset, link: [33, hub]}", "faults.0.direction", "missing key"),
    ("{kind: reset, link: [33, 34], direction: reply}", "faults.0.link", "caller of the hub only"),
    ("{kind: reset, link: [33, hub], direction: reply, codes: [2203]}", "faults.0.codes.0", "acts alone"),
    ("{kind: slow_close, link: [33, hub], direction: reply}", "faults.0.after", "missing key"),
    ("{kind: slow_close, link: [33, hub], direction: reply, after: 0s}", "faults.0.after", "greater than 0"),
    ("{kind: duplicate, link: [33, hub], direction: reply}", "faults.0.direction", "unknown key"),
    ("{kind: duplicate, link: [33, hub], after: 2d}", "faults.0.after", "a value less than or equal to"),
    ("{kind: reorder, link: [33, hub], direction: reply, by: 0s}", "faults.0.by", "greater than 0"),
    ("{kind: bandwidth, link: [33, hub], bytes_per_second: 0}", "faults.0.bytes_per_second", "greater than or equal"),
    ("{kind: bandwidth, link: [33, hub], rate: 9}", "faults.0.rate", "unknown key"),
    ("{kind: partition, groups: [[33, hub]]}", "faults.0.groups", "1 group parts nobody; expected two groups or more"),
    ("{kind: partition, groups: [[33], []]}", "faults.0.groups.1", "1 items"),
    ("{kind: partition, groups: [[33], [hub, 33]]}", "faults.0.groups", "'33' stands twice; expected each end once"),
    ("{kind: partition, groups: [[33], [hub, 36]]}", "faults.0.groups.1.1", "unknown end of a link"),
    ("{kind: partition, groups: [[33], [34, 63]]}", "faults.0", "partition between ends that no link joins"),
    ("{kind: half_partition, from: [33], to: [hubb]}", "faults.0.to.0", "did you mean 'hub'?"),
    ("{kind: half_partition, from: [hospital], to: [hub]}", "faults.0", "between ends that no link joins"),
    ("{kind: half_partition, from: [33, hub], to: [hub]}", "faults.0.to", "'hub' stands twice; expected each end once"),
]


@pytest.mark.parametrize(("fault", "key", "words"), FAULTS, ids=[f"{n}-{row[1]}" for n, row in enumerate(FAULTS)])
def test_fault_that_cannot_happen_is_refused(write, fault, key, words):
    error = refusal(write(f"{SMALL}faults: [{fault}]\n"))

    assert error.key == key
    assert words in error.sentence


@pytest.mark.parametrize(
    "faults",
    [
        "{kind: kill, node: 33, at: 20min, for: 10min}, {kind: freeze, node: 33, at: 30min, for: 5min}",
        "{kind: slow, node: 33, at: 20min, for: 20min, add: 1s}, {kind: refuse, node: 33, at: 30min, for: 5min}",
        "{kind: freeze, node: 33, at: 20min, for: 20min}, {kind: freeze, node: hub, at: 30min, for: 5min}",
        "{kind: lose, link: ['*', '*'], direction: request, share: 10%}, {kind: delay, link: [33, hub], add: 1s}",
        "{kind: lose, link: [hospital, 33], direction: reply, first: 1}, {kind: lost_commit, node: 63, count: 1}",
        "{kind: yes_with_error_text, link: [hospital, 33], codes: [2402]}, {kind: yes_without_receipt, link: ['*', '*']}",
        "{kind: partition, groups: [[33, 34], [hub]]}, {kind: half_partition, from: [hub], to: [63], at: 1h, for: 1min}",
        "{kind: reset, link: ['*', hub], direction: reply}, {kind: bandwidth, link: [hub, 33], bytes_per_second: 9}",
        "{kind: duplicate, link: ['*', '*'], codes: [2203]}, {kind: reorder, link: [hub, 33], direction: reply, by: 1s}",
    ],
)
def test_fault_that_can_happen_is_taken(write, faults):
    assert len(load_scenario(write(f"{SMALL}faults: [{faults}]\n")).faults) == 2


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        (
            "paper_claims: {stages: {entry: {staff: 0}}}",
            "paper_claims.stages.entry.staff",
            "greater than or equal to 1",
        ),
        ("paper_claims: {stages: {scan: {}}}", "paper_claims.stages.scan", "expected one of accept, archive"),
        ("paper_claims: {hours: {closes: 8}}", "paper_claims.hours", "closes at 8, and opens at 9"),
        (
            "paper_claims: {hours: {holidays: [2018-13-01]}}",
            "paper_claims.hours.holidays.0",
            "a date, such as 2024-03-13",
        ),
        ("abnormal: {close_hours: {data: -1}}", "abnormal.close_hours.data", "greater than or equal to 0"),
        ("abnormal: {reconciled_at_hour: 24}", "abnormal.reconciled_at_hour", "less than 24"),
    ],
)
def test_an_office_or_hours_that_cannot_be_are_refused_by_their_key(write, keys, key, words):
    error = refusal(write(f"{SMALL}{keys}\n"))

    assert error.key == key
    assert words in error.sentence


def test_kill_of_a_shared_process_is_refused(write):
    faults = "faults: [{kind: kill, node: 33, at: 1h, for: 5min}]\n"
    shared = SMALL.replace("topology:\n", "topology:\n  hosts: {one: {nodes: [33, hub]}}\n")

    error = refusal(write(shared + faults))

    assert "kill of a process shared with hub" in error.sentence
    assert load_scenario(write(SMALL + faults)).faults[0].node == "33"


CUTOVERS = [
    ("{scope: 3415, at: 1h, window: 10min}", "cutover.scope", "'3415'"),
    ("{scope: hubb, at: 1h, window: 10min}", "cutover.scope", "did you mean 'hub'?"),
    ("{scope: 34, at: 30min, window: 10min, stop_before: 1h}", "cutover.stop_before", "at most cutover.at (30min)"),
    ("{scope: 34, at: 1h, window: 2h, stop_before: 0}", "cutover.window", "reopens after the horizon"),
    ("{scope: 34, at: 1h}", "cutover.window", "missing key"),
    ("{scope: 34, at: 1h, window: 1h, side: left}", "cutover.side", "'both', 'care' or 'insured'"),
    ("{scope: 34, at: 1h, window: 1h, business: most}", "cutover.business", "'all', 'cross', 'local' or 'filing'"),
    ("{scope: hub, at: 1h, window: 10min, business: local}", "cutover.business", "never passes the hub"),
    ("{scope: 34, at: 1h, window: 10min, business: filing}", "cutover.business", "nobody files in this scenario"),
    ("{scope: 34, at: 1h, window: 10min, make_up: 7d}", "cutover.make_up", "nobody files in this scenario"),
    ("{scope: 34, at: 1h, windw: 10min}", "cutover.windw", "did you mean 'window'?"),
    ("[{scope: 34, at: 1h, window: 10min, scop: 33}]", "cutover.0.scop", "did you mean 'scope'?"),
    ("[{scope: 33, at: 1h, window: 10min}, {scope: 3415, at: 1h, window: 9min}]", "cutover.1.scope", "'3415'"),
    (
        "[{scope: 33, at: 1h, window: 10min, name: a}, {scope: 34, at: 1h, window: 10min, name: a}]",
        "cutover.1.name",
        "called as cutover.0",
    ),
    (
        "[{scope: 34, at: 1h, window: 10min}, {scope: 34, at: 1h5min, window: 9min, business: cross}]",
        "cutover.1.scope",
        "stops the same door at the same time as cutover.0 (34)",
    ),
    (
        "[{scope: 34, at: 1h, window: 5min, side: care, ramp: 0}, {scope: 34, at: 1h, window: 9min}]",
        "cutover.1.scope",
        "the same door",
    ),
]
RENUMBERED = "{{scope: 34, at: 1h, window: 10min, renumber: {renumber}}}"
CUTOVERS += [
    (RENUMBERED.format(renumber="{mapp: late}"), "cutover.renumber.mapp", "did you mean 'map'?"),
    (RENUMBERED.format(renumber="{map: partial}"), "cutover.renumber", "map partial without mapped"),
    (RENUMBERED.format(renumber="{map: late}"), "cutover.renumber", "map late without late_by"),
    (RENUMBERED.format(renumber="{map: late, late_by: 0}"), "cutover.renumber", "late by nothing is present"),
    (RENUMBERED.format(renumber="{late_by: 1h}"), "cutover.renumber", "map present with late_by"),
    (RENUMBERED.format(renumber="{one_to_one: false, collisions: 5%}"), "cutover.renumber", "allow_collisions: true"),
    (RENUMBERED.format(renumber="{collisions: 5%, allow_collisions: true}"), "cutover.renumber", "not one to one"),
    (
        RENUMBERED.format(renumber="{one_to_one: false, allow_collisions: true}"),
        "cutover.renumber",
        "collisions 0%",
    ),
    (
        "{scope: 34, at: 1h, window: 10min, side: care, renumber: {}}",
        "cutover.renumber",
        "a stop whose side is insured or both",
    ),
    (
        "[{scope: hub, at: 1h, window: 5min, ramp: 0, renumber: {}}, {scope: 34, at: 1h, window: 9min, renumber: {}}]",
        "cutover.1.renumber",
        "whom cutover.0 (hub) renumbers",
    ),
    (RENUMBERED.format(renumber="{persons: false}"), "cutover.renumber", "nothing has new numbers"),
    (
        RENUMBERED.format(renumber="{persons: false, visits: {}, map: absent}"),
        "cutover.renumber",
        "persons, who keep their numbers here (got map)",
    ),
    (RENUMBERED.format(renumber="{visits: {map: late}}"), "cutover.renumber.visits", "map late without late_by"),
    (
        RENUMBERED.format(renumber="{institutions: {one_to_one: false, collisions: 5%}}"),
        "cutover.renumber.institutions",
        "allow_collisions: true",
    ),
    (
        "{scope: 34, at: 1h, window: 10min, side: insured, renumber: {settlements: {}}}",
        "cutover.renumber",
        "a stop whose side is care or both",
    ),
]
SPOKEN = "{{scope: 34, name: {name}, at: {at}, window: 5min, stop_before: 1min, ramp: 0, dialect: {{}}}}"
CUTOVERS += [
    ("{scope: 34, at: 1h, window: 10min, dialect: {to: old}}", "cutover.dialect.to", "'new'"),
    (
        "{scope: 34, at: 1h, window: 10min, dialect: {kinds: [inpatient, pharmacy]}}",
        "cutover.dialect.kinds",
        "published for stays alone",
    ),
    ("{scope: 34, at: 1h, window: 10min, dialect: {kinds: []}}", "cutover.dialect.kinds", "got no kind"),
    ("{scope: 34, at: 1h, window: 10min, dialect: {both_answer_for: 0}}", "cutover.dialect.both_answer_for", "than 0"),
    (
        "{scope: 34, at: 1h, window: 10min, side: insured, dialect: {}}",
        "cutover.dialect",
        "a stop whose side is care or both",
    ),
    ("{scope: hub, at: 1h, window: 10min, dialect: {}}", "cutover.dialect", "never speak with the hub"),
    (
        f"[{SPOKEN.format(name='a', at='10min')}, {SPOKEN.format(name='b', at='1h')}]",
        "cutover.1.dialect",
        "cutover.0 (a)",
    ),
]
MIXED = "{{scope: 34, at: 1h, window: 10min, policies: {{mixes: [{mixes}]{more}}}{plan}}}"
STEPPED = "{{scope: 34, at: 1h, window: 9min, ramp: {{kind: steps, steps: [{{share: 50%, hold: 1min}}], gates: {{{gates}}}}}}}"
PERSONS = "persons: {count: 100, moved: 100, every: 1s}"
MOVED = "{{scope: 34, at: 1h, window: {{planned: 9min, rows: {{{rows}}}{more}}}}}"
RAMP = "{{scope: 34, at: 1h, window: 9min, ramp: {{kind: {ramp}}}}}"
BUCKET = "token_bucket, over: 5min, admit: {admit}, every: 1h"
CUTOVERS += [
    (RAMP.format(ramp="token_bucket, over: 5min"), "cutover.ramp", "takes over, admit, every (got over)"),
    (RAMP.format(ramp="linear, over: 5min, burst: 3"), "cutover.ramp", "takes over (got over, burst)"),
    (RAMP.format(ramp="big_bang, backlog_share: 50%"), "cutover.ramp", "no other key (got backlog_share)"),
    (RAMP.format(ramp=BUCKET.format(admit=0)), "cutover.ramp.admit", "greater than 0"),
    (RAMP.format(ramp=BUCKET.format(admit=9) + ", backlog_share: 100%"), "cutover.ramp.backlog_share", "less than 1"),
    (RAMP.format(ramp=BUCKET.format(admit=10**7)), "cutover.ramp.admit", "lets in more than the desks can serve"),
    (RAMP.format(ramp=BUCKET.format(admit=10**6) + ", reserve: 99%"), "cutover.ramp.admit", "less 99% kept in reserve"),
    (
        RAMP.format(ramp="steps, steps: [{share: 1, hold: 1min, provinces: [11]}]"),
        "cutover.ramp.steps.0.provinces.0",
        "province is not in the scenario",
    ),
    (
        RAMP.format(ramp="steps, steps: [{share: 1, hold: 1min, kinds: [dental]}]"),
        "cutover.ramp.steps.0.kinds.0",
        "'inpatient'",
    ),
]
CUTOVERS += [
    (STEPPED.format(gates=""), "cutover.ramp.gates", "expected p95, busy or oldest"),
    (STEPPED.format(gates="p95: 3s, closed_for: 1h"), "cutover.ramp.gates", "needed there (got then: go_on"),
    (STEPPED.format(gates="p95: 3s, then: close_again"), "cutover.ramp.gates", "closed_for not stated"),
    (RAMP.format(ramp="linear, over: 5min, gates: {p95: 3s}"), "cutover.ramp", "expected 'kind: steps'"),
    (
        STEPPED.format(gates="p95: 3s, then: close_again, closed_for: 1h").replace("ramp", "renumber: {}, ramp"),
        "cutover.ramp.gates.then",
        "closes again after people have been given new numbers",
    ),
    (MOVED.format(rows="passes: 2", more=""), "cutover.window.rows", "rows without a kind"),
    (MOVED.format(rows=PERSONS, more=", migrate: 1min"), "cutover.window", "migrate is stated beside rows"),
    (
        MOVED.format(rows="persons: {count: 1, moved: 1, every: 1s, refused_up_to: 1%}", more=""),
        "cutover.window.rows.persons",
        "is below refused, 1.20%",
    ),
    (MOVED.format(rows=PERSONS, more=", gates: {}"), "cutover.window.gates", "gates without a number"),
    (
        MOVED.format(rows=PERSONS, more=", gates: {visits: 1%}"),
        "cutover.window",
        "gates.visits without rows.visits",
    ),
    (
        MOVED.format(rows=PERSONS, more=", gates: {persons: 2%}"),
        "cutover.window.gates.otherwise",
        "the plan has no way back",
    ),
    (
        MOVED.format(rows=PERSONS, more=", gates: {persons: 0.1%, otherwise: open}"),
        "cutover.window.gates.persons",
        "at least 0.600%, the least that all passes can leave",
    ),
    ("{scope: 34, at: 1h, window: {planned: 9min, gates: {persons: 1%}}}", "cutover.window", "gates without rows"),
    ("{scope: 34, at: 1h, window: 9min, ramp: 0, monitor: {lasts: 1h}}", "cutover.monitor.lasts", "beyond the horizon"),
    (
        "{scope: 34, at: 1h, window: 9min, ramp: 0, monitor: {lasts: 5min, over: 6min}}",
        "cutover.monitor.over",
        "no window is ever whole",
    ),
    ("{scope: 34, at: 1h, window: 9min, ramp: 0, monitor: {lasts: 0}}", "cutover.monitor.lasts", "greater than 0"),
]
TWO_POLICIES = (
    "[{{scope: 34, at: 1h, stop_before: 0, window: 5min, ramp: 0, policies: {{{one}}}}}, "
    "{{scope: 33, at: 1h, stop_before: 0, window: 9min, policies: {{{other}}}}}]"
)
CUTOVERS += [
    (MIXED.format(mixes="{park: 50%, paper: 40%}", more="", plan=""), "cutover.policies.mixes.0", "add up to 0.9"),
    (MIXED.format(mixes="{on_account: 1}", more="", plan=""), "cutover.policies.mixes.0", "is for stays"),
    (
        MIXED.format(mixes="{kinds: [dental], paper: 1}", more="", plan=""),
        "cutover.policies.mixes.0.kinds.0",
        "'inpatient'",
    ),
    (
        MIXED.format(mixes="{classes: [active, active], paper: 1}", more="", plan=""),
        "cutover.policies.mixes.0",
        "one twice",
    ),
    (
        MIXED.format(mixes="{paper: 1}, {kinds: [pharmacy], park: 1}", more="", plan=""),
        "cutover.policies.mixes.1",
        "is never asked",
    ),
    (
        MIXED.format(mixes="{paper: 1}", more="", plan=", park_share: 20%"),
        "cutover.park_share",
        "the mixes of policies speak of every visit",
    ),
    (
        MIXED.format(mixes="{paper: 1}", more=", stand_in: {limit_fen: 100}", plan=""),
        "cutover.policies.stand_in",
        "that nobody takes",
    ),
    (MIXED.format(mixes="", more=", wait: {patience: 1h}", plan=""), "cutover.policies.wait", "that nobody takes"),
    (
        MIXED.format(mixes="", more=", stand_in: {limit_fen: 0}", plan=""),
        "cutover.policies.stand_in.limit_fen",
        "greater",
    ),
    (
        MIXED.format(mixes="", more=", forced_mid_stay: {lead: 2h}", plan=", stop_before: 0"),
        "cutover.policies.forced_mid_stay.lead",
        "at most 1h",
    ),
    (
        TWO_POLICIES.format(one="benefit_year: of_discharge", other="benefit_year: of_settlement"),
        "cutover.1.policies.benefit_year",
        "otherwise than plan 34 does",
    ),
    (
        TWO_POLICIES.format(
            one="forced_mid_stay: {lead: 1min, merge_deductible: true}",
            other="forced_mid_stay: {lead: 1min, merge_deductible: false}",
        ),
        "cutover.1.policies.forced_mid_stay.merge_deductible",
        "otherwise than plan 34 does",
    ),
]
WORKED = "[{{scope: 34, at: 1h, ramp: 0, window: {{planned: 10min, migrate: {migrate}}}{more}}}]"
CUTOVERS += [
    (
        "{scope: 34, at: 1h, window: 10min, stop_before: 50min, early_cutoff: 20min}",
        "cutover.early_cutoff",
        "at most 10min",
    ),
    (
        "{scope: 34, at: 1h, window: 10min, announce: {lead: 30min}, stop_before: 31min}",
        "cutover.announce.lead",
        "announced before the horizon begins",
    ),
    ("{scope: 34, at: 1h, window: 10min, announce: {lead: 0}}", "cutover.announce.lead", "greater than 0"),
    ("{scope: 34, at: 1h, window: 0}", "cutover.window", "greater than 0"),
    ("{scope: 34, at: 1h, window: soon}", "cutover.window", "a duration such as"),
    ("{scope: 34, at: 1h, window: {planed: 1h}}", "cutover.window.planed", "did you mean 'planned'?"),
    ("{scope: 34, at: 1h, window: {freeze: 1h}}", "cutover.window.planned", "missing key"),
    (WORKED.format(migrate="2h", more=""), "cutover.0.window", "reopens after the horizon"),
    (
        WORKED.format(migrate="{distribution: lognormal, median: 20min, spread: 1}", more=""),
        "cutover.0.window",
        "the longest work that can be drawn",
    ),
    (WORKED.format(migrate="{distribution: normal}", more=""), "cutover.0.window.migrate.distribution", "'uniform'"),
    (WORKED.format(migrate="{distribution: uniform, low: 1h}", more=""), "cutover.0.window.migrate", "takes low, high"),
    (
        WORKED.format(migrate="{distribution: uniform, low: 1h, high: 1min}", more=""),
        "cutover.0.window.migrate",
        "must not fall",
    ),
    (WORKED.format(migrate="5min", more=", roll_back: {after: 9min}"), "cutover.0.roll_back.after", "is never decided"),
    ("{scope: 34, at: 1h, window: 9min, roll_back: {after: 1min}}", "cutover.roll_back", "the window is one duration"),
    (
        "{scope: 34, at: 1h, window: 9min, ramp: {kind: steps, steps: [{share: 120%, hold: 1min}]}}",
        "cutover.ramp.steps.0.share",
        "a share such as",
    ),
    (
        "{scope: 34, at: 1h, window: 9min, ramp: {kind: steps, steps: [{share: 50%, hold: 1min}, {share: 9%, hold: 1min}]}}",
        "cutover.ramp",
        "must not fall",
    ),
    ("{scope: 34, at: 1h, window: 9min, ramp: {kind: steps}}", "cutover.ramp", "takes steps (got none)"),
    ("{scope: 34, at: 1h, window: 9min, ramp: {kind: big_bang, over: 1h}}", "cutover.ramp", "takes no other key"),
    (
        "{scope: 34, at: 1h, window: 9min, ramp: {kind: slow}}",
        "cutover.ramp.kind",
        "'big_bang', 'linear', 'steps' or 'token_bucket'",
    ),
    (
        "{scope: 34, at: 1h, window: 9min, early_cutoff: 1min, stop_before: 1min, announced: false}",
        "cutover.early_cutoff",
        "no desk knows of it",
    ),
]


def test_a_policy_for_visits_that_never_come_is_refused(write):
    few = SMALL.replace("per_day: 100", "per_day: 100\n  mix: {outpatient: 100%, pharmacy: 0%, inpatient: 0%}")
    mixes = "mixes: [{kinds: [outpatient, pharmacy], paper: 1}]"
    error = refusal(write(f"{few}cutover: {{scope: 34, at: 1h, window: 10min, policies: {{{mixes}}}}}\n"))

    assert error.key == "cutover.policies.mixes.0.kinds.1"
    assert "expected kinds of visits.mix or visits.explicit: outpatient" in str(error)


@pytest.mark.parametrize(("cutover", "key", "words"), CUTOVERS)
def test_cutover_that_cannot_happen_is_refused(write, cutover, key, words):
    error = refusal(write(f"{SMALL}cutover: {cutover}\n"))

    assert error.key == key
    assert words in error.sentence


STOPPED = "faults: [{{kind: {kind}, node: {node}, at: {at}, for: 5min}}]"


@pytest.mark.parametrize(("kind", "node", "at", "met"), [
    ("freeze", 34, "58min", True), ("kill", 34, "67min", True), ("freeze", 34, "75min", True),
    ("freeze", 34, "61min", False), ("slow", 34, "58min", False), ("freeze", 33, "58min", False),
])  # fmt: skip
def test_a_door_that_is_to_move_while_a_fault_has_stopped_its_node_is_refused(write, kind, node, at, *, met):
    """Stops at 50 min, closes at 60 min, reopens at 70 to 72 min as drawn, is wide open five minutes later."""
    window = "{planned: 10min, migrate: {distribution: uniform, low: 8min, high: 12min}}"
    fault = STOPPED.format(kind=kind, node=node, at=at).replace("}]", ", add: 1s}]" if kind == "slow" else "}]")
    path = write(f"{SMALL}cutover: {{scope: 34, at: 1h, stop_before: 10min, window: {window}, ramp: 5min}}\n{fault}\n")
    if met:
        error = refusal(path)
        assert error.key == "cutover.at"
        assert f"a door of 34 is to move while faults.0 ({kind}) has stopped it" in error.sentence
    else:
        assert load_scenario(path).faults[0].kind == kind


@pytest.mark.parametrize("gates", ["", ", gates: {p95: 3s}"])
def test_a_node_that_is_to_be_told_of_each_step_must_be_up_from_the_reopening_on(write, gates):
    """A ramp by the clock is told once, at 70 min; one that gates hold at each step, from 70 min on."""
    ramp = f"{{kind: steps, steps: [{{share: 10%, hold: 20min}}, {{share: 50%, hold: 20min}}]{gates}}}"
    cutover = f"cutover: {{scope: 34, at: 1h, stop_before: 10min, window: 10min, ramp: {ramp}}}\n"
    path = write(f"{SMALL}{cutover}{STOPPED.format(kind='kill', node=34, at='87min')}\n")
    if gates:
        assert "a door of 34 is to move while faults.0 (kill) has stopped it" in refusal(path).sentence
    else:
        assert load_scenario(path).faults[0].kind == "kill"


BESIDE = [
    "{scope: 34, at: 1h, window: 10min, business: cross}, {scope: 34, at: 1h, window: 9min, business: local}",
    "{scope: 34, at: 1h, window: 10min, side: care}, {scope: 34, at: 1h, window: 9min, side: insured}",
    "{scope: 34, at: 1h, window: 9min}, {scope: hub, at: 1h, window: 9min}, {scope: 33, at: 1h, window: 9min}",
    "{scope: 34, at: 9min, stop_before: 0, window: 5min}, {scope: 34, at: 3h, stop_before: 0, window: 9min, name: b}",
]


@pytest.mark.parametrize("plans", BESIDE)
def test_plans_that_stop_different_doors_or_follow_one_another_stand_side_by_side(write, plans):
    path = write(f"{SMALL}cutover: [{plans}]\n")

    assert len(load_scenario(path, sets=["horizon.length=1d"]).cutover) == plans.count("scope")


HOSTS = {
    "../../evil": ("[hub]", "names files"),
    "a b/c": ("[hub]", "names files"),
    "33": ("[34]", "33 among its nodes"),
}


@pytest.mark.parametrize(("name", "told"), HOSTS.items(), ids=HOSTS)
def test_host_whose_name_is_no_name_for_a_process_is_refused(write, name, told):
    """A process's configuration and log are called after it; one called after a node took that node's place."""
    nodes, words = told
    text = SMALL.replace("topology:\n", f"topology:\n  hosts: {{'{name}': {{nodes: {nodes}}}}}\n", 1)
    assert text != SMALL

    error = refusal(write(text))

    assert error.key == f"topology.hosts.{name}"
    assert words in str(error)


@pytest.mark.parametrize(
    "name", ["contact.latency[insured=99]", "contact.latency[insured!=41]", "direct_rate[care=11]"]
)
def test_gate_of_a_province_that_is_not_there_is_refused(write, name):
    error = refusal(write(SMALL), sets=[f"gates={{{name!r}: [p95 < 1s]}}"])

    assert "province is not in the scenario" in str(error)


def test_gate_without_a_bound_is_refused(write):
    assert "a gate without a bound" in str(refusal(write(SMALL), sets=["gates={visits.total: []}"]))


def test_setting_an_empty_mapping_takes_out_what_was_there(write):
    """Merged with it, it would change nothing, and nobody would be told."""
    file, gated = write(SMALL), ["gates.direct_rate=> 99%"]
    assert load_scenario(file, sets=gated).gates != {}

    assert load_scenario(file, sets=[*gated, "gates={}"]).gates == {}


def test_gate_of_a_cutover_without_one_is_refused(write):
    assert refusal(write(SMALL), sets=["gates.cutover.lost=== 0"]).key == "gates.cutover.lost"


FILINGS = [
    ("{standings: {unfiled: 60%, expired: 60%}}", "filing.standings", "the shares sum to 1.2"),
    ("{standings: {not_uploaded: 10%}}", "filing.standings.not_uploaded", "every filing is uploaded at once"),
    ("{standings: {unfild: 10%}}", "filing.standings.unfild", "did you mean 'unfiled'?"),
    ("{visiting_kinds: {temporary: 50%}}", "filing.visiting_kinds", "temporary and referral sum to 0.8"),
    ("{needed_for: []}", "filing.needed_for", "no kind of visit"),
    ("{needed_for: [dentist]}", "filing.needed_for.0", "'outpatient'"),
    ("{covers: city}", "filing.covers", "'place' or 'hospital'"),
    ("{temporary: 0}", "filing.temporary", "greater than 0"),
    ("{upload_lag: 4}", "filing.upload_lag", "a duration such as"),
    ("{referral_settlements: -1}", "filing.referral_settlements", "greater than or equal to 0"),
    ("{regions: [{insured: 35}]}", "filing.regions.0.insured", "province is not in the scenario"),
    ("{regions: [{insured: 34, needed_for: [outpatient]}]}", "filing.regions.0.needed_for", "unknown key"),
    ("{regions: [{insured: 34}, {insured: 34}]}", "filing.regions.1.insured", "region named twice"),
    ("{desk: {comes_back_after: 0}}", "filing.desk.comes_back_after", "greater than 0"),
]


@pytest.mark.parametrize(("filing", "key", "words"), FILINGS)
def test_filing_that_cannot_be_is_refused(write, filing, key, words):
    error = refusal(write(f"{SMALL}filing: {filing}\n"))

    assert error.key == key
    assert words in error.sentence


def test_gate_of_filing_without_one_is_refused(write):
    assert refusal(write(SMALL), sets=["gates.filing.refused=== 0"]).key == "gates.filing.refused"


NETWORKS = [
    ("{}", "network.opened", "missing key"),
    ("{opened: []}", "network.opened", "no line opens anything"),
    ("{opened: [{care: [35]}]}", "network.opened.0", "no institution fits this line"),
    ("{opened: [{care: [34], levels: [tertiary], kinds: [pharmacy]}]}", "network.opened.0", "no institution fits"),
    ("{opened: [{}, {institutions: [H34010039999]}]}", "network.opened.1.institutions", "no such institution"),
    ("{opened: [{institutions: [clinic]}]}", "network.opened.0.institutions.0", "^[A-Z][0-9]{11}$"),
    ("{opened: [{levels: [best]}]}", "network.opened.0.levels.0", "'primary'"),
    ("{opened: [{opens: 2h, closes: 1h}]}", "network.opened.0", "closes is not after opens"),
    ("{opened: [{opens: 90d}]}", "network.opened.0.opens", "opened after the horizon"),
    ("{opened: [{}], between: towns}", "network.between", "'provinces' or 'cities'"),
    ("{opened: [{share: 0}]}", "network.opened.0", "no institution fits this line"),
]


@pytest.mark.parametrize(("network", "key", "words"), NETWORKS)
def test_a_network_that_cannot_be_is_refused(write, network, key, words):
    error = refusal(write(f"{SMALL}network: {network}\n"))

    assert error.key == key
    assert words in error.sentence


IDENTITIES = [
    ("{means: {e_credential: 90%}}", "identity.means", "sum to 1.3"),
    ("{means: {face: 10%}}", "identity.means.face", "unknown key"),
    ("{fails: {id_card: {not_at_hand: 60%, unreadable: 60%}}}", "identity.fails.id_card", "sum to 1.2"),
    ("{fails: {id_card: {suspended: 2}}}", "identity.fails.id_card.suspended", "a share"),
    ("{clerk: {another: 80%, by_hand: 80%}}", "identity.clerk", "sum to 1.6"),
    ("{clerk: {another_takes: 3}}", "identity.clerk.another_takes", "a duration such as"),
    ("{not_shown: {dentist: 3%}}", "identity.not_shown.dentist", "unknown key"),
    ("{guidance: {takes: 20}}", "identity.guidance.takes", "a duration such as"),
    ("{self_paid: -1}", "identity.self_paid", "a share"),
]


@pytest.mark.parametrize(("identity", "key", "words"), IDENTITIES)
def test_identity_that_cannot_be_is_refused(write, identity, key, words):
    error = refusal(write(f"{SMALL}identity: {identity}\n"))

    assert error.key == key
    assert words in error.sentence


@pytest.mark.parametrize("gate", ["identity.charged", "network.refused"])
def test_gate_of_the_desk_without_its_key_is_refused(write, gate):
    assert refusal(write(SMALL), sets=[f"gates.{gate}=== 0"]).key == f"gates.{gate}"


CARE_TYPES = [
    ("{emergency: 60%, chronic: 60%}", "visits.care_types", "emergency, chronic and internet sum to 1.2"),
    ("{chronik: 10%}", "visits.care_types.chronik", "did you mean 'chronic'?"),
    ("{chronic: 50%, internet: 60%}", "visits.care_types", "chronic and internet sum to 1.16"),
    ("{prescription_valid: 0}", "visits.care_types.prescription_valid", "greater than 0"),
    ("{chronic_bill: 0}", "visits.care_types.chronic_bill", "greater than 0"),
    ("{dual_channel: 120%}", "visits.care_types.dual_channel", "120%"),
]


@pytest.mark.parametrize(("typed", "key", "words"), CARE_TYPES)
def test_care_types_that_cannot_be_are_refused(write, typed, key, words):
    error = refusal(write(SMALL), sets=[f"visits.care_types={typed}"])

    assert error.key == key
    assert words in str(error)


def test_follow_ups_by_internet_where_nobody_goes_to_a_pharmacy_are_refused(write):
    mix = "visits.mix={outpatient: 90%, pharmacy: 0%, inpatient: 10%}"
    error = refusal(write(SMALL), sets=["visits.care_types={internet: 10%}", mix])

    assert error.key == "visits.care_types.internet"
    assert "no pharmacy visits" in str(error)


def test_gate_of_prescriptions_where_nobody_comes_by_internet_is_refused(write):
    named = "gates.prescriptions.issued"
    error = refusal(write(SMALL), sets=[f"{named}=== 0", "visits.care_types={chronic: 10%}"])

    assert error.key == named
    assert "visits.care_types.internet above 0" in str(error)


def test_gate_of_care_types_without_any_is_refused(write):
    named = "gates.care_types.chronic.settled"
    assert refusal(write(SMALL), sets=[f"{named}=== 0"]).key == named


FORCED = "{scope: 34, at: 1h, window: 1h, policies: {forced_mid_stay: {}}}"


def test_a_stay_is_not_settled_in_its_middle_by_two_rules(write):
    error = refusal(write(SMALL), sets=["visits.mid_stay={share: 30%}", f"cutover={FORCED}"])

    assert error.key == "visits.mid_stay"
    assert "one of the two" in str(error)


STAY = "[{kind: inpatient, care: 330400, insured: 340100, at: 1h, stay: 2h}]"
STAYS_ALONE = "visits.mix={outpatient: 0, pharmacy: 0, inpatient: 1}"
NO_STAYS = "visits.mix={outpatient: 1, pharmacy: 0, inpatient: 0}"


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        (["visits.care_types={}", STAYS_ALONE], "visits.care_types", "stays alone"),
        (["visits.mid_stay={}", NO_STAYS], "visits.mid_stay", "no stays"),
        (["visits.mid_stay={}", "visits.uploads_per_stay=1"], "visits.mid_stay", "uploads_per_stay 1"),
        (
            ["visits.mid_stay={}", "faults=[{kind: lost_commit, node: 34, codes: [2304], count: 1}]"],
            "visits.mid_stay",
            "nobody works off the first part",
        ),
    ],
)
def test_visits_that_never_come_or_would_be_paid_twice_are_refused(write, said, key, words):
    error = refusal(write(SMALL), sets=said)

    assert error.key == key
    assert words in str(error)


@pytest.mark.parametrize(
    ("longer_than", "more", "words"),
    [
        ("17h", [], "the run ends before such a stay is charged once"),
        ("400d", ["horizon.length=365d"], "no stay is as long"),
        ("3h", [f"visits.explicit={STAY}", "visits.per_day=0", "visits.local_per_cross=0"], "no stay is as long"),
    ],
)
def test_a_length_at_which_nobody_is_asked_is_refused(write, longer_than, more, words):
    """Found by an adversary: stays longer than the run were waited for in silence."""
    error = refusal(write(SMALL), sets=[*more, f"visits.mid_stay={{longer_than: {longer_than}}}"])

    assert error.key == "visits.mid_stay.longer_than"
    assert words in str(error)


def test_a_length_at_which_somebody_may_be_asked_is_taken(write):
    assert load_scenario(write(SMALL), sets=["visits.mid_stay={longer_than: 16h}"]).visits.mid_stay is not None


@pytest.mark.parametrize(("long", "words"), [("{longer_than: 0}", "greater than 0"), ("{share: 2}", "from 0 to 1")])
def test_long_stays_that_cannot_be_are_refused(write, long, words):
    assert words in str(refusal(write(SMALL), sets=[f"visits.mid_stay={long}"]))


def test_gate_of_long_stays_that_nobody_has_settled_is_refused(write):
    assert refusal(write(SMALL), sets=["gates.mid_stay.settled=== 0"]).key == "gates.mid_stay.settled"


@pytest.mark.parametrize(
    ("said", "key", "words"),
    [
        (["sessions={lasts: 0}"], "sessions.lasts", "greater than 0"),
        (["sessions={signs_out: 25h}"], "sessions.signs_out", "less than or equal"),
        (["sessions={spread: -1h}"], "sessions.spread", "duration"),
        (["sessions={last: 3h}"], "sessions.last", "did you mean 'lasts'?"),
        (["sessions={}", "topology.cities={3401: {}}"], "sessions", "a city's relay passes no session on"),
        (
            ["sessions={}", "cutover={scope: 34, at: 2h, window: 1h, dialect: {from: old}}"],
            "cutover.dialect",
            "no session",
        ),
        (["gates.sessions.peak=> 1"], "gates.sessions.peak", "a 'sessions' section"),
    ],
)
def test_sessions_that_cannot_be_are_refused(write, said, key, words):
    error = refusal(write(SMALL), sets=said)

    assert error.key == key
    assert words in str(error)


TOPOLOGIES = [
    ("topology.cities=[3499]", "topology.cities.0", "unknown city"),
    ("topology.cities=[4401]", "topology.cities.0", "province is not in the scenario"),
    ("topology.provinces={35: {workers: 3}}", "topology.provinces.35", "province is not in the scenario"),
    ("topology.provinces={34: {workrs: 3}}", "topology.provinces.34.workrs", "did you mean 'workers'?"),
    ("topology.hosts={a: {nodes: [33, 44]}}", "topology.hosts.a.nodes.1", "unknown node"),
    ("topology.hosts={a: {nodes: [33]}, b: {nodes: [33]}}", "topology.hosts.b.nodes.0", "'a' has it"),
    ("topology.hosts={a: {nodes: []}}", "topology.hosts.a.nodes", "1 items"),
    ("visits.flows.care_city_shares={3401: 60%, 3415: 60%}", "visits.flows.care_city_shares", "sum to 1.2"),
    ("visits.flows.care_weights={33: 0, 34: 0, 63: 0}", "visits.flows", "nobody travels"),
    ("visits.mix.inpatient=90%", "visits.mix", "sum to 1.849"),
    ("visits.hourly=[1, 2]", "visits.hourly", "24 items"),
    ("visits.weekday=[0, 0, 0, 0, 0, 0, 0]", "visits.weekday", "weights sum to 0"),
    ("visits.per_day=1e12", "visits.per_day", "more than memory holds"),
    ("visits.explicit=[{kind: pharmacy, care: 330400, insured: 440100, at: 0}]", "visits.explicit.0.insured", "not in"),
    ("visits.explicit=[{kind: pharmacy, care: 330400, insured: 340100, at: 5h}]", "visits.explicit.0.at", "after the"),
    ("visits.explicit=[{kind: inpatient, care: 330400, insured: 340100, at: 0}]", "visits.explicit.0", "with no stay"),
    (
        "visits.explicit=[{kind: pharmacy, care: 330400, insured: 340100, at: 0, stay: 1d}]",
        "visits.explicit.0",
        "a stay",
    ),
    ("clients.deadline=1s", "clients.deadline", "clients.timeout (1min)"),
    ("horizon.start=2024-03-13T00:00:00+08:00", "horizon.start", "without zone"),
]


@pytest.mark.parametrize(
    ("setting", "key", "words"), TOPOLOGIES, ids=[f"{n}-{row[1]}" for n, row in enumerate(TOPOLOGIES)]
)
def test_setting_that_makes_no_sense_is_named_as_the_setting(write, setting, key, words):
    error = refusal(write(SMALL), sets=[setting])

    assert error.key == key
    assert words in error.sentence
    assert error.file == f"--set {setting}"


DEEP = "[" * 2000 + "]" * 2000
HUGE = [f"visits={DEEP}", "seed=" + "9" * 5000, "topology.regions." + "9" * 5000 + "=33", ".".join("a" * 2000) + "=1"]


@pytest.mark.parametrize("setting", ["", "x", "=3", "faults.0.at=1h", "topology.regions.7=33", "visits={{", *HUGE])
def test_setting_that_cannot_be_read_is_refused(write, setting):
    assert refusal(write(SMALL), sets=[setting]).file == f"--set {setting}"


def test_unknown_variant_names_the_nearest(write):
    error = refusal(write(SMALL), variant="quik")

    assert "no such variant (got 'quik'); expected one of quick; did you mean 'quick'?" in error.sentence


@pytest.mark.parametrize(
    ("inside", "key"),
    [("name: other", "variants.quick.name"), ("variants: {}", "variants.quick.variants")],
)
def test_variant_may_not_say_everything(write, inside, key):
    text = SMALL.replace("  quick:\n", f"  quick:\n    {inside}\n")

    assert refusal(write(text), variant="quick").key == key


def test_error_in_a_variant_is_named_at_the_variants_line(write):
    error = refusal(write(SMALL.replace("{workers: 3}", "{workers: 0}")), variant="quick")

    assert (error.line, error.key) == (12, "topology.hub.workers")


FILES = [
    (b"", "empty file"),
    (b"- a\n", "not a scenario"),
    (b"just words\n", "not a scenario"),
    (b"\xff\xfe\x00name", "not a text file"),
    (b"name: a\x00b\n", "not a text file"),
    (b"name: \x07\n", "not YAML"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "not a text file"),
    (b"%PDF-1.7\n", "not YAML"),
    (b"a: b: c\n", "not YAML"),
    (b"name: x\n---\nname: y\n", "not YAML"),
    (b"a: " + DEEP.encode(), "nested too deep"),
    (b"a: " + DEEP[1940:2060].encode(), "nested too deep"),
    (b"#" * 5_000_000, "file too large"),
    (
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefgh"),
        "too many",
    ),
]


@pytest.mark.parametrize(("content", "what"), FILES, ids=[row[1] + str(number) for number, row in enumerate(FILES)])
def test_file_that_is_no_scenario_is_refused(write, content, what):
    assert what in refusal(write(content)).sentence


def test_missing_file_folder_and_unknown_name_are_refused(tmp_path):
    assert "No such file" in refusal(tmp_path / "none.yaml").sentence
    assert "is a folder" in refusal(tmp_path).sentence
    error = refusal("national-dya")
    assert "no such scenario" in error.sentence
    assert "did you mean 'national-day'?" in error.sentence


def test_several_errors_come_in_the_order_of_the_file(write):
    text = SMALL.replace("per_day: 100", "per_dya: 100").replace("{length: 2h}", "{length: 2}")

    error = refusal(write(text))

    assert [error.key, *(other.key for other in error.others)] == ["horizon.length", "visits.per_dya"]
    assert len(str(error).splitlines()) == 2


LINES = (LIBRARY / "cutover-luan-2021.yaml").read_text().splitlines()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_file_never_ends_in_anything_but_a_scenario_or_an_error(tmp_path_factory, data):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, len(lines) - 1))
        cut = data.draw(st.integers(0, len(lines[number])))
        lines[number] = lines[number][:cut] + data.draw(st.text(max_size=4)) + lines[number][cut + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "s.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")

    try:
        load_scenario(path)
    except ScenarioError as error:
        sentence = error.sentence
    else:
        return

    assert re.match(rf"{re.escape(str(path))}(:\d+:\d+)?: ", sentence)


def test_weights_of_weekdays_for_an_average_day_are_refused(write):
    source = write(SMALL)

    with pytest.raises(ScenarioError, match="an average day is no weekday") as caught:
        load_scenario(source, sets=["visits.day=average", "visits.weekday=[1, 1, 1, 1, 1, 1, 1]"])

    assert caught.value.key == "visits.weekday"
    assert load_scenario(source, sets=["visits.day=average"]).visits.day == "average"


@pytest.mark.parametrize("key", ["title", "question"])
def test_half_a_character_is_refused_before_anything_is_run_for_it(write, key):
    """No file can hold it: the run would end when its run.json is written."""
    with pytest.raises(ScenarioError, match=f"key '{key}'.*half a character"):
        load_scenario(write(f'{key}: "\\ud800"\n' + SMALL))
