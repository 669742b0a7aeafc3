"""What a thread waits for a core is no time of the disk."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from reference_impl.books.sqlite import core_wait
from reference_impl.books.sqlite.core_wait import core_wait_ns

counted = pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="the kernel does not count it")
WORK_S = 0.3


def worked(waits: list[tuple[int, int]]) -> None:
    """Use the core for some CPU time and tell the wall time beside it, and what was counted as waited (ns)."""
    wall_ns, cpu_ns, waited_ns = time.perf_counter_ns(), time.thread_time_ns(), core_wait_ns()
    while time.thread_time_ns() - cpu_ns < WORK_S * 1e9:
        sum(range(200))
    beside_ns = time.perf_counter_ns() - wall_ns - (time.thread_time_ns() - cpu_ns)
    waits.append((beside_ns, core_wait_ns() - waited_ns))


@counted
def test_two_processes_on_one_core_wait_for_each_other_and_it_is_counted():
    """A thread that computes beside another process on its core waits half of its time, and for nothing else."""
    before = os.sched_getaffinity(0)
    core = min(before)
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {core})
        while True:
            sum(range(200))
    waits: list[tuple[int, int]] = []
    try:
        os.sched_setaffinity(0, {core})
        worked(waits)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.sched_setaffinity(0, before)

    [(beside_ns, waited_ns)] = waits
    assert waited_ns > WORK_S * 1e9 / 4
    assert waited_ns == pytest.approx(beside_ns, rel=0.2)


@counted
def test_each_thread_has_its_own_and_sleep_is_no_wait_for_a_core():
    told: list[int] = []

    def sleeper() -> None:
        before_ns = core_wait_ns()
        time.sleep(0.2)
        told.append(core_wait_ns() - before_ns)

    thread = threading.Thread(target=sleeper)
    thread.start()
    thread.join()

    assert 0 <= told[0] < 150_000_000


def test_a_kernel_that_counts_nothing_is_believed_to_wait_for_nothing(monkeypatch):
    monkeypatch.setattr(core_wait, "_PLACE", Path("/proc/no-such/schedstat"))
    monkeypatch.setattr(core_wait, "_own", threading.local())

    assert core_wait_ns() == 0
    assert core_wait_ns() == 0
