"""A generator of several workers beside one of one process, and that one beside itself: are percentiles the same.

    PYTHONPATH=. python benchmarks/workers_beside.py [--workers 2] [--rounds 4] [--seed 1]

Each round runs one scenario in Locust three times: by one process, by one process again, and by a master and its
workers, in an order that turns from round to round. Two runs of one process differ by what the machine does meanwhile:
the largest such difference of a percentile (A/A) is what any generator may differ by. Prints, for percentiles of
contact latency by the rows of the record, the A/A differences, and those of the workers' from the mean of the two; then
the messages that a second of a generator's core carried, and how many cores a nation's peak takes at that.

A round takes some two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtest.validity import CPU_SHARE_MAX
from scenarios.record.recorder import read_record

HERE = Path(__file__).resolve().parents[1]
PERCENTILES = ("p50", "p90", "p95")
PEAK_VISITS_A_S = 27.0
"""Mean of the nation's peak hour (docs/facts.md)."""
STRESS = 10
LIMIT_S = 300
DAY: dict[str, Any] = {
    "name": "beside",
    "title": "A quiet hour",
    "question": "Who asks?",
    "horizon": {"start": "2024-03-13T09:00:00", "length": "1h", "warm_up": "10min", "drain_limit": "10min"},
    "scale": {"time": 120},
    "visits": {"per_day": 6_000, "local_per_cross": 0, "mix": {"outpatient": 0.6, "pharmacy": 0.4, "inpatient": 0}},
    "topology": {
        "regions": [33, 63],
        "hospitals_per_province": {"hospital": 8, "pharmacy": 8},
        "desks_per_hospital": 99,
    },
    "clients": {"desk_patience": "24h"},
}


@dataclass(frozen=True)
class Seen:
    """What a run says of the system, and of its generator."""

    latencies_us: tuple[float, ...]
    messages: int
    visits: int
    core_s: float
    valid: bool


def seen(folder: Path) -> Seen:
    """Read a run."""
    record, told = read_record(folder), json.loads((folder / "run.json").read_text())
    percentiles = tuple(told["measures"][f"contact.latency.{name}"] for name in PERCENTILES)
    used_s = float(record.generator["cpu_share"].sum())  # a look a second
    return Seen(percentiles, record.messages.height, record.visits.height, used_s, told["verdict"] != "invalid")


def run(folder: Path, workers: int, seed: int) -> Seen:
    """Run the scenario in Locust, by so many workers; 0 is by one process."""
    folder.mkdir()
    (folder / "day.yaml").write_text(yaml.safe_dump(DAY))
    words = ["--headless", "--only-summary", "--yidi-scenario", "day.yaml", "--seed", str(seed), "--out", "run"]
    with ExitStack() as stack:
        if workers:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = str(free.getsockname()[1])
            for _ in range(workers):
                stack.callback(_end, _locust(folder, ["--worker", "--master-host", "127.0.0.1", "--master-port", port]))
            words += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            words += ["--expect-workers", str(workers)]
        master = _locust(folder, words)
        stack.callback(_end, master)
        master.wait(LIMIT_S)
    if not (folder / "run" / "run.json").exists():
        sys.exit(f"{folder.name} came to nothing: {(folder / 'said').read_text()[-2000:]}")
    return seen(folder / "run")


def _locust(folder: Path, words: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "loadtest" / "locustfile.py"), *words]
    env = os.environ | {"PYTHONPATH": str(HERE), "GEVENT_BACKEND": "select"}
    with (folder / "said").open("a") as said:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=said)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(LIMIT_S)


def main() -> None:
    """Run the rounds and print what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rounds: list[dict[str, Seen]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            order = ["one", "again", "workers"]
            order = order[number % 3 :] + order[: number % 3]
            rounds.append(
                {
                    who: run(Path(folder) / f"{number}-{who}", asked.workers if who == "workers" else 0, asked.seed)
                    for who in order
                }
            )
            print(f"round {number + 1}: " + ", ".join(f"{who} {_shown(one)}" for who, one in rounds[-1].items()))
    for place, name in enumerate(PERCENTILES):
        _compare(name, [{who: one.latencies_us[place] for who, one in each.items()} for each in rounds])
    _cores(rounds)


def _shown(one: Seen) -> str:
    figures = "/".join(f"{value / 1000:.1f}" for value in one.latencies_us)
    return f"{figures} ms{'' if one.valid else ' (invalid)'}"


def _compare(name: str, rounds: list[dict[str, float]]) -> None:
    """Print how far two runs of one process are apart, and how far the workers' run is from them."""
    beside = [each["again"] / each["one"] - 1 for each in rounds]
    widest = max(map(abs, beside))
    workers = [each["workers"] / statistics.mean((each["one"], each["again"])) - 1 for each in rounds]
    middle = statistics.median(workers)
    within = "within" if abs(middle) <= widest else "NOT within"
    print(
        f"{name}: one process beside itself differs by up to {widest:.1%}; workers by {min(workers):+.1%} to "
        f"{max(workers):+.1%}, median {middle:+.1%}: {within} A/A"
    )


def _cores(rounds: list[dict[str, Seen]]) -> None:
    """Print what a core carried, and what a nation's peak would take of such cores, used as far as is believed."""
    for who in ("one", "workers"):
        carried = statistics.median(each[who].messages / each[who].core_s for each in rounds)
        of_a_visit = statistics.median(each[who].messages / each[who].visits for each in rounds)
        for name, times in (("the mean of a nation's peak hour", 1), (f"{STRESS} times that", STRESS)):
            rate = PEAK_VISITS_A_S * times * of_a_visit
            print(
                f"{who}: {carried:.0f} messages a core-second; {name}, {rate:,.0f} messages/s, takes "
                f"{rate / carried / CPU_SHARE_MAX:.1f} cores at {CPU_SHARE_MAX:.0%}"
            )


if __name__ == "__main__":
    main()
