"""Signatures as gateways document them (domain facts §1.3): by one access key for all, and not over the body.

For systems that are not ours: the reference system asks for more (``signing``). What the documents leave open is
ASSUMED: that the other ``_api_`` headers are what is signed, that a digest is written in lower-case hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from dataclasses import dataclass, field

from reference_impl.trust.families import FAMILIES, Family

__all__ = ["GatewayKey", "gateway_lines", "hunan_signature", "tif_signature"]

_API_NAME, _API_VERSION = "_api_name", "_api_version"
_VERSION = "1.0.0"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """What a gateway has given whoever sends to it."""

    family: Family
    access_key: str
    secret: str = field(repr=False)


def gateway_lines(key: GatewayKey, code: str, now_ms: int) -> str:
    """Return the header lines of a request of transaction ``code``, signed at ``now_ms``."""
    names = FAMILIES[key.family]
    time = f"{now_ms // names.unit_ms:0{names.time_digits}d}"
    said = {names.key: key.access_key, names.time: time}
    if key.family is Family.HUNAN:
        said |= {_API_NAME: code, _API_VERSION: _VERSION}
        said[names.signature] = hunan_signature(said, key.secret)
    else:
        said[names.nonce] = os.urandom(_NONCE_BYTES).hex()
        said[names.signature] = tif_signature(time, key.secret, said[names.nonce])
    return "".join(f"{name}: {value}\r\n" for name, value in said.items())


def hunan_signature(said: dict[str, str], secret: str) -> str:
    """Return Base64(HMAC-SHA1(secret, k=v of every header, in order of their names, joined by &)). DOCUMENTED."""
    text = "&".join(f"{name}={value}" for name, value in sorted(said.items()))
    return b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode("ascii")


def tif_signature(time: str, token: str, nonce: str) -> str:
    """Return SHA-256(time + token + nonce + time). DOCUMENTED."""
    return hashlib.sha256(f"{time}{token}{nonce}{time}".encode()).hexdigest()
