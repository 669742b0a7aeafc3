"""Uploads for paper claims as bytes: 4261 and 4262, which have no common envelope, and names in camelCase.

Names and lengths of the visit are the interface's (FOUND S1); of the lines it is known that they are there, so their
names are those of 2204 in this spelling (INFERRED). Of 4263, the list of what differs, the rows have no published
names: it is ``UploadRegister.differing`` alone. 4262 says 1 for balanced and 0 for not: the reverse of 3201. Money
is whole fen on one side of this module and decimal text on the other. It must never decide whether a total is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.domain.money import MoneyFormatError, format_yuan, parse_yuan
from reference_impl.domain.self_paid import SelfPaidLine, SelfPaidVisit
from reference_impl.wire.answers import INFCODE_DONE, INFCODE_REFUSED, refusal_of, refusal_text
from reference_impl.wire.envelope import refuse_illegible
from reference_impl.wire.errors import WireError

if TYPE_CHECKING:
    from reference_impl.wire.clock import BusinessClock

__all__ = [
    "COMPARE",
    "UPLOAD",
    "decode_comparison",
    "decode_comparison_answer",
    "decode_upload",
    "encode_comparison",
    "encode_comparison_answer",
    "encode_upload",
]

UPLOAD, COMPARE = "4261", "4262"
_BALANCED, _NOT_BALANCED = "1", "0"
_WHOLE, _UPDATE = "0", "1"
_IDENTITY_CARD = "01"
_S2 = Annotated[str, msgspec.Meta(min_length=1, max_length=2)]
_S6 = Annotated[str, msgspec.Meta(min_length=1, max_length=6)]
_S19 = Annotated[str, msgspec.Meta(min_length=1, max_length=19)]
_S30 = Annotated[str, msgspec.Meta(min_length=1, max_length=30)]
_S50 = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
_S255 = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class _Visit(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    mdtrt_id: _S30
    fixmedins_code: _S30
    fixmedins_name: _S255
    psn_cert_type: _S6
    certno: _S50
    psn_name: _S30
    begntime: _S19
    endtime: _S19
    med_type: _S6


class _Line(msgspec.Struct, frozen=True, rename="camel"):
    feedetl_sn: _S30
    det_item_fee_sumamt: str


class _Upload(
    msgspec.Struct, frozen=True, rename={"visit": "fmiOwnpayPatnMdtrtDDTO", "lines": "fmiOwnpayPatnFeeListDDTO"}
):
    visit: _Visit
    lines: tuple[_Line, ...]
    up_type: _S2 = msgspec.field(name="upType", default=_WHOLE)


class _Comparison(msgspec.Struct, frozen=True, rename="camel"):
    mdtrt_id: _S30
    fixmedins_code: _S30
    total_fee_sumamt: str


class _Compared(msgspec.Struct, frozen=True, rename="camel"):
    stmt_result: str = ""
    stmt_rema: str = ""


class _Answer(msgspec.Struct, frozen=True):
    code: int
    message: str = ""
    data: _Compared = _Compared()


_encode = msgspec.json.Encoder().encode
_upload, _comparison, _answer = (
    msgspec.json.Decoder(_Upload).decode,
    msgspec.json.Decoder(_Comparison).decode,
    msgspec.json.Decoder(_Answer).decode,
)


def encode_upload(visit: SelfPaidVisit, clock: BusinessClock, *, update: bool = False) -> bytes:
    """Return a visit as 4261 sends it; names of people and places are fictitious."""
    head = _Visit(
        mdtrt_id=visit.visit,
        fixmedins_code=visit.institution,
        fixmedins_name=visit.institution,
        psn_cert_type=_IDENTITY_CARD,
        certno=visit.person,
        psn_name="sim",
        begntime=clock.text(visit.began_us),
        endtime=clock.text(visit.ended_us),
        med_type=visit.med_type,
    )
    lines = tuple(_Line(line.serial, format_yuan(line.total_fen)) for line in visit.lines)
    return _encode(_Upload(head, lines, _UPDATE if update else _WHOLE))


def decode_upload(data: bytes, clock: BusinessClock) -> tuple[SelfPaidVisit, bool]:
    """Return the visit of a 4261, and whether it updates one.

    Raises:
        WireError: naming the field that breaks the interface.

    """
    said: _Upload = _read(UPLOAD, data, _upload)
    if said.up_type not in (_WHOLE, _UPDATE):
        raise WireError(UPLOAD, "upType", said.up_type, "0 (whole) or 1 (an update)")
    visit = said.visit
    lines = tuple(
        SelfPaidLine(line.feedetl_sn, _fen(UPLOAD, "detItemFeeSumamt", line.det_item_fee_sumamt)) for line in said.lines
    )
    found = SelfPaidVisit(
        visit.mdtrt_id,
        visit.fixmedins_code,
        visit.certno,
        _moment(clock, "begntime", visit.begntime),
        _moment(clock, "endtime", visit.endtime),
        visit.med_type,
        lines,
    )
    return found, said.up_type == _UPDATE


def encode_comparison(institution: str, visit: str, invoice_fen: int) -> bytes:
    """Return what 4262 asks: whether an invoice comes to what was uploaded."""
    return _encode(_Comparison(visit, institution, format_yuan(invoice_fen)))


def decode_comparison(data: bytes) -> tuple[str, str, int]:
    """Return institution, visit and invoice of a 4262.

    Raises:
        WireError: naming the field that breaks the interface.

    """
    said: _Comparison = _read(COMPARE, data, _comparison)
    return said.fixmedins_code, said.mdtrt_id, _fen(COMPARE, "totalFeeSumamt", said.total_fee_sumamt)


def encode_comparison_answer(compared: bool | Refusal) -> bytes:  # noqa: FBT001 - a result, handed on as it came
    """Return the answer to 4262."""
    if isinstance(compared, Refusal):
        return _encode(_Answer(INFCODE_REFUSED, refusal_text(compared, REASONS[compared])))
    return _encode(_Answer(INFCODE_DONE, "", _Compared(_BALANCED if compared else _NOT_BALANCED)))


def decode_comparison_answer(data: bytes) -> bool | str:
    """Return whether the two are balanced, or the code of a refusal.

    Raises:
        WireError: when it says neither.

    """
    said: _Answer = _read(COMPARE, data, _answer)
    if said.code == INFCODE_REFUSED:
        return refusal_of(said.message)[0]
    if said.code != INFCODE_DONE or said.data.stmt_result not in (_BALANCED, _NOT_BALANCED):
        raise WireError(COMPARE, "data.stmtResult", said.data.stmt_result, "1 (balanced) or 0 (not)")
    return said.data.stmt_result == _BALANCED


def _read(transaction: str, data: bytes, decode: Any) -> Any:
    refuse_illegible(transaction, data)
    try:
        return decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WireError(transaction, "message", f"{len(data)} bytes", str(error)) from None


def _moment(clock: BusinessClock, path: str, text: str) -> int:
    try:
        return clock.us_of(text)
    except ValueError:
        raise WireError(UPLOAD, path, text, "yyyy-MM-dd HH:mm:ss") from None


def _fen(transaction: str, path: str, text: str) -> int:
    try:
        return parse_yuan(text)
    except MoneyFormatError:
        raise WireError(transaction, path, text, "yuan with at most 2 decimals") from None
