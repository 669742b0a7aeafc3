"""Which codec speaks with whom: hospitals speak the interface's JSON, neighbours the typed messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reference_impl.wire.codec import Codec
from reference_impl.wire.neighbour import NeighbourCodec

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock

__all__ = ["AnyCodec", "Codecs"]

AnyCodec = Codec | NeighbourCodec


class Codecs(NamedTuple):
    """The codecs of one run."""

    hospitals: Codec
    neighbours: NeighbourCodec

    @classmethod
    def at(cls, clock: BusinessClock) -> Codecs:
        """Return the codecs of the run whose business time is ``clock``'s."""
        return cls(Codec(clock), NeighbourCodec(clock))

    def of(self, sender: str) -> AnyCodec:
        """Return the codec of a sender; one without a name is a hospital."""
        return self.neighbours if sender else self.hospitals
