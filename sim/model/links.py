"""Links: what lies between a hospital, its province and the hub. A message takes a while on it, or is lost.

Whether a message is lost or delayed by a fault ``reference_impl.staging.loss`` decides, as in the real world's proxy.
This module must never look into a message beyond its id and its transaction code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Request
    from reference_impl.staging.loss import FaultyLink, Sent

LINK_BITS: Final = 10
"""A link's jitter is drawn in 1,024 steps."""
LINK_MASK: Final = (1 << LINK_BITS) - 1


class Link:
    """One directed link, from caller to callee; replies come back on it."""

    __slots__ = ("faulty", "jitter_us", "latency_us")

    def __init__(self, latency_us: int, jitter_us: int, faulty: FaultyLink | None) -> None:
        """``faulty`` is None on a sound link, which no fault of the scenario concerns."""
        self.latency_us = latency_us
        self.jitter_us = jitter_us
        self.faulty = faulty

    def transit_us(self, bits: int) -> int:
        """Return how long a message takes, with jitter drawn from the lowest bits."""
        return self.latency_us + (self.jitter_us * (bits & LINK_MASK) >> LINK_BITS)

    def send(self, request: Request, entered_us: int) -> Sent | None:
        """Return what becomes of a request that enters the link; None on a sound link."""
        faulty = self.faulty
        return None if faulty is None else faulty.request(request.msgid, request.code, entered_us)

    def send_back(self, request: Request, entered_us: int, sent: Sent | None, *, yes: bool) -> Sent | None:
        """Return what becomes of the reply to a request that went as ``sent``; ``yes``: it is one."""
        faulty = self.faulty
        if faulty is None or sent is None:
            return None
        return faulty.reply(request.msgid, request.code, entered_us, sent=sent, yes=yes)
