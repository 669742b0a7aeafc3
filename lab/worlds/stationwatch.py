"""Samples the stations of the running system once a second: processors, workers and writers of every node.

A thread of the laboratory's process; it asks the processes for their sums over time and writes the differences. A
process that is frozen or dead at a sample has no row for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from reference_impl.server.errors import CommandError
from scenarios.record.recorder import StationRow

if TYPE_CHECKING:
    from reference_impl.server.supervisor import System
    from scenarios.schema import Scenario

PERIOD_S = 1.0
_WRITERS = 1


class StationWatch:
    """Samples until it is stopped; ``rows`` are the samples."""

    def __init__(self, scenario: Scenario, system: System, now_us: Callable[[], int]) -> None:
        """``now_us`` reads the run's clock."""
        self.rows: list[StationRow] = []
        self._topology = scenario.topology
        self._system = system
        self._now_us = now_us
        self._over = threading.Event()
        self._before: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._watch, name="stations", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more samples."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(PERIOD_S):
            try:
                now = self._system.stats()
            except (OSError, CommandError):
                continue  # a process was frozen or killed between two looks
            if self._now_us() > 0:
                self.rows.extend(self._differences(now))
            self._before = now

    def _differences(self, now: dict[str, Any]) -> Iterator[StationRow]:
        pools: dict[str, tuple[int, float]] = {}
        for host, stats in now.items():
            before = self._before.get(host)
            if before is None or stats["at_us"] <= before["at_us"] or stats["cpu_us"] < before["cpu_us"]:
                continue  # no look before, or another process since
            took_us = stats["at_us"] - before["at_us"]
            pool = self._topology.cpu_of(next(iter(stats["nodes"])))
            at_us, share = pools.get(pool, (0, 0.0))
            pools[pool] = (max(at_us, stats["at_us"]), share + (stats["cpu_us"] - before["cpu_us"]) / took_us)
            for node, sums in stats["nodes"].items():
                yield from node_rows(node, sums, before["nodes"][node], at_us=stats["at_us"], took_us=took_us)
        cores = self._topology.cpus()
        for pool, (at_us, share) in pools.items():
            yield StationRow(at_us, pool, "cpu", 0.0, share / cores[pool], 0, 0)


def node_rows(
    node: str, now: dict[str, Any], before: dict[str, Any], *, at_us: int, took_us: int
) -> Iterator[StationRow]:
    """Yield the samples of a node's workers and of its writer from two readings of its sums."""

    def grown(name: str) -> int:
        return now[name] - before[name]

    yield StationRow(
        at_us,
        node,
        "workers",
        queue=grown("workers_waited_us") / took_us,
        utilisation=grown("workers_busy_us") / took_us / now["workers"],
        arrivals=grown("arrivals"),
        refused=grown("refused"),
    )
    yield StationRow(
        at_us,
        node,
        "writer",
        queue=grown("writer_waited_us") / took_us,
        utilisation=grown("writer_busy_us") / took_us / _WRITERS,
        arrivals=grown("writer_changes"),
        refused=0,
    )
    if now["calls"] is not None:
        held = grown("held_back")
        yield StationRow(at_us, node, "calls", 0.0, 0.0, grown("calls") + held, held)
        yield StationRow(at_us, node, "breaker", 0.0, 0.0, grown("openings"), 0)
