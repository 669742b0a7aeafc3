"""The generator watching itself, once a second: a row of the ``generator`` table and a word of progress.

It must never judge: ``loadtest.validity`` does.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
import psutil

from loadtest.gevent_ports import GeventClock
from loadtest.schedule import Tally
from loadtest.validity import PERIOD_US
from scenarios.patients.draws import Ints
from scenarios.record.recorder import GeneratorRow, Recorder


class Say(Protocol):
    """Tells somebody of an event and its facts."""

    def __call__(self, event: str, **facts: object) -> None:
        """Say it; whoever does not listen any more is no error."""
        ...


class CpuMeter:
    """CPU time of this process and of those that share its core, since it was last read."""

    def __init__(self, others: tuple[int, ...] = ()) -> None:
        self._others: list[psutil.Process] = []
        for pid in others:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._others.append(psutil.Process(pid))
        self._used_s, self._at_s = self._used(), time.monotonic()

    def share(self) -> float:
        """Return the share of one core used since the last call."""
        used_s, at_s = self._used(), time.monotonic()
        share = (used_s - self._used_s) / max(at_s - self._at_s, 1e-9)
        self._used_s, self._at_s = used_s, at_s
        return max(0.0, share)

    def _used(self) -> float:
        used_s = time.process_time()
        for other in self._others:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = other.cpu_times()
                used_s += times.user + times.system
        return used_s


class Watch:
    """Takes a sample every second of the run's clock until it is killed."""

    def __init__(self, clock: GeventClock, arrivals_us: Ints, tally: Tally, meter: CpuMeter, tell: Say) -> None:
        """``arrivals_us`` are those that are to be started, in order; ``tell`` hears each sample."""
        self._clock = clock
        self._arrivals_us = arrivals_us
        self._tally = tally
        self._meter = meter
        self._tell = tell
        self._due_before = 0
        self.rows: list[GeneratorRow] = []
        """The samples taken."""

    def run(self, recorder: Recorder, more: Callable[[], dict[str, object]]) -> None:
        """Sample from the run's zero on; ``more`` is said with each line of progress."""
        at_us = 0
        self._clock.sleep_until_us(at_us)
        self._meter.share()
        while True:
            at_us = max(at_us, self._clock.now_us() // PERIOD_US * PERIOD_US) + PERIOD_US
            self._clock.sleep_until_us(at_us)
            self.sample(recorder, more())

    def sample(self, recorder: Recorder, more: dict[str, object]) -> None:
        """Write down what happened since the last sample."""
        now_us = self._clock.now_us()
        due = int(np.searchsorted(self._arrivals_us, now_us, side="right"))
        row = self._tally.take(at_us=now_us, cpu_share=self._meter.share(), due=due - self._due_before)
        self._due_before = due
        self.rows.append(row)
        recorder.generator(row)
        self._tell("progress", **row._asdict(), **more)


def say(event: str, **facts: object) -> None:
    """Say something to whoever started this process, if it still listens: one line of JSON on standard output."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps({"event": event} | facts) + "\n")
        sys.stdout.flush()
