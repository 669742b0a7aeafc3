"""What the hospitals have lately met of a stop's business: the figures by which a step of its ramp is judged.

Both worlds take it from the same attempts that go into the record. Must never judge:
``reference_impl.staging.stepping`` does.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from reference_impl.protocol.messages import Answered, Closed, Outcome

if TYPE_CHECKING:
    from scenarios.schema import Cutover

__all__ = ["Pulse", "Seen"]

_P95 = 0.95


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The last while: messages that met no closed door, what 95 % of the answers took, how many met no service.

    ``p95_us`` is None when nothing was answered. ``oldest_us``: of whoever is at a desk or in its queue, how long the
    first has been there.
    """

    messages: int
    p95_us: int | None
    busy: int
    oldest_us: int

    @property
    def busy_share(self) -> float:
        """The share that met no service."""
        return self.busy / self.messages if self.messages else 0.0


class Pulse:
    """The attempts of the last ``over_us`` on a plan's way."""

    __slots__ = ("_attempts", "_over_us", "plan")

    def __init__(self, plan: Cutover, over_us: int) -> None:
        """Hear of ``plan``'s business from now on."""
        self.plan = plan
        self._over_us = over_us
        self._attempts: deque[tuple[int, int | None]] = deque()
        """When each came to its end, and how long its answer took; None for one that met no service."""

    def take(self, sent_us: int, outcome: Outcome, *, now_us: int) -> None:
        """Hear of one attempt; a closed door is what the ramp itself does."""
        if not isinstance(outcome, Closed):
            self._attempts.append((now_us, now_us - sent_us if isinstance(outcome, Answered) else None))
            self._forget(now_us)

    def look(self, now_us: int, oldest_us: int) -> Seen:
        """Return the figures of the last while; ``oldest_us`` is whoever has been at the desks longest."""
        self._forget(now_us)
        took = sorted(took_us for _, took_us in self._attempts if took_us is not None)
        p95_us = took[max(0, math.ceil(_P95 * len(took)) - 1)] if took else None
        every = len(self._attempts)
        return Seen(messages=every, p95_us=p95_us, busy=every - len(took), oldest_us=oldest_us)

    def _forget(self, now_us: int) -> None:
        while self._attempts and self._attempts[0][0] <= now_us - self._over_us:
            self._attempts.popleft()
