"""The simulated world of this tree beside that of others, in turns: ratios that hold on a busy machine.

    git worktree add /tmp/before REVISION
    PYTHONPATH=. python benchmarks/sim_beside.py /tmp/before [/tmp/other ...] [--visits 400] [--rounds 20]

A process a tree runs the scenario of ``sim_vs_plain`` again and again, one tree after the other, so a neighbour on the
machine disturbs all alike. Prints for each tree the messages a second of processor time (median of the rounds), and
that of this tree over it with the quartiles of the rounds. ``--instructions`` counts them instead, with ``valgrind``
(a minute a tree): the same on a busy machine, though an instruction is not always as long. Any revision since dbff856,
the first that has ``benchmarks/sim_vs_plain.py``, can be compared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
COUNTED_VISITS = 200

_WORLD = """
import sys, time
sys.path[:0] = [".", "benchmarks"]
import sim_vs_plain as bench
scenario, costs = bench.scenario_of(int(sys.argv[1])), bench.load_costs()
plan = bench.plan_visits(scenario)
"""
_IN_TURNS = (
    _WORLD
    + """
bench.simulate(scenario, plan, costs)
print("ready", flush=True)
for line in sys.stdin:
    begun = time.process_time()
    run = bench.simulate(scenario, plan, costs)
    spent = time.process_time() - begun
    print(run.recorder.frames()["messages"].height / spent, flush=True)
"""
)
_COUNTED = (
    _WORLD
    + """
import sim.run
sim.run.SAMPLES = 6  # what stations cost to look at is of the hour, not of a message
for _ in range(2):
    simulation = sim.run.Simulation(scenario, plan, costs)
    run = simulation.run(None if sys.argv[2] == "whole" else 1)
print(run.recorder.frames()["messages"].height)
"""
)


class Tree:
    """A tree with a process that runs its simulated world when it is told to."""

    def __init__(self, folder: Path, visits: int) -> None:
        """Start the process, and wait until it is warm."""
        self.folder = folder
        command = [sys.executable, "-c", _IN_TURNS, str(visits)]
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={}
        )  # fmt: skip
        self._said()

    def rate(self) -> float:
        """Return messages a second of processor time, in one run."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return float(self._said())

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.folder} could not be run: what went wrong is above")
        return line


def instructions_of(folder: Path) -> float:
    """Return how many instructions a message takes: those of whole runs less those of runs that end at once."""
    counts: list[int] = []
    messages = 0
    with tempfile.TemporaryDirectory() as scratch:
        for length in ("none", "whole"):
            counted = f"--cachegrind-out-file={scratch}/{length}"
            tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", counted]
            command = [*tool, sys.executable, "-c", _COUNTED, str(COUNTED_VISITS), length]
            env = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "POLARS_MAX_THREADS": "1"}
            done = subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, text=True)
            messages = int(done.stdout)
            [summary] = [line for line in Path(scratch, length).read_text().splitlines() if "summary" in line]
            counts.append(int(summary.split()[1]))
    return (counts[1] - counts[0]) / 2 / messages


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", nargs="+", type=Path)
    parser.add_argument("--visits", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--instructions", action="store_true")
    arguments = parser.parse_args()
    folders = [HERE, *arguments.tree]
    if arguments.instructions:
        counts = [instructions_of(folder) for folder in folders]
        for folder, count in zip(folders, counts, strict=True):
            print(f"{folder}: {count / 1000:,.0f} thousand instructions a message; {count / counts[0]:.2f} of here")
        return
    trees = [Tree(folder, arguments.visits) for folder in folders]
    rounds = [[tree.rate() for tree in trees] for _ in range(arguments.rounds)]
    for tree, *rates in zip(trees, *rounds, strict=True):
        tree.end()
        low, middle, high = statistics.quantiles([r[0] / rate for r, rate in zip(rounds, rates, strict=True)], n=4)
        print(
            f"{tree.folder}: {statistics.median(rates):,.0f} messages/s of CPU time;"
            f" here over it {middle:.2f} ({low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main()
