"""The old provincial protocol: the same messages in another spelling, and what is not of it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support import wire_samples as w

from reference_impl.domain.certificate import CERTIFICATES, ID_CARD
from reference_impl.domain.dialects import OLD_TRANSACTIONS, TODAYS
from reference_impl.domain.transactions import REVERSE, REVERSIBLE, TRANSACTIONS
from reference_impl.protocol import messages as m
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.errors import MALFORMED, WireError
from reference_impl.wire.old import OldCodec, is_old
from reference_impl.wire.sides import packaged
from reference_impl.wire.tables import OLD

quick = settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
OLD_CODEC = OldCodec(BusinessClock(datetime(2024, 6, 3), 60.0))
CODES = sorted(OLD_TRANSACTIONS)
STAY = m.Request(
    "2304", w.MSGID, w.HOSPITAL, w.HOSPITAL, "330400", "341500",
    m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=579_253),
)  # fmt: skip


def written(write: Callable[[], Any]) -> Any:
    """What is written, where the words drawn are words that XML can hold."""
    try:
        return write()
    except WireError as error:
        assume("XML can hold" not in str(error))
        raise


def test_every_old_number_has_its_tables_and_its_bindings() -> None:
    tables, bindings = packaged(OLD)
    assert set(tables) == set(TODAYS)
    assert {number for number, way in bindings.nodes if way == "in"} == set(TODAYS)
    assert bindings.dictionaries["transno"] == {c: n for c, n in OLD_TRANSACTIONS.items() if c != REVERSE}
    assert set(OLD_TRANSACTIONS) <= set(TRANSACTIONS)
    assert {"2401", "2304"} <= REVERSIBLE & set(OLD_TRANSACTIONS)


@pytest.mark.parametrize("code", CODES)
@quick
@given(data=st.data(), now_us=w.moments)
def test_a_request_written_and_read_is_itself(code: str, data: Any, now_us: int) -> None:
    request = data.draw(w.requests(code))
    if code == REVERSE:
        request = msgspec.structs.replace(
            request, body=msgspec.structs.replace(request.body, original_code=data.draw(st.sampled_from(CODES[:3])))
        )
    request = by_id_card(request)
    content = written(lambda: OLD_CODEC.encode_request(request, now_us))
    assert is_old(content)
    assert OLD_CODEC.decode_request(content, request.sender) == request


def by_id_card(request: m.Request) -> m.Request:
    """The older interface knows people by their ID cards alone."""
    body = request.body
    if isinstance(body, m.Shown):
        body = msgspec.structs.replace(body, certificate=ID_CARD)
    return msgspec.structs.replace(request, body=body)


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_whatever_was_shown_is_an_id_card_to_the_older_interface(certificate: Any) -> None:
    shown = msgspec.structs.replace(STAY, body=msgspec.structs.replace(STAY.body, certificate=certificate))

    assert OLD_CODEC.decode_request(OLD_CODEC.encode_request(shown, 0), w.HOSPITAL) == STAY


@pytest.mark.parametrize("code", CODES)
@quick
@given(data=st.data(), now_us=w.moments)
def test_a_reply_written_and_read_is_itself(code: str, data: Any, now_us: int) -> None:
    request = data.draw(w.requests(code))
    body = data.draw(w.REPLIES[code] if code in w.REPLIES else w.priced_like(request.body))
    answer = m.Answered(m.Reply(data.draw(w.text30), body), w.HOPS)

    status, headers, content = written(lambda: OLD_CODEC.encode_answer(request, answer, now_us))

    assert status == 200
    assert OLD_CODEC.decode_answer(status, headers, content, code, []) == answer


@quick
@given(
    answer=st.one_of(
        st.builds(m.Busy, st.integers(0, 10**12)),
        st.builds(m.Closed, st.text("0123456789hub", max_size=10), w.moments, st.integers(0, 10**12)),
        st.builds(m.Overloaded, st.integers(0, 10**12)),
    ),
    code=st.sampled_from(CODES),
)
def test_an_answer_that_is_no_verdict_is_read_as_it_was_meant(answer: m.Answer, code: str) -> None:
    status, headers, content = OLD_CODEC.encode_answer(STAY, answer, 0)
    assert status != 200
    assert OLD_CODEC.decode_answer(status, headers, content, code) == answer


def test_a_refusal_keeps_its_code_and_its_chinese_reason() -> None:
    answer = m.Answered(m.Reply("ref", None, "S03", "已结算 <a> & b"), w.HOPS)
    status, headers, content = OLD_CODEC.encode_answer(STAY, answer, 0)

    assert "已结算".encode("gbk") in content
    assert b"<errorcode>-1</errorcode>" in content
    assert OLD_CODEC.decode_answer(status, headers, content, "2304") == answer


def test_what_gbk_has_not_travels_as_a_reference() -> None:
    answer = m.Answered(m.Reply("ref", None, "S03", "\U0001f600\r"), ())
    status, headers, content = OLD_CODEC.encode_answer(STAY, answer, 0)

    assert b"&#128512;&#13;" in content
    assert OLD_CODEC.decode_answer(status, headers, content, "2304") == answer


def test_a_settlement_is_spelled_as_the_documents_have_it() -> None:
    text = OLD_CODEC.encode_request(STAY, 0).decode("gbk")

    for words in (
        "<transno>0304</transno>", f"<transid>{w.MSGID}</transid>", "<aab299>330400</aab299>", "<aab301>341500</aab301>",
        f"<akb026>{w.HOSPITAL}</akb026>", f"<aac002>{w.PERSON}</aac002>", f"<ykc700>{w.VISIT}</ykc700>",
        "<akc264>5792.53</akc264>", "<ake170>0</ake170>", "<ake122>1</ake122>",
    ):  # fmt: skip
        assert words in text


def test_both_dialects_say_one_message_with_one_key(codec: Any) -> None:
    asked = [each.decode_request(each.encode_request(STAY, 0), STAY.sender) for each in (codec, OLD_CODEC)]

    assert asked[0] == asked[1] == STAY


@pytest.mark.parametrize("code", sorted(set(TRANSACTIONS) - set(OLD_TRANSACTIONS)))
def test_what_the_old_protocol_has_not_cannot_be_said_in_it(code: str) -> None:
    with pytest.raises(WireError, match="one of 1101, 2401"):
        OLD_CODEC.encode_request(msgspec.structs.replace(STAY, code=code), 0)


GOOD = OLD_CODEC.encode_request(STAY, 0).decode("gbk")
BAD = {
    "transno": GOOD.replace("0304", "2304"),
    "transno, nothing": GOOD.replace("<transno>0304</transno>", ""),
    "no document type": GOOD.replace("<call>", '<!DOCTYPE call [<!ENTITY a "b">]><call>'),
    "XML": GOOD.replace("</call>", ""),
    "ykc700": GOOD.replace(f"<ykc700>{w.VISIT}</ykc700>", ""),
    "ake170": GOOD.replace("<ake170>0", "<ake170>2"),
    "akc264": GOOD.replace("5792.53", "much"),
    "an element once": GOOD.replace("<ake122>1</ake122>", "<ake122>1</ake122><ake122>1</ake122>"),
    "levels of elements": GOOD.replace("<ake122>1", "<ake122><a><a><a><a>1</a></a></a></a>"),
    "'call'": GOOD.replace("call>", "answer>"),
    "input": GOOD.replace("<input>", "<input/><other>").replace("</input>", "</other>"),
}


@pytest.mark.parametrize("words", BAD, ids=str)
def test_what_is_not_of_the_protocol_is_refused_and_named(words: str) -> None:
    with pytest.raises(WireError) as refused:
        OLD_CODEC.decode_request(BAD[words].encode("gbk"), w.HOSPITAL)
    assert words.split(",", maxsplit=1)[0] in str(refused.value)
    answer = OLD_CODEC.encode_malformed(refused.value, 0)
    assert answer.status == 400
    heard = OLD_CODEC.decode_answer(answer.status, answer.headers, answer.body, "2304")
    assert isinstance(heard, m.Answered)
    assert heard.reply.refusal == MALFORMED


@pytest.mark.parametrize("content", [b"\xff\xff<call/>", b"<result><errorcode>?</errorcode></result>", b"<result/>"])
def test_an_answer_that_breaks_the_protocol_tells_nothing(content: bytes) -> None:
    with pytest.raises(WireError):
        OLD_CODEC.decode_answer(200, {}, content, "2304")


def test_a_status_that_is_unknown_tells_nothing_and_a_node_that_cannot_serve_says_so() -> None:
    assert OLD_CODEC.decode_answer(500, {}, b"", "2304") == m.Unknown(0)
    status, headers, content = OLD_CODEC.encode_unavailable("disk", 5_000_000, 0)
    assert OLD_CODEC.decode_answer(status, headers, content, "2304") == m.Overloaded(5_000_000)


def test_an_empty_batch_is_refused_as_in_todays_interface() -> None:
    upload = OLD_CODEC.encode_request(
        msgspec.structs.replace(
            STAY, code="2301", body=m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="1", lines=w.LINES)
        ),
        0,
    ).decode("gbk")
    start, end = upload.index("<detail>"), upload.index("</detail>")
    with pytest.raises(WireError, match="at least one row"):
        OLD_CODEC.decode_request((upload[:start] + "<detail>" + upload[end:]).encode("gbk"), w.HOSPITAL)
