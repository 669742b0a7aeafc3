"""Uploads of visits that were paid in full: 4261 and 4262 as bytes."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_impl.domain.errors import Refusal
from reference_impl.domain.self_paid import SelfPaidLine, SelfPaidVisit
from reference_impl.wire import self_paid as w
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.errors import WireError

S = 1_000_000
CLOCK = BusinessClock(datetime(2024, 6, 5), 1.0)
HOSPITAL, PERSON = "H33040000001", "P1"


def visit(*fen: int, name: str = "V1") -> SelfPaidVisit:
    lines = tuple(SelfPaidLine(str(number), each) for number, each in enumerate(fen, 1))
    return SelfPaidVisit(name, HOSPITAL, PERSON, 60 * S, 3_600 * S, "11", lines)


@given(st.lists(st.integers(-(10**9), 10**9), max_size=20), st.booleans())
def test_an_upload_written_and_read_again_is_the_same(fen: list[int], update: bool) -> None:
    sent = visit(*fen)

    assert w.decode_upload(w.encode_upload(sent, CLOCK, update=update), CLOCK) == (sent, update)


def test_the_names_are_the_interfaces() -> None:
    said = json.loads(w.encode_upload(visit(1_234), CLOCK))

    assert said == {
        "fmiOwnpayPatnMdtrtDDTO": {
            "mdtrtId": "V1", "fixmedinsCode": HOSPITAL, "fixmedinsName": HOSPITAL, "psnCertType": "01", "certno": PERSON,
            "psnName": "sim", "begntime": "2024-06-05 00:01:00", "endtime": "2024-06-05 01:00:00", "medType": "11",
        },
        "fmiOwnpayPatnFeeListDDTO": [{"feedetlSn": "1", "detItemFeeSumamt": "12.34"}],
        "upType": "0",
    }  # fmt: skip


def test_balanced_is_1_here_and_0_is_not() -> None:
    """The reverse of 3201, where 0 is balanced."""
    assert json.loads(w.encode_comparison_answer(True))["data"]["stmtResult"] == "1"
    assert json.loads(w.encode_comparison_answer(False))["data"]["stmtResult"] == "0"


@pytest.mark.parametrize("compared", [True, False, Refusal.NO_SUCH_VISIT])
def test_what_was_compared_comes_back_as_it_was(compared: bool | Refusal) -> None:
    assert w.decode_comparison_answer(w.encode_comparison_answer(compared)) == compared


def test_a_comparison_is_asked_for_in_yuan() -> None:
    asked = w.encode_comparison(HOSPITAL, "V1", 1_234)

    assert json.loads(asked)["totalFeeSumamt"] == "12.34"
    assert w.decode_comparison(asked) == (HOSPITAL, "V1", 1_234)


def spoilt(**changed: object) -> bytes:
    said = json.loads(w.encode_upload(visit(1_234), CLOCK))
    said["fmiOwnpayPatnMdtrtDDTO"] |= {k: v for k, v in changed.items() if k != "upType"}
    return json.dumps(said | {k: v for k, v in changed.items() if k == "upType"}).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>", "4261 message"),
        (b"\xff", "text in UTF-8"),
        (b"{}", "fmiOwnpayPatnMdtrtDDTO"),
        (spoilt(begntime="yesterday"), "4261 begntime: got 'yesterday', expected yyyy-MM-dd HH:mm:ss"),
        (spoilt(mdtrtId=""), "mdtrtId"),
        (spoilt(upType="7"), "4261 upType: got '7', expected 0 (whole) or 1 (an update)"),
        (w.encode_upload(visit(1_234), CLOCK).replace(b"12.34", b"12.345"), "4261 detItemFeeSumamt: got '12.345'"),
    ],
)
def test_bytes_that_break_the_interface_are_one_error_that_names_the_field(data: bytes, said: str) -> None:
    with pytest.raises(WireError) as caught:
        w.decode_upload(data, CLOCK)

    assert said in str(caught.value)


@pytest.mark.parametrize("data", [b"[]", b'{"code":0}', b'{"code":0,"data":{"stmtResult":"2"}}', b'{"code":5}'])
def test_an_answer_that_says_neither_is_no_answer(data: bytes) -> None:
    with pytest.raises(WireError):
        w.decode_comparison_answer(data)
