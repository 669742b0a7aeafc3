"""Signed requests and replies: HMAC-SHA-256 over all that is said, by a key that the two ends share.

A request's signature is over (method, path, key id, time, nonce, body), a reply's over that signature, the status, the
headers that count and the body: so no reply passes for the answer to another request. Comparisons take the same time
whatever differs. This module must never say which part of a signature was wrong.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest
from typing import NamedTuple

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.unheard import Unheard
from reference_impl.trust.families import HeaderFamily
from reference_impl.trust.keys import Key, NodeKeys
from reference_impl.trust.mac import Mac
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
    mac: Mac
    signature: bytes


class Gate:
    """Hears the requests of one process."""

    __slots__ = ("_family", "_key", "_names", "_nonce", "_now_ms", "_replays", "_signature", "_time")

    def __init__(self, family: HeaderFamily, window_ms: int, now_ms: Callable[[], int]) -> None:
        """Take requests signed within ``window_ms`` of ``now_ms``, with the headers of ``family``."""
        self._family = family
        self._names = frozenset(name.encode("ascii") for name in family.names)
        self._key, self._time = family.key.encode("ascii"), family.time.encode("ascii")
        self._signature, self._nonce = family.signature.encode("ascii"), family.nonce.encode("ascii")
        self._now_ms = now_ms
        self._replays = Replays(window_ms, now_ms())

    def hear(self, keys: NodeKeys, line: tuple[str, str], headers: Headers, body: bytes) -> Heard | Unheard:
        """Return who sends a request (``line`` is method and path) to a node of ``keys``, or why nobody is heard.

        What comes after the signature in the list is told to holders of the key alone.
        """
        family, names = self._family, self._names
        said = [header for header in headers if header[0] in names]
        found = dict(said)
        if not len(said) == len(found) == len(names):
            return Unheard.NOT_SIGNED
        time = found[self._time]
        if len(time) != family.time_digits or not time.isdigit():
            return Unheard.NOT_SIGNED
        key = keys.doors.get(found[self._key].decode("latin-1"))
        if key is None:
            return Unheard.UNKNOWN_KEY
        signature = _signature(key, line, (time, found.get(self._nonce, b"")), body)
        if not compare_digest(b2a_base64(signature, newline=False), found[self._signature]):
            return Unheard.BAD_SIGNATURE
        if key.revoked:
            return Unheard.REVOKED_KEY
        refusal = self._replays.refusal(key.institution, signature, int(time) * family.unit_ms, self._now_ms())
        return Heard(key, signature) if refusal is None else refusal

    def sign_reply(self, heard: Heard, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Return the headers of a reply with its signature."""
        made = sign_reply(heard.key.mac, heard.signature, (status, headers, body))
        return {**headers, self._family.signature: made}


def sign(key: Key, family: HeaderFamily, line: tuple[str, str], body: bytes, now_ms: int) -> Signed:
    """Return what to send beside a request, signed at ``now_ms``."""
    time = f"{now_ms // family.unit_ms:0{family.time_digits}d}"
    nonce = os.urandom(_NONCE_BYTES).hex() if family.nonce else ""
    signature = _signature(key, line, (time.encode("ascii"), nonce.encode("ascii")), body)
    lines = f"{family.key}: {key.id}\r\n{family.time}: {time}\r\n{family.signature}: {_text(signature)}\r\n"
    if nonce:
        lines += f"{family.nonce}: {nonce}\r\n"
    return Signed(lines, key.mac, signature)


def sign_reply(mac: Mac, request: bytes, reply: tuple[int, Mapping[str, str], bytes]) -> str:
    """Return the signature of a reply to the request of signature ``request``."""
    status, headers, body = reply
    covered = "\n".join(headers.get(name, "") for name in COVERED)
    return _text(mac.of(b"reply\n%b\n%d\n%b\n" % (request, status, covered.encode("latin-1")), body))


def believable(signed: Signed, family: HeaderFamily, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a reply is that of the node which was asked, to what was asked."""
    expected = sign_reply(signed.mac, signed.signature, (status, headers, body))
    return compare_digest(expected.encode("ascii"), headers.get(family.signature, "").encode("latin-1"))


def _signature(key: Key, line: tuple[str, str], said: tuple[bytes, bytes], body: bytes) -> bytes:
    head = "\n".join(("request", *line, key.id)).encode("latin-1", "replace")
    return key.mac.of(b"%b\n%b\n%b\n" % (head, *said), body)


def _text(signature: bytes) -> str:
    return b2a_base64(signature, newline=False).decode("ascii")
