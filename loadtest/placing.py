"""Which core each worker of a distributed generator has, and who else uses it.

On the master's machine the first core is the system's. What others use of a worker's core counts as the worker's own,
so a core that several share is seen to be short. Pure arithmetic; it must never import gevent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Home", "Place", "Seat", "seated"]


class Place(NamedTuple):
    """Where a worker runs."""

    machine: str
    pid: int
    cores: tuple[int, ...]
    """Which it may use."""


class Home(NamedTuple):
    """The master's machine: the system's core and the generator's, and who is on the latter; None has no such core."""

    machine: str
    system_core: int | None
    core: int | None
    pids: tuple[int, ...]


class Seat(NamedTuple):
    """A worker's core, None for any, and the processes beside it."""

    core: int | None
    beside: tuple[int, ...]


def seated(places: Sequence[Place], home: Home) -> list[Seat]:
    """Return everybody's seat: the cores of a machine in turn, those that nobody else uses first."""
    taken: dict[str, int] = {}
    cores: list[int | None] = []
    for place in places:
        turn = taken.get(place.machine, 0)
        free = _cores(place, home)
        cores.append(free[turn % len(free)] if free else None)
        taken[place.machine] = turn + 1
    return [_seat(number, places, cores, home) for number in range(len(places))]


def _cores(place: Place, home: Home) -> list[int]:
    if place.machine != home.machine:
        return sorted(place.cores)
    if home.core is None:
        return []
    return [*sorted({*place.cores} - {home.system_core, home.core}), home.core]


def _seat(number: int, places: Sequence[Place], cores: Sequence[int | None], home: Home) -> Seat:
    here, core = places[number].machine, cores[number]
    beside = [
        other.pid
        for place, other in enumerate(places)
        if place != number and other.machine == here and cores[place] == core
    ]
    with_home = home.pids if here == home.machine and core == home.core else ()
    return Seat(core, (*beside, *with_home))
