"""Which codec speaks with whom: hospitals JSON or the old protocol's XML, neighbours the typed messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reference_impl.wire.codec import Codec
from reference_impl.wire.neighbour import NeighbourCodec
from reference_impl.wire.old import OldCodec, is_old

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock

__all__ = ["AnyCodec", "Codecs"]

AnyCodec = Codec | OldCodec | NeighbourCodec


class Codecs(NamedTuple):
    """The codecs of one run."""

    hospitals: Codec
    old: OldCodec
    neighbours: NeighbourCodec

    @classmethod
    def at(cls, clock: BusinessClock) -> Codecs:
        """Return the codecs of the run whose business time is ``clock``'s."""
        return cls(Codec(clock), OldCodec(clock), NeighbourCodec(clock))

    def of(self, sender: str, content: bytes) -> AnyCodec:
        """Return the codec of what a sender says; one without a name is a hospital, in either dialect."""
        if sender:
            return self.neighbours
        return self.old if is_old(content) else self.hospitals
