"""What the generator itself takes of a message's time: writing the request, reading the answer.

A hospital's clock runs meanwhile, so it is part of every latency that is measured, and none of the system's. It is CPU
time of this thread, read where nothing else can have run in between.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.connections import HttpAnswer

_NS_PER_US = 1000


EACH = 16
"""One message of so many is looked at: asking for the thread's CPU time is four calls of the system, and not free."""


class OwnTime:
    """Sums over the messages of a run that are looked at."""

    __slots__ = ("_begun", "_messages", "_read_ns", "_write_ns")

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._begun = self._messages = self._write_ns = self._read_ns = 0

    def begin(self) -> int:
        """Return the CPU time at which a message begins that is to be looked at, and 0 for one that is not."""
        self._begun += 1
        return time.thread_time_ns() if self._begun % EACH == 0 else 0

    def keep(self, entered_ns: int, answer: HttpAnswer) -> None:
        """Count a message that was begun at ``entered_ns`` and has just been read; one on a new connection waited."""
        if entered_ns and answer.sent_cpu_ns:
            self._messages += 1
            self._write_ns += answer.sent_cpu_ns - entered_ns
            self._read_ns += time.thread_time_ns() - answer.woke_cpu_ns

    @property
    def write_us(self) -> float:
        """The mean of writing a request; 0 when no message was counted."""
        return self._write_ns / _NS_PER_US / max(1, self._messages)

    @property
    def read_us(self) -> float:
        """The mean of reading an answer; 0 when no message was counted."""
        return self._read_ns / _NS_PER_US / max(1, self._messages)
