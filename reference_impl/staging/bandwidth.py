"""What a link carries in a second: a token bucket, as the same arithmetic on both sides of the looking glass.

Integers alone: whole bytes, whole microseconds. A bucket must never know whose bytes they are.
"""

from __future__ import annotations

__all__ = ["Bucket"]

_US_PER_S = 1_000_000


class Bucket:
    """One way of a link: what enters waits until all that entered before it has passed, and then for its own bytes.

    A rest saves up for at most ``burst_bytes``, which then pass at once.
    """

    __slots__ = ("_burst_us", "_bytes_per_second", "_free_us")

    def __init__(self, bytes_per_second: int, burst_bytes: int = 0) -> None:
        """Start rested."""
        self._bytes_per_second = bytes_per_second
        self._burst_us = burst_bytes * _US_PER_S // bytes_per_second
        self._free_us = 0
        """When everything that entered so far has passed, had nothing been saved up."""

    def wait_us(self, size_bytes: int, now_us: int) -> int:
        """Return how long a message that enters now is on its way for its bytes and those before it."""
        took_us = -(-size_bytes * _US_PER_S // self._bytes_per_second)
        self._free_us = max(self._free_us, now_us) + took_us
        return max(0, self._free_us - self._burst_us - now_us)
