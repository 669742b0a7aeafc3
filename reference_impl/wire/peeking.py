"""Which transaction a message is, seen without reading it: for whoever has too much to do to read it all.

A guess from its first bytes, good enough to say who is turned away first, and for nothing else.
"""

from __future__ import annotations

import re

__all__ = ["code_in"]

_PEEKED_BYTES = 256
_CODE = re.compile(rb'"infno"\s*:\s*"(\d{4})"')


def code_in(content: bytes) -> str:
    """Return the transaction that a message in JSON begins with; empty when it does not begin so.

    >>> code_in(b'{"infno": "0000", "msgid": "1"}'), code_in(b"<x>")
    ('0000', '')
    """
    found = _CODE.search(content, 0, _PEEKED_BYTES)
    return "" if found is None else found[1].decode("ascii")
