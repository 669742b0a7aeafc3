"""How many retries a caller may send: a share of its first tries, and now and then one all the same.

A caller that answers trouble with retries doubles it. One that may retry a fifth of what it begins adds at most a
fifth, however much goes wrong. Whole numbers only: the same tries at the same instants go through on any machine.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.money import E4

__all__ = ["RetryBudget", "RetryBudgetRule"]


class RetryBudgetRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``share_e4`` retries for each 10,000 first tries, of which ``burst`` are saved up at most and at the start.

    One retry in each ``every_us`` is added, however few first tries there are: what may have acted must be asked after.
    """

    share_e4: int
    burst: int
    every_us: int


class RetryBudget:
    """The credit of one caller on one way.

    >>> budget = RetryBudget(RetryBudgetRule(share_e4=5_000, burst=1, every_us=1_000_000), 0)
    >>> budget.retry(0), budget.retry(0)
    (0, 1000000)
    >>> budget.began(), budget.retry(0), budget.began(), budget.retry(0)
    (None, 500000, None, 0)
    """

    __slots__ = ("_credit", "_filled_us", "_full", "_retry", "_rule")

    def __init__(self, rule: RetryBudgetRule, now_us: int) -> None:
        """Start with ``burst`` retries."""
        self._rule = rule
        self._retry = rule.every_us * E4
        self._full = self._credit = rule.burst * self._retry
        self._filled_us = now_us

    def began(self) -> None:
        """Add what a first try earns."""
        self._add(self._rule.share_e4 * self._rule.every_us)

    def retry(self, now_us: int) -> int:
        """Take one retry and return 0, or return after how long (us) there is one without any further first try."""
        self._add((now_us - self._filled_us) * E4)
        self._filled_us = now_us
        if self._credit < self._retry:
            return -((self._credit - self._retry) // E4)
        self._credit -= self._retry
        return 0

    def _add(self, credit: int) -> None:
        self._credit = min(self._full, self._credit + credit)
