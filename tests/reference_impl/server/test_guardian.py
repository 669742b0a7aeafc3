"""Who watches over a system's processes ends them all when they are left behind, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from reference_impl.server.errors import StartError
from reference_impl.server.guardian import Guardian

ROOT = Path(__file__).parents[3]
LIMIT_S = 30
SLEEPER = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # one that comes before we wait for it must not be missed
print(flush=True)
signal.sigwait({signal.SIGTERM})
sys.exit(7)
"""
PARENT = f"""
import signal, subprocess, sys
from reference_impl.server.guardian import Guardian
child = subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], stdout=subprocess.PIPE)
child.stdout.read(1)
guardian = Guardian()
guardian.watch(child.pid)
child.send_signal(signal.SIGSTOP)
print(child.pid, guardian._helper.pid, flush=True)
signal.pause()
"""


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE) as child:
        child.stdout.read(1)  # it hears SIGTERM from now on
        yield child
        child.kill()


@pytest.fixture
def guardian():
    watching = Guardian()
    yield watching
    watching.dismiss()


def helper_of(guardian):
    return psutil.Process(guardian._helper.pid)


def ignores(process, number):
    """Whether it has come to ignore a signal, as the kernel says: it is at work from then on."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [mask] = [line.split()[1] for line in lines if line.startswith("SigIgn:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_process_that_stands_still_when_its_parent_is_killed_is_ended_and_so_is_the_helper():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    with parent:
        left = [psutil.Process(int(number)) for number in parent.stdout.readline().split()]

        os.kill(parent.pid, signal.SIGKILL)

        _, alive = psutil.wait_procs(left, timeout=LIMIT_S)
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        assert alive == []


def test_dismissed_it_ends_what_is_left_as_cleanly_as_that_can(guardian, sleeper):
    guardian.watch(sleeper.pid)
    sleeper.send_signal(signal.SIGSTOP)

    guardian.dismiss()

    assert sleeper.wait(LIMIT_S) == 7


def test_what_has_ended_is_forgotten_and_what_was_never_named_is_left_alone(guardian, sleeper):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        guardian.watch(ended.pid)

    guardian.dismiss()

    assert sleeper.poll() is None


def test_it_hears_no_signal_but_the_end_of_its_parent(guardian, sleeper):
    guardian.watch(sleeper.pid)
    watching = helper_of(guardian)
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    while not all(ignores(watching, number) for number in numbers):  # it may inherit that of SIGHUP
        assert watching.is_running()
    for number in numbers:
        watching.send_signal(number)

    guardian.dismiss()

    assert sleeper.wait(LIMIT_S) == 7


def test_a_guardian_that_somebody_ended_says_so_to_who_would_rely_on_it(guardian, sleeper):
    guardian.watch(sleeper.pid)
    watching = helper_of(guardian)
    watching.kill()
    watching.wait()

    with pytest.raises(StartError, match="ended from outside"):
        guardian.watch(sleeper.pid)
