"""Planted bugs for the table of guarantees: each is what somebody might forget, in the place where it would be forgotten.

A function is given what stands at a place, and returns what stands there when it was forgotten. Bugs of the protocol that
torture finds too are in ``support.mutants``; ``support.shown`` says which bug breaks what.
"""

# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
from __future__ import annotations

from typing import Any

import msgspec
from support.planting import bug

from reference_impl.domain.errors import Refusal
from reference_impl.domain.idempotency import Judgement
from reference_impl.protocol.answers import refused

# --- messages ---------------------------------------------------------------------------------------------------------


@bug("what has its verdict is decided again", "reference_impl.protocol.insured:answer_known")
def _(_known: Any) -> Any:
    return lambda message, request, reference: None


@bug("other content under a known key gets the verdict of the first", "reference_impl.protocol.answers:judge")
def _(judge: Any) -> Any:
    def judged(**asked: Any) -> Judgement:
        verdict = judge(**asked)
        return Judgement.REPLAY if verdict is Judgement.CONFLICT else verdict

    return judged


@bug("a closed door is written down as a verdict", "reference_impl.protocol.forwarder:Forwarder._not_served")
def _(_not_served: Any) -> Any:
    async def stored(self: Any, message: Any, _prepared: Any, _refusal: Any, *, fresh: bool) -> Any:
        del fresh
        return await self._close(message, refused(Refusal.NOT_OPENED, self._reference()), ())

    return stored


@bug("the verdict is made out anew for who asks again", "reference_impl.protocol.answers:Answered")
def _(answered: Any) -> Any:
    def anew(reply: Any, *more: Any) -> Any:
        return answered(msgspec.structs.replace(reply, reference=f"{reply.reference}+"), *more)

    return anew
