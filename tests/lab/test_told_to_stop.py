"""A signal in the middle of a wait ends the wait, at whichever of its instructions it comes."""

from __future__ import annotations

import os
import signal

import pytest

from lab.cli.interrupts import told_to_stop

SIGNALS = 70_000
"""More than a pipe holds bytes."""


@pytest.fixture
def told():
    with told_to_stop() as told:
        yield told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_and_not_the_process(told, number):
    assert not told.wait(0)

    os.kill(os.getpid(), number)

    assert told.wait(60)
    assert told.wait(0)


@pytest.mark.timeout(60)
def test_a_signal_may_come_at_any_instruction_of_a_wait(told):
    """Where a handler needed a lock that its own thread holds, the process stood still for ever."""
    stop = signal.getsignal(signal.SIGTERM)
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.000_05, 0.000_05)
    try:
        waits = [told.wait(0.000_01) for _ in range(50_000)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert waits[-1]


def test_being_told_again_and_again_blocks_nobody(told):
    for _ in range(SIGNALS):
        told.say()

    assert told.wait(0)


def test_afterwards_signals_mean_what_they_meant_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    with told_to_stop():
        pass

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
