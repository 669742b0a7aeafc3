"""The envelopes of requests and replies, field by field (domain facts 1.1 and 1.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from reference_impl.domain.institution import INSTITUTION_CHARS, is_institution
from reference_impl.wire.errors import WireError

INPUT_CHARACTERS = 40_000
"""Bound of ``input`` and of ``output``."""
ERROR_CHARACTERS = 200
MSGID_CHARACTERS = 30
"""Institution (12), time (14), sequence (4). A sample in the specification itself has a sequence of 3 digits, and
vendors follow it: that is tolerated on the whole path. The lengths tell the ids made of them apart."""

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
    """A request's envelope as it arrives. Fields of devices are skipped, and of signatures not ours, not checked."""

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
    signtype: str | None = None
    cainfo: str | None = None


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
    opter_name: str = "SYNTHETIC"
    """Every body that we make says so: nobody was treated, nothing is owed."""
    sign_no: str = ""
    signtype: str | msgspec.UnsetType = msgspec.UNSET
    cainfo: str | msgspec.UnsetType = msgspec.UNSET


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
    warn_msg: str | msgspec.UnsetType = msgspec.UNSET
    """Of later editions of the interface; left out where there is nothing to warn of."""


MSGID_REST = re.compile(r"[0-9]{17,18}")
REGION = re.compile(r"[0-9]{6}")


def check_names(
    code: str, *, msgid: str, institution: str, care_region: str, insured_region: str, platform: str = ""
) -> bool:
    """Check the names that a message is known by, on its way in and out; return whether the msgid is a full one.

    They become keys, ids and parts of HTTP heads, so nothing but ASCII letters and digits of the known shapes may
    pass: an institution can never bear the name of a node. A blank insured region is a local patient's. Between nodes a
    ``platform`` may have numbered the message, which pays an order of the institution's.

    Raises:
        WireError: naming the field.

    """
    _check_places(code, institution, care_region, insured_region)
    own = msgid.startswith(institution) or (platform != "" and msgid.startswith(platform))
    if not own or not MSGID_REST.fullmatch(msgid, INSTITUTION_CHARS):
        raise WireError(code, "msgid", msgid, f"{institution}, 14 digits of time and 4 of a sequence")
    return len(msgid) == MSGID_CHARACTERS


@lru_cache(maxsize=4096)
def _check_places(code: str, institution: str, care_region: str, insured_region: str) -> None:
    """Check names that come again and again. Only right ones are kept in mind: nobody fills the memory with others."""
    if not is_institution(institution):
        raise WireError(code, "fixmedins_code", institution, "a capital letter and 11 digits")
    if not REGION.fullmatch(care_region):
        raise WireError(code, "mdtrtarea_admvs", care_region, "6 digits")
    if insured_region and not REGION.fullmatch(insured_region):
        raise WireError(code, "insuplc_admdvs", insured_region, "6 digits")


def check_size(code: str, path: str, raw: msgspec.Raw | bytes) -> None:
    """Check the bound in characters; bytes are never fewer.

    Raises:
        WireError: with the size found.

    """
    view = memoryview(raw)
    if len(view) > INPUT_CHARACTERS and len(str(view, "utf-8")) > INPUT_CHARACTERS:
        got = f"{len(str(view, 'utf-8'))} characters"
        raise WireError(code, path, got, f"at most {INPUT_CHARACTERS} characters; split the batch")


def refuse_illegible(transaction: str, data: bytes) -> None:
    """Refuse what is no UTF-8: the parser skips what nobody asks for without a look at its bytes.

    Raises:
        WireError: with the bytes that are none.

    """
    if data.isascii():
        return
    try:
        str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise WireError(transaction, "message", data[error.start : error.end], "text in UTF-8") from None


def too_deep(transaction: str) -> WireError:
    """Return the error of a message that is nested deeper than a reader bears."""
    return WireError(transaction, "message", "more", "fewer levels of nesting")


_MESSAGE = re.compile(r"(?:Expected )?(.*?)(?:, got `[^`]*`)?(?: - at `\$(.*)`)?")
_MISSING = re.compile(r"Object missing required field `(\w+)`")


def wire_error(transaction: str, prefix: str, data: bytes | memoryview, error: msgspec.DecodeError) -> WireError:
    """Return the typed error of a parse that failed: the path inside ``prefix``, and the value that stands there."""
    match = _MESSAGE.fullmatch(str(error))
    if match is None or not isinstance(error, msgspec.ValidationError):
        return WireError(transaction, prefix or "message", f"{len(data)} bytes", f"JSON ({error})")
    expected, path = match[1], match[2] or ""
    if missing := _MISSING.fullmatch(expected):
        return WireError(transaction, f"{prefix}{path}.{missing[1]}".lstrip("."), "nothing", "a mandatory field")
    return WireError(transaction, (prefix + path).lstrip(".") or "message", _found_at(data, path), expected)


def error_in(transaction: str, message: msgspec.Struct, error: msgspec.ValidationError) -> WireError:
    """Return the typed error of a message that goes beyond its bounds: the attribute's path, and what it holds."""
    match = _MESSAGE.fullmatch(str(error))
    expected, path = (match[1], match[2] or "") if match else (str(error), "")
    return WireError(transaction, path.lstrip(".") or "message", _walk(message, path), expected)


def _found_at(data: bytes | memoryview, path: str) -> Any:
    """Return the value at a path of msgspec's, like ``.feedetail[1].cnt``."""
    try:
        return _walk(msgspec.json.decode(data), path)
    except (msgspec.DecodeError, ValueError, LookupError, TypeError):  # a number too long, a key said twice
        return "what nobody can read"


def _walk(found: Any, path: str) -> Any:
    for name in re.findall(r"\w+", path):
        if isinstance(found, msgspec.Struct):
            found = getattr(found, name)
        else:
            found = found[int(name) if isinstance(found, list | tuple) else name]
    return found
