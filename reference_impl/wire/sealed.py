"""A seal as hospitals write it, in the envelope's ``cainfo``, beside a ``signtype`` that says what it is.

The fields are DOCUMENTED for signatures (domain facts §1.1); what is in them is ASSUMED: key id, a dot, the digest in
base64. What another ``signtype`` says is skipped, as before.
"""

from __future__ import annotations

import re

from reference_impl.protocol.messages import Body, Seal
from reference_impl.wire.errors import WireError

__all__ = ["SEALED", "seal_in", "seal_text"]

SEALED = "HMACSHA256"
_CAINFO = re.compile(r"([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9+/]{43}=)", re.ASCII)


def seal_text(seal: Seal) -> str:
    """Return a seal as ``cainfo``."""
    return f"{seal.key}.{seal.mac}"


def seal_in(code: str, cainfo: str, body: Body) -> Seal:
    """Return the seal of a message whose ``body`` names its business as its institution does.

    Raises:
        WireError: when it is none.

    """
    match = _CAINFO.fullmatch(cainfo)
    if match is None:
        raise WireError(code, "cainfo", cainfo, "a key id, a dot and 44 characters of base64")
    named = (getattr(body, name, "") for name in ("visit", "settlement", "continues"))
    return Seal(match[1], match[2], *named)
