"""What gateways say to whom they do not hear, and how that is read: a hint for people, for nobody has signed it.

Status 401 and the names ``code`` and ``err_msg`` are DOCUMENTED (domain facts §1.3), our code in brackets is ASSUMED.
This module must never make a verdict of it.
"""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec

from reference_impl.domain.unheard import UNHEARD_REASONS, Unheard
from reference_impl.domain.unreadable import NO_JSON

__all__ = ["said_unheard", "unheard_text"]

_SAID = re.compile(r"\[(I1[0-5])\] ")


class _Said(msgspec.Struct, frozen=True):
    code: int
    err_msg: str


def unheard_text(why: Unheard) -> bytes:
    """Return the body of the answer.

    >>> said_unheard(401, unheard_text(Unheard.STALE_TIME)), said_unheard(200, b"{}")
    ('I14', '')
    """
    return msgspec.json.encode(_Said(HTTPStatus.UNAUTHORIZED, f"[{why.value}] {UNHEARD_REASONS[why]}"))


def said_unheard(status: int, content: bytes) -> str:
    """Return the code in an answer that says that its caller is not heard; empty for any other answer."""
    if status != HTTPStatus.UNAUTHORIZED:
        return ""
    try:
        said = msgspec.json.decode(content, type=_Said).err_msg
    except NO_JSON:
        return ""
    match = _SAID.match(said)
    return "" if match is None else match[1]
