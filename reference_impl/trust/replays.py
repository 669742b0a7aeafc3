"""Which signed requests were taken in already, for as long as their time is good; bounded, whatever is sent.

Each institution has two generations, turned so that none is dropped whose time would still pass. When memory is full
before that, those who hold most of it are turned, and what they signed before the newest of those dropped is stale:
memory has its bound, and nothing is ever heard twice. It is stale for them alone: whoever sends much, or by a clock
that is ahead, keeps nobody else from being heard. Nor is anything heard twice over a restart: what was signed before
the start is stale too.
"""

from __future__ import annotations

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.unheard import Unheard

__all__ = ["REMEMBERED_MAX", "Replays"]

REMEMBERED_MAX = 1_000_000
"""Signatures of one process: of 32 bytes each, some 80 MB."""


class Replays:
    """What one process has heard."""

    __slots__ = ("_max", "_of", "_remembered", "_started_ms", "_window_ms")

    def __init__(self, window_ms: int, started_ms: int, *, remembered_max: int = REMEMBERED_MAX) -> None:
        """Take times within ``window_ms`` of now, and later than the start."""
        self._window_ms = window_ms
        self._started_ms = started_ms
        self._max = remembered_max
        self._of: dict[NodeId, _Sender] = {}
        self._remembered = 0

    def refusal(self, sender: NodeId, signature: bytes, at_ms: int, now_ms: int) -> Unheard | None:
        """Return why what ``sender`` signed at ``at_ms`` is not heard; None when it is now, and never is again."""
        if abs(now_ms - at_ms) > self._window_ms:
            return Unheard.STALE_TIME
        if self._remembered >= self._max:
            self._make_room(now_ms)
        of = self._of.get(sender)
        if of is None:
            of = self._of[sender] = _Sender(self._started_ms, now_ms + 2 * self._window_ms)
        elif now_ms >= of.turn_ms:
            self._remembered -= of.turn(now_ms + 2 * self._window_ms)
        if at_ms <= of.floor_ms:
            return Unheard.STALE_TIME
        if signature in of.new or signature in of.old:
            return Unheard.REPLAYED
        of.new.add(signature)
        of.latest_ms = max(of.latest_ms, at_ms)
        self._remembered += 1
        return None

    def _make_room(self, now_ms: int) -> None:
        """Free a quarter at least, from who holds most: so it is seldom done."""
        for of in (*self._by_size(), *self._by_size()):
            if self._remembered * 4 <= self._max * 3:
                return
            self._remembered -= of.turn(now_ms + 2 * self._window_ms)

    def _by_size(self) -> list[_Sender]:
        return sorted(self._of.values(), key=lambda of: len(of.new) + len(of.old), reverse=True)


class _Sender:
    """What was heard of one institution; what it signed at ``floor_ms`` or before is stale."""

    __slots__ = ("floor_ms", "latest_ms", "new", "old", "old_latest_ms", "turn_ms")

    def __init__(self, floor_ms: int, turn_ms: int) -> None:
        self.floor_ms = self.latest_ms = self.old_latest_ms = floor_ms
        self.turn_ms = turn_ms
        self.new: set[bytes] = set()
        self.old: set[bytes] = set()

    def turn(self, next_ms: int) -> int:
        """Drop the older generation, and return of how many that was."""
        dropped = len(self.old)
        self.floor_ms = max(self.floor_ms, self.old_latest_ms)
        self.old, self.old_latest_ms = self.new, self.latest_ms
        self.new, self.latest_ms = set(), self.floor_ms
        self.turn_ms = next_ms
        return dropped
