"""Locust's own command with our locustfile, on real processes: its verdict, its files, its page, however it ends."""

from __future__ import annotations

import csv
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support.own_locust import LIMIT_S, left_running, locust, said, until

from scenarios.record.recorder import read_record

CODES = {"pass": 0, "none": 0, "fail": 1, "inconclusive": 1, "invalid": 3}
DAY = {
    "name": "short-day",
    "title": "A short day",
    "question": "Does Locust run it?",
    "horizon": {"length": "24h", "drain_limit": "2h"},
    "scale": {"time": 7_200},
    "visits": {"per_day": 60, "local_per_cross": 0.2},
    "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 2}},
    "clients": {
        "timeout": "120ms",
        "deadline": "4s",
        "forward_timeout": {"care": "100ms", "hub": "80ms"},
        "retries": {"backoff": "20ms"},
        "desk_patience": "48h",
    },
    "faults": [{"kind": "freeze", "node": "hub", "at": "6h", "for": "5h"}],
    "gates": {"visits.lost": ["== 0"], "contact.latency": ["p95 < 3s"]},
}


def test_what_cannot_be_run_is_told_in_one_line_and_begins_nothing(tmp_path):
    with locust(tmp_path, "--headless", "--yidi-scenario", "no-such-day", day=DAY) as process:
        assert process.wait(LIMIT_S) == 2

    [line] = [line for line in said(tmp_path).splitlines() if "Starting Locust" not in line]
    assert line.startswith("yidi: no-such-day: no such scenario")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_in_locust_has_the_record_the_checker_and_the_gates_of_any_run_and_locusts_own_files(tmp_path):
    words = ("--headless", "--only-summary", "--yidi-scenario", "day.yaml", "--seed", "7")
    files = ("--csv", "locust", "--html", "locust.html", "--json")
    with locust(tmp_path, *words, *files, day=DAY) as process:
        process.wait(LIMIT_S)

    folder = tmp_path / "runs" / "short-day-load-1"
    run = json.loads((folder / "run.json").read_text())
    assert process.returncode == CODES[run["verdict"]], said(tmp_path)
    assert (run["complete"], run["world"], run["seed"], run["source"]) == (True, "load", 7, "day.yaml")
    assert run["measures"]["checker.breaches"] == 0
    record = read_record(folder)
    counted = dict(record.messages.group_by("code").len().iter_rows())
    with (tmp_path / "locust_stats.csv").open() as file:
        rows = {row["Name"]: int(row["Request Count"]) for row in csv.DictReader(file)}
    assert {code: rows[code] for code in counted} == counted
    assert {one["name"] for one in json.loads((tmp_path / "out").read_text())} == {*counted, "settlement"}
    assert (tmp_path / "locust.html").read_text().lower().startswith("<!doctype html>")
    assert record.events.filter(pl.col("kind") == "freeze").height == 1
    assert f"verdict: {run['verdict']}" in said(tmp_path)
    assert "gates: " in said(tmp_path), "the line while it went on"
    assert left_running(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_locust_that_is_stopped_keeps_what_is_finished_and_leaves_nothing_running(tmp_path, number):
    with locust(tmp_path, "--headless", "--only-summary", "--yidi-scenario", "day.yaml", day=DAY) as process:
        until(process, tmp_path, "All users spawned")
        until(process, tmp_path, "visits/s")
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 130, said(tmp_path)

    folder = tmp_path / "runs" / "short-day-load-1.partial"
    assert json.loads((folder / "run.json").read_text())["complete"] is False
    assert read_record(folder).visits.height > 0
    assert "was finished is kept" in said(tmp_path)
    assert left_running(tmp_path) == []


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def chromium() -> str:
    """The browser; without one, the test is skipped, or fails where ``YIDI_NEED_CHROMIUM`` says that there is one."""
    if CHROMIUM is None:
        if os.environ.get("YIDI_NEED_CHROMIUM"):
            pytest.fail("no Chromium: install the package of that name")
        pytest.skip("no Chromium: install the package of that name")
    return CHROMIUM


def browsed(chromium: str, url: str, folder: Path) -> str:
    """Return the page as the browser has drawn it."""
    command = [
        chromium, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'browser'}",
        "--virtual-time-budget=8000", "--dump-dom", url,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout


def asked(url: str, form: bytes | None = None) -> Any:
    place, path = url.removeprefix("http://").split("/", 1)
    connection = http.client.HTTPConnection(place, timeout=LIMIT_S)
    with closing(connection):
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("GET" if form is None else "POST", f"/{path}", form, head)
        return json.loads(connection.getresponse().read())


@pytest.mark.slow
def test_locusts_page_shows_our_tabs_in_a_browser_and_runs_again_from_there(tmp_path, chromium):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    words = ("--web-host", "127.0.0.1", "--web-port", str(port), "--yidi-scenario", "day.yaml")
    with locust(tmp_path, *words, day=DAY) as process:
        until(process, tmp_path, "Starting web interface")
        until_it_answers(url)
        assert "yidi_scenario" in browsed(chromium, url, tmp_path).lower().replace("-", "_").replace(" ", "_")
        for number in (1, 2):
            assert asked(f"{url}/swarm", b"seed=7")["success"]
            until(process, tmp_path, f"short-day-load-{number}/report.html")
        shown = {key: browsed(chromium, f"{url}/?tab={key}", tmp_path) for key in ("fates", "gates", "faults")}
        process.send_signal(signal.SIGINT)
        code = process.wait(LIMIT_S)

    run = json.loads((tmp_path / "runs" / "short-day-load-2" / "run.json").read_text())
    assert (code, run["seed"]) == (CODES[run["verdict"]], 7), said(tmp_path)
    for title in ("Fates", "Gates", "Validity", "Faults"):
        assert title in shown["fates"]
    assert "direct" in shown["fates"]
    assert "contact.latency" in shown["gates"]
    assert f"verdict: {run['verdict']}" in shown["gates"]
    assert "freeze" in shown["faults"]
    assert left_running(tmp_path) == []


def until_it_answers(url: str) -> None:
    limit = time.monotonic() + LIMIT_S
    while True:
        try:
            asked(f"{url}/stats/requests")
        except OSError:
            assert time.monotonic() < limit
            time.sleep(0.1)
        else:
            return
