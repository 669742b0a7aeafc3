"""What the hospital says as bytes, in the dialect of the moment, and as its node reads it: where dialects change.

Only what is said to a node: an answer bears whole seconds on the wire, and the laws compare microseconds.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import NamedTuple

from reference_impl.domain.dialects import DialectChange
from reference_impl.domain.errors import Refusal
from reference_impl.protocol.messages import Outcome, Request
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codec import Codec
from reference_impl.wire.old import OldCodec
from reference_impl.wire.speech import HospitalCodec, Speech, speech_refusal

__all__ = ["Letter", "Spoken"]

_CLOCK = BusinessClock(datetime(2024, 6, 3), 1.0)


@cache
def _codecs() -> tuple[Codec, OldCodec]:
    """Return the codecs of all worlds: their tables take longer to lay out than a small world to live."""
    return Codec(_CLOCK), OldCodec(_CLOCK)


class Letter(NamedTuple):
    """A message as it was written."""

    codec: HospitalCodec
    content: bytes


class Spoken:
    """Writes what the hospital sends, and reads it at its node."""

    def __init__(self, changes: tuple[DialectChange, ...]) -> None:
        """Go by ``changes``."""
        self._changes = changes
        self._speech = Speech(changes, _CLOCK, _codecs())

    def written(self, request: Request, now_us: int) -> Letter:
        """Return a message as it is sent now, for the first time or again."""
        codec = self._speech.codec(request, now_us)
        return Letter(codec, codec.encode_request(request, now_us))

    def read(self, letter: Letter, request: Request, now_us: int) -> Request | Refusal:
        """Return what a node reads now in what was written as ``request``, or why it does not hear that."""
        in_old = isinstance(letter.codec, OldCodec)
        refusal = speech_refusal(request, self._changes, now_us, in_old=in_old)
        return refusal or letter.codec.decode_request(letter.content, request.sender)

    def heard(self, request: Request, outcome: Outcome) -> None:
        """Forget a message that has its verdict."""
        self._speech.heard(request, outcome)
