"""Look at every station at even intervals and write down its queue and its use since the last look.

This module must never change what it looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenarios.record.recorder import StationRow
from sim.model.stations import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenarios.record.recorder import Recorder
    from sim.world import World

_NOTHING_YET = Tally(0, 0, 0, 0)


class Sampler:
    """Writes the ``stations`` table."""

    def __init__(self, world: World, recorder: Recorder) -> None:
        """Start at the run's zero."""
        self._world = world
        self._recorder = recorder
        self._last: dict[tuple[str, str], Tally] = {}
        self._last_us = 0
        self._calls_are_held = any(node.restraint is not None for node in world.nodes.values())

    def sample(self) -> None:
        """Write one row a station for the time since the last sample."""
        now_us = self._world.timeline.now_us
        span_us = now_us - self._last_us
        if span_us <= 0:
            return
        for node, station, servers, tally in self._stations():
            place = (node, station)
            waited_us, busy_us, arrivals, refused = tally
            waited_before_us, busy_before_us, arrivals_before, refused_before = self._last.get(place, _NOTHING_YET)
            self._last[place] = tally
            row = StationRow(
                now_us,
                node,
                station,
                (waited_us - waited_before_us) / span_us,
                (busy_us - busy_before_us) / (span_us * servers),
                arrivals - arrivals_before if arrivals >= arrivals_before else arrivals,  # counted anew by a restart
                refused - refused_before if refused >= refused_before else refused,
            )
            self._recorder.station(row)
        self._last_us = now_us

    def _stations(self) -> Iterator[tuple[str, str, int, Tally]]:
        world = self._world
        for name, cpu in world.cpus.items():
            yield name, "cpu", cpu.cores, cpu.tally()
        for name, node in world.nodes.items():
            yield name, "workers", node.workers.servers, node.workers.tally()
            yield name, "writer", 1, node.writer.tally()
            restraint = node.restraint if self._calls_are_held else None
            if restraint is not None:
                yield name, "calls", 1, Tally(0, 0, restraint.let_go + restraint.held, restraint.held)
                yield name, "breaker", 1, Tally(0, 0, restraint.openings, 0)
        for province, pool in world.desks.items():
            if pool.desks:
                yield province, "desk", pool.desks, pool.tally(world.timeline.now_us)
