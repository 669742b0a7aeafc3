"""A process's clock that a fault sets ahead or behind; it never shows a moment before one that it has shown (G8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sim.model.hosts import Host
    from sim.model.loop import LoopClock

__all__ = ["OffClock"]


class OffClock:
    """A ``reference_impl.protocol.ports.Clock``: what it waits for passes as ever, whatever it shows."""

    __slots__ = ("_clock", "_host")

    def __init__(self, clock: LoopClock, host: Host) -> None:
        """Show ``clock`` as far off as ``host`` says."""
        self._clock = clock
        self._host = host

    def now_us(self) -> int:
        """Return microseconds since the start of the run, as this process takes it."""
        host = self._host
        host.shown_us = max(host.shown_us, self._clock.now_us() + host.off_us)
        return host.shown_us

    def sleep_us(self, duration_us: int) -> Awaitable[None]:
        """Wait for ``duration_us``; zero or less returns at once."""
        return self._clock.sleep_us(duration_us)
