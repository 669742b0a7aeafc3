"""A program that takes a share of a core: as much as it is told, no more, and never for longer than whoever told it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from loadtest.cpu_hog import CpuHog, HogError

ROOT = Path(__file__).parents[2]
CORE = min(os.sched_getaffinity(0))
LIMIT_S = 30.0


def may_run_before_others() -> bool:
    tried = subprocess.run(
        [sys.executable, "-c", "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


real_time = pytest.mark.skipif(not may_run_before_others(), reason="needs the right to the real-time class")


def spent_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def wait_until(holds) -> None:
    until_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def pid_of(hog: CpuHog) -> int:
    (pid,) = (child.pid for child in psutil.Process().children() if "loadtest.cpu_hog" in child.cmdline())
    return pid


@real_time
def test_it_takes_the_share_that_it_is_told_and_nothing_before_and_after():
    with CpuHog(CORE) as hog:
        pid = pid_of(hog)
        idle_s = spent_s(pid)
        time.sleep(0.1)
        assert spent_s(pid) == pytest.approx(idle_s, abs=0.02)
        began_s = time.monotonic()
        hog.take(0.5)
        wait_until(lambda: spent_s(pid) > idle_s + 0.3)
        hog.take(0.0)
        assert spent_s(pid) - idle_s < 0.5 * (time.monotonic() - began_s) + 0.05
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
        rested_s = spent_s(pid)
        time.sleep(0.1)
        assert spent_s(pid) == pytest.approx(rested_s, abs=0.02)
    assert not psutil.pid_exists(pid)


@real_time
def test_of_what_it_is_told_at_once_the_last_holds():
    with CpuHog(CORE) as hog:
        pid = pid_of(hog)
        for share in (0.5, 0.2, 0.0):
            hog.take(share)
        wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
        before_s = spent_s(pid)
        time.sleep(0.2)
        assert spent_s(pid) == pytest.approx(before_s, abs=0.02)


@real_time
def test_it_ends_with_whoever_started_it_also_by_a_kill():
    code = f"""
        import sys, time
        from loadtest.cpu_hog import CpuHog
        import psutil
        with CpuHog({CORE}) as hog:
            hog.take(0.3)
            print(psutil.Process().children()[0].pid, flush=True)
            time.sleep(60)
    """
    harness = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert harness.stdout is not None
    pid = int(harness.stdout.readline())
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    harness.stdout.close()

    wait_until(lambda: not psutil.pid_exists(pid))


@pytest.mark.parametrize(
    ("core", "words"), [(None, "lacks a second core"), (10**6, r"lacks what sched_setscheduler asks for \(.*Invalid")]
)
def test_what_the_machine_lacks_is_named_before_the_run(core, words):
    with pytest.raises(HogError, match=words), CpuHog(core):
        pass


def test_who_is_gone_is_told_nothing():
    with pytest.raises(OSError, match="not running"):
        CpuHog(CORE).take(0.5)
