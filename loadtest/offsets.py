"""How far a worker's clock is from the master's: asked for again and again, and believed of the quickest answer.

A clock that is read between a question and its answer is off by its reading less the middle of the two, and by no more
than half of the time between them otherwise. The clocks are monotonic ones, which nobody sets while a run goes on; they
still drift, so they are asked before and after. Pure arithmetic; it must never import gevent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["ClockAnswer", "ClockOffset", "drifted", "offset_of"]


class ClockAnswer(NamedTuple):
    """One round trip: asked and heard by the master's clock, read by the worker's."""

    asked_ns: int
    read_ns: int
    heard_ns: int


class ClockOffset(NamedTuple):
    """A worker's clock less the master's, and how far off that may be."""

    off_ns: int
    unsure_ns: int


def offset_of(answers: Iterable[ClockAnswer]) -> ClockOffset:
    """Return what the quickest round trip tells; the truth is no further off than it says.

    >>> offset_of([ClockAnswer(0, 1_005, 20), ClockAnswer(100, 1_105, 104)])
    ClockOffset(off_ns=1003, unsure_ns=2)
    """
    best = min(answers, key=lambda one: one.heard_ns - one.asked_ns)
    there_and_back_ns = best.heard_ns - best.asked_ns
    middle_ns = best.asked_ns + there_and_back_ns // 2
    return ClockOffset(best.read_ns - middle_ns, (there_and_back_ns + 1) // 2)


def drifted(before: ClockOffset, after: ClockOffset) -> int:
    """Return in ns how far off ``before`` may have been at any moment until ``after`` was measured."""
    return max(before.unsure_ns, abs(after.off_ns - before.off_ns) + after.unsure_ns)
