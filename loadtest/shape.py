"""How Locust runs a scenario: every institution at its post at once, until the last of its business has ended.

Locust asks a shape once a second how many users there should be. Ours must never ask for another number than the
plan has institutions: the load is the plan's, not the number of users'.
"""

from __future__ import annotations

from typing import Protocol

from locust import LoadTestShape

__all__ = ["Course", "UntilDrained"]


class Course(Protocol):
    """What a shape follows."""

    def users(self) -> int | None:
        """Return how many users there should be now; None when the run is over."""
        ...


class UntilDrained(LoadTestShape):
    """Ends the run when it is drained, or at the drain limit."""

    course: Course | None = None
    """None: nothing has been made ready, and there is nothing to run."""

    def tick(self) -> tuple[int, float] | None:
        """Return what Locust should have: so many users, all at once; None ends the run."""
        users = None if self.course is None else self.course.users()
        return None if users is None else (users, max(1.0, users))
