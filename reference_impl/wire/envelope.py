"""The envelopes of requests and replies, field by field (domain facts 1.1 and 1.2)."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from reference_impl.wire.errors import WireError

INPUT_CHARACTERS = 40_000
"""Bound of ``input`` and of ``output``."""
ERROR_CHARACTERS = 200
MSGID_CHARACTERS = 30
MSGID_DEVIANT_CHARACTERS = 29
"""A sample in the specification itself has a sequence of 3 digits, and vendors follow it."""

_S3 = Annotated[str, msgspec.Meta(min_length=1, max_length=3)]
_S6 = Annotated[str, msgspec.Meta(min_length=1, max_length=6)]
_S10 = Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
_S12 = Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
_S17 = Annotated[str, msgspec.Meta(max_length=17)]
_S19 = Annotated[str, msgspec.Meta(min_length=1, max_length=19)]
_S20 = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
_S30 = Annotated[str, msgspec.Meta(min_length=1, max_length=30)]
_S50 = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]


class RequestToRead(msgspec.Struct, frozen=True, gc=False):
    """A request's envelope as it arrives. Fields of signatures and devices are skipped, not checked."""

    infno: _S6
    msgid: _S30
    mdtrtarea_admvs: _S6
    recer_sys_code: _S10
    infver: _S6
    opter_type: _S3
    opter: _S30
    opter_name: _S50
    inf_time: _S19
    fixmedins_code: _S12
    fixmedins_name: _S20
    input: msgspec.Raw
    insuplc_admdvs: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    sign_no: Annotated[str, msgspec.Meta(max_length=30)] | None = None


class RequestToWrite(msgspec.Struct, gc=False):
    """A request's envelope as it is sent; constants are fictitious."""

    infno: str
    msgid: str
    mdtrtarea_admvs: str
    insuplc_admdvs: str
    inf_time: str
    fixmedins_code: str
    fixmedins_name: str
    input: Any
    recer_sys_code: str = "YIDI"
    infver: str = "1.0.0"
    opter_type: str = "1"
    opter: str = "sim"
    opter_name: str = "sim"
    sign_no: str = ""


class ReplyToRead(msgspec.Struct, frozen=True, gc=False):
    """A reply's envelope as it arrives."""

    infcode: int
    inf_refmsgid: Annotated[str, msgspec.Meta(max_length=30)] | None = None
    refmsg_time: _S17 | None = None
    respond_time: _S17 | None = None
    err_msg: str | None = None
    output: msgspec.Raw = msgspec.Raw(b"null")


class ReplyToWrite(msgspec.Struct, gc=False):
    """A reply's envelope as it is sent."""

    infcode: int
    inf_refmsgid: str
    refmsg_time: str
    respond_time: str
    err_msg: str
    output: Any


_MESSAGE = re.compile(r"(?:Expected )?(.*?)(?:, got `[^`]*`)?(?: - at `\$(.*)`)?")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def wire_error(transaction: str, prefix: str, data: bytes | memoryview, error: msgspec.DecodeError) -> WireError:
    """Return the typed error of a parse that failed: the path inside ``prefix``, and the value that stands there."""
    match = _MESSAGE.fullmatch(str(error))
    if match is None or not isinstance(error, msgspec.ValidationError):
        return WireError(transaction, prefix or "message", bytes(data).decode(errors="replace"), f"JSON ({error})")
    expected, path = match[1], match[2] or ""
    if missing := _MISSING.fullmatch(expected):
        return WireError(transaction, f"{prefix}{path}.{missing[1]}".lstrip("."), "nothing", "a mandatory field")
    return WireError(transaction, (prefix + path).lstrip(".") or "message", _found_at(data, path), expected)


def _found_at(data: bytes | memoryview, path: str) -> Any:
    """Return the value at a path of msgspec's, like ``.feedetail[1].cnt``."""
    found: Any = msgspec.json.decode(data)
    for name in re.findall(r"\w+", path):
        found = found[int(name) if isinstance(found, list) else name]
    return found
