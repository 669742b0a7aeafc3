"""A run folder that is not one is refused in one sentence; one that is, tells where everybody is."""

from __future__ import annotations

import json

import pytest

from loadtest.inputs import Address, NodeFacts, SystemFile, read_inputs
from reference_impl.domain.failures import InputError
from scenarios.reading.loader import dump_scenario
from scenarios.schema import Scenario

SCENARIO = json.dumps(dump_scenario(Scenario.model_validate({"name": "plain"})))
SYSTEM = json.dumps(
    {"epoch_monotonic_ns": 5, "nodes": {"33": {"url": "http://127.0.0.1:8033/33", "pid": 7, "host": "33"}}}
)


def test_run_folder_is_read(tmp_path):
    (tmp_path / "scenario.json").write_text(SCENARIO)
    (tmp_path / "system.json").write_text(SYSTEM)

    inputs = read_inputs(tmp_path)

    assert inputs.scenario.name == "plain"
    assert inputs.system.epoch_monotonic_ns == 5
    assert inputs.system.address("33") == Address("127.0.0.1", 8033, "/33")


@pytest.mark.parametrize(
    ("scenario", "system", "said"),
    [
        (None, SYSTEM, "scenario.json"),
        ("{", SYSTEM, "expected a resolved scenario"),
        ('{"name": "x", "visists": {}}', SYSTEM, "visists"),
        (SCENARIO, None, "system.json"),
        (SCENARIO, "\x00\x01", "expected what the supervisor wrote"),
        (SCENARIO, '{"nodes": {}}', "epoch_monotonic_ns"),
    ],
)
def test_folder_that_is_not_a_run_folder_is_refused(tmp_path, scenario, system, said):
    for name, text in (("scenario.json", scenario), ("system.json", system)):
        if text is not None:
            (tmp_path / name).write_text(text)

    with pytest.raises(InputError, match=said):
        read_inputs(tmp_path)


def test_address_of_a_proxy_is_the_callers_own():
    facts = SystemFile(0, {"33": NodeFacts("http://a:1/33")}, links={"hospital": {"33": "http://b:2/33"}})

    assert facts.address("33", caller="hospital") == Address("b", 2, "/33")
    assert facts.address("33", caller="hub") == Address("a", 1, "/33")


@pytest.mark.parametrize(
    ("nodes", "said"), [({}, "no node '33'"), ({"33": NodeFacts("33")}, r"expected http\(s\)://HOST:PORT/PATH")]
)
def test_node_without_an_address_is_refused(nodes, said):
    with pytest.raises(InputError, match=said):
        SystemFile(0, nodes).address("33")
