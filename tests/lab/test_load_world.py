"""The real world, small: real processes, a real generator, the same folder as the simulated world leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lab.analysis.compare import compare
from lab.experiments.pair import write_pair_page
from lab.runs.file import read_run_file
from lab.runs.opened import open_run
from reference_impl.server.calls import ask_host
from scenarios.record.tables import TABLES
from sim.model.costs import load_costs

ROOT = Path(__file__).parents[2]
SCENARIO = """
name: small
title: A few patients, one kill
horizon: {start: 2024-03-13 08:00:00, length: 10min, warm_up: 0s, drain_limit: 10min}
scale: {time: 100, volume: 0.002}
visits: {hourly: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}
topology:
  regions: [33, 34, 63]
  machine_cores: 1
  hospitals_per_province: {hospital: 2, pharmacy: 2}
clients:
  timeout: 90ms
  deadline: 8s
  forward_timeout: {care: 80ms, hub: 70ms}
  reversal_timeout: 90ms
  retries: {backoff: 50ms, cap: 500ms, max: 100}
faults:
  - {kind: kill, node: 63, at: 3min, for: 200s}
gates:
  visits.lost: ["== 0"]
  visits.doubled: ["== 0"]
  checker.breaches: ["== 0"]
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.yaml").write_text(SCENARIO)
    return tmp_path


def command(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "lab.cli", *arguments]
    return subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def seen(state):
    """Wait until ``state()`` is true, for a minute at most."""
    deadline = time.monotonic() + 60
    while not state():
        assert time.monotonic() < deadline, "the state was never seen"
        time.sleep(0.1)


def settlements_asked(system_file):
    """How many messages the hub of the running system has had so far."""
    try:
        place = json.loads(system_file.read_bytes())["nodes"]["hub"]["operators"]
        return ask_host(place, "GET", "stats")["nodes"]["hub"]["arrivals"]
    except OSError:
        return 0  # not written, or not listening yet


def left_running(folder):
    return [
        p.cmdline() for p in psutil.process_iter(["cmdline"]) if any(str(folder) in a for a in p.info["cmdline"] or [])
    ]


def test_both_worlds_leave_the_same_tables_and_a_clean_checker(folder):
    child = command(
        folder,
        "run",
        "small.yaml",
        "--world",
        "both",
        "--out",
        "run",
        "--json",
        "--costs",
        str(ROOT / "sim/model/costs.json"),
    )
    said, complaints = child.communicate(timeout=110)

    found = json.loads(said)
    assert found["sim"]["verdict"] == "pass"
    assert [gate["verdict"] for gate in found["load"]["gates"]] == ["pass"] * 3
    [validity] = found["load"][
        "validity"
    ]  # a busy machine may make a run invalid, and its exact gates hold all the same
    assert (found["load"]["verdict"], child.returncode) == (("pass", 0) if validity["valid"] else ("invalid", 3)), (
        complaints
    )
    for world in ("sim", "load"):
        assert {path.stem for path in (folder / "run" / world).glob("*.parquet")} == {*TABLES, "breaks", "statements"}
    sim, load = (open_run(folder / "run" / w, read_run_file(folder / "run" / w)) for w in ("sim", "load"))
    assert sim.record.visits["visit"].to_list() == load.record.visits["visit"].to_list()
    assert {"kill", "restart"} <= set(load.record.events["kind"])
    assert load.record.stations.height
    assert compare(sim, load)
    assert (folder / "run" / "report.html").exists()
    assert_predicted_again_with_its_own_costs(folder / "run", found["errors"])
    assert left_running(folder) == []


def assert_predicted_again_with_its_own_costs(run, errors):
    """The run metered itself; nothing of that is left but the cost file, and a page that is written again has it too."""
    own = load_costs(run / "costs.json").file
    assert (own.mark, own.speed_us > 0) == ("MEASURED", True)
    assert load_costs(run / "costs-earlier.json").file == load_costs().file
    again = open_run(run / "sim-own", read_run_file(run / "sim-own"))
    assert (
        again.record.visits["visit"].to_list()
        == open_run(run / "sim", read_run_file(run / "sim")).record.visits["visit"].to_list()
    )
    assert not list(run.rglob("metered.json"))
    rows = {row["measure"]: row for row in errors["rows"]}
    p50 = rows["settlement.latency.p50"]
    assert p50["model_error"] == pytest.approx(p50["own"] / p50["measured"] - 1)
    assert p50["low"] <= p50["own"] <= p50["high"], "as sure as its costs"
    assert own.pace, "the machine's pace, second by second"
    assert p50["drift"] == pytest.approx(p50["earlier"] / p50["own"] - 1)
    assert errors["speed_us"] == own.speed_us
    write_pair_page(run)
    assert json.loads((run / "report.json").read_text())["errors"] == errors
    assert "Two errors" in (run / "report.html").read_text()


def test_a_run_whose_generator_stood_still_is_concluded_and_invalid(folder):
    """Its record is whole, its books are checked, and its figures are not to be used: that is no failed run."""
    child = command(folder, "run", "small.yaml", "--world", "load", "--out", "run", "--set", "horizon.length=30min")
    seen(lambda: settlements_asked(folder / "run.partial" / "system.json") >= 5)
    [generator] = [one for one in psutil.Process(child.pid).children() if "loadtest" in one.cmdline()]

    generator.suspend()
    time.sleep(3)
    generator.resume()
    said, complaints = child.communicate(timeout=110)

    assert child.returncode == 3, complaints
    assert "the generator stood still for" in said
    kept = read_run_file(folder / "run")
    assert (kept.complete, kept.verdict) == (True, "invalid")
    assert not kept.replications[0].validity.valid
    assert {gate.measure: gate.verdict for gate in kept.gates}["visits.lost"] == "pass"
    assert left_running(folder) == []


def test_ctrl_c_stops_everything_and_keeps_what_is_finished(folder):
    child = command(folder, "run", "small.yaml", "--world", "load", "--out", "run", "--set", "horizon.length=60min")
    seen(lambda: settlements_asked(folder / "run.partial" / "system.json") >= 20)

    child.send_signal(signal.SIGINT)
    _, complaints = child.communicate(timeout=60)

    assert child.returncode == 130, complaints
    assert "interrupted" in complaints
    assert "Traceback" not in complaints
    kept = read_run_file(folder / "run.partial")
    assert not kept.complete
    assert not (folder / "run").exists()
    assert kept.replications[0].measures["visits.total"] > 0
    assert left_running(folder) == []
