"""Which dialect a message is in: of hospitals by where they stand and what time it is, at a node by its first byte.

A message is sent again in the dialect it was first sent in, for as long as that is answered, so that a retry is the
same bytes but for its time. What the old dialect has not goes in today's. This module must never change a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.dialects import DialectChange, has_old_form, old_answers, speaks_old
from reference_impl.domain.errors import Refusal
from reference_impl.protocol.messages import Answered, MessageId, Outcome, Request, Reverse
from reference_impl.wire.codec import Codec
from reference_impl.wire.old import OldCodec

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock

__all__ = ["HospitalCodec", "Speech", "speech_refusal"]

HospitalCodec = Codec | OldCodec


def speech_refusal(
    request: Request, changes: tuple[DialectChange, ...], now_us: int, *, in_old: bool
) -> Refusal | None:
    """Return why a province does not hear a hospital's message in this dialect now, or None."""
    care = request.care_region
    if in_old:
        return None if old_answers(changes, care, now_us) else Refusal.OTHER_DIALECT
    early = _has_old_form(request) and speaks_old(changes, care, now_us)
    return Refusal.OTHER_DIALECT if early else None


class Speech:
    """Chooses the codec of a hospital's messages."""

    __slots__ = ("_begun", "_changes", "_new", "_old")

    def __init__(
        self,
        changes: tuple[DialectChange, ...],
        clock: BusinessClock,
        codecs: tuple[Codec, OldCodec] | None = None,
    ) -> None:
        """Go by ``changes``; ``clock`` tells business time for the ``codecs``, which are made where none are given."""
        self._changes = changes
        self._new, self._old = codecs or (Codec(clock), OldCodec(clock))
        self._begun: set[MessageId] = set()
        """The messages first sent in the old dialect that have no answer yet."""

    def codec(self, request: Request, now_us: int) -> HospitalCodec:
        """Return the codec for a message sent now, for the first time or again."""
        if not self._changes or not _has_old_form(request):
            return self._new
        care = request.care_region
        if speaks_old(self._changes, care, now_us):
            self._begun.add(request.msgid)
            return self._old
        again = request.msgid in self._begun and old_answers(self._changes, care, now_us)
        return self._old if again else self._new

    def heard(self, request: Request, outcome: Outcome) -> None:
        """Forget a message that has its verdict."""
        if self._changes and isinstance(outcome, Answered):
            self._begun.discard(request.msgid)


def _has_old_form(request: Request) -> bool:
    body = request.body
    return has_old_form(request.code, body.original_code if isinstance(body, Reverse) else "")
