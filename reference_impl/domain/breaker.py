"""A breaker: calls that go wrong too often stop for a while, then begin again by one, then by a growing share.

Three things make it slow to trust again: after its rest one call at a time goes through until one succeeds; from then
on the share let through grows with time; and failures on the way up open it again. Whole numbers only, no draws: which
calls of a share go through follows from their order.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import msgspec

from reference_impl.domain.money import E4

__all__ = ["Breaker", "BreakerRule", "BreakerState"]

SLICES = 10
"""The window moves on by so many steps a length."""


class BreakerRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Opens when ``failures_e4`` ten-thousandths of at least ``calls`` answers within ``window_us`` are failures.

    Then nothing goes through for ``rest_us``; after the first success the share that does grows to all in ``ramp_us``.
    """

    window_us: int
    calls: int
    failures_e4: int
    rest_us: int
    ramp_us: int


class BreakerState(StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    """All go through."""
    OPEN = "open"
    """None does."""
    PROBING = "probing"
    """One does, and the others wait for what comes of it."""
    RAMP = "ramp"
    """A growing share does."""


class _Slice:
    """The answers of a part of the window."""

    __slots__ = ("calls", "failures", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0
        self.failures = 0


class Breaker:
    """The breaker of one caller on one way."""

    __slots__ = ("_credit_e4", "_probing", "_rule", "_seen", "_since_us", "openings", "state")

    def __init__(self, rule: BreakerRule) -> None:
        """Start closed, with nothing seen."""
        self._rule = rule
        self._seen = deque[_Slice]()
        self._since_us = 0
        self._probing = False
        self._credit_e4 = 0
        self.openings = 0
        """How often it has opened; an answer to a call of before says nothing of now."""
        self.state = BreakerState.CLOSED

    def ask(self, now_us: int) -> int:
        """Let a call through and return 0, or return how long it is best to wait (us)."""
        if self.state is BreakerState.CLOSED:
            return 0
        rule, gone_us = self._rule, now_us - self._since_us
        if self.state is BreakerState.OPEN:
            if gone_us < rule.rest_us:
                return rule.rest_us - gone_us
            self.state = BreakerState.PROBING
        if self.state is BreakerState.PROBING:
            if self._probing:
                return rule.rest_us
            self._probing = True
            return 0
        if gone_us >= rule.ramp_us:
            self._become(BreakerState.CLOSED, now_us)
            return 0
        self._credit_e4 += max(1, gone_us * E4 // rule.ramp_us)
        if self._credit_e4 < E4:
            return min(rule.rest_us, rule.ramp_us - gone_us)
        self._credit_e4 -= E4
        return 0

    def heard(self, now_us: int, opening: int, *, failed: bool) -> None:
        """Take in what came of a call that was let through when it had opened ``opening`` times."""
        if opening != self.openings:
            return
        if self.state is BreakerState.PROBING:
            self._probing = False
            if failed:
                self._open(now_us)
            else:
                self._become(BreakerState.RAMP, now_us)
            return
        least = self._rule.calls if self.state is BreakerState.CLOSED else 1
        calls, failures = self._count(now_us, failed=failed)
        if failed and calls >= least and failures * E4 >= self._rule.failures_e4 * calls:
            self._open(now_us)

    def dropped(self, opening: int) -> None:
        """Take in that nothing will ever be known of a call that was let through."""
        if opening == self.openings:
            self._probing = False

    def _count(self, now_us: int, *, failed: bool) -> tuple[int, int]:
        """Count an answer; return the answers and the failures of the window."""
        seen, number = self._seen, now_us * SLICES // self._rule.window_us
        if not seen or seen[-1].number != number:
            seen.append(_Slice(number))
        while seen[0].number <= number - SLICES:
            seen.popleft()
        seen[-1].calls += 1
        seen[-1].failures += failed
        return sum(each.calls for each in seen), sum(each.failures for each in seen)

    def _open(self, now_us: int) -> None:
        self.openings += 1
        self._become(BreakerState.OPEN, now_us)

    def _become(self, state: BreakerState, now_us: int) -> None:
        self.state = state
        self._since_us = now_us
        self._seen.clear()
        self._probing = False
        self._credit_e4 = 0
