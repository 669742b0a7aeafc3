"""What a run at work is to whoever shows or ends it: one process's, or that of a master and its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from loadtest.so_far import Figures
    from loadtest.validity import Verdict

__all__ = ["Running"]


class Running(Protocol):
    """A run that has begun."""

    @property
    def so_far(self) -> Figures:
        """Its figures so far."""
        ...

    @property
    def live_count(self) -> int:
        """Visits under way."""
        ...

    @property
    def left_count(self) -> int:
        """Visits that have not begun."""
        ...

    @property
    def now_us(self) -> int:
        """Microseconds since the run's zero."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Whether the generator can be believed, as far as it has looked at itself."""
        ...

    def users(self) -> int | None:
        """Return how many institutions are at work; None when it is over."""
        ...

    def interrupt(self) -> None:
        """Let it be over before its time, unless it is."""
        ...

    def end(self) -> int:
        """End what is under way, write the record and return the exit code."""
        ...
