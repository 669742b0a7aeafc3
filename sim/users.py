"""Closed users in the simulated world: each begins its next visit when the last has ended and its pause is over.

When that is, ``scenarios.patients.closed`` decides. This module must never begin a visit for two users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.engine.timeline import WORK, Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.patients.closed import Due, User, Users
    from sim.engine.timeline import Timeline

__all__ = ["ClosedUsers"]


class ClosedUsers:
    """The users of a run, and which of them is in which visit."""

    __slots__ = ("_begin", "_in_visit", "_timeline", "left")

    def __init__(self, timeline: Timeline, users: Users, begin: Callable[[int, int], None]) -> None:
        """``begin`` starts a visit, by its row, at a moment; ``ended`` is to be told of its end."""
        self._timeline = timeline
        self._begin = begin
        self._in_visit: dict[int, tuple[User, int]] = {}
        self.left = 0
        """Visits that are to begin."""
        for user in users:
            self._await(user, user.first())

    def ended(self, visit: int) -> None:
        """Hear that a visit has ended; of one that no user makes there is nothing to do."""
        made = self._in_visit.pop(visit, None)
        if made is not None:
            user, began_us = made
            self._await(user, user.next(began_us=began_us, ended_us=self._timeline.now_us))

    def _await(self, user: User, due: Due | None) -> None:
        if due is None:
            return

        def begin(_: Wakeup) -> None:
            self.left -= 1
            self._in_visit[due.visit] = (user, due.at_us)
            self._begin(due.visit, due.at_us)

        self.left += 1
        wakes = Wakeup()
        wakes.callbacks.append(begin)
        self._timeline.at(due.at_us, WORK, wakes)
