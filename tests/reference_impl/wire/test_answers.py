from __future__ import annotations

import json

import msgspec
import pytest
from support import wire_samples as w

from reference_impl.domain.fees import PricedLine
from reference_impl.protocol import messages as m
from reference_impl.wire.errors import WireError

UPLOAD = w.request("2301", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))
PRICED = m.LinesPriced(
    lines=(
        PricedLine("1", 2469, 100, 0, 237, 2132, "02", 9),
        PricedLine("2", -100, 0, -100, 0, 0, "03", 10, "declined"),
    )
)


def said(codec, answer, request=w.SETTLE, now_us=0):
    status, headers, data = codec.encode_answer(request, answer, now_us)
    return status, headers, json.loads(data)


def test_reply_has_the_fields_of_the_interface_and_its_times_differ_by_machine_time(codec):
    hops = (m.Hop(m.NodeId("33"), 60_000_000, 60_250_000),)
    status, headers, reply = said(codec, m.Answered(m.Reply("330000202406030800000000000001", m.Done()), hops))

    assert (status, headers["x-yidi-hops"]) == (200, "33,60000000,60250000")
    assert reply == {
        "infcode": 0,
        "inf_refmsgid": "330000202406030800000000000001",
        "refmsg_time": "20240603010000000",  # 60 s of the run are an hour of business
        "respond_time": "20240603010000250",  # 250 ms of the machine stay 250 ms
        "err_msg": "",
        "output": {},
    }


def test_settlement_is_told_in_yuan_numbers_with_a_row_for_each_fund(codec):
    amounts = msgspec.structs.replace(w.AMOUNTS, aid_fen=1_000, account_fen=99, cash_fen=267_500)
    output = said(codec, w.answered(msgspec.structs.replace(w.SETTLED, amounts=amounts)))[2]["output"]
    info = output["setlinfo"]

    assert (info["medfee_sumamt"], info["act_pay_dedc"], info["hifp_pay"]) == (5792.53, 800.00, 3106.54)
    assert (info["fund_pay_sumamt"], info["psn_part_amt"]) == (3116.54, 2675.99)
    assert (info["acct_pay"], info["psn_cash_pay"]) == (0.99, 2675.00)
    assert (info["setl_id"], info["medins_setl_id"], info["clr_type"]) == (w.SETTLEMENT, w.MSGID, "99963")
    assert [(row["fund_pay_type"], row["fund_payamt"]) for row in output["setldetail"]] == [
        ("310100", 3106.54),
        ("310200", 0.99),
        ("610100", 10.00),
    ]


def test_a_settlement_says_type_age_and_balance_of_the_person(codec):
    settled = msgspec.structs.replace(w.SETTLED, person_type="retired", age_e1=685, balance_fen=12_345)
    info = said(codec, w.answered(settled))[2]["output"]["setlinfo"]

    assert (info["psn_type"], info["age"], info["balc"]) == ("12", 68.5, 123.45)


def test_a_residents_pool_has_its_own_type(codec):
    body = m.Settle(person=w.PERSON, insurance="390", visit=w.VISIT, total_fen=579_253)
    output = said(codec, w.answered(w.SETTLED), w.request("2207", body))[2]["output"]
    assert [row["fund_pay_type"] for row in output["setldetail"]] == ["390100"]


def test_a_local_settlement_is_cleared_as_a_local_one(codec):
    local = msgspec.structs.replace(w.SETTLE, insured_region="330100")
    assert said(codec, w.answered(w.SETTLED), local)[2]["output"]["setlinfo"]["clr_type"] == "11"


@pytest.mark.parametrize(
    ("code", "care_type", "local", "elsewhere"),
    [
        ("2207", "ordinary", "11", "99963"),
        ("2206", "emergency", "13", "99963"),
        ("2207", "chronic", "14", "9987"),
        ("2101", "ordinary", "41", "9974"),
        ("2102", "special_drugs", "18", "9974"),
    ],
)
def test_a_settlement_is_cleared_as_what_it_is_paid(codec, code, care_type, local, elsewhere):
    kind = m.SellDrugs if code[:2] == "21" else m.Settle
    named = {} if kind is m.SellDrugs else {"visit": w.VISIT}
    body = kind(person=w.PERSON, insurance="310", total_fen=579_253, care_type=care_type, **named)
    request = w.request(code, body)

    for region, cleared in (("330100", local), (request.insured_region, elsewhere)):
        asked = msgspec.structs.replace(request, insured_region=region)
        assert said(codec, w.answered(w.SETTLED), asked)[2]["output"]["setlinfo"]["clr_type"] == cleared


