"""How long something lasts that people do: always as long, or drawn from a distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Lasting", "lasts_us"]


class Lasting(Protocol):
    """A distribution of durations."""

    def at(self, u: float) -> int:
        """Return the quantile of ``u`` in [0, 1], in microseconds."""
        ...


def lasts_us(length: int | Lasting, drawn: Callable[[], float]) -> int:
    """Return how long it lasts this time, in microseconds; only a distribution asks for a number in [0, 1)."""
    return length if isinstance(length, int) else length.at(drawn())
