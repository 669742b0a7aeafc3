"""A yes that is none, as bytes: what a platform has been seen to say, for tests of whoever has to read it.

Three spellings: the interface's JSON for hospitals, the old protocol's XML, and what neighbours tell each other. Nobody
but a fault says such a thing; this module must never be asked by a node that serves.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec

from reference_impl.wire import answers as a
from reference_impl.wire.old import is_old
from reference_impl.wire.xml import from_xml, to_xml

__all__ = ["Spelling", "is_yes", "spelling_of", "spoilt"]

_decode: Any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Spelling(NamedTuple):
    """How the answers on a link are written, what their parts are called there, and a yes of nothing in particular."""

    content_type: str
    xml: bool
    code: str
    text: str
    receipt: str
    no_deed: dict[str, Any]

    def read(self, content: bytes) -> dict[str, Any]:
        """Return an answer's elements; none of bytes that are no answer."""
        try:
            said: Any = from_xml("", content)[1] if self.xml else _decode(content)
        except (ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", said) if isinstance(said, dict) else {}

    def write(self, said: dict[str, Any]) -> bytes:
        """Return the elements as bytes."""
        return to_xml("", "result", said) if self.xml else _encode(said)


_HOSPITALS = Spelling(
    "application/json",
    xml=False,
    code="infcode",
    text="err_msg",
    receipt="output",
    no_deed={"infcode": 0, "inf_refmsgid": "", "err_msg": "", "output": {}},
)
_OLD = Spelling(
    "text/xml; charset=GBK",
    xml=True,
    code="errorcode",
    text="errormsg",
    receipt="output",
    no_deed={"errorcode": "0", "errormsg": "", "refid": "", "output": ""},
)
_NEIGHBOURS = Spelling(
    "application/json",
    xml=False,
    code="refusal",
    text="reason",
    receipt="body",
    no_deed={"reference": "", "body": None},
)


def spelling_of(request: bytes, *, of_hospital: bool) -> Spelling:
    """Return how the answer to a request is spelled on its link."""
    if not of_hospital:
        return _NEIGHBOURS
    return _OLD if is_old(request) else _HOSPITALS


def is_yes(status: int, content: bytes, spelling: Spelling) -> bool:
    """Return whether an answer is a verdict, and yes."""
    if status != a.STATUS_VERDICT:
        return False
    said = spelling.read(content)
    if spelling is _NEIGHBOURS:
        return "reference" in said and not said.get("refusal")
    return str(said.get(spelling.code)) == str(a.INFCODE_DONE)


def spoilt(content: bytes | None, spelling: Spelling, text: str) -> bytes:
    """Return a yes with ``text`` as the error beside it; without a text it has lost what it is about.

    ``content`` is the callee's own yes, None where it never saw the request.
    """
    said = {**spelling.no_deed, **({} if content is None else spelling.read(content))}
    if text:
        said[spelling.text] = text
    else:
        said[spelling.receipt] = spelling.no_deed[spelling.receipt]
    return spelling.write(said)
