"""Which message of which transaction it is, seen without reading it: for whoever has too much to do to read it all.

A guess from its first bytes, good enough to say who is turned away first and to tell of that, and for nothing else.
"""

from __future__ import annotations

import re

__all__ = ["code_in", "msgid_in"]

_PEEKED_BYTES = 256
_CODE = re.compile(rb'"infno"\s*:\s*"(\d{4})"')
_MSGID = re.compile(rb'"msgid"\s*:\s*"([A-Z]\d{28,29})"')
"""No other spelling is told: whatever a sender writes there would come into a log."""


def code_in(content: bytes) -> str:
    """Return the transaction that a message in JSON begins with; empty when it does not begin so.

    >>> code_in(b'{"infno": "0000", "msgid": "1"}'), code_in(b"<x>")
    ('0000', '')
    """
    return _found(_CODE, content)


def msgid_in(content: bytes) -> str:
    """Return the id that a message in JSON names in its first bytes; empty when there is none of the right form.

    >>> msgid_in(b'{"infno": "9999", "msgid": "H33010000001202403130800000001", "inf'), msgid_in(b'{"msgid": "1"}')
    ('H33010000001202403130800000001', '')
    """
    return _found(_MSGID, content)


def _found(what: re.Pattern[bytes], content: bytes) -> str:
    found = what.search(content, 0, _PEEKED_BYTES)
    return "" if found is None else found[1].decode("ascii")
