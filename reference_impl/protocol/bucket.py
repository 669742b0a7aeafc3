"""A token bucket at a door that opens again: so many patients a time, and lanes for new business and for the backlog.

A patient is let in once, with all that follows. The backlog's lane has a fixed share of what is let in; what one lane
does not use goes to the other. Whoever is refused is told a time of their own, so that they do not all come back at
once. Whole numbers only: the same messages at the same instants are let in on any machine.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.money import E4

__all__ = ["BucketRule", "TokenBucket"]


class BucketRule(msgspec.Struct, frozen=True, kw_only=True):
    """``admits`` patients in each ``every_us``, and ``burst`` at once.

    The backlog, whose message ids are of before ``backlog_before`` (yyyyMMddHHmmss), has ``backlog_e4`` ten-thousandths
    of it; with 0 there is one lane for all.
    """

    admits: int
    every_us: int
    burst: int = 1
    backlog_e4: int = 0
    backlog_before: str = ""


class _Lane:
    """The credit of one lane, in parts of a patient, and the last time that it told somebody to come."""

    __slots__ = ("credit", "limit", "share_e4", "told_us")

    def __init__(self, share_e4: int, limit: int, opened_us: int) -> None:
        self.share_e4, self.limit = share_e4, limit
        self.credit, self.told_us = limit, opened_us

    def spilled(self) -> int:
        """Give up the credit above the limit and return it."""
        over = max(0, self.credit - self.limit)
        self.credit -= over
        return over


class TokenBucket:
    """One bucket; a door that moves anew has a new one."""

    __slots__ = ("_filled_us", "_lanes", "_let_in", "_patient", "_rule")

    def __init__(self, rule: BucketRule, opened_us: int, restarted_us: int | None = None) -> None:
        """Start full at ``opened_us``; after a restart since then empty, as nobody knows whom the former let in."""
        self._rule = rule
        self._patient = rule.every_us * E4
        self._filled_us = max(opened_us, restarted_us or opened_us)
        self._let_in = set[str]()
        shares = (E4 - rule.backlog_e4, rule.backlog_e4) if rule.backlog_e4 else (E4,)
        self._lanes = tuple(
            _Lane(share, max(self._patient, rule.burst * rule.every_us * share), opened_us) for share in shares
        )
        if self._filled_us > opened_us:
            for lane in self._lanes:
                lane.credit = 0

    def lets_in(self, person: str, msgid_stamp: str, now_us: int) -> bool:
        """Return whether ``person`` may pass; once let in, always."""
        if person in self._let_in:
            return True
        self._fill(now_us)
        lane = self._lane(msgid_stamp)
        if lane.credit < self._patient:
            return False
        lane.credit -= self._patient
        self._let_in.add(person)
        return True

    def told_us(self, msgid_stamp: str, now_us: int) -> int:
        """Return when the next one who was refused is to come: one after the other, at the pace of their lane."""
        lane = self._lane(msgid_stamp)
        pace_us = -(-self._patient // (self._rule.admits * lane.share_e4))
        lane.told_us = max(lane.told_us, now_us) + pace_us
        return lane.told_us

    def _lane(self, msgid_stamp: str) -> _Lane:
        backlog = len(self._lanes) > 1 and msgid_stamp < self._rule.backlog_before
        return self._lanes[1 if backlog else 0]

    def _fill(self, now_us: int) -> None:
        passed_us = max(0, now_us - self._filled_us)
        self._filled_us += passed_us
        for lane in self._lanes:
            lane.credit += passed_us * self._rule.admits * lane.share_e4
        spilled = [lane.spilled() for lane in self._lanes]
        for lane, over in zip(self._lanes, reversed(spilled), strict=True):
            lane.credit = min(lane.limit, lane.credit + over)
