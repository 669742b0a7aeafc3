"""Seals made and read: a digest of business content by a key that the institution shares with one insurer alone."""

from __future__ import annotations

from binascii import b2a_base64
from hmac import compare_digest

from reference_impl.domain.errors import Refusal
from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Request, Seal
from reference_impl.protocol.ports import SealReader
from reference_impl.protocol.sealed import sealed_content
from reference_impl.trust.keys import Key, NodeKeys

__all__ = ["reader_of", "seal"]


def seal(request: Request, key: Key) -> Request:
    """Return a request with the seal of its institution, whose key with the insurer is ``key``."""
    named = [getattr(request.body, name, "") for name in ("visit", "settlement", "continues")]
    mac = _mac(key, sealed_content(request, *named))
    return Request(
        request.code,
        request.msgid,
        request.sender,
        request.institution,
        request.care_region,
        request.insured_region,
        request.body,
        Seal(key.id, mac, *named),
    )


def reader_of(keys: NodeKeys) -> SealReader:
    """Return what reads seals by the keys that an insurer has at that moment."""

    def read(seal: Seal, institution: NodeId, content: bytes) -> Refusal | None:
        key = keys.seals.get(seal.key)
        if key is None or key.revoked:
            return Refusal.SEAL_KEY_UNKNOWN
        own = compare_digest(_mac(key, content).encode(), seal.mac.encode())
        return None if own and key.institution == institution else Refusal.SEAL_BROKEN

    return read


def _mac(key: Key, content: bytes) -> str:
    return b2a_base64(key.mac.of(b"seal\n", content), newline=False).decode("ascii")
