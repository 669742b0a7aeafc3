"""The codec: typed messages to the interface's JSON over HTTP and back, for every transaction that has bindings.

It is put together once, from the tables and bindings in ``fields/``; a message is then one pass of ready functions.
A struct written and read again is equal to itself. Bytes that break the interface raise ``WireError``; deviations that
real platforms are known for are tolerated and collected in ``warnings``. It must never turn a transport's failure into
a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from reference_impl.domain.benefit import Settlement, identity_breaches
from reference_impl.domain.fees import Split, split_of
from reference_impl.domain.regions import is_cross_province
from reference_impl.protocol import messages as m
from reference_impl.wire import answers as a
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.envelope import (
    INPUT_CHARACTERS,
    MSGID_CHARACTERS,
    ReplyToRead,
    ReplyToWrite,
    RequestToRead,
    RequestToWrite,
    check_names,
    check_size,
    refuse_illegible,
    too_deep,
    wire_error,
)
from reference_impl.wire.errors import MALFORMED, WireError, WireWarning
from reference_impl.wire.hops import HOPS_HEADER, hops_from_text, hops_to_text
from reference_impl.wire.reading import Found
from reference_impl.wire.sealed import SEALED, seal_in, seal_text
from reference_impl.wire.sides import Side, read_side, sides_of
from reference_impl.wire.tables import NEW
from reference_impl.wire.writing import context_of

_SETTLED = (m.Settled, m.SettlementTold, m.Cancelled)
_FEES = "fees."
_NOTHING: dict[str, Any] = {}
_JSON = "application/json"


class Codec:
    """Writes and reads messages for one run, whose business time is ``clock``'s."""

    def __init__(self, clock: BusinessClock, dialect: str = NEW) -> None:
        self.clock = clock
        self._requests = sides_of("in", clock, dialect)
        self._replies = sides_of("out", clock, dialect)
        self._encode = msgspec.json.Encoder().encode
        self._decode_request = msgspec.json.Decoder(RequestToRead).decode
        self._decode_reply = msgspec.json.Decoder(ReplyToRead).decode
        self._decode_door = msgspec.json.Decoder(a.DoorOutput).decode

    def encode_request(self, request: m.Request, now_us: int) -> bytes:
        """Return the bytes of a request sent at ``now_us``.

        Raises:
            WireError: when a value does not fit its field; that is a mistake of ours.

        """
        code = request.code
        side = self._requests.get(code)
        if side is None or type(request.body) is not side.body:
            raise WireError(code, "infno", type(request.body).__name__, _expected(side, self._requests))
        check_names(
            code,
            msgid=request.msgid,
            institution=request.institution,
            care_region=request.care_region,
            insured_region=request.insured_region,
        )
        now = self.clock.text(now_us)
        cross = is_cross_province(request.care_region, request.insured_region)
        content = side.write(context_of(request.body, request, now, cross=cross))
        envelope = RequestToWrite(
            code,
            request.msgid,
            request.care_region,
            request.insured_region,
            now,
            request.institution,
            request.institution,
            content,
            sign_no=request.session,
        )
        if request.seal is not None:
            envelope.signtype, envelope.cainfo = SEALED, seal_text(request.seal)
        data = self._encode(envelope)
        if len(data) > INPUT_CHARACTERS:
            check_size(code, "input", self._encode(content))
        return data

    def decode_request(self, data: bytes, sender: m.NodeId, warnings: list[WireWarning] | None = None) -> m.Request:
        """Return the request in ``data``, which ``sender`` sent.

        Raises:
            WireError: when the bytes break the interface; answer ``encode_malformed``.

        """
        refuse_illegible("request", data)
        try:
            return self._request_in(data, sender, warnings)
        except RecursionError:
            raise too_deep("request") from None

    def _request_in(self, data: bytes, sender: m.NodeId, warnings: list[WireWarning] | None) -> m.Request:
        try:
            envelope = self._decode_request(data)
        except msgspec.DecodeError as error:
            raise wire_error("request", "", data, error) from None
        code = envelope.infno
        side = self._requests.get(code)
        if side is None:
            raise WireError(code, "infno", code, _expected(None, self._requests))
        msgid, insured_region = envelope.msgid, envelope.insuplc_admdvs or ""
        institution, care_region = envelope.fixmedins_code, envelope.mdtrtarea_admvs
        whole = check_names(
            code, msgid=msgid, institution=institution, care_region=care_region, insured_region=insured_region
        )
        if not whole and warnings is not None:
            warnings.append(WireWarning(code, "msgid", msgid, f"{MSGID_CHARACTERS} characters"))
        check_size(code, "input", envelope.input)
        found = read_side(side, code, "input", envelope.input, warnings)
        if side.body is m.Settle:
            found.body["stated"] = _stated_split(found)
        request = m.Request(
            code,
            m.MessageId(msgid),
            sender,
            m.NodeId(institution),
            care_region,
            insured_region,
            side.body(**found.body),
            session=m.SessionNo(envelope.sign_no or ""),
        )
        if envelope.signtype == SEALED:
            request = msgspec.structs.replace(request, seal=seal_in(code, envelope.cainfo or "", request.body))
        if found.statements:
            context = context_of(request.body, request, "", cross=is_cross_province(care_region, insured_region))
            for stated, node in found.statements:
                stated.hold(node, context)
        return request

    def encode_answer(
        self, request: m.Request, answer: m.Answer, now_us: int, warnings: Sequence[WireWarning] = ()
    ) -> a.WireAnswer:
        """Return the answer to ``request``, given at ``now_us``, as HTTP carries it.

        A verdict tells its caller the ``warnings`` of reading the request: what was not taken as it was said.

        Raises:
            WireError: when a value does not fit its field, or a reply says neither yes nor no.

        """
        if not isinstance(answer, m.Answered):
            door = a.door_of(answer)
            status = a.STATUS_BUSY if isinstance(answer, m.Busy) else a.STATUS_UNAVAILABLE
            return self._system_answer(door, status, now_us)
        reply = answer.reply
        in_us = answer.hops[0].in_us if answer.hops else now_us
        out_us = answer.hops[0].out_us if answer.hops else now_us
        if len(reply.reference) > MSGID_CHARACTERS:
            raise WireError(request.code, "inf_refmsgid", reply.reference, f"at most {MSGID_CHARACTERS} characters")
        envelope = ReplyToWrite(
            a.INFCODE_DONE,
            reply.reference,
            self.clock.stamp_ms(in_us),
            self.clock.stamp_ms(in_us, out_us - in_us),
            "",
            _NOTHING,
        )
        if reply.refusal:
            envelope.infcode = a.INFCODE_REFUSED
            envelope.err_msg = a.refusal_text(reply.refusal, reply.reason)
        else:
            envelope.output = self._output(request, reply.body, now_us)
        if warnings:
            envelope.warn_msg = a.warning_text(warnings)
        data = self._encode(envelope)
        if len(data) > INPUT_CHARACTERS:
            check_size(request.code, "output", self._encode(envelope.output))
        headers = {"content-type": _JSON, HOPS_HEADER: hops_to_text(answer.hops)}
        return a.WireAnswer(a.STATUS_VERDICT, headers, data)

    def encode_malformed(self, error: WireError, now_us: int) -> a.WireAnswer:
        """Return the answer to bytes that could not be read: refused, the field named, nothing done."""
        text = a.refusal_text(MALFORMED, str(error))
        stamp = self.clock.stamp_ms(now_us)
        data = self._encode(ReplyToWrite(a.INFCODE_REFUSED, "", stamp, stamp, text, _NOTHING))
        return a.WireAnswer(a.STATUS_MALFORMED, {"content-type": _JSON}, data)

    def encode_unavailable(self, reason: str, retry_after_us: int, now_us: int) -> a.WireAnswer:
        """Return the answer of a node that cannot serve at all: nothing was done, and why."""
        return self._system_answer(a.Door("overloaded", retry_after_us), a.STATUS_UNAVAILABLE, now_us, reason)

    def decode_answer(
        self,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        code: str,
        warnings: list[WireWarning] | None = None,
    ) -> m.Outcome:
        """Return what the answer to a request of transaction ``code`` tells its caller.

        ``headers`` have lower-case names. A status that the interface does not know tells nothing: ``Unknown``.

        Raises:
            WireError: when a reply breaks the interface; its sender may have acted, so treat it as unknown.

        """
        heard = a.learned_from(status, headers)
        if heard is not None:
            return heard
        refuse_illegible(code, data)
        try:
            return self._answer_in(status, headers, data, code, warnings)
        except RecursionError:
            raise too_deep(code) from None

    def _answer_in(
        self, status: int, headers: Mapping[str, str], data: bytes, code: str, warnings: list[WireWarning] | None
    ) -> m.Outcome:
        try:
            envelope = self._decode_reply(data)
        except msgspec.DecodeError as error:
            raise wire_error(code, "reply", data, error) from None
        if status in (a.STATUS_BUSY, a.STATUS_UNAVAILABLE) or envelope.infcode not in (
            a.INFCODE_DONE,
            a.INFCODE_REFUSED,
        ):
            state = "busy" if status == a.STATUS_BUSY else "overloaded"
            door = a.door_in(envelope.output, self._decode_door)
            return a.answer_of(door or a.Door(state, a.retry_after_us(headers)))
        hops = hops_from_text(headers.get(HOPS_HEADER, ""))
        reference = envelope.inf_refmsgid or ""
        if envelope.infcode == a.INFCODE_REFUSED:
            refusal, reason = a.refusal_of(envelope.err_msg or "")
            return m.Answered(m.Reply(reference, None, refusal, reason), hops)
        if not a.is_no_error(envelope.err_msg):
            # FOUND: infcode 0 and an error text. It is neither yes nor no, and may come after the effect.
            raise WireError(code, "reply.err_msg", envelope.err_msg, "no error beside infcode 0; ask again")
        return m.Answered(m.Reply(reference, self._body(code, envelope.output, warnings)), hops)

    def _output(self, request: m.Request, body: m.ReplyBody | None, now_us: int) -> Any:
        if type(body) is m.Done:
            return _NOTHING
        side = self._replies.get(request.code)
        if side is None or type(body) is not side.body:
            raise WireError(request.code, "output", type(body).__name__, _expected(side, self._replies))
        cross = is_cross_province(request.care_region, request.insured_region)
        return side.write(context_of(body, request, self.clock.text(now_us), cross=cross))

    def _body(self, code: str, output: msgspec.Raw, warnings: list[WireWarning] | None) -> m.ReplyBody:
        side = self._replies.get(code)
        if side is None:
            if code not in self._requests:
                raise WireError(code, "infno", code, _expected(None, self._requests))
            return m.Done()
        check_size(code, "output", output)
        found = read_side(side, code, "output", output, warnings)
        if side.body not in _SETTLED:
            return side.body(**found.body)
        amounts = Settlement(**found.amounts)
        if warnings is not None:
            _check_identities(code, amounts, found, warnings)
        return side.body(amounts=amounts, **found.body)

    def _system_answer(self, door: a.Door, status: int, now_us: int, reason: str = "") -> a.WireAnswer:
        stamp = self.clock.stamp_ms(now_us)
        text = a.refusal_text("UNAVAILABLE", reason) if reason else a.sentence_of(door, self.clock)
        data = self._encode(ReplyToWrite(a.INFCODE_SYSTEM, "", stamp, stamp, text, a.DoorOutput(door)))
        return a.WireAnswer(status, {"content-type": _JSON, **a.retry_headers(door)}, data)


def _stated_split(found: Found) -> Split | None:
    """Return how a hospital splits its total; None when it says nothing, or what the sums beside it say already."""
    split = Split(**{path.removeprefix(_FEES): fen for path, fen in found.stated.items()})
    fees = found.body["fees"]
    return None if split in (Split(), split_of(fees) if fees else None) else split


def _expected(side: Side | None, sides: dict[str, Side]) -> str:
    return side.body.__name__ if side else f"one of {', '.join(sorted(sides))}"


def _check_identities(code: str, amounts: Settlement, found: Found, warnings: list[WireWarning]) -> None:
    """Warn of sums that do not hold: real platforms have answered such, so it must not stop a message."""
    breaches = identity_breaches(
        amounts,
        stated_fund_fen=found.stated.get("fund_fen"),
        stated_person_fen=found.stated.get("person_fen"),
    )
    warnings += [
        WireWarning(code, "output.setlinfo", breach, "the identities of domain facts 1.6") for breach in breaches
    ]
