"""The codec of the old provincial protocol: another spelling of the same messages, ``CallService(transno, xml)``.

Its transactions are bound to the same structs as today's (``fields/old``), so both dialects are bindings of one core: a
message is the same message in either, with the same key. Its answers have ``errorcode``, ``errormsg`` and ``output``
(FOUND); the call's own elements are ASSUMED. Its surface is that of ``codec.Codec``, which does the work: this module
must only spell its JSON as XML and the transactions by their old numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from reference_impl.domain.dialects import OLD_TRANSACTIONS, TODAYS
from reference_impl.protocol import messages as m
from reference_impl.wire import answers as a
from reference_impl.wire.codec import Codec
from reference_impl.wire.errors import WireError, WireWarning
from reference_impl.wire.sides import packaged
from reference_impl.wire.tables import OLD, Direction
from reference_impl.wire.xml import Value, from_xml, to_xml

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock

__all__ = ["OldCodec", "is_old"]

_XML = {"content-type": "text/xml; charset=GBK"}
_CALL, _RESULT = "call", "result"
_ASKED = {
    "infno": "transno",
    "msgid": "transid",
    "mdtrtarea_admvs": "aab299",
    "insuplc_admdvs": "aab301",
    "fixmedins_code": "akb026",
    "inf_time": "transtime",
    "signtype": "signtype",
    "cainfo": "cainfo",
    "input": "input",
}
"""What a call says of today's envelope, and how."""
_TOLD = {
    "infcode": "errorcode",
    "err_msg": "errormsg",
    "warn_msg": "warnmsg",
    "inf_refmsgid": "refid",
    "output": "output",
}
_SPARE = {
    "recer_sys_code": "YIDI",
    "infver": "old",
    "opter_type": "1",
    "opter": "sim",
    "opter_name": "SYNTHETIC",
    "fixmedins_name": "SIM",
}
"""Of today's envelope what the old one has not; it decides nothing."""
_WHOLE = ("retry_after_us", "reopens_us")
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(float_hook=str).decode
"""Decimals stay as they were written."""


def is_old(content: bytes) -> bool:
    """Return whether a request is in the old dialect: XML begins with a bracket, JSON never does."""
    return content.lstrip()[:1] == b"<"


class OldCodec:
    """Writes and reads messages in the old dialect for one run, whose business time is ``clock``'s."""

    def __init__(self, clock: BusinessClock) -> None:
        self._codec = Codec(clock, OLD)

    def encode_request(self, request: m.Request, now_us: int) -> bytes:
        """Return the bytes of a request sent at ``now_us``.

        Raises:
            WireError: when the dialect has no such transaction, or a value does not fit its field.

        """
        asked = _decode(self._codec.encode_request(_by_old_number(request), now_us))
        call = {old: asked[name] for name, old in _ASKED.items() if name in asked}
        return to_xml(request.code, _CALL, call)

    def decode_request(self, data: bytes, sender: m.NodeId, warnings: list[WireWarning] | None = None) -> m.Request:
        """Return the request in ``data``, which ``sender`` sent.

        Raises:
            WireError: when the bytes break the protocol; answer ``encode_malformed``.

        """
        call = _mapping("request", _CALL, from_xml("request", data))
        number = str(call.get("transno", ""))
        if number not in TODAYS:
            raise WireError(number, "transno", number, f"one of {', '.join(sorted(TODAYS))}")
        asked: dict[str, Any] = {name: call[old] for name, old in _ASKED.items() if old in call}
        asked["input"] = _with_rows(call.get("input", ""), number, "in")
        request = self._codec.decode_request(_encode({**_SPARE, **asked}), sender, warnings)
        return msgspec.structs.replace(request, code=TODAYS[number])

    def encode_answer(
        self, request: m.Request, answer: m.Answer, now_us: int, warnings: Sequence[WireWarning] = ()
    ) -> a.WireAnswer:
        """Return the answer to ``request``, given at ``now_us``, as HTTP carries it.

        Raises:
            WireError: when a value does not fit its field, or a reply says neither yes nor no.

        """
        return _spelled(request.code, self._codec.encode_answer(_by_old_number(request), answer, now_us, warnings))

    def encode_malformed(self, error: WireError, now_us: int) -> a.WireAnswer:
        """Return the answer to bytes that could not be read: refused, the field named, nothing done."""
        return _spelled("", self._codec.encode_malformed(error, now_us))

    def encode_unavailable(self, reason: str, retry_after_us: int, now_us: int) -> a.WireAnswer:
        """Return the answer of a node that cannot serve at all: nothing was done, and why."""
        return _spelled("", self._codec.encode_unavailable(reason, retry_after_us, now_us))

    def decode_answer(
        self,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        code: str,
        warnings: list[WireWarning] | None = None,
    ) -> m.Outcome:
        """Return what the answer to a request of today's transaction ``code`` tells its caller.

        Raises:
            WireError: when a reply breaks the protocol; its sender may have acted, so treat it as unknown.

        """
        heard = a.learned_from(status, headers)
        if heard is not None:
            return heard
        number = OLD_TRANSACTIONS.get(code, code)
        result = _mapping(code, _RESULT, from_xml(code, data))
        told: dict[str, Any] = {name: result[old] for name, old in _TOLD.items() if old in result}
        try:
            told["infcode"] = int(told.get("infcode", ""))
        except (TypeError, ValueError):
            raise WireError(code, "errorcode", told.get("infcode"), "a whole number") from None
        told["output"] = _output(result.get("output", ""), number)
        return self._codec.decode_answer(status, headers, _encode(told), number, warnings)


def _by_old_number(request: m.Request) -> m.Request:
    number = OLD_TRANSACTIONS.get(request.code)
    if number is None:
        raise WireError(request.code, "transno", request.code, f"one of {', '.join(OLD_TRANSACTIONS)}")
    return msgspec.structs.replace(request, code=number)


def _spelled(code: str, answer: a.WireAnswer) -> a.WireAnswer:
    said = _decode(answer.body)
    result = {old: said[name] for name, old in _TOLD.items() if name in said}
    return a.WireAnswer(answer.status, {**answer.headers, **_XML}, to_xml(code, _RESULT, result))


def _mapping(code: str, wanted: str, document: tuple[str, Value]) -> dict[str, Value]:
    name, value = document
    if name != wanted or not isinstance(value, dict):
        raise WireError(code, "message", name, f"an element {wanted!r} with elements in it")
    return value


def _output(output: Value, number: str) -> Any:
    """Return an output as JSON has it: empty where it says no more than done; a door's note with its numbers."""
    if not isinstance(output, dict) or "door" not in output:
        return _with_rows(output, number, "out")
    door: Any = output["door"]
    if isinstance(door, dict):
        door = cast("dict[str, Any]", door)
        door |= {name: int(door[name]) for name in _WHOLE if _INTEGER.fullmatch(str(door.get(name, "")))}
    return {"door": door}


def _with_rows(content: Value, number: str, direction: Direction) -> Any:
    """Return an input or output whose nodes of rows are lists, an empty one too, and whose other nodes are none."""
    if not isinstance(content, dict):
        return {} if content == "" else content
    table = packaged(OLD)[0].get(number)
    for name, node in table.nodes(direction).items() if table else ():
        if content.get(name) == "":
            content[name] = [] if node.many else {}
    return content
