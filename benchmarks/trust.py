"""What signatures, seals and the trail of the books cost the chain: CPU time a settlement, settlements a second.

    PYTHONPATH=. python benchmarks/trust.py

The same pharmacy visits through the same three processes on one core, in rounds one after the other: without any of it,
with the trail alone, and with the trail, signed requests and replies, and seals. Without the trail the books are made
to write none, in the benchmark alone: a served node has no such switch. Every process commits in its loop's turn: left
to themselves, two arms on one disk may choose otherwise, and the ratio would be that of the writers. A ratio is one
of arms of the same round, which take turns at being first, and what is printed is the median of the rounds with their
quartiles: the speed of a shared machine drifts by more, from minute to minute, than what is measured. Four minutes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import msgspec
import uvloop

from benchmarks.settlements_per_second import NODES, TIMEOUT_US, close, cpu_s, keep_busy, scenario, settle
from lab.calibration.machine import describe_machine, versions
from reference_impl.books.sqlite.disk import Committing
from reference_impl.protocol import messages as m
from reference_impl.server.peers import HttpPeers
from reference_impl.server.ports import RunClock
from reference_impl.server.supervisor import System
from reference_impl.staging.build import system_config
from reference_impl.trust.families import FAMILIES, Family
from reference_impl.trust.holder import Holder
from reference_impl.trust.keys import read_lines
from reference_impl.trust.making import HOSPITALS_FILE
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from scenarios.schema import Scenario

ROUNDS = 12
WARM_UP_S, MEASURE_S = 1.0, 3.0
ARMS = ("neither", "trail", "trail, signed and sealed")
WITHOUT_TRAIL = (
    "import reference_impl.books.sqlite.group as g\ng.extend_trail = lambda connection, changes, tip=None: tip\n"
)
HOSTS = {node: [node] for node in NODES}


def main() -> None:
    """Print what each arm takes and makes, and the ratios to the first."""
    found: dict[str, list[tuple[float, float]]] = {arm: [] for arm in ARMS}
    for number in range(ROUNDS):
        turn = number % len(ARMS)
        for arm in (*ARMS[turn:], *ARMS[:turn]):
            found[arm].append(measured(arm))
    print(f"{describe_machine(Path.cwd())}; {versions()}; {ROUNDS} rounds of {MEASURE_S:.0f} s")
    for arm in ARMS:
        rates, used_us = zip(*found[arm], strict=True)
        print(
            f"{arm:26} {statistics.median(used_us):7.0f} us of CPU a settlement, {_ratio(found, arm, 1)} of that "
            f"without; {statistics.median(rates):6.0f} settlements a second, {_ratio(found, arm, 0)}"
        )


def _ratio(found: dict[str, list[tuple[float, float]]], arm: str, of: int) -> str:
    """Return the median and the quartiles of an arm's ratios to the first arm, round by round."""
    ratios = [mine[of] / bare[of] for mine, bare in zip(found[arm], found[ARMS[0]], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def measured(arm: str) -> tuple[float, float]:
    """Return settlements a second, and microseconds of CPU a settlement."""
    world = scenario(HOSTS)
    if arm == ARMS[2]:
        world = Scenario.model_validate({**world.model_dump(mode="json", exclude_defaults=True), "trust": {}})
    config = msgspec.structs.replace(system_config(world), committing=Committing.TURN)
    core = min(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory() as folder,
        as_it_was(without_trail=arm == ARMS[0]),
        System(config, Path(folder), core=core) as system,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        codec = Codec(BusinessClock(world.horizon.start, world.scale.time))
        clock, holder = RunClock(system.epoch_ns), holder_of(system) if world.trust is not None else None
        peers = HttpPeers({"33": system.address("33")}, codec, clock, sender=None, holder=holder)
        visits = count()

        async def call(asked: m.Request) -> m.Outcome:
            return await peers.call(m.NodeId("33"), asked, TIMEOUT_US)

        runner.run(keep_busy(lambda: settle(call, next(visits)), WARM_UP_S))
        before_s = sum(map(cpu_s, system.pids().values()))
        done, took_s = runner.run(keep_busy(lambda: settle(call, next(visits)), MEASURE_S))
        used_s = sum(map(cpu_s, system.pids().values())) - before_s
        runner.run(close(peers))
    return done / took_s, used_s / done * 1e6


def holder_of(system: System) -> Holder:
    """Return who signs for the pharmacy."""
    path = system.keys / HOSPITALS_FILE
    return Holder(read_lines(path), FAMILIES[Family.HUNAN], path=path)


@contextmanager
def as_it_was(*, without_trail: bool) -> Iterator[None]:
    """Have the processes that are started within write no trail."""
    before = os.environ.get("PYTHONPATH", "")
    with tempfile.TemporaryDirectory() as folder:
        if without_trail:
            (Path(folder) / "sitecustomize.py").write_text(WITHOUT_TRAIL, encoding="utf-8")
            os.environ["PYTHONPATH"] = os.pathsep.join((folder, before))
        try:
            yield
        finally:
            os.environ["PYTHONPATH"] = before


if __name__ == "__main__":
    sys.exit(main())
