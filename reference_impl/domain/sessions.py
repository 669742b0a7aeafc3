"""Sessions of desks (签到): how long one holds, and which refusals say that there is none.

A desk signs in (9001) and sends what it sends under the number it was given, until it signs out (9002). How long a
session holds, and that a platform forgets all of them when it starts anew, is ASSUMED: the interface is silent. Pure.
"""

from __future__ import annotations

from typing import Final

import msgspec

from reference_impl.domain.errors import Refusal

__all__ = ["SESSION_REFUSALS", "SessionRules", "is_over"]

SESSION_REFUSALS: Final = frozenset({Refusal.NOT_SIGNED_IN, Refusal.SESSION_OVER, Refusal.OTHERS_SESSION})
"""No verdicts: nothing was looked at but the session, and the same message under another one is served."""


class SessionRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a care province asks of its desks: that they are signed in, since ``lasts_us`` at most.

    ``dropped_us`` are the instants at which all sessions end at once: a new system knows none of the old one's.
    """

    lasts_us: int
    dropped_us: tuple[int, ...] = ()


def is_over(rules: SessionRules, since_us: int, now_us: int) -> bool:
    """Return whether a session that began at ``since_us`` holds no more at ``now_us``."""
    return now_us - since_us >= rules.lasts_us or any(since_us < end_us <= now_us for end_us in rules.dropped_us)