@pytest.mark.parametrize(("is_one", "flag"), [(True, "1"), (False, "0")])
def test_a_settlement_says_whether_the_person_is_a_civil_servant_and_what_that_supplement_pays(codec, is_one, flag):
    amounts = msgspec.structs.replace(w.AMOUNTS, civil_servant_fen=1_000, cash_fen=267_599)
    settled = msgspec.structs.replace(w.SETTLED, amounts=amounts, civil_servant=is_one)
    output = said(codec, w.answered(settled))[2]["output"]

    assert (output["setlinfo"]["cvlserv_flag"], output["setlinfo"]["cvlserv_pay"]) == (flag, 10.00)
    assert ("320100", 10.00) in [(row["fund_pay_type"], row["fund_payamt"]) for row in output["setldetail"]]


def test_a_trial_has_no_settlement_id(codec):
    trial = msgspec.structs.replace(w.SETTLED, settlement=m.SettlementId(""))
    request = msgspec.structs.replace(w.SETTLE, code="2206")
    assert "setl_id" not in said(codec, w.answered(trial), request)[2]["output"]["setlinfo"]


def test_priced_lines_repeat_the_count_and_price_that_were_asked_about(codec):
    rows = said(codec, w.answered(PRICED), UPLOAD)[2]["output"]["result"]

    assert [(row["cnt"], row["pric"]) for row in rows] == [(2.0, 12.345678), (-1.0, 1.0)]
    assert [(row["chrgitm_lv"], row["med_chrgitm_type"], row["memo"]) for row in rows] == [
        ("02", "09", ""),
        ("03", "10", "declined"),
    ]
    assert (rows[0]["overlmt_amt"], rows[1]["fulamt_ownpay_amt"]) == (1.00, -1.00)


def test_more_priced_lines_than_were_asked_about_are_never_written(codec):
    with pytest.raises(WireError, match="as many as were asked about"):
        codec.encode_answer(UPLOAD, w.answered(m.LinesPriced(lines=PRICED.lines[:1])), 0)


def test_person_type_is_coded_by_the_dictionary_and_an_unknown_code_passes(codec):
    request = w.request("1101", m.FindPerson(person=w.PERSON))
    found = m.PersonFound(
        person=w.PERSON, insurance="310", person_type="retired", insured_region="341500", balance_fen=5, age_e1=680
    )
    status, headers, data = codec.encode_answer(request, w.answered(found), 0)
    reply = json.loads(data)

    assert reply["output"]["insuinfo"][0]["psn_type"] == "12"
    reply["output"]["insuinfo"][0]["psn_type"] = "13"
    outcome = codec.decode_answer(status, headers, json.dumps(reply).encode(), "1101")
    assert outcome.reply.body.person_type == "13"


def test_a_person_without_insurance_rows_breaks_the_interface(codec):
    request = w.request("1101", m.FindPerson(person=w.PERSON))
    found = m.PersonFound(
        person=w.PERSON, insurance="310", person_type="retired", insured_region="341500", balance_fen=5, age_e1=680
    )
    status, headers, data = codec.encode_answer(request, w.answered(found), 0)
    reply = json.loads(data)
    reply["output"]["insuinfo"] = []
    with pytest.raises(WireError, match=r"1101 out\.insuinfo: got \(\), expected at least one row"):
        codec.decode_answer(status, headers, json.dumps(reply).encode(), "1101")


SYSTEM = [
    (m.Busy(1_500_000, w.MSGID), 409, "2", f"[BUSY] message {w.MSGID}"),
    (
        m.Closed("3415", 3_600_000_000, 60_000_000),
        503,
        "60",
        "[CLOSED] 3415 is closed for planned work; it reopens at 2024-06-05 12:00:00",
    ),
    (m.Overloaded(1), 503, "1", "[OVERLOADED] too much work; nothing was done"),
    (
        m.Closed("3415", 3_600_000_000, 60_000_000, w.MSGID),
        503,
        "60",
        f"[CLOSED] 3415 is closed for planned work; it reopens at 2024-06-05 12:00:00; message {w.MSGID} may have been",
    ),
    (m.Overloaded(1, msgid=w.MSGID), 503, "1", f"[OVERLOADED] too much work; message {w.MSGID} may have been done"),
    (
        m.Overloaded(1, "S16"),
        503,
        "1",
        "[OVERLOADED] too much work (the insurer's prefund with the care place does not",
    ),
]


@pytest.mark.parametrize(("answer", "status", "retry_s", "text"), SYSTEM)
def test_an_answer_of_the_system_says_when_to_come_back_and_is_no_verdict(codec, answer, status, retry_s, text):
    got, headers, reply = said(codec, answer)

    assert (got, headers["retry-after"], reply["infcode"]) == (status, retry_s, 999)
    assert reply["err_msg"].startswith(text)


@pytest.mark.parametrize("why", ["", "S16"])
def test_what_is_wanting_reaches_the_hospital(codec, why):
    answer = m.Overloaded(1_000_000, why)

    assert codec.decode_answer(*codec.encode_answer(w.SETTLE, answer, 0), "2207") == answer


def test_a_refusal_is_a_verdict_with_its_code_in_front(codec):
    status, _, reply = said(codec, m.Answered(m.Reply("ref", None, "S03", "the visit is settled")))

    assert (status, reply["infcode"], reply["err_msg"]) == (200, -1, "[S03] the visit is settled")


