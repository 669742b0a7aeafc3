"""Files of older versions are read; an old spelling in a new file is refused with the new one; nothing is swallowed."""

from __future__ import annotations

import json

import pytest

from scenarios.reading.errors import ScenarioError
from scenarios.reading.loader import dump_scenario, load_scenario, restore_scenario

OLD = """
{version}
name: old
topology: {{regions: [33, 34]}}
clients:
  patience: 2s
  forward_patience: {{care: 1500ms, hub: 1s}}
  reversal_patience: 3s
gates: {{bottleneck.busy: ["< 90%"]}}
variants:
  real: {{clients: {{patience: 1s}}}}
"""


def written(tmp_path, version):
    path = tmp_path / "old.yaml"
    path.write_text(OLD.format(version=version))
    return path


def test_a_file_of_version_1_is_converted_with_its_variants(tmp_path):
    path = written(tmp_path, "version: 1")

    plain, real = load_scenario(path), load_scenario(path, variant="real")

    assert (plain.version, plain.clients.timeout, plain.clients.reversal_timeout) == (2, 2_000_000, 3_000_000)
    assert plain.clients.forward_timeout.hub == 1_000_000
    assert plain.gates == {"bottleneck.utilisation": ("< 90%",)}
    assert real.clients.timeout == 1_000_000


@pytest.mark.parametrize("version", ["", "version: 2"])
def test_an_old_spelling_in_a_new_file_is_refused_with_the_new_one(tmp_path, version):
    with pytest.raises(ScenarioError) as told:
        load_scenario(written(tmp_path, version))

    said = str(told.value)
    assert "key 'clients.patience': key was renamed" in said
    assert "expected 'clients.timeout'; write version: 1 to have an old file converted" in said
    assert "'clients.forward_timeout'" in said


def test_an_old_spelling_on_the_command_line_is_refused_too(tmp_path):
    with pytest.raises(ScenarioError, match=r"key 'clients\.patience'"):
        load_scenario("lost-reply", sets=["clients.patience=3s"])


@pytest.mark.parametrize("version", ["3", "'2'", "two", "1.0", "true", "null"])
def test_a_version_that_is_not_known_is_refused(tmp_path, version):
    with pytest.raises(ScenarioError) as told:
        load_scenario(written(tmp_path, f"version: {version}"))

    assert "key 'version': unknown version" in str(told.value)
    assert told.value.line == 2


def test_a_scenario_that_a_run_of_version_1_wrote_down_is_restored():
    scenario = load_scenario("lost-reply")
    data = json.loads(json.dumps(dump_scenario(scenario)))
    del data["version"]
    data["clients"]["patience"] = data["clients"].pop("timeout")
    data["clients"]["forward_patience"] = data["clients"].pop("forward_timeout")
    data["clients"]["reversal_patience"] = data["clients"].pop("reversal_timeout")

    assert restore_scenario(data) == scenario


BOTH = {
    "clients": ("clients: {timeout: 8s, patience: 7s}", "clients.timeout"),
    "clients, the other order": ("clients: {patience: 7s, timeout: 8s}", "clients.timeout"),
    "gates": ("gates: {bottleneck.busy: ['< 90%'], bottleneck.utilisation: ['< 10%']}", "gates.bottleneck.utilisation"),
}


@pytest.mark.parametrize("case", BOTH)
def test_a_key_in_both_spellings_is_refused_and_neither_is_swallowed(tmp_path, case):
    text, key = BOTH[case]
    path = tmp_path / "both.yaml"
    path.write_text(f"version: 1\nname: both\n{text}\n")

    with pytest.raises(ScenarioError, match="key stands twice") as told:
        load_scenario(path)

    assert (told.value.key, told.value.line) == (key, 3)


@pytest.mark.parametrize("version", ["[1]", "{a: 1}"])
def test_a_version_that_is_no_number_is_told_in_plain_words(tmp_path, version):
    with pytest.raises(ScenarioError, match=r"got a mapping or a list\); expected 1 or 2"):
        load_scenario(written(tmp_path, f"version: {version}"))


@pytest.mark.parametrize(("written_down", "plans"), [
    (None, ()), ({"scope": "34", "at": "2h", "window": "1h", "park_share": 0.5}, ("34",)),
])  # fmt: skip
def test_a_scenario_from_when_there_was_one_stop_at_most_is_restored(written_down, plans):
    data = json.loads(json.dumps(dump_scenario(load_scenario("lost-reply")))) | {"cutover": written_down}

    assert tuple(plan.name for plan in restore_scenario(data).cutover) == plans
