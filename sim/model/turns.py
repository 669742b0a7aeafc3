"""Loops that serve in turns, by arithmetic on means: pieces a turn, CPU used, time waited.

A turn takes what came in the turn before. With ``x`` arrivals expected in it and one at least, a turn that follows has
``x + exp(-x)`` pieces on the mean: one when nearly idle, ``x`` when nearly full, where what a turn and a group cost
whatever is in them is shared by many. An estimate for the planner's first look, never a result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.model.costs import CostFile

_STEPS_MAX = 2000
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Process:
    """What comes to one process, a second, and what a piece and a change of it cost (us)."""

    pieces_per_s: float
    piece_us: float
    changes_per_s: float
    change_us: float
    loops: int = 1
    disk_us: float = 0.0
    """For how long the loop stands still for its disk; 0 where a writer commits beside it."""

    @property
    def least_load(self) -> float:
        """The load on cores where turns and groups are shared by infinitely many."""
        return (self.pieces_per_s * self.piece_us + self.changes_per_s * self.change_us) / 1e6


@dataclass(frozen=True, slots=True)
class TurnLoad:
    """The turns of one process: pieces of each, cores they use, the wait for one; how long it is, how many are on."""

    pieces: float
    cold: float
    use: float
    wait_us: float
    turn_us: float = 0.0
    under_way: float = 0.0


def turn_loads(processes: Sequence[Process], cores: float, costs: CostFile) -> list[TurnLoad]:
    """Return the turns of processes that share ``cores``; waits are infinite when more comes than can be served.

    >>> from sim.model.costs import load_costs
    >>> idle, = turn_loads([Process(1e-6, 40.0, 0.0, 0.0)], 1.0, load_costs().file)
    >>> round(idle.pieces, 3), round(idle.use * 1e12)
    (1.0, 160)
    >>> full, = turn_loads([Process(25_000.0, 40.0, 0.0, 0.0)], 1.0, load_costs().file)
    >>> full.use, full.wait_us
    (1.0, inf)
    """
    least = sum(process.least_load for process in processes) / cores
    if least >= 1.0 - _CLOSE:
        return [TurnLoad(math.inf, 1.0, process.least_load, math.inf) for process in processes]
    speed = cores / math.ceil(cores)
    found = [TurnLoad(1.0, 1.0, 0.0, 0.0) for _ in processes]
    for _ in range(_STEPS_MAX):
        used = sum(load.use for load in found)
        after = [
            _next(process, load, costs, speed=speed, others=min(0.999, (used - load.use) / cores))
            for process, load in zip(processes, found, strict=True)
        ]
        moved = max(
            (abs(new.pieces - old.pieces) / new.pieces for new, old in zip(after, found, strict=True)), default=0
        )
        found = after
        if moved < _CLOSE:
            break
    return found


def _next(process: Process, load: TurnLoad, costs: CostFile, *, speed: float, others: float) -> TurnLoad:
    """Return the next turn of a process after one of ``load``, where ``others`` use so much of the cores."""
    if not process.pieces_per_s:
        return TurnLoad(1.0, 1.0, 0.0, 0.0)
    rate_per_us = process.pieces_per_s / process.loops / 1e6
    commits = min(1.0, process.changes_per_s / process.pieces_per_s)
    committing = 1.0 - (1.0 - commits) ** load.pieces
    once_us = costs.turn_us.value + process.piece_us + committing * (costs.group_us.value + process.change_us)
    changes = load.pieces * process.changes_per_s / process.pieces_per_s
    others_us = (load.pieces - 1.0) * process.piece_us + max(0.0, changes - committing) * process.change_us
    cpu_us = (load.cold * once_us + others_us) / speed  # those that follow the first find the process warm
    turn_us = cpu_us / (1.0 - others) + committing * process.disk_us
    expected = rate_per_us * turn_us
    pieces = expected + math.exp(-expected)
    gap_us = max(0.0, pieces / rate_per_us - turn_us)
    cold = 1.0 + costs.cold.value * gap_us / (gap_us + costs.cooling_us.value)  # the mean over gaps without memory
    use = min(1.0, rate_per_us / load.pieces * cpu_us) * process.loops * speed
    busy = min(1.0, rate_per_us / load.pieces * turn_us)
    return TurnLoad(pieces, cold, use, busy * turn_us / 2, turn_us, busy * process.loops)
