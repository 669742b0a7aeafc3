"""How many bytes a message has where a link is narrow: it is written as the real world writes it, and counted.

Only its content counts: neither what HTTP adds nor seals and signatures. This module must never keep what was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.nodes import HOSPITAL
from reference_impl.protocol.messages import Unknown, Unreachable
from reference_impl.wire.neighbour import NeighbourCodec
from reference_impl.wire.speech import Speech

if TYPE_CHECKING:
    from reference_impl.domain.dialects import DialectChange
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.speech import HospitalCodec

__all__ = ["Sizes"]


class Sizes:
    """The codecs of a run, hospitals' and neighbours'."""

    def __init__(self, clock: BusinessClock, changes: tuple[DialectChange, ...]) -> None:
        """Write business time by ``clock``, and hospitals' messages in the dialects of ``changes``."""
        self._speech = Speech(changes, clock)
        self._neighbours = NeighbourCodec(clock)

    def of_request(self, caller: str, request: Request, now_us: int) -> int:
        """Return the bytes of a request that leaves ``caller``, the end of its link, now."""
        return len(self._codec(caller, request, now_us).encode_request(request, now_us))

    def of_answer(self, caller: str, request: Request, said: Outcome, now_us: int) -> int:
        """Return the bytes of what comes back to ``caller`` now; what tells it nothing has none."""
        if isinstance(said, Unknown | Unreachable):
            return 0
        size = len(self._codec(caller, request, now_us).encode_answer(request, said, now_us).body)
        self._speech.heard(request, said)
        return size

    def _codec(self, caller: str, request: Request, now_us: int) -> HospitalCodec | NeighbourCodec:
        return self._speech.codec(request, now_us) if caller == HOSPITAL else self._neighbours
