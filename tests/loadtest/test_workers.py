"""Locust's master and workers on real processes: the same run as one process's, and what a lost worker takes with it."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import polars as pl
import pytest
from support.both_worlds import GUARD_US, HURRIED, TWO_PROVINCES
from support.own_locust import LIMIT_S, left_running, locust, said, until

from lab.analysis.fates import compare_fates
from loadtest.validity import CLOCK_UNSURE_MAX_US
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import load_scenario
from scenarios.record.fates import Fate
from scenarios.record.recorder import Record, read_record

DAY: dict[str, Any] = {
    "name": "shared-day",
    "title": "A day that two processes live",
    "question": "Is it the day that one lives?",
    "horizon": {"length": "24h", "drain_limit": "48h"},
    "scale": {"time": 4_000},
    "visits": {"per_day": 120, "local_per_cross": 0.2, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": TWO_PROVINCES,
    "clients": HURRIED | {"desk_patience": "72h"},
    "gates": {"visits.lost": ["== 0"], "checker.breaches": ["== 0"]},
}
MASTER = ("--headless", "--only-summary", "--yidi-scenario", "day.yaml", "--seed", "7")
FOLDER = "shared-day-load-1"
ENDED_WITHIN_S = 20.0
"""Less than the minute for which Locust itself would wait for a master that is gone."""


@contextmanager
def shared(folder: Path, workers: int) -> Iterator[tuple[Popen[str], list[Popen[str]]]]:
    """Start workers, each in a folder of its own, and their master."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with ExitStack() as stack:
        there = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
        crew = [stack.enter_context(locust(folder / f"worker-{one}", *there)) for one in range(1, workers + 1)]
        here = ("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port)
        words = (*here, "--expect-workers", str(workers), *MASTER)
        yield stack.enter_context(locust(folder, *words, day=DAY)), crew


def planned(folder: Path) -> int:
    return len(plan_visits(load_scenario(folder / "day.yaml", seed=7)))


def record_of(folder: Path) -> Record:
    return read_record(folder / "runs" / FOLDER)


@pytest.mark.slow
def test_two_workers_live_the_day_that_one_process_lives(tmp_path):
    with locust(tmp_path / "alone", *MASTER, day=DAY) as process:
        assert process.wait(LIMIT_S) in (0, 3), said(tmp_path / "alone")
    with shared(tmp_path / "shared", 2) as (master, crew):
        assert master.wait(LIMIT_S) in (0, 3), said(tmp_path / "shared")
        assert [worker.wait(LIMIT_S) for worker in crew] == [0, 0]

    alone, together = record_of(tmp_path / "alone"), record_of(tmp_path / "shared")
    scenario = load_scenario(tmp_path / "shared" / "day.yaml", seed=7)
    compared = compare_fates(alone, together, scenario.clients, edges_us=(), guard_us=GUARD_US)
    assert compared.differing.is_empty(), compared.differing.to_dicts()
    assert compared.compared >= 0.5 * compared.visits, compared.at_an_edge
    assert together.visits["visit"].to_list() == list(range(planned(tmp_path / "shared")))
    as_planned = ("visit", "hospital", "person", "arrival_us", "total_fen")
    assert together.visits.select(as_planned).equals(alone.visits.select(as_planned))
    run = json.loads((tmp_path / "shared" / "runs" / FOLDER / "run.json").read_text())
    assert (run["complete"], run["measures"]["checker.breaches"], run["measures"]["visits.lost"]) == (True, 0, 0)
    workers = together.workers
    assert workers["worker"].to_list() == [1, 2]
    assert workers["visits"].sum() == together.visits.height
    assert workers["visits"].min() > 0
    assert workers["lost_us"].null_count() == 2
    assert (workers["clock_off_us"].abs() <= workers["clock_unsure_us"]).all(), "of one machine, and so of one clock"
    assert set(together.generator["worker"]) == {1, 2}
    assert alone.workers.is_empty()
    assert left_running(tmp_path) == []


@pytest.mark.slow
def test_a_killed_worker_makes_the_run_invalid_and_none_of_its_visits_vanishes(tmp_path):
    with shared(tmp_path, 2) as (master, crew):
        until(master, tmp_path, "under way")
        crew[1].send_signal(signal.SIGKILL)
        assert master.wait(LIMIT_S) == 3, said(tmp_path)

    record = record_of(tmp_path)
    [lost] = record.workers.filter(pl.col("lost_us").is_not_null()).iter_rows(named=True)
    by_fate = dict(record.visits.group_by("fate").len().iter_rows())
    assert record.visits["visit"].to_list() == list(range(planned(tmp_path)))
    assert by_fate[Fate.LOST_WITH_WORKER.value] == lost["visits"] > 0
    assert by_fate[Fate.DIRECT.value] > 0, "the other went on"
    run = json.loads((tmp_path / "runs" / FOLDER / "run.json").read_text())
    assert (run["verdict"], run["complete"]) == ("invalid", True)
    assert run["measures"]["checker.breaches"] == 0
    assert {gate["verdict"] for gate in run["gates"]} == {"invalid"}, "nobody knows what its visits would have shown"
    [reason] = [one for one in run["replications"][0]["validity"]["reasons"] if "was lost" in one]
    assert f"worker {lost['worker']} on {lost['machine']} was lost" in reason
    assert f"its {lost['visits']} visits" in reason
    assert lost["clock_unsure_us"] < CLOCK_UNSURE_MAX_US
    assert left_running(tmp_path) == []


@pytest.mark.slow
def test_workers_that_a_master_forked_do_not_outlive_it(tmp_path):
    words = ("--processes", "2", "--out", str(tmp_path / "run"), *MASTER)
    with locust(tmp_path, *words, day=DAY) as process:
        until(process, tmp_path, "under way")
        assert len(left_running(tmp_path)) >= 3
        process.send_signal(signal.SIGKILL)
        limit_s = time.monotonic() + ENDED_WITHIN_S
        while left_running(tmp_path) and time.monotonic() < limit_s:
            time.sleep(0.2)
        assert left_running(tmp_path) == []
