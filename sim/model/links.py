"""Links: what lies between a hospital, its province and the hub. A message takes a while on it, or is lost.

Whether a message is lost or delayed by a fault ``reference_impl.staging.loss`` decides, as in the real world's proxy.
This module must never look into a message beyond its id, its transaction code and, on a narrow link, its size.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from reference_impl.protocol.messages import Answered

if TYPE_CHECKING:
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.staging.loss import FaultyLink, Sent
    from scenarios.schema.durations import MachineDrawn
    from sim.model.sizes import Sizes

LINK_BITS: Final = 10
"""How long a message is on its way is drawn from 1,024 quantiles."""
LINK_MASK: Final = (1 << LINK_BITS) - 1
_STEPS: Final = 1 << LINK_BITS
_LOOKS_A_STEP: Final = 8


@cache
def transits_us(latency: int | MachineDrawn, jitter_us: int) -> tuple[int, ...]:
    """Return how long a message takes at each quantile: each is the mean of its 1,024th of the distribution.

    So means are right; of the tail, single messages beyond the last 1,024th are not told apart.
    """
    if isinstance(latency, int):
        return tuple(latency + (jitter_us * step >> LINK_BITS) for step in range(_STEPS))
    return tuple(_mean_us(latency, step) + (jitter_us * step >> LINK_BITS) for step in range(_STEPS))


def _mean_us(latency: MachineDrawn, step: int) -> int:
    looks = ((step + (look + 0.5) / _LOOKS_A_STEP) / _STEPS for look in range(_LOOKS_A_STEP))
    return round(sum(latency.at(u) for u in looks) / _LOOKS_A_STEP)


class Link:
    """One directed link, from caller to callee; replies come back on it."""

    __slots__ = ("_sizes", "faulty", "shortest_us", "transits_us")

    def __init__(self, transits_us: tuple[int, ...], faulty: FaultyLink | None, sizes: Sizes | None = None) -> None:
        """``transits_us`` is how long a message takes, by ten drawn bits.

        ``faulty`` is None on a sound link, which no fault concerns; ``sizes`` on one that is never narrow.
        """
        self._sizes = sizes
        self.transits_us = transits_us
        self.shortest_us = transits_us[0]
        self.faulty = faulty

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
