"""Whole runs of the generator against a system in one process: every visit has a fate, and what is finished is kept."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from loadtest.exits import FINISHED, INVALID
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario
from scenarios.reading.scale import resolve
from scenarios.record.recorder import Record, read_record
from scenarios.schema import Scenario

ROOT = Path(__file__).parents[2]
FAKE_SYSTEM = Path(__file__).parent / "stories" / "fake_system.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
LIMIT_S = 60
ENDED = (FINISHED, INVALID)
"""A busy machine may make a run invalid; its record is whole all the same."""
DAY = {
    "name": "short-day",
    "horizon": {"length": "24h", "drain_limit": "2h"},
    "scale": {"time": 43_200},
    "visits": {"per_day": 60, "local_per_cross": 0.2},
    "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 2}},
    "clients": {"timeout": "2s", "deadline": "4s", "retries": {"backoff": "20ms"}, "desk_patience": "48h"},
}


def scenario(**changed: object) -> Scenario:
    return resolve(Scenario.model_validate(DAY | changed))


@contextmanager
def system(asked: Scenario, folder: Path) -> Iterator[None]:
    (folder / "scenario.json").write_text(json.dumps(dump_scenario(asked)))
    with subprocess.Popen(
        [sys.executable, str(FAKE_SYSTEM), str(folder)], stdout=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            process.kill()


class Generator:
    """``python -m loadtest`` on a run folder, and what it said."""

    def __init__(self, folder: Path, *arguments: str, stop_at_us: int | None = None) -> None:
        self.said: list[dict] = []
        with subprocess.Popen(
            [sys.executable, "-m", "loadtest", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
        ) as process:
            for line in process.stdout:
                self.said.append(json.loads(line))
                if stop_at_us is not None and self.said[-1].get("at_us", -1) >= stop_at_us:
                    process.send_signal(signal.SIGTERM)
                    stop_at_us = None
            self.errors = process.stderr.read()
            self.code = process.wait(LIMIT_S)

    @property
    def last(self) -> dict:
        return self.said[-1]


def fates(record: Record) -> Counter[str]:
    return Counter(record.visits["fate"])


@pytest.mark.slow
def test_every_visit_has_one_fate_and_locust_counted_the_same(tmp_path):
    asked = scenario()
    with system(asked, tmp_path):
        run = Generator(tmp_path)

    assert (run.last["failed"], run.last["dropped"]) == (0, 0), run.errors
    assert run.code == (FINISHED if run.last["valid"] else INVALID), run.errors
    assert [line["event"] for line in run.said[:2]] == ["ready", "progress"]
    record = read_record(tmp_path)
    plan = plan_visits(asked)
    assert sorted(record.visits["visit"]) == list(range(len(plan)))
    assert set(fates(record)) == {"direct", "open_at_end"}
    assert record.visits.filter(pl.col("fate") == "open_at_end")["kind"].unique().to_list() == ["inpatient"]
    assert record.messages["outcome"].unique().to_list() == ["ok"]
    assert record.generator["started"].sum() == len(plan)
    with (tmp_path / "locust_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    for code, count in record.messages.group_by("code").len().iter_rows():
        assert int(rows[code]["Request Count"]) == count
    assert int(rows["Aggregated"]["Request Count"]) == record.messages.height
    assert int(rows["settlement"]["Request Count"]) == record.visits["settle_sent_us"].count()
    assert "Aggregated" in run.errors


@pytest.mark.slow
def test_terminated_run_keeps_what_is_finished(tmp_path):
    with system(scenario(), tmp_path):
        run = Generator(tmp_path, stop_at_us=1_000_000)

    assert (run.code, run.last["interrupted"]) == (130, True), run.errors
    record = read_record(tmp_path)
    assert 0 < record.visits.filter(pl.col("ended_us").is_not_null()).height < len(plan_visits(scenario()))
    assert set(fates(record)) == {"direct", "open_at_end"}
    assert record.visits["arrival_us"].max() < 1_500_000


@pytest.mark.slow
def test_run_terminated_while_it_loads_writes_an_empty_record(tmp_path):
    with (
        system(scenario(), tmp_path),
        subprocess.Popen(
            [sys.executable, "-m", "loadtest", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=ENVIRONMENT,
        ) as process,
    ):
        while b"SigBlk:\t0000000000004002" not in Path(f"/proc/{process.pid}/status").read_bytes():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)

        assert process.wait(LIMIT_S) == 130
    assert read_record(tmp_path).visits.height <= len(plan_visits(scenario()))


@pytest.mark.slow
def test_arrivals_at_the_cap_are_dropped_and_make_the_run_invalid(tmp_path):
    with system(scenario(), tmp_path):
        run = Generator(tmp_path, "--journeys-max", "1")

    assert run.code == INVALID, run.errors
    assert (run.last["event"], run.last["failed"]) == ("done", 0)
    assert run.last["dropped"] > 0
    assert not run.last["valid"]
    assert "dropped at the cap" in run.last["verdict"]
    record = read_record(tmp_path)
    assert record.visits.height == run.last["visits"] > 0
    assert record.generator["dropped"].sum() == run.last["dropped"]


@pytest.mark.slow
def test_business_in_flight_at_a_stop_is_listed_and_followed_to_its_fate(tmp_path):
    stop = {"scope": "33", "side": "both", "at": "12h", "stop_before": "2h", "window": "3h", "ramp": "1h"}
    patience = DAY["clients"] | {"timeout": "50ms", "forward_timeout": {"care": "40ms", "hub": "30ms"}}
    with system(scenario(cutover=stop, clients=patience), tmp_path):
        run = Generator(tmp_path)

    assert run.code in ENDED, run.errors
    record = read_record(tmp_path)
    assert [line["snapshot"] for line in run.said if line["event"] == "inflight"] == ["stop_accept", "close", "reopen"]
    assert set(record.inflight["snapshot"]) == {"stop_accept", "close", "reopen"}
    assert "open_stay" in set(record.inflight["stage"])
    assert record.inflight["fate"].null_count() == 0
    assert "" not in set(record.inflight["fate"])


@pytest.mark.slow
def test_two_plans_list_and_turn_away_each_their_own_business(tmp_path):
    """A province stops business with others, and an hour later that within it; patients were told of the first.

    Both last nearly the whole day, so that a generator that a busy machine starts late still finds them on.
    """
    base = {"scope": "33", "at": "3h", "stop_before": "1h", "window": "19h", "ramp": "1h"}
    told = {"announce": {"lead": "1h", "comes_anyway": "50%"}}
    plans = [base | told | {"name": "cross", "business": "cross"},
             base | {"name": "local", "business": "local", "at": "4h", "window": "18h"}]  # fmt: skip
    patience = DAY["clients"] | {"timeout": "30ms", "forward_timeout": {"care": "25ms", "hub": "20ms"}}
    day = {"scale": {"time": 17_280}, "visits": {"per_day": 120, "local_per_cross": 0.5}}
    asked = scenario(cutover=plans, clients=patience, **day)
    with system(asked, tmp_path):
        run = Generator(tmp_path)

    assert run.code in ENDED, run.errors
    record = read_record(tmp_path)
    listed = [(line["plan"], line["snapshot"]) for line in run.said if line["event"] == "inflight"]
    assert listed == [
        ("cross", "stop_accept"), ("cross", "close"), ("local", "stop_accept"), ("local", "close"),
        ("cross", "reopen"), ("local", "reopen"),
    ]  # fmt: skip
    local = dict(record.visits.select("visit", "local").iter_rows())
    for table in (record.inflight, record.turned_away):
        assert {(row["plan"], local[row["visit"]]) for row in table.iter_rows(named=True)} == {
            ("cross", False), ("local", True),
        }  # fmt: skip
    by_plan = record.turned_away.group_by("plan").agg(pl.col("how").unique())
    assert "stayed_home" in dict(by_plan.iter_rows())["cross"]
    assert "stayed_home" not in dict(by_plan.iter_rows())["local"]


@pytest.mark.slow
def test_settlement_that_only_the_hospital_knows_ends_in_refund_and_paper(tmp_path):
    with system(scenario(), tmp_path):
        assert Generator(tmp_path).code in ENDED
        before = read_record(tmp_path)
        settled = before.visits.filter((pl.col("kind") == "outpatient") & pl.col("acked"))["visit"][0]
        (tmp_path / "breaks.json").write_text(json.dumps([settled]))
        run = Generator(tmp_path, "--follow-up", str(tmp_path / "breaks.json"))

    assert (run.code, run.last["failed"]) == (0, 0), run.errors
    after = read_record(tmp_path)
    assert after.visits.height == before.visits.height
    [row] = after.visits.filter(pl.col("visit") == settled).iter_rows(named=True)
    assert (row["fate"], row["paper_fen"], row["fund_fen"]) == ("reversed_then_paper", row["total_fen"], 0)
    assert row["acked"]
    new = after.messages.join(before.messages, on="msgid", how="anti")
    assert new["code"].to_list() == ["2208"]
    assert new["visit"].to_list() == [settled]
    others = pl.col("visit") != settled
    assert after.visits.filter(others).equals(before.visits.filter(others))


def test_folder_that_is_not_a_run_folder_is_refused(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "loadtest", str(tmp_path)], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "scenario.json" in run.stderr


@pytest.mark.parametrize("asked", ["300", "0", "-1"])
def test_more_journeys_than_there_are_descriptors_for_are_refused_before_anything_is_done(tmp_path, asked):
    run = few_descriptors(tmp_path, "--journeys-max", asked)

    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert f"got {asked}; expected 1 to 156, as 256 files may be open" in run.stderr
    assert "ulimit -Hn" in run.stderr


def test_as_many_journeys_as_there_are_descriptors_for_are_accepted(tmp_path):
    assert "scenario.json" in few_descriptors(tmp_path, "--journeys-max", "156").stderr
    assert "scenario.json" in few_descriptors(tmp_path).stderr


def few_descriptors(folder, *arguments):
    """Start a generator that may never open more than 256 files, on a folder that holds nothing."""
    words = [sys.executable, "-m", "loadtest", str(folder), *arguments]
    limited = ["sh", "-c", 'ulimit -Sn 200 && ulimit -Hn 256 && exec "$@"', "sh", *words]
    return subprocess.run(limited, capture_output=True, text=True, check=False, cwd=ROOT, env=ENVIRONMENT)


def test_the_exit_codes_are_in_the_help():
    run = subprocess.run(
        [sys.executable, "-m", "loadtest", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )

    said = " ".join(run.stdout.split())
    assert "3 finished and invalid: the record is written" in said
    assert "1 the generator itself failed" in said
    assert "as many as may have a connection within the limit of open files" in said
