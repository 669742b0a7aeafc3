"""An HTTP answer that came whole in one block, read at once: what nearly every answer of a node is.

It reads the plain shape alone, status line, headers and as many bytes as *content-length* says, and leaves every other
(chunked, cut, folded, not yet there) to a whole parser. It must never take for whole what the other would not.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Whole", "whole_answer"]

_ENDS = b"\r\n\r\n"
_BEGINS = b"HTTP/1.1 "
_STATUS = slice(len(_BEGINS), len(_BEGINS) + 3)
_BODILESS_BELOW = 200
_NO_CONTENT = (204, 304)
_KEEPS = {"keep-alive": True, "close": False}


class Whole(NamedTuple):
    """An answer; header names are in lower case, and ``keeps`` says whether its connection may be used again."""

    status: int
    headers: dict[str, str]
    content: bytes
    keeps: bool


def whole_answer(block: bytes) -> Whole | None:
    r"""Return the answer that ``block`` is, or None for whatever has to be read otherwise.

    >>> whole_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    Whole(status=200, headers={'content-length': '2'}, content=b'ok', keeps=True)
    >>> whole_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok") is None
    True
    """
    end = block.find(_ENDS)
    if end < 0 or not block.startswith(_BEGINS):
        return None
    status = block[_STATUS]
    if not status.isdigit():
        return None
    headers = _headers(block[:end])
    if headers is None:
        return None
    content = block[end + len(_ENDS) :]
    code = int(status)
    if code < _BODILESS_BELOW or code in _NO_CONTENT or headers["content-length"] != str(len(content)):
        return None
    keeps = _KEEPS.get(headers.get("connection", "keep-alive").lower())
    return None if keeps is None else Whole(code, headers, content, keeps)


def _headers(head: bytes) -> dict[str, str] | None:
    """Return headers that are each there once, a *content-length* among them; None for any other head."""
    lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(": ")
        if not colon or not _plain(name, value):
            return None
        headers[name.lower()] = value
    if len(headers) != len(lines) - 1 or "content-length" not in headers or "transfer-encoding" in headers:
        return None
    return headers


def _plain(name: str, value: str) -> bool:
    """Whether no other way of reading a line could read it otherwise."""
    return name.replace("-", "").isalnum() and name.isascii() and value.isprintable() and value == value.strip()
