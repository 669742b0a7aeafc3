"""Run folders of the first format are read as those of today: converted, or refused by name, never misread."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from lab.runs.file import FORMAT, RUN_FILE, read_run_file
from lab.runs.opened import open_run
from reference_impl.domain.failures import InputError
from scenarios.record.recorder import GeneratorRow, digest_of, frame_of
from sim.model.costs import DEFAULT_COSTS, CostError, load_costs
from yidi import run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run("lost-reply", variant="quick", out=tmp_path_factory.mktemp("old") / "run")


@pytest.fixture
def folder(made, tmp_path):
    """A run folder of its own, to be made old."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def rewritten(folder, **changes):
    path = folder / RUN_FILE
    said = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps(said))
    return said


def test_a_run_of_the_first_format_is_read_with_the_names_of_today(folder):
    now = open_run(folder, read_run_file(folder))
    utilisation = now.run.measures["bottleneck.utilisation"]
    stations = folder / now.replication.folder / "stations.parquet"
    pl.read_parquet(stations).rename({"utilisation": "busy"}).write_parquet(stations)
    measures = {name.replace("bottleneck.utilisation", "bottleneck.busy"): v for name, v in now.run.measures.items()}
    scenario = {key: value for key, value in now.run.scenario.items() if key != "version"}
    clients = scenario["clients"] = dict(scenario["clients"])
    for old, new in (("patience", "timeout"), ("forward_patience", "forward_timeout")):
        clients[old] = clients.pop(new)
    clients["reversal_patience"] = clients.pop("reversal_timeout")
    rewritten(folder, format=1, measures=measures, scenario=scenario)

    then = open_run(folder, read_run_file(folder))

    assert then.run.format == FORMAT
    assert then.run.measures["bottleneck.utilisation"] == utilisation
    assert then.scenario == now.scenario
    assert then.record.stations.equals(now.record.stations)


@pytest.mark.parametrize("number", [FORMAT + 1, 0, -5])
def test_a_run_of_a_format_that_is_not_known_is_refused(folder, number):
    rewritten(folder, format=number)

    with pytest.raises(InputError, match=rf"is of format {number}; expected 1 to {FORMAT}"):
        read_run_file(folder)


@pytest.mark.parametrize("version", [99, 3, "x", None, True])
def test_a_scenario_of_a_version_that_is_not_known_is_refused_in_a_run_too(folder, version):
    run_file = read_run_file(folder)
    rewritten(folder, scenario=run_file.scenario | {"version": version})

    with pytest.raises(InputError, match="cannot be read at 'version'"):
        open_run(folder, read_run_file(folder))


SETTINGS = """
    gates.bottleneck.busy=["< 9%"]    gates.bottleneck.utilisation=["< 9%"]
    clients.patience=3s               clients.timeout=3s
    clients.forward_patience.hub=1s   clients.forward_timeout.hub=1s
    visits.per_day=7                  visits.per_day=7
"""


def test_gates_and_the_command_that_repeats_an_old_run_are_those_of_today(folder):
    gate = {"measure": "bottleneck.busy", "expression": "< 9%", "verdict": "pass", "value": 0.1}
    old, new = zip(*(re.split(r" {2,}", line.strip()) for line in SETTINGS.strip().splitlines()), strict=True)
    rewritten(folder, format=1, gates=[gate], sets=list(old))

    then = read_run_file(folder)

    assert [gate.measure for gate in then.gates] == ["bottleneck.utilisation"]
    assert then.sets == new


def test_a_cost_file_of_another_version_is_refused(tmp_path):
    path = tmp_path / "costs.json"
    path.write_text(json.dumps(json.loads(DEFAULT_COSTS.read_bytes()) | {"version": 9}))

    with pytest.raises(CostError, match="cost file of version 9, newer than this yidi; expected 5"):
        load_costs(path)


def test_a_run_from_before_hits_were_counted_is_read_without_them_and_its_tables_still_match(folder):
    now = open_run(folder, read_run_file(folder))
    events = folder / "events.parquet"
    pl.read_parquet(events).drop("hits").write_parquet(events)
    record = now.record.frames() | {"events": pl.read_parquet(events)}
    said = json.loads((folder / RUN_FILE).read_bytes())
    rewritten(folder, replications=[said["replications"][0] | {"digest": digest_of(record)}], checksum="")

    then = open_run(folder, read_run_file(folder))

    assert now.record.events["hits"].to_list() == [3]
    assert then.record.events["hits"].to_list() == [None]
    assert not then.altered


def test_a_run_from_before_lags_were_binned_is_read_without_them(folder):
    now = open_run(folder, read_run_file(folder))
    generator = folder / "generator.parquet"
    rows = frame_of("generator", [GeneratorRow(1_000_000, 0.3, 900, 5, 5, 0, [0, 5])])
    rows.drop("lag_counts", "worker").write_parquet(generator)
    said = json.loads((folder / RUN_FILE).read_bytes())
    before = said["replications"][0] | {"checksums": {}}
    rewritten(folder, replications=[before], checksum="")  # nor were there any of its files

    then = open_run(folder, read_run_file(folder))

    assert then.record.generator.rows() == [(1_000_000, 0.3, 900, 5, 5, 0, None, None)]
    assert then.record.generator.schema == now.record.generator.schema
    assert not then.altered
