"""What is published of both addresses: every command and transaction, nothing twice, nothing that leads nowhere."""

from __future__ import annotations

import asyncio
import json
import re
from types import SimpleNamespace

import jsonschema_rs
import pytest
from test_node import World

from lab.cli.commands import published as command
from reference_impl.server.config import Entrance
from reference_impl.server.operator import Operator
from reference_impl.server.published import COMMANDS, openapi
from reference_impl.server.running import Running
from reference_impl.wire.published import transactions


def operator_of(world):
    moves = {name: SimpleNamespace(books=SimpleNamespace(failure=None)) for name in world.nodes}
    return Operator("all", world.clock, Running(world.nodes, {}, moves, {}), tasks=None, stop=None, meter=None)


def test_every_command_that_is_obeyed_is_published_and_no_other(tmp_path):
    assert set(operator_of(World(tmp_path))._actions) == set(COMMANDS)


def test_a_running_process_describes_the_nodes_that_it_serves(tmp_path):
    answer = asyncio.run(operator_of(World(tmp_path)).obey("GET", "openapi", b""))

    said = json.loads(answer.body)
    [node] = said["paths"]["/{node}"]["post"]["parameters"]
    assert (answer.status, node["schema"]) == (200, {"enum": ["33", "34"]})
    assert set(said["paths"]) == {"/{node}"} | {f"/operator/{name}" for _, name in COMMANDS}


def test_health_is_as_published(tmp_path):
    answer = asyncio.run(operator_of(World(tmp_path)).obey("GET", "health", b""))

    responses = openapi()["paths"]["/operator/health"]["get"]["responses"]
    schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
    whole = {**schema, "components": openapi()["components"]}
    assert jsonschema_rs.is_valid(whole, json.loads(answer.body))
    assert not jsonschema_rs.is_valid(whole, {"ready": "yes"})


@pytest.mark.parametrize("entrance", [None, Entrance.HOSPITALS, Entrance.OPERATORS])
def test_what_is_printed_leads_everywhere_it_points(capsys, entrance):
    command.print_openapi(entrance)

    text = capsys.readouterr().out
    said = json.loads(text)
    pointed = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert said["openapi"] == "3.1.0"
    assert pointed <= set(said["components"]["schemas"])
    assert (f"Request{transactions()[0]}" in pointed) == (entrance is not Entrance.OPERATORS)
    assert ("DoorOrder" in pointed) == (entrance is not Entrance.HOSPITALS)


def test_both_addresses_are_described_together_as_each_is_alone():
    whole = openapi()["components"]["schemas"]

    for entrance in (Entrance.HOSPITALS, Entrance.OPERATORS):
        alone = openapi((entrance,))["components"]["schemas"]
        assert {name: whole[name] for name in alone} == alone


def test_a_narrower_description_names_no_other_transaction():
    said = openapi((Entrance.HOSPITALS,), codes=("1101",))

    assert {name for name in said["components"]["schemas"] if name.startswith("Request")} == {"Request1101"}
