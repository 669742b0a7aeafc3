"""How fast this machine is at this moment: the CPU time of one fixed piece of work, again and again beside a run.

Two runs of one system differ by what the machine gave them; the reference tells that apart. It is CPU time, so that
waiting for a core does not count, and it is little enough to disturb nobody.
"""

from __future__ import annotations

import hashlib
import statistics
import threading
import time
from types import TracebackType
from typing import Self

PERIOD_S = 1.0
_ROUNDS = 400
_NS_PER_US = 1000


def reference_us() -> float:
    """Return the CPU time of the reference work, in microseconds: a millisecond of hashing, sorting and counting."""
    began_ns = time.thread_time_ns()
    block, counts = b"yidi", dict[int, int]()
    for _ in range(_ROUNDS):
        block = hashlib.sha256(block).digest()
        for byte in sorted(block[:8]):
            counts[byte] = counts.get(byte, 0) + 1
    return (time.thread_time_ns() - began_ns) / _NS_PER_US


class SpeedWatch:
    """Takes the reference once a second while it is entered; ``speed_us`` is the median, 0 before the first."""

    def __init__(self) -> None:
        """Take nothing yet."""
        self._taken_us: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="speed", daemon=True)

    @property
    def speed_us(self) -> float:
        """The median so far."""
        return round(statistics.median(self._taken_us), 1) if self._taken_us else 0.0

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take no more."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        reference_us()  # the first is cold
        while True:
            self._taken_us.append(reference_us())
            if self._over.wait(PERIOD_S):
                return
