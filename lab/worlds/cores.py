"""Who runs on which core of this machine, and what was used of it: where there are two the system has its own."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from reference_impl.server.supervisor import System

__all__ = ["Cores", "busy_s", "choose_cores", "cpu_s", "on_core"]

_CORES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Cores:
    """The core of the system and the core of the generator; None on a machine that has one core only."""

    system: int | None
    generator: int | None


def choose_cores() -> Cores:
    """Return two cores that this process may use."""
    free = sorted(os.sched_getaffinity(0))
    return Cores(free[0], free[1]) if len(free) >= _CORES_NEEDED else Cores(None, None)


@contextmanager
def on_core(core: int | None) -> Generator[None]:
    """Keep this process off the system's core: what it uses counts as the generator's."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_s(system: System) -> float:
    """Return the processor seconds of all processes of the system; one that a fault has killed counts nothing."""
    spent_s = 0.0
    for pid in system.pids().values():
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            spent_s += times.user + times.system
    return spent_s


def busy_s(core: int | None) -> float:
    """Return for how many seconds a core has been busy since the machine started, whoever used it."""
    if core is None:
        return 0.0
    times = psutil.cpu_times(percpu=True)[core]
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