def test_a_long_reason_is_cut_so_that_the_verdict_gets_through(codec):
    _, _, reply = said(codec, m.Answered(m.Reply("ref", None, "S03", "x" * 500)))
    assert len(reply["err_msg"]) == 200


def envelope(**fields):
    return json.dumps({"infcode": 0, "inf_refmsgid": "r", "err_msg": "", "output": {}} | fields).encode()


FOREIGN = [
    # status, headers, body, transaction: what the caller learns
    (200, {}, envelope(infcode=-1, err_msg="no filing"), "2207", m.Answered(m.Reply("r", None, "U00", "no filing"))),
    (200, {}, envelope(infcode=-1, err_msg=None), "2207", m.Answered(m.Reply("r", None, "U00", ""))),
    (200, {}, envelope(infcode=999), "2207", m.Overloaded(0)),
    (200, {}, envelope(infcode=401, output=None), "2207", m.Overloaded(0)),
    (200, {}, envelope(output=None, refmsg_time=None), "2601", m.Answered(m.Reply("r", m.Done()))),
    (503, {"retry-after": "5"}, envelope(infcode=999), "2207", m.Overloaded(5_000_000)),
    (503, {"retry-after": "soon"}, envelope(infcode=999), "2207", m.Overloaded(0)),
    (409, {}, envelope(infcode=999), "2207", m.Busy(0)),
    (400, {}, envelope(infcode=-1, err_msg="[D00] bad"), "2207", m.Answered(m.Reply("r", None, "D00", "bad"))),
    (500, {}, b"<html>", "2207", m.Unknown(0)),
    (502, {}, b"", "2207", m.Unknown(0)),
    (404, {}, b"", "2207", m.Unknown(0)),
]


@pytest.mark.parametrize(("status", "headers", "body", "code", "learned"), FOREIGN)
def test_a_foreign_answer_is_never_taken_for_more_than_it_says(codec, status, headers, body, code, learned):
    assert codec.decode_answer(status, headers, body, code) == learned


def test_bytes_nobody_can_read_are_answered_with_the_field_named(codec):
    with pytest.raises(WireError) as caught:
        codec.decode_request(b'{"infno":"2207"}', w.HOSPITAL)
    status, headers, data = codec.encode_malformed(caught.value, 0)

    outcome = codec.decode_answer(status, headers, data, "2207")
    assert status == 400
    assert (outcome.reply.refusal, "msgid" in outcome.reply.reason) == ("D00", True)


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({}, b"<html>", "2207", "2207 reply: got '6 bytes', expected JSON"),
        ({}, b'{"infcode":"ok"}', "2207", "2207 reply.infcode: got 'ok', expected `int`"),
        ({}, envelope(), "2207", "2207 output.setlinfo: got 'nothing', expected a mandatory field"),
        ({}, envelope(output=None), "2207", "2207 output: got None, expected `object`"),
        ({}, envelope(), "9999", "9999 infno: got '9999', expected one of 1101"),
        ({"x-yidi-hops": "33,1"}, envelope(), "2601", "answer x-yidi-hops: got '33,1', expected node,in_us,out_us"),
        ({"x-yidi-hops": "33,1,b"}, envelope(), "2601", "answer x-yidi-hops: got '33,1,b'"),
    ],
)
def test_a_broken_reply_is_one_typed_error(codec, headers, body, code, message):
    with pytest.raises(WireError) as caught:
        codec.decode_answer(200, headers, body, code)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("body", [None, m.Done(), m.VisitOpened(visit=w.VISIT)])
def test_a_reply_of_the_wrong_kind_is_never_written(codec, body):
    request = msgspec.structs.replace(w.SETTLE, code="2207")
    answer = m.Answered(m.Reply("r", body))
    if body == m.Done():
        assert said(codec, answer)[2]["output"] == {}
        return
    with pytest.raises(WireError, match="2207 output: got"):
        codec.encode_answer(request, answer, 0)


def test_a_reference_too_long_for_its_field_is_never_written(codec):
    with pytest.raises(WireError, match="2207 inf_refmsgid"):
        codec.encode_answer(w.SETTLE, m.Answered(m.Reply("r" * 31, m.Done())), 0)


def test_an_output_above_its_bound_is_never_written(codec):
    rows = tuple(PricedLine(f"{n}", 1, in_scope_fen=1, reason="x" * 500) for n in range(1, 81))
    upload = m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES * 40)
    with pytest.raises(WireError, match="2301 output"):
        codec.encode_answer(w.request("2301", upload), w.answered(m.LinesPriced(lines=rows)), 0)


def test_a_settlement_is_read_without_anybody_asking_for_warnings(codec):
    status, headers, data = codec.encode_answer(w.SETTLE, w.answered(w.SETTLED), 0)
    assert codec.decode_answer(status, headers, data, "2207") == w.answered(w.SETTLED)
