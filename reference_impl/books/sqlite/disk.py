"""What the disk under the books is like, and where commits are therefore made.

A process that serves one node on a quick disk commits in the loop's own turn: waiting for the flush costs it less than
a hand-over to a thread and a second wake-up. Where the flush is slow, or where other nodes of the same process would
stand still with it, a thread commits beside the loop. The figures behind the limit are in ``benchmarks/README.md``.
"""

from __future__ import annotations

import os
import tempfile
import time
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Committing", "Disk"]

TURN_FLUSH_MAX_US = 1_000
"""The longest flush that a loop waits for in its turn."""
_FLUSHES = 9
_LOOKS_MAX, _PAUSE_S = 6, 0.1
"""A disk is slow when it is so at every look: one may fall into what others write, as when many start at once."""
_PAGE_BYTES = 4096
_NS_PER_US = 1000


class Committing(StrEnum):
    """Where a node's commits are made."""

    TURN = "turn"
    BESIDE = "beside"


class Disk(msgspec.Struct, frozen=True):
    """How long a flush takes (None when nothing could be written), and where commits are made."""

    flush_us: int | None
    committing: Committing

    @classmethod
    def under(cls, folder: Path, *, nodes: int, asked: Committing | None = None) -> Disk:
        """Return what is right for a process that keeps the books of ``nodes`` nodes in ``folder``; ``asked`` rules."""
        try:
            flush_us = flush_at_best(folder)
        except OSError:  # opening the books will say what is wrong
            flush_us = None
        return cls(flush_us, asked or choose_committing(flush_us, nodes))


def flush_at_best(folder: Path) -> int:
    """Return how long the disk under ``folder`` takes to flush a page (us): the first quick look, or the best of all.

    Raises:
        OSError: when nothing can be written there.

    """
    best_us = measure_flush(folder)
    for _ in range(_LOOKS_MAX - 1):
        if best_us <= TURN_FLUSH_MAX_US:
            break
        time.sleep(_PAUSE_S)
        best_us = min(best_us, measure_flush(folder))
    return best_us


def measure_flush(folder: Path) -> int:
    """Return how long the disk under ``folder`` takes to flush a page, in microseconds: the lower quartile of a few.

    What else uses the machine makes some flushes longer; the disk itself makes all of them so.

    Raises:
        OSError: when nothing can be written there.

    """
    times_ns: list[int] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        page = bytes(_PAGE_BYTES)
        for _ in range(_FLUSHES):
            began_ns = time.perf_counter_ns()
            os.pwrite(file.fileno(), page, 0)
            os.fdatasync(file.fileno())
            times_ns.append(time.perf_counter_ns() - began_ns)
    return sorted(times_ns)[_FLUSHES // 4] // _NS_PER_US


def choose_committing(flush_us: int | None, nodes: int) -> Committing:
    """Return where a process that serves so many nodes on a disk of this flush makes its commits.

    >>> [choose_committing(flush_us, nodes).value for flush_us, nodes in ((200, 1), (200, 3), (20_000, 1), (None, 1))]
    ['turn', 'beside', 'beside', 'beside']
    """
    quick = flush_us is not None and flush_us <= TURN_FLUSH_MAX_US
    return Committing.TURN if quick and nodes == 1 else Committing.BESIDE
