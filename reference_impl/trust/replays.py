"""Which signed requests were taken in already, for as long as their time is good; bounded, whatever is sent.

Two generations, turned so that none is dropped whose time would still pass. When one fills before its time, it is
turned at once, and what was signed before the newest of those dropped is stale: memory has its bound, and nothing is
ever heard twice. Nor is it over a restart: what was signed before the start is stale too.
"""

from __future__ import annotations

from reference_impl.domain.unheard import Unheard

__all__ = ["REMEMBERED_MAX", "Replays"]

REMEMBERED_MAX = 500_000
"""Signatures in one generation: of 32 bytes each, some 40 MB."""


class Replays:
    """What one process has heard."""

    __slots__ = ("_floor_ms", "_latest_ms", "_max", "_new", "_old", "_old_latest_ms", "_turn_ms", "_window_ms")

    def __init__(self, window_ms: int, started_ms: int, *, remembered_max: int = REMEMBERED_MAX) -> None:
        """Take times within ``window_ms`` of now, and later than the start."""
        self._window_ms = window_ms
        self._floor_ms = started_ms
        self._max = remembered_max
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()
        self._latest_ms = self._old_latest_ms = started_ms
        self._turn_ms = started_ms + 2 * window_ms

    def refusal(self, signature: bytes, at_ms: int, now_ms: int) -> Unheard | None:
        """Return why a request signed at ``at_ms`` is not heard, or None: then it has been, and never is again."""
        if now_ms >= self._turn_ms or len(self._new) >= self._max:
            self._turn(now_ms)
        if at_ms <= self._floor_ms or abs(now_ms - at_ms) > self._window_ms:
            return Unheard.STALE_TIME
        if signature in self._new or signature in self._old:
            return Unheard.REPLAYED
        self._new.add(signature)
        self._latest_ms = max(self._latest_ms, at_ms)
        return None

    def _turn(self, now_ms: int) -> None:
        self._floor_ms = max(self._floor_ms, self._old_latest_ms)
        self._old, self._old_latest_ms = self._new, self._latest_ms
        self._new, self._latest_ms = set(), self._floor_ms
        self._turn_ms = now_ms + 2 * self._window_ms
