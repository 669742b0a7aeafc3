"""What an institution seals of its business, and why an insurer does not believe a message without that.

Neither hub nor care province can invent a message, or change whom and what it is about or what it costs: the digest is
over what the institution said, with a key that they do not have, and what arrives is held against it. What a care
province adds by its office (priced lines, its own ids, the level) is not sealed, but may not contradict. Pure: who
holds keys is a port (``ports.SealReader``).
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.domain.renumbering import Numbered
from reference_impl.domain.transactions import SEALED
from reference_impl.protocol.ids import visit_id
from reference_impl.protocol.messages import Request, Seal, SellDrugs, Settle
from reference_impl.protocol.numbers import Numbers
from reference_impl.protocol.ports import SealReader

__all__ = ["Seals", "sealed_content"]

_OF_BODY = (
    "insurance",
    "total_fen",
    "original",
    "original_code",
    "use_account",
    "mid_stay",
    "emergency",
    "care_type",
    "kind",
    "region",
    "hospital",
    "filing",
)
"""What of a body is the institution's word to the end of the way, beside the person and the numbers of its business."""
_NAMED = (
    (Numbered.VISIT, "visit"),
    (Numbered.SETTLEMENT, "settlement"),
    (Numbered.VISIT, "continues"),
)
_encode = msgspec.json.Encoder().encode


def sealed_content(request: Request, visit: str, settlement: str, continues: str) -> bytes:
    """Return what is sealed of ``request``, in which the institution calls its business so."""
    body = request.body
    said: tuple[object, ...] = (
        request.code,
        request.msgid,
        request.institution,
        request.care_region,
        request.insured_region,
        body.person,
        visit,
        settlement,
        continues,
        *[getattr(body, name, "") for name in _OF_BODY],
    )
    prescription: str = getattr(body, "prescription", "")
    return _encode((*said, prescription) if prescription else said)


class Seals:
    """Holds messages against their seals, for one insurer."""

    __slots__ = ("_numbers", "_read")

    def __init__(self, read: SealReader, numbers: Numbers) -> None:
        """Check digests by ``read``; ``numbers`` tell what is one visit."""
        self._read = read
        self._numbers = numbers

    def refusal(self, request: Request) -> Refusal | None:
        """Return why a message is not believed to be its institution's, or None; what is only asked moves nothing."""
        if request.code not in SEALED:
            return None
        seal = request.seal
        if seal is None:
            return Refusal.NOT_SEALED
        institution = NodeId(self._numbers.original(Numbered.INSTITUTION, request.institution))
        content = sealed_content(request, seal.visit, seal.settlement, seal.continues)
        refusal = self._read(seal, institution, content)
        if refusal is not None:
            return refusal
        return None if self._is_of(request, seal) and _adds_up(request) else Refusal.SEAL_BROKEN

    def _is_of(self, request: Request, seal: Seal) -> bool:
        """Return whether the message names the business that the institution named, or what its own id opens.

        Whatever numbers are in force: which they are is for the care province to say, where the business is.
        """
        body, numbers = request.body, self._numbers
        for of, name in _NAMED:
            arrived, said = getattr(body, name, ""), getattr(seal, name)
            if name == "visit" and arrived and not said:
                said = visit_id(request.msgid)
            if said != arrived and numbers.original(of, said) != numbers.original(of, arrived):
                return False
        return True


def _adds_up(request: Request) -> bool:
    """Return whether the lines that the care province priced come to what the institution asked for."""
    body = request.body
    if not isinstance(body, Settle | SellDrugs) or body.fees is None:
        return True
    return body.fees.total_fen == body.total_fen
