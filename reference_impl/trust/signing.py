"""Signed requests and replies: HMAC-SHA-256 over all that is said, by a key that the two ends share.

A request's signature is over (method, path, key id, time, nonce, body), a reply's over that signature, the status, the
headers that count and the body: so no reply passes for the answer to another request. Comparisons take the same time
whatever differs. This module must never say which part of a signature was wrong.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest, digest
from typing import NamedTuple

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.unheard import Unheard
from reference_impl.trust.families import HeaderFamily
from reference_impl.trust.keys import HASH, Key, NodeKeys
from reference_impl.trust.replays import Replays

__all__ = ["COVERED", "Gate", "Heard", "Signed", "believable", "sign", "sign_reply"]

COVERED = ("retry-after", "x-yidi-hops")
"""The headers of a reply that its reader acts on."""
_NONCE_BYTES = 12

Headers = Sequence[tuple[bytes, bytes]]


class Heard(NamedTuple):
    """A request whose sender is proved, and what its reply is signed with."""

    key: Key
    signature: bytes

    @property
    def institution(self) -> NodeId:
        """Whose key it is."""
        return self.key.institution


class Signed(NamedTuple):
    """What a caller sends beside a request: its headers as lines, and the signature that a reply is held against."""

    lines: str
    secret: bytes
    signature: bytes


class Gate:
    """Hears the requests of one process."""

    __slots__ = ("_family", "_names", "_now_ms", "_replays")

    def __init__(self, family: HeaderFamily, window_ms: int, now_ms: Callable[[], int]) -> None:
        """Take requests signed within ``window_ms`` of ``now_ms``, with the headers of ``family``."""
        self._family = family
        self._names = frozenset(name.encode("ascii") for name in family.names)
        self._now_ms = now_ms
        self._replays = Replays(window_ms, now_ms())

    def hear(self, keys: NodeKeys, line: tuple[str, str], headers: Headers, body: bytes) -> Heard | Unheard:
        """Return who sends a request (``line`` is method and path) to a node of ``keys``, or why nobody is heard.

        What comes after the signature in the list is told to holders of the key alone.
        """
        family = self._family
        said = [header for header in headers if header[0] in self._names]
        if len(said) != len(self._names):
            return Unheard.NOT_SIGNED
        found = {name.decode("ascii"): value.decode("latin-1") for name, value in said}
        time = found.get(family.time, "")
        if len(found) != len(said) or not _is_time(time, family):
            return Unheard.NOT_SIGNED
        key = keys.doors.get(found[family.key])
        if key is None:
            return Unheard.UNKNOWN_KEY
        signature = _signature(key.secret, line, (key.id, time, found.get(family.nonce, "")), body)
        if not compare_digest(signature, _decoded(found[family.signature])):
            return Unheard.BAD_SIGNATURE
        if key.revoked:
            return Unheard.REVOKED_KEY
        refusal = self._replays.refusal(signature, int(time) * family.unit_ms, self._now_ms())
        return Heard(key, signature) if refusal is None else refusal

    def sign_reply(self, heard: Heard, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a reply with its signature."""
        made = sign_reply(heard.key.secret, heard.signature, (status, headers, body))
        return {**headers, self._family.signature: made}


def sign(key: Key, family: HeaderFamily, line: tuple[str, str], body: bytes, now_ms: int) -> Signed:
    """Return what to send beside a request, signed at ``now_ms``."""
    time = f"{now_ms // family.unit_ms:0{family.time_digits}d}"
    nonce = os.urandom(_NONCE_BYTES).hex() if family.nonce else ""
    signature = _signature(key.secret, line, (key.id, time, nonce), body)
    lines = f"{family.key}: {key.id}\r\n{family.time}: {time}\r\n{family.signature}: {_text(signature)}\r\n"
    if nonce:
        lines += f"{family.nonce}: {nonce}\r\n"
    return Signed(lines, key.secret, signature)


def sign_reply(secret: bytes, request: bytes, reply: tuple[int, Mapping[str, str], bytes]) -> str:
    """Return the signature of a reply to the request of signature ``request``."""
    status, headers, body = reply
    covered = "\n".join(headers.get(name, "") for name in COVERED)
    return _text(digest(secret, b"reply\n%b\n%d\n%b\n%b" % (request, status, covered.encode("latin-1"), body), HASH))


def believable(signed: Signed, family: HeaderFamily, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a reply is that of the node which was asked, to what was asked."""
    expected = sign_reply(signed.secret, signed.signature, (status, headers, body))
    return compare_digest(expected.encode("ascii"), headers.get(family.signature, "").encode("latin-1"))


def _signature(secret: bytes, line: tuple[str, str], named: tuple[str, str, str], body: bytes) -> bytes:
    head = "\n".join((*line, *named)).encode("latin-1", "replace")
    return digest(secret, b"request\n%b\n%b" % (head, body), HASH)


def _is_time(said: str, family: HeaderFamily) -> bool:
    return len(said) == family.time_digits and said.isascii() and said.isdigit()


def _text(signature: bytes) -> str:
    return b64encode(signature).decode("ascii")


def _decoded(said: str) -> bytes:
    try:
        return b64decode(said, validate=True)
    except (NoBase64, ValueError):
        return b""
