"""Links: what lies between a hospital, its province and the hub. A message takes a while on it, or is lost.

Whether a message is lost or delayed by a fault ``reference_impl.staging.loss`` decides, as in the real world's proxy.
This module must never look into a message beyond its id, its transaction code and, on a narrow link, its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reference_impl.protocol.messages import Answered

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.staging.loss import FaultyLink, Sent
    from sim.model.sizes import Sizes

LINK_BITS: Final = 10
"""A link's jitter is drawn in 1,024 steps."""
LINK_MASK: Final = (1 << LINK_BITS) - 1


class Link:
    """One directed link, from caller to callee; replies come back on it."""

    __slots__ = ("_sizes", "faulty", "jitter_us", "latency_us")

    def __init__(self, latency_us: int, jitter_us: int, faulty: FaultyLink | None, sizes: Sizes | None = None) -> None:
        """``faulty`` is None on a sound link, which no fault concerns; ``sizes`` on one that is never narrow."""
        self._sizes = sizes
        self.latency_us = latency_us
        self.jitter_us = jitter_us
        self.faulty = faulty

    def transit_us(self, bits: int) -> int:
        """Return how long a message takes, with jitter drawn from the lowest bits."""
        return self.latency_us + (self.jitter_us * (bits & LINK_MASK) >> LINK_BITS)

    def send(self, request: Request, entered_us: int) -> Sent | None:
        """Return what becomes of a request that enters the link; None on a sound link."""
        faulty, sizes = self.faulty, self._sizes
        if faulty is None:
            return None
        weighed = sizes is not None and faulty.weighs(entered_us)
        size_bytes = sizes.of_request(faulty.caller, request, entered_us) if sizes is not None and weighed else 0
        return faulty.request(request.msgid, request.code, entered_us, size_bytes)

    def send_back(self, request: Request, entered_us: int, sent: Sent | None, said: Outcome) -> Sent | None:
        """Return what becomes of the reply to a request that went as ``sent``: of ``said``."""
        faulty, sizes = self.faulty, self._sizes
        if faulty is None or sent is None:
            return None
        weighed = sizes is not None and faulty.weighs(entered_us)
        size_bytes = sizes.of_answer(faulty.caller, request, said, entered_us) if sizes is not None and weighed else 0
        yes = type(said) is Answered and not said.reply.refusal
        return faulty.reply(request.msgid, request.code, entered_us, sent=sent, yes=yes, size_bytes=size_bytes)
