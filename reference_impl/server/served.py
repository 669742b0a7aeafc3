"""How long a node took for its messages, by transaction and by what it answered: a histogram that only grows.

What a sender may write at will must never become a series of its own: transactions that are not in the catalogue are
one series, and refusals are named by our own closed list.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol.messages import Answered, Busy, Closed

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Answer

__all__ = ["BOUNDS_US", "UNHEARD", "Series", "Served", "verdict_of"]

BOUNDS_US = (
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
)  # fmt: skip
"""Upper bounds of the classes of a histogram; the last class has none."""
UNHEARD = "unheard"
"""The transaction of what could not be read, or is not in the catalogue."""


class Series:
    """The messages of one transaction that got one kind of answer."""

    __slots__ = ("counts", "sum_us")

    def __init__(self) -> None:
        """Start at nothing."""
        self.counts = [0] * (len(BOUNDS_US) + 1)
        self.sum_us = 0


class Served:
    """What a node served since its process started."""

    __slots__ = ("series",)

    def __init__(self) -> None:
        """Start at nothing."""
        self.series: dict[tuple[str, str], Series] = {}

    def count(self, code: str, verdict: str, took_us: int) -> None:
        """Count one message that was answered after ``took_us``, from its last byte in to its answer."""
        named = (code if code in TRANSACTIONS else UNHEARD, verdict)
        found = self.series.get(named)
        if found is None:
            found = self.series[named] = Series()
        found.counts[bisect_left(BOUNDS_US, took_us)] += 1
        found.sum_us += took_us


def verdict_of(answer: Answer) -> str:
    """Return the kind of an answer: done, the code of a refusal, busy, closed or overloaded."""
    if isinstance(answer, Answered):
        return answer.reply.refusal or "done"
    if isinstance(answer, Busy):
        return "busy"
    return "closed" if isinstance(answer, Closed) else "overloaded"
