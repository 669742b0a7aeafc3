"""The codec between neighbours: typed messages as they are, in JSON that ``msgspec`` writes and reads in one pass.

Care province, hub and insured province tell each other what a hospital's message meant, not how it was spelled: the
protocol's bodies in whole fen, in an envelope with the interface's names. That form is ASSUMED: the real one is not
published. A neighbour's bytes are trusted no more than a hospital's: whatever is read here keeps the bounds of the
interface's fields, so it can be told to a hospital. Its surface is that of ``codec.Codec``, and like that it must
never turn a transport's failure into a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from reference_impl.domain.institution import PLATFORM_LETTER, filing_platform
from reference_impl.domain.regions import province_of
from reference_impl.protocol import messages as m
from reference_impl.wire import answers as a
from reference_impl.wire.bounds import Bound, attribute_bounds, bounded, hold
from reference_impl.wire.envelope import (
    ERROR_CHARACTERS,
    INPUT_CHARACTERS,
    MSGID_CHARACTERS,
    check_names,
    check_size,
    refuse_illegible,
    too_deep,
    wire_error,
)
from reference_impl.wire.errors import MALFORMED, WireError, WireWarning
from reference_impl.wire.sides import packaged

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock
    from reference_impl.wire.tables import Direction

__all__ = ["NeighbourCodec"]

_HOPS_MAX = 16
"""Hops of one answer; the longest way has seven."""
_WAIT = Bound(0, 10**15)
_MSGID = Bound(0, MSGID_CHARACTERS)
_HEADERS = {"content-type": "application/json"}
_REFUSAL = Annotated[str, msgspec.Meta(pattern=r"\A[^\]]{0,20}\Z")]
"""A code that a hospital can be told in brackets."""
_REFERENCE = Annotated[str, msgspec.Meta(max_length=MSGID_CHARACTERS)]
_REASON = Annotated[str, msgspec.Meta(max_length=ERROR_CHARACTERS)]


class Asked(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request between neighbours. The sender is not in it: the address and its header say who that is."""

    infno: str
    msgid: m.MessageId
    fixmedins_code: m.NodeId
    mdtrtarea_admvs: str
    insuplc_admdvs: str
    body: m.RequestBody
    seal: m.Seal | None = None


