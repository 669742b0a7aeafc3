"""What a run against somebody else's system never goes beyond: so many messages a second, so many without an answer.

It ends the run; it must never hold a message back for a while, which would hide the system's stalls. Pure counting: it
never imports gevent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from reference_impl.protocol.messages import Outcome, Overloaded, Unknown, Unreachable

if TYPE_CHECKING:
    from loadtest.inputs import Caps

__all__ = ["FEWEST", "LAST", "Guard"]

LAST = 100
"""So many of the last outcomes are looked at."""
FEWEST = 20
"""Fewer say nothing of a share."""
_US_PER_S = 1_000_000
_NO_ANSWER = (Unknown, Unreachable, Overloaded)
"""What counts as an error: whoever is refused or told to come later was answered."""


class Guard:
    """Counts what is sent and what comes of it; the first excess ends the run."""

    __slots__ = ("_caps", "_errors", "_give_up", "_outcomes", "_sent_us", "over")

    def __init__(self, caps: Caps, give_up: Callable[[str], None]) -> None:
        """Keep to ``caps``; ``give_up`` is told why the run is over, once."""
        self._caps = caps
        self._give_up = give_up
        self._sent_us: deque[int] = deque(maxlen=caps.rate)
        self._outcomes: deque[bool] = deque()
        self._errors = 0
        self.over = False
        """Whether nothing may be sent any more."""

    def admits(self, now_us: int) -> bool:
        """Return whether a message may be sent now, and count it."""
        if self.over:
            return False
        if len(self._sent_us) == self._caps.rate and now_us - self._sent_us[0] < _US_PER_S:
            self._end(f"more than {self._caps.rate:,} messages within a second; the cap (--max-rate) ended the run")
            return False
        self._sent_us.append(now_us)
        return True

    def came(self, outcome: Outcome) -> None:
        """Count what came of a message."""
        failed = isinstance(outcome, _NO_ANSWER)
        self._outcomes.append(failed)
        self._errors += failed
        if len(self._outcomes) > LAST:
            self._errors -= self._outcomes.popleft()
        seen = len(self._outcomes)
        if not self.over and seen >= FEWEST and self._errors > self._caps.error_share * seen:
            self._end(
                f"{self._errors / seen:.0%} of the last {seen} messages had no answer, or one of overload; "
                f"above {self._caps.error_share:.0%} (--abort-error-rate) the run ends"
            )

    def _end(self, why: str) -> None:
        self.over = True
        self._give_up(why)
