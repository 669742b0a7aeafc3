"""The settlement chain of this tree beside that of another, in turns of a second: ratios that hold on a busy machine.

    git worktree add /tmp/before REVISION
    PYTHONPATH=. python benchmarks/chain_beside.py /tmp/before [--rounds 20] [--one-process]

Both systems are up at once, on one core, their books in one folder; the load goes to one of them at a time, a second
each, back and forth, from another core. A neighbour on the machine then disturbs both alike. Prints for each tree the
settlements a second and the processor time a settlement (median of its seconds), by process, and the ratio of the
second's pairs with the quartiles of it. Any revision since the first that has ``benchmarks/settlements_per_second.py``
can be compared. About a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import psutil
import uvloop

from benchmarks.settlements_per_second import NODES, TIMEOUT_US, close, keep_busy, scenario, settle
from reference_impl.protocol import messages as m
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec

WARM_UP_S, SLICE_S = 3.0, 1.0
APART = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
TOGETHER = {"all": list(NODES)}

_SYSTEM = """
import json, sys
from pathlib import Path
import benchmarks.settlements_per_second as chain
hosts, folder, core = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir()
world = chain.scenario(hosts)
config = chain.system_config(world) if hasattr(chain, "system_config") else world
with chain.System(config, folder, core=core) as system:
    print(json.dumps({"address": system.address("33"), "pids": system.pids()}), flush=True)
    sys.stdin.read()
"""


class Slice(NamedTuple):
    """A second of load: settlements a second, and processor microseconds a settlement, by process."""

    rate: float
    cpu_us: dict[str, float]

    @property
    def whole_us(self) -> float:
        """Processor microseconds a settlement, all processes together."""
        return sum(self.cpu_us.values())


@contextmanager
def system_of(tree: Path, hosts: dict[str, list[str]], folder: Path, core: int) -> Iterator[tuple[str, dict[str, int]]]:
    """Run the system of a checkout; yield where hospitals reach province 33, and the processes' ids."""
    command = [sys.executable, "-c", _SYSTEM, json.dumps(hosts), str(folder), str(core)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    child = subprocess.Popen(
        command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        told = json.loads(child.stdout.readline())
        yield told["address"], told["pids"]
    finally:
        child.stdin.close()
        child.wait(30)


class Load:
    """Pharmacy visits against one system, as many at once as there are lanes."""

    def __init__(self, address: str, pids: dict[str, int], runner: asyncio.Runner) -> None:
        world = scenario({})
        self.pids = pids
        self._runner = runner
        self._visits = count()
        codec = Codec(BusinessClock(world.horizon.start, world.scale.time))
        self.peers = HttpPeers({"33": address}, codec, RunClock(time.monotonic_ns()), sender=None)

    async def _call(self, asked: m.Request) -> m.Outcome:
        return await self.peers.call(m.NodeId("33"), asked, TIMEOUT_US)

    def run(self, seconds: float) -> Slice:
        """Keep the system busy for so long."""
        before = {name: _cpu_us(pid) for name, pid in self.pids.items()}
        done, took_s = self._runner.run(keep_busy(lambda: settle(self._call, next(self._visits)), seconds))
        return Slice(done / took_s, {name: (_cpu_us(pid) - before[name]) / done for name, pid in self.pids.items()})


def _cpu_us(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return (times.user + times.system) * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--rounds", type=int, default=20, help="seconds of load for each tree")
    parser.add_argument("--one-process", action="store_true", help="all nodes in one process")
    asked = parser.parse_args()
    system_core, generator_core = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, {generator_core})
    hosts = TOGETHER if asked.one_process else APART
    here = Path(__file__).resolve().parents[1]
    with (
        tempfile.TemporaryDirectory(prefix=".benchmark-", dir=Path.cwd()) as name,
        system_of(asked.before.resolve(), hosts, Path(name) / "before", system_core) as before,
        system_of(here, hosts, Path(name) / "here", system_core) as now,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        loads = (Load(*before, runner), Load(*now, runner))
        for load in loads:
            load.run(WARM_UP_S)
        rounds = [tuple(load.run(SLICE_S) for load in loads) for _ in range(asked.rounds)]
        for load in loads:
            runner.run(close(load.peers))
    show(rounds)


def show(rounds: list[tuple[Slice, ...]]) -> None:
    """Print both trees and their ratio."""
    for title, place in (("before", 0), ("here", 1)):
        slices = [pair[place] for pair in rounds]
        rate = statistics.median(one.rate for one in slices)
        whole_us = statistics.median(one.whole_us for one in slices)
        parts = {name: statistics.median(one.cpu_us[name] for one in slices) for name in slices[0].cpu_us}
        told = ", ".join(f"{name} {cpu_us:.0f}" for name, cpu_us in parts.items())
        print(f"{title:8}{rate:6.0f} settlements/s {whole_us:6.0f} us of CPU each ({told})")
    for title, ratios in (
        ("settlements/s, here over before", [now.rate / then.rate for then, now in rounds]),
        ("settlements a CPU second, here over before", [then.whole_us / now.whole_us for then, now in rounds]),
    ):
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"{title}: {middle:.2f} (quartiles {low:.2f} to {high:.2f}, {len(ratios)} pairs)")


if __name__ == "__main__":
    main()