class Told(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A verdict between neighbours: a body, or a refusal and its reason."""

    reference: str
    hops: tuple[m.Hop, ...] = ()
    body: m.ReplyBody | None = None
    refusal: str = ""
    reason: str = ""


class _Shape(NamedTuple):
    """What one transaction carries one way: the type of its body, and the bounds of its whole message."""

    body: type[m.Body]
    bounds: Any


class NeighbourCodec:
    """Writes and reads messages between nodes for one run, whose business time is ``clock``'s."""

    def __init__(self, clock: BusinessClock) -> None:
        self._requests = {code: _asked(code, asked, clock) for code, (asked, _) in m.CARRIERS.items()}
        self._replies = {code: _told(code, told, clock) for code, (_, told) in m.CARRIERS.items()}
        self._encode = msgspec.json.Encoder().encode
        self._decode_request = msgspec.json.Decoder(Asked).decode
        self._decode_reply = msgspec.json.Decoder(Told).decode
        self._decode_door = msgspec.json.Decoder(a.Door).decode
        self._door = bounded(a.Door, {"retry_after_us": _WAIT, "msgid": _MSGID}, clock)

    def encode_request(self, request: m.Request, now_us: int) -> bytes:
        """Return the bytes of a request.

        Raises:
            WireError: when a value goes beyond its bounds; that is a mistake of ours.

        """
        del now_us  # nothing between neighbours is dated by its sending
        asked = Asked(
            request.code,
            request.msgid,
            request.institution,
            request.care_region,
            request.insured_region,
            request.body,
            request.seal,
        )
        self._hold_request(asked)
        data = self._encode(asked)
        _check_size(request.code, data)
        return data

    def decode_request(self, data: bytes, sender: m.NodeId, warnings: list[WireWarning] | None = None) -> m.Request:
        """Return the request in ``data``, which ``sender`` sent; a neighbour's has nothing to warn of.

        Raises:
            WireError: when the bytes are no request within its bounds; answer ``encode_malformed``.

        """
        del warnings
        refuse_illegible("request", data)
        try:
            asked = self._asked_in(data)
        except RecursionError:
            raise too_deep("request") from None
        _check_size(asked.infno, data)
        self._hold_request(asked)
        return m.Request(
            asked.infno,
            asked.msgid,
            sender,
            asked.fixmedins_code,
            asked.mdtrtarea_admvs,
            asked.insuplc_admdvs,
            asked.body,
            asked.seal,
        )

    def encode_answer(
        self, request: m.Request, answer: m.Answer, now_us: int, warnings: Sequence[WireWarning] = ()
    ) -> a.WireAnswer:
        """Return the answer to ``request`` as HTTP carries it.

        Raises:
            WireError: when a value goes beyond its bounds, or a reply says neither yes nor no.

        """
        del now_us, warnings
        if not isinstance(answer, m.Answered):
            status = a.STATUS_BUSY if isinstance(answer, m.Busy) else a.STATUS_UNAVAILABLE
            return self._system_answer(a.door_of(answer), status)
        reply = answer.reply
        body = None if reply.refusal else reply.body
        # A reason is cut to its length: a verdict must get through.
        told = Told(reply.reference, answer.hops, body, reply.refusal, reply.reason[:ERROR_CHARACTERS])
        self._hold_reply(told, request.code)
        data = self._encode(told)
        _check_size(request.code, data)
        return a.WireAnswer(a.STATUS_VERDICT, _HEADERS, data)

    def encode_malformed(self, error: WireError, now_us: int) -> a.WireAnswer:
        """Return the answer to bytes that could not be read: refused, the field named, nothing done."""
        del now_us
        told = Told("", refusal=MALFORMED, reason=str(error)[:ERROR_CHARACTERS])
        return a.WireAnswer(a.STATUS_MALFORMED, _HEADERS, self._encode(told))

    def encode_unavailable(self, reason: str, retry_after_us: int, now_us: int) -> a.WireAnswer:
        """Return the answer of a node that cannot serve at all: nothing was done, and why."""
        del now_us
        door = a.Door("overloaded", retry_after_us, reason=reason[:ERROR_CHARACTERS])
        return self._system_answer(door, a.STATUS_UNAVAILABLE)

    def decode_answer(
        self,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        code: str,
        warnings: list[WireWarning] | None = None,
    ) -> m.Outcome:
        """Return what the answer to a request of transaction ``code`` tells its caller.

        Raises:
            WireError: when a reply is none within its bounds; its sender may have acted, so treat it as unknown.

        """
        del warnings
        heard = a.learned_from(status, headers)
        if heard is not None:
            return heard
        refuse_illegible(code, data)
        try:
            told = self._told_in(status, data, code)
        except RecursionError:
            raise too_deep(code) from None
        if isinstance(told, a.Door):
            hold(told, self._door, code)
            return a.answer_of(told)
        _check_size(code, data)
        self._hold_reply(told, code)
        return m.Answered(m.Reply(told.reference, told.body, told.refusal, told.reason), told.hops)

    def _asked_in(self, data: bytes) -> Asked:
        try:
            return self._decode_request(data)
        except msgspec.DecodeError as error:
            raise wire_error("request", "", data, error) from None

    def _told_in(self, status: int, data: bytes, code: str) -> Told | a.Door:
        try:
            return (
                self._decode_door(data) if status in (a.STATUS_BUSY, a.STATUS_UNAVAILABLE) else self._decode_reply(data)
            )
        except msgspec.DecodeError as error:
            raise wire_error(code, "", data, error) from None

    def _hold_request(self, asked: Asked) -> None:
        code = asked.infno
        shape = self._requests.get(code)
        if shape is None:
            raise WireError(code, "infno", code, f"one of {', '.join(sorted(self._requests))}")
        if type(asked.body) is not shape.body:
            raise WireError(code, "body", type(asked.body).__name__, shape.body.__name__)
        by_platform = asked.msgid.startswith(PLATFORM_LETTER)
        check_names(
            code,
            msgid=asked.msgid,
            institution=asked.fixmedins_code,
            care_region=asked.mdtrtarea_admvs,
            insured_region=asked.insuplc_admdvs,
            platform=filing_platform(province_of(asked.mdtrtarea_admvs)).code if by_platform else "",
        )
        hold(asked, shape.bounds, code)

    def _hold_reply(self, told: Told, code: str) -> None:
        shape = self._replies[code]
        if told.refusal:
            if told.body is not None:
                raise WireError(code, "body", type(told.body).__name__, "nothing beside a refusal")
        elif type(told.body) is not shape.body:
            raise WireError(code, "body", type(told.body).__name__, shape.body.__name__)
        elif told.reason:
            raise WireError(code, "reason", told.reason, "no error beside a yes; ask again")
        hold(told, shape.bounds, code)

    def _system_answer(self, door: a.Door, status: int) -> a.WireAnswer:
        return a.WireAnswer(status, {**_HEADERS, **a.retry_headers(door)}, self._encode(door))


def _asked(code: str, body: type[m.Body], clock: BusinessClock) -> _Shape:
    return _Shape(body, msgspec.defstruct("BoundedAsked", [("body", _bounded_body(code, "in", body, clock))], gc=False))


def _told(code: str, body: type[m.Body], clock: BusinessClock) -> _Shape:
    hops: Any = tuple[bounded(m.Hop, {}, clock), ...]
    bounds = msgspec.defstruct(
        "BoundedTold",
        [
            ("reference", _REFERENCE),
            ("hops", Annotated[hops, msgspec.Meta(max_length=_HOPS_MAX)]),
            ("body", _bounded_body(code, "out", body, clock) | None),
            ("refusal", _REFUSAL),
            ("reason", _REASON),
        ],
        gc=False,
    )
    return _Shape(body, bounds)


def _bounded_body(code: str, direction: Direction, body: type[m.Body], clock: BusinessClock) -> Any:
    bindings = packaged()[1]
    nodes = bindings.nodes.get((code, direction), ())
    return bounded(body, attribute_bounds(nodes, bindings.dictionaries), clock)


def _check_size(code: str, data: bytes) -> None:
    if len(data) > INPUT_CHARACTERS:
        check_size(code, "message", data)
