"""JSON-like values as the old protocol's XML and back: elements of text, nodes of elements, lists of ``row`` elements.

Bytes come from strangers: no document type is read, nesting is bounded, and text is GBK. A character that GBK has not
is written as a reference. It must never know what an element means.
"""

from __future__ import annotations

import re
from typing import Any, cast
from xml.etree import ElementTree as ET

from reference_impl.wire.errors import WireError

ENCODING = "gbk"
ROW = "row"
_DEPTH_MAX = 6
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}

Value = str | dict[str, "Value"] | list["Value"]


def to_xml(transaction: str, root: str, value: Any) -> bytes:
    """Return ``value`` (text, numbers, lists, mappings by name) as a document whose root is ``root``.

    Raises:
        WireError: when a text holds a character that no XML can.

    """
    text = f'<?xml version="1.0" encoding="{ENCODING.upper()}"?>{_element(transaction, root, value)}'
    return text.encode(ENCODING, "xmlcharrefreplace")


def from_xml(transaction: str, data: bytes) -> tuple[str, Value]:
    """Return the root's name and what is in it: text, or a mapping; rows of one name become a list.

    Raises:
        WireError: when the bytes are no document of ours.

    """
    try:
        text = data.decode(ENCODING)
    except UnicodeDecodeError as error:
        raise WireError(transaction, "message", data[error.start : error.end], f"text in {ENCODING.upper()}") from None
    if "<!" in text:
        raise WireError(transaction, "message", "<!", "elements alone: no document type, no comment, no section")
    try:
        root = ET.fromstring(_DECLARATION.sub("", text))  # noqa: S314 - no document type, so no entities
    except ET.ParseError as error:
        raise WireError(transaction, "message", text, f"XML ({error})") from None
    return root.tag, _content(transaction, root, 1)


def _element(transaction: str, name: str, value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(_element(transaction, key, one) for key, one in cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        inner = "".join(_element(transaction, ROW, one) for one in cast("list[Any]", value))
    else:
        inner = _text(transaction, name, str(value))
    return f"<{name}>{inner}</{name}>"


def _text(transaction: str, name: str, text: str) -> str:
    if not_xml := _NO_XML.search(text):
        raise WireError(transaction, name, not_xml[0], "characters that XML can hold")
    return "".join(_ESCAPES.get(char, char) for char in text)


def _content(transaction: str, element: ET.Element, depth: int) -> Value:
    if depth > _DEPTH_MAX:
        raise WireError(transaction, element.tag, "more", f"at most {_DEPTH_MAX} levels of elements")
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag == ROW for child in children):
        return [_content(transaction, child, depth + 1) for child in children]
    found: dict[str, Value] = {}
    for child in children:
        if child.tag in found:
            raise WireError(transaction, child.tag, "more than one", "an element once; rows are called 'row'")
        found[child.tag] = _content(transaction, child, depth + 1)
    return found
