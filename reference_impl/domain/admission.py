"""Whom a node lets in when it has more to do than it can: early, cheaply, and never what is of no use any more.

Three rules. What only asks is turned away first, once the queue takes longer than it should: nothing hangs on it yet,
while a visit that has begun is worth finishing. Whatever else comes is let in until the queue is full, or would take
half of the time that its sender waits: the other half is for the work itself. And a message whose sender has given up
while it waited is dropped when its turn comes: it is sent again by its key. Whoever is turned away is told a time of
their own, one for each message that the node gets done, so that they do not come back all at once.

How long the queue takes is how many wait, times how long it was between the last ones that began. Whole numbers only.
Must never look into a message beyond its transaction.
"""

from __future__ import annotations

from typing import Final

import msgspec

from reference_impl.domain.transactions import TRANSACTIONS, Act

__all__ = ["DROPPED_RETRY_US", "Admission", "AdmissionRule", "in_vain"]

DROPPED_RETRY_US: Final = 1_000_000
"""What the sender of a message that was dropped is told to wait; most do not listen any more."""
_OF_PATIENCE: Final = 2
"""The queue may take one part in so many of the time that a sender waits. ASSUMED."""
_MEMORY: Final = 8
"""The time between two that begin is a mean over about so many."""
_ASKING: Final = frozenset(code for code, row in TRANSACTIONS.items() if row.act is Act.ASK)


class AdmissionRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What only asks is let in while the queue takes at most ``wait_us``.

    Who is turned away is told to wait ``retry_us`` at least and ``retry_max_us`` at most.
    """

    wait_us: int
    retry_us: int
    retry_max_us: int


class Admission:
    """The queue of one node, as far as admission goes."""

    __slots__ = ("_began_us", "_gap_sum_us", "_rule", "_told_us", "waiting")

    def __init__(self, rule: AdmissionRule) -> None:
        """Start with nobody waiting and nothing known of how long the work takes."""
        self._rule = rule
        self._gap_sum_us = 0
        self._began_us = 0
        """When the last that had waited began, or the first began to wait."""
        self._told_us = 0
        """The last time that somebody was told to come at."""
        self.waiting = 0

    def queues(self, now_us: int) -> None:
        """Take in that a message begins to wait."""
        if not self.waiting:
            self._began_us = now_us
        self.waiting += 1

    def begins(self, now_us: int) -> None:
        """Take in that one that has waited begins to be served, or is dropped."""
        self.waiting -= 1
        self._gap_sum_us += max(0, now_us - self._began_us) - self._gap_sum_us // _MEMORY
        self._began_us = now_us

    def expected_us(self, now_us: int) -> int:
        """Return how long a message is going to wait that comes now: 0 where nobody does."""
        if not self.waiting:
            return 0
        return max(self.waiting * self._gap_sum_us // _MEMORY, now_us - self._began_us)

    def refusal_us(self, code: str, now_us: int, patience_us: int | None, *, full: bool) -> int:
        """Return 0 to let a message in, or what its sender is told to wait (us).

        ``patience_us`` is how long its sender waits for the answer; None where nobody says. ``full``: there is no room.
        """
        expected_us = self.expected_us(now_us)
        too_long = code in _ASKING and expected_us > self._rule.wait_us
        too_late = patience_us is not None and expected_us * _OF_PATIENCE >= patience_us
        if not (full or too_long or too_late):
            return 0
        rule = self._rule
        earliest_us = now_us + max(rule.retry_us, expected_us - rule.wait_us)
        self._told_us = max(earliest_us, self._told_us + self._gap_sum_us // _MEMORY)
        self._told_us = min(self._told_us, now_us + max(rule.retry_us, rule.retry_max_us))
        return self._told_us - now_us


def in_vain(came_us: int, now_us: int, patience_us: int | None) -> bool:
    """Return whether a message has waited until its sender has given up."""
    return patience_us is not None and now_us - came_us >= patience_us
