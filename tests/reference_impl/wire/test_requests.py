from __future__ import annotations

import json

import msgspec
import pytest
from support import wire_samples as w

from reference_impl.domain.fees import FeeLine
from reference_impl.protocol import messages as m
from reference_impl.wire.errors import WireError, WireWarning

SETTLE_2304 = w.request(
    "2304", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=579_253, fees=w.FEES)
)
UPLOAD = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))


def sent(codec, request, now_us=61_500_000):
    return json.loads(codec.encode_request(request, now_us))


def changed(codec, request, *path, to):
    """Return the bytes of a request with one value replaced; ``to`` ... removes it."""
    message = sent(codec, request)
    node = message
    for step in path[:-1]:
        node = node[step]
    if to is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return json.dumps(message).encode()


def test_envelope_has_the_fields_of_the_interface(codec):
    message = sent(codec, w.SETTLE)
    body = message.pop("input")

    assert message == {
        "infno": "2207",
        "msgid": "H33040000001202406030800000001",
        "mdtrtarea_admvs": "330400",
        "insuplc_admdvs": "341500",
        "recer_sys_code": "YIDI",
        "infver": "1.0.0",
        "opter_type": "1",
        "opter": "sim",
        "opter_name": "SYNTHETIC",
        "inf_time": "2024-06-03 01:01:30",  # 61.5 s of the run are 3,690 s of business time
        "fixmedins_code": "H33040000001",
        "fixmedins_name": "H33040000001",
        "sign_no": "",
    }
    assert list(body) == ["data"]


def test_amounts_are_yuan_strings_and_charges_travel_by_category(codec):
    data = sent(codec, SETTLE_2304)["input"]["data"]

    assert data["medfee_sumamt"] == "5792.53"
    assert (data["fulamt_ownpay_amt"], data["overlmt_selfpay"]) == ("296.20", "0.00")
    assert (data["preselfpay_amt"], data["inscp_scp_amt"]) == ("522.61", "4973.72")
    assert (data["insuplc_admdvs"], data["mdtrtarea_admvs"]) == ("341500", "330400")
    assert json.loads(data["exp_content"]) == {"FEES_FEN": [579253, 29620, 0, 52261, 497372, 579253, *[0] * 13]}


def test_charges_have_counts_and_prices_of_their_own_places(codec):
    rows = sent(codec, UPLOAD)["input"]["feedetail"]

    assert [row["feedetl_sn"] for row in rows] == ["1", "2"]
    assert [(row["cnt"], row["pric"], row["det_item_fee_sumamt"]) for row in rows] == [
        ("2.0000", "12.345678", "24.69"),
        ("-1.0000", "1.000000", "-1.00"),
    ]
    assert {row["chrg_bchno"] for row in rows} == {"7"}
    assert [row["hosp_appr_flag"] for row in rows] == ["0", "1"]


@pytest.mark.parametrize(("insured", "added"), [("341500", {"IPT_TYPE": "1", "TRUM_FLAG": "0"}), ("330100", {})])
def test_patients_of_another_province_carry_the_cross_region_additions(codec, insured, added):
    body = m.Admit(person=w.PERSON, insurance="390", began_us=1, diagnosis="I63.900")
    request = m.Request("2401", w.MSGID, w.HOSPITAL, w.HOSPITAL, "330400", insured, body)
    exp = json.loads(sent(codec, request)["input"]["mdtrtinfo"]["exp_content"])

    assert {key: exp[key] for key in ("IPT_TYPE", "TRUM_FLAG") if key in exp} == added


def test_a_foreign_client_that_sends_numbers_and_unknown_fields_is_read(codec):
    message = sent(codec, w.SETTLE)
    message["dev_no"] = message["cainfo"] = message["made_up"] = "x"
    message["input"]["data"] |= {"medfee_sumamt": 5792.53, "made_up": {"a": [1]}, "invono": None, "exp_content": ""}
    message["input"]["more"] = []

    assert codec.decode_request(json.dumps(message).encode(), w.HOSPITAL) == w.SETTLE


def test_a_moment_without_its_exact_microseconds_is_read_from_business_time(codec):
    body = m.Register(person=w.PERSON, insurance="310", began_us=61_500_123)
    data = changed(codec, w.request("2201", body), "input", "data", "exp_content", to="")

    assert codec.decode_request(data, w.HOSPITAL).body.began_us == 61_500_000


def test_exp_content_in_somebody_elses_words_is_left_alone_with_a_warning(codec):
    data = changed(codec, SETTLE_2304, "input", "data", "exp_content", to="remark: patient paid by card")
    warnings = []
    request = codec.decode_request(data, w.HOSPITAL, warnings)

    assert request.body.fees is None
    assert warnings == [
        WireWarning("2304", "in.data.exp_content", "remark: patient paid by card", "a JSON object"),
    ]
    assert codec.decode_request(data, w.HOSPITAL) == request


def test_message_id_of_29_characters_is_tolerated_with_a_warning(codec):
    data = changed(codec, w.SETTLE, "msgid", to=w.MSGID[:-1])
    warnings = []

    assert codec.decode_request(data, w.HOSPITAL, warnings).msgid == w.MSGID[:-1]
    assert [(warning.path, warning.expected) for warning in warnings] == [("msgid", "30 characters")]
    assert codec.decode_request(data, w.HOSPITAL).msgid == w.MSGID[:-1]


IN_DATA = ("input", "data")
BROKEN = [
    (("msgid",), w.MSGID[:28], "2207", "msgid", "14 digits of time"),
    (("fixmedins_code",), "hub", "2207", "fixmedins_code", "a capital letter and 11 digits"),
    (("fixmedins_code",), "33", "2207", "fixmedins_code", "a capital letter and 11 digits"),
    (("fixmedins_code",), "hospital", "2207", "fixmedins_code", "a capital letter and 11 digits"),
    (("fixmedins_code",), "H33040000OO1", "2207", "fixmedins_code", "a capital letter and 11 digits"),
    (("mdtrtarea_admvs",), "33040", "2207", "mdtrtarea_admvs", "6 digits"),
    (("mdtrtarea_admvs",), "浙江嘉兴市城", "2207", "mdtrtarea_admvs", "6 digits"),
    (("insuplc_admdvs",), "3415\t0", "2207", "insuplc_admdvs", "6 digits"),
    (("infno",), "9999", "9999", "infno", "one of 1101, 2101"),
    (("mdtrtarea_admvs",), "3304001", "request", "mdtrtarea_admvs", "`str` of length <= 6"),
    (("fixmedins_code",), ..., "request", "fixmedins_code", "a mandatory field"),
    ((*IN_DATA, "psn_no"), ..., "2207", "input.data.psn_no", "a mandatory field"),
    ((*IN_DATA, "psn_no"), "", "2207", "input.data.psn_no", "`str` of length >= 1"),
    ((*IN_DATA, "psn_no"), "9" * 31, "2207", "input.data.psn_no", "`str` of length <= 30"),
    ((*IN_DATA, "psn_no"), 5, "2207", "input.data.psn_no", "`str`"),
    ((*IN_DATA, "certno"), "9" * 21, "2207", "input.data.certno", "`str` of length <= 20"),
    ((*IN_DATA, "medfee_sumamt"), "", "2207", "input.data.medfee_sumamt", "Invalid decimal string"),
    ((*IN_DATA, "medfee_sumamt"), "1.005", "2207", "in.data.medfee_sumamt", "16 digits, 2 of them decimal"),
    ((*IN_DATA, "medfee_sumamt"), "1" * 15, "2207", "in.data.medfee_sumamt", "16 digits, 2 of them decimal"),
    ((*IN_DATA, "medfee_sumamt"), "NaN", "2207", "in.data.medfee_sumamt", "16 digits, 2 of them decimal"),
    ((*IN_DATA, "medfee_sumamt"), "-Infinity", "2207", "in.data.medfee_sumamt", "16 digits, 2 of them decimal"),
    (IN_DATA, ..., "2207", "input.data", "a mandatory field"),
    (("input",), [], "2207", "input", "`object`"),
    ((*IN_DATA, "exp_content"), '{"HOSP_LV":"x"}', "2207", "in.data.exp_content", "`int`"),
    ((*IN_DATA, "exp_content"), '{"FEES_FEN":[1]}', "2207", "in.data.exp_content", "length >= 19"),
]


@pytest.mark.parametrize(
    ("path", "to", "transaction", "named", "expected"), BROKEN, ids=[f"{b[0][-1]}={b[1]!r:.20}" for b in BROKEN]
)
def test_a_broken_request_names_transaction_field_value_and_what_was_expected(
    codec, path, to, transaction, named, expected
):
    with pytest.raises(WireError) as caught:
        codec.decode_request(changed(codec, w.SETTLE, *path, to=to), w.HOSPITAL)
    error = caught.value

    assert (error.transaction, error.path) == (transaction, named)
    assert expected in error.expected
    assert error.got == ("nothing" if to is ... else to)


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        (("feedetail", 1, "cnt", "x"), "input.feedetail[1].cnt", "Invalid decimal"),
        (("feedetail", 1, "cnt", "1.00005"), "in.feedetail.cnt", "4 of them decimal"),
        (("feedetail", 1, "med_list_codg", ""), "input.feedetail[1].med_list_codg", "length >= 1"),
    ],
)
def test_a_broken_row_is_named(codec, change, path, expected):
    node, row, field, to = change
    with pytest.raises(WireError) as caught:
        codec.decode_request(changed(codec, UPLOAD, "input", node, row, field, to=to), w.HOSPITAL)
    assert caught.value.path == path
    assert expected in caught.value.expected


def test_an_upload_without_charges_is_refused_when_written_and_when_read(codec):
    empty = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=()))
    with pytest.raises(WireError, match=r"2204 in\.feedetail: got \(\), expected at least one row"):
        codec.encode_request(empty, 0)
    with pytest.raises(WireError, match="expected at least one row"):
        codec.decode_request(changed(codec, UPLOAD, "input", "feedetail", to=[]), w.HOSPITAL)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"\xff\xfe", b'{"infno":"2207"}', b"null"])
def test_bytes_that_are_no_request_are_one_typed_error(codec, data):
    with pytest.raises(WireError) as caught:
        codec.decode_request(data, w.HOSPITAL)
    assert caught.value.transaction == "request"


def test_a_request_cut_off_on_the_way_is_one_typed_error(codec):
    whole = codec.encode_request(SETTLE_2304, 0)
    for length in range(len(whole)):
        with pytest.raises(WireError):
            codec.decode_request(whole[:length], w.HOSPITAL)


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (msgspec.structs.replace(w.SETTLE, msgid=w.MSGID[:-2]), "msgid"),
        (msgspec.structs.replace(w.SETTLE, code="9001"), "infno"),
        (msgspec.structs.replace(w.SETTLE, code="2204"), "infno"),
        (
            w.request("2208", m.CancelSettlement(person=w.PERSON, visit=w.VISIT, settlement=m.SettlementId(""))),
            "in.data.setl_id",
        ),
        (
            w.request("2207", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=10**16)),
            "in.data.medfee_sumamt",
        ),
        (
            w.request("2207", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=-(10**16))),
            "in.data.medfee_sumamt",
        ),
    ],
)
def test_a_message_that_would_break_the_interface_is_never_written(codec, request_, path):
    with pytest.raises(WireError) as caught:
        codec.encode_request(request_, 0)
    assert caught.value.path == path


def test_a_batch_above_the_inputs_bound_is_refused_both_ways(codec):
    line = FeeLine("1", "XJ01CAA040", 10_000, 1_000_000, 100)
    body = m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="1", lines=(line,) * 120)
    with pytest.raises(WireError, match=r"2204 input: got '\d+ characters', expected at most 40000 characters; split"):
        codec.encode_request(w.request("2204", body), 0)

    data = changed(codec, w.SETTLE, "input", "data", "made_up", to="x" * 40_000)
    with pytest.raises(WireError, match="at most 40000 characters"):
        codec.decode_request(data, w.HOSPITAL)


def test_the_bound_counts_characters_and_not_bytes(codec):
    message = sent(codec, w.SETTLE)
    message["input"]["data"]["made_up"] = "\u4e2d" * 20_000  # 60,000 bytes
    data = json.dumps(message, ensure_ascii=False).encode()

    assert codec.decode_request(data, w.HOSPITAL) == w.SETTLE


MSGIDS = {
    "one character short of what is tolerated": w.MSGID[:-2],
    "another institution's": "P" + w.MSGID[1:],
    "a line feed": w.MSGID[:-1] + "\n",
    "a NUL": w.MSGID[:-1] + "\0",
    "a header of its own": f"{w.HOSPITAL}\r\nx-yidi-sender: hub",
    "a digit of another script": w.MSGID[:-1] + "\N{ARABIC-INDIC DIGIT ONE}",
    "letters": w.MSGID[:-4] + "abcd",
}


@pytest.mark.parametrize("msgid", MSGIDS.values(), ids=MSGIDS)
def test_a_message_id_of_another_shape_is_neither_read_nor_sent_on(codec, msgid):
    """It becomes a key, an id and a line of the next node's HTTP head."""
    with pytest.raises(WireError, match="msgid"):
        codec.decode_request(changed(codec, w.SETTLE, "msgid", to=msgid), w.HOSPITAL)
    with pytest.raises(WireError, match="msgid"):
        codec.encode_request(msgspec.structs.replace(w.SETTLE, msgid=msgid), 0)


def test_a_message_id_of_29_characters_is_sent_on_as_it_came(codec):
    """A care province that could read it and not send it left an intent that nobody could ever close."""
    short = msgspec.structs.replace(w.SETTLE, msgid=w.MSGID[:-1])

    assert codec.decode_request(codec.encode_request(short, 0), w.HOSPITAL) == short


def deep(codec, *path):
    return changed(codec, w.SETTLE, *path, to="DEEP").replace(b'"DEEP"', b"[" * 100_000 + b"]" * 100_000)


UNREADABLE = {
    "nested too deep": lambda codec: b"[" * 100_000,
    "a field nested too deep": lambda codec: deep(codec, "opter"),
    "an unknown field nested too deep": lambda codec: deep(codec, "unheard_of"),
    "input nested too deep": lambda codec: deep(codec, "input", "data"),
    "an unknown field of input nested too deep": lambda codec: deep(codec, "input", "unheard_of"),
    "bad UTF-8": lambda codec: codec.encode_request(w.SETTLE, 0).replace(b"sim", b"\xff\xfe\xfd"),
    "bad UTF-8 in input": lambda codec: codec.encode_request(w.SETTLE, 0).replace(b"SIM", b"\xff\xfe\xfd"),
    "half a surrogate pair": lambda codec: codec.encode_request(w.SETTLE, 0).replace(b"SIM", b"\\ud800"),
    "bad UTF-8 where nobody reads": lambda codec: codec.encode_request(w.SETTLE, 0)[:-1] + b',"dev_no":"\xff"}',
    "far too long an input of bad UTF-8": lambda codec: codec.encode_request(w.SETTLE, 0).replace(
        b"SIM", b"\xff" * 50_000
    ),
    "an endless number": lambda codec: changed(codec, w.SETTLE, "input", "data", to=1).replace(
        b'"data": 1', b'"data": ' + b"9" * 100_000
    ),
    "a field said twice, first wrongly": lambda codec: (
        codec.encode_request(w.SETTLE, 0)
        .replace(b'"data":', b'"data":{"psn_no":{}},"data":1,"data":')[:-1]
        .replace(b'"input":', b'"input":{"data":{"mdtrt_id":1},"data":2},"unread":')
        + b"}"
    ),
    "a number for a message, longer than any number": lambda codec: b"1" * 10_000,
    "nothing": lambda codec: b"",
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_bytes_that_no_reader_bears_are_refused_in_words(codec, make):
    with pytest.raises(WireError):
        codec.decode_request(make(codec), w.HOSPITAL)


STAY_LINES = w.request("2301", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))
SALE = w.request("2102", m.SellDrugs(person=w.PERSON, insurance="310", total_fen=100, lines=w.LINES))
ADMIT = w.request("2401", m.Admit(person=w.PERSON, insurance="310", began_us=0, diagnosis="R69"))
DIAGNOSE = w.request("2203", m.Diagnose(person=w.PERSON, visit=w.VISIT, diagnosis="R69", began_us=0))
FIND = w.request("1101", m.FindPerson(person=w.PERSON))
TRIAL_2206 = w.request("2206", w.SETTLE.body)
DISCHARGE = w.request("2402", m.Discharge(person=w.PERSON, visit=w.VISIT, ended_us=0, insurance="310"))
NOT_SERVED = [
    (SETTLE_2304, "data", "mid_setl_flag", "2"),
    (SETTLE_2304, "data", "acct_used_flag", "2"),
    (w.SETTLE, "data", "acct_used_flag", "2"),
    (w.SETTLE, "data", "chrg_bchno", "3"),
    (SALE, "druginfo", "acct_used_flag", "7"),
    (ADMIT, "mdtrtinfo", "med_type", "52"),
    (FIND, "data", "psn_name", "SOMEBODY ELSE"),
    (FIND, "data", "certno", "99"),
    (FIND, "data", "psn_cert_type", "99"),
    (FIND, "data", "mdtrt_cert_type", "04"),
    (ADMIT, "mdtrtinfo", "mdtrt_cert_type", "99"),
    (FIND, "data", "card_sn", "NOT THEIRS"),
    (SALE, "druginfo", "psn_name", "SOMEBODY ELSE"),
    (w.SETTLE, "data", "certno", "99"),
    (w.SETTLE, "data", "psn_setlway", "02"),
    (ADMIT, "mdtrtinfo", "cert_type", "02"),
    (ADMIT, "mdtrtinfo", "exp_content", '{"TRUM_FLAG":"1"}'),
    (ADMIT, "mdtrtinfo", "exp_content", '{"IPT_TYPE":"3"}'),
    (w.SETTLE, "data", "exp_content", '{"OTP_ER_REFL_FLAG":"2"}'),
    (TRIAL_2206, "data", "exp_content", '{"TRUM_FLAG":"1"}'),
]


@pytest.mark.parametrize(("request_", "node", "field", "value"), NOT_SERVED)
def test_a_field_that_asks_for_what_is_not_served_is_refused_by_name_and_never_swallowed(
    codec, request_, node, field, value
):
    data = changed(codec, request_, "input", node, field, to=value)

    with pytest.raises(WireError, match=field) as refused:
        codec.decode_request(data, w.HOSPITAL)

    assert "no other is served" in str(refused.value)


CARE_TYPES = [
    (w.SETTLE, "data", "11", "ordinary"),
    (w.SETTLE, "data", "13", "emergency"),
    (TRIAL_2206, "data", "14", "chronic"),
    (DIAGNOSE, "mdtrtinfo", "14", "chronic"),
    (DIAGNOSE, "mdtrtinfo", "51", "51"),  # none that we know: who prices and who pays refuse it by name
    (SALE, "druginfo", "41", "ordinary"),
    (SALE, "druginfo", "18", "special_drugs"),
    (SALE, "druginfo", "11", "11"),
]


@pytest.mark.parametrize(("request_", "node", "written", "read"), CARE_TYPES)
def test_a_care_type_is_read_as_what_it_is_and_what_is_none_stays_as_it_was_written(
    codec, request_, node, written, read
):
    data = changed(codec, request_, "input", node, "med_type", to=written)

    assert codec.decode_request(data, w.HOSPITAL).body.care_type == read


STATED = [{"fulamt_ownpay_amt": "40.00", "inscp_scp_amt": "60.00"}, {"overlmt_selfpay": "0.01"}, {"inscp_scp_amt": "1"}]


@pytest.mark.parametrize("stated", STATED, ids="+".join)
@pytest.mark.parametrize("code", ["2207", "2304"])
def test_a_hospitals_own_split_reaches_the_care_province_as_it_was_stated(codec, code, stated):
    message = sent(codec, w.request(code, w.SETTLE.body))
    message["input"]["data"] |= stated

    read = codec.decode_request(json.dumps(message).encode(), w.HOSPITAL)

    said = read.body.stated
    fields = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    assert msgspec.structs.astuple(said) == tuple(round(float(stated.get(name, 0)) * 100) for name in fields)
    assert codec.decode_request(codec.encode_request(read, 0), w.HOSPITAL) == read


def test_a_split_that_differs_from_the_sums_sent_beside_it_is_not_lost(codec):
    read = codec.decode_request(changed(codec, SETTLE_2304, "input", "data", "inscp_scp_amt", to="1"), w.HOSPITAL)

    assert read.body.stated.in_scope_fen == 100
    assert codec.decode_request(codec.encode_request(SETTLE_2304, 0), w.HOSPITAL).body.stated is None


SAID_TWICE = [
    (SALE, ("druginfo", "mdtrt_cert_no"), "34150010000000000002"),
    (SALE, ("druginfo", "psn_type"), "15"),
    (w.SETTLE, ("data", "mdtrt_cert_no"), "34150010000000000002"),
    (SETTLE_2304, ("data", "insuplc_admdvs"), "340100"),
    (SETTLE_2304, ("data", "mdtrtarea_admvs"), "330100"),
    (ADMIT, ("mdtrtinfo", "insuplc_admdvs"), "340100"),
    (ADMIT, ("diseinfo", 0, "psn_no"), "34150010000000000002"),
    (ADMIT, ("diseinfo", 0, "diag_code"), "J18.900"),
    (DIAGNOSE, ("diseinfo", 0, "diag_code"), "J18.900"),
    (DISCHARGE, ("diseinfo", 0, "mdtrt_id"), "S33040000001202406030800000002"),
]


@pytest.mark.parametrize(("request_", "path", "value"), SAID_TWICE)
def test_a_field_that_contradicts_the_rest_of_its_message_is_refused_by_name(codec, request_, path, value):
    data = changed(codec, request_, "input", *path, to=value)

    with pytest.raises(WireError, match=path[-1]) as refused:
        codec.decode_request(data, w.HOSPITAL)

    assert "as the message itself says" in str(refused.value)


@pytest.mark.parametrize("request_", [ADMIT, TRIAL_2206], ids=["2401", "2206"])
def test_a_patient_at_home_may_say_that_there_was_no_accident(codec, request_):
    home = msgspec.structs.replace(request_, insured_region="330400")
    node = "mdtrtinfo" if request_ is ADMIT else "data"

    read = codec.decode_request(changed(codec, home, "input", node, "exp_content", to='{"TRUM_FLAG":"0"}'), w.HOSPITAL)

    assert read == home


WARNED_OF = [("dscginfo", "dscg_way", "5"), ("diseinfo", "diag_type", "2"), ("diseinfo", "diag_code", "J18.900")]


@pytest.mark.parametrize(("node", "field", "value"), WARNED_OF)
def test_what_is_said_and_not_acted_on_is_named_in_the_reply(codec, node, field, value):
    path = (node, 0, field) if node == "diseinfo" else (node, field)
    warnings = []

    read = codec.decode_request(changed(codec, DISCHARGE, "input", *path, to=value), w.HOSPITAL, warnings)
    answer = json.loads(codec.encode_answer(read, w.answered(m.Done()), 0, warnings).body)

    assert read == DISCHARGE
    assert answer["infcode"] == 0
    assert f"in.{node}.{field}: got '{value}'" in answer["warn_msg"]


def test_every_field_warned_of_is_named_however_long_the_values_are(codec):
    message = sent(codec, DISCHARGE)
    message["input"]["diseinfo"][0] |= {"diag_type": "2", "diag_code": "X" * 20}
    message["input"]["dscginfo"]["dscg_way"] = "999"
    warnings = []
    read = codec.decode_request(json.dumps(message).encode(), w.HOSPITAL, warnings)

    told = json.loads(codec.encode_answer(read, w.answered(m.Done()), 0, warnings).body)["warn_msg"]

    assert len(told) <= 200
    assert all(field in told for field in ("dscg_way", "diag_type", "diag_code"))


def test_a_reply_without_a_warning_has_no_field_for_one(codec):
    answer = json.loads(codec.encode_answer(DISCHARGE, w.answered(m.Done()), 0).body)

    assert "warn_msg" not in answer


@pytest.mark.parametrize(("code", "field"), [("2205", "chrg_bchno"), ("2302", "feedetl_sn")])
def test_a_cancel_names_a_batch_or_a_line_or_all(codec, code, field):
    every = w.request(code, m.CancelLines(person=w.PERSON, visit=w.VISIT))

    assert sent(codec, every)["input"]["data"][field] == "0000"
    read = codec.decode_request(changed(codec, every, "input", "data", field, to="17"), w.HOSPITAL)
    assert read.body == m.CancelLines(person=w.PERSON, visit=w.VISIT, named="17")


@pytest.mark.parametrize("serial", ["4711", "0815", "9" * 30])
def test_a_line_has_the_number_that_the_hospital_gave_it(codec, serial):
    data = changed(codec, UPLOAD, "input", "feedetail", 1, "feedetl_sn", to=serial)

    assert codec.decode_request(data, w.HOSPITAL).body.lines[1].serial == serial


@pytest.mark.parametrize("request_", [UPLOAD, STAY_LINES])
@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("mdtrt_id", rf"got 'another', expected {w.VISIT}, as in the first row"),
        ("psn_no", "got 7 characters, expected the same, as in the first row"),
    ],
)
def test_a_row_of_another_visit_or_person_refuses_the_batch_by_name(codec, request_, field, words):
    """Of a person it is not said who: an error text is read by many."""
    data = changed(codec, request_, "input", "feedetail", 1, field, to="another")

    with pytest.raises(WireError, match=rf"in\.feedetail\.{field}: {words}"):
        codec.decode_request(data, w.HOSPITAL)


def test_one_row_that_asks_for_another_kind_of_visit_refuses_the_batch(codec):
    data = changed(codec, STAY_LINES, "input", "feedetail", 1, "med_type", to="52")

    with pytest.raises(WireError, match="med_type"):
        codec.decode_request(data, w.HOSPITAL)


@pytest.mark.parametrize(("request_", "node"), [(SETTLE_2304, "data"), (w.SETTLE, "data"), (SALE, "druginfo")])
def test_an_account_that_may_not_pay_is_said_to_the_insurer(codec, request_, node):
    said = codec.decode_request(changed(codec, request_, "input", node, "acct_used_flag", to="0"), w.HOSPITAL)

    assert request_.body.use_account
    assert not said.body.use_account
    assert codec.decode_request(codec.encode_request(said, 0), w.HOSPITAL) == said


@pytest.mark.parametrize("us", [10**26, -(2**63), 2**63 - 1, -(10**18)])
def test_an_exact_moment_that_no_calendar_has_is_refused_at_the_door(codec, us):
    """It was written down as an intent, and could then not be sent on."""
    data = changed(codec, ADMIT, "input", "mdtrtinfo", "exp_content", to=f'{{"BEGNTIME_US":{us}}}')

    with pytest.raises(WireError, match="exp_content"):
        codec.decode_request(data, w.HOSPITAL)


EXACT = 61_500_123
EXACTLY = {
    "2201": ("data", "begntime", m.Register(person=w.PERSON, insurance="310", began_us=EXACT)),
    "2401": ("mdtrtinfo", "begntime", msgspec.structs.replace(ADMIT.body, began_us=EXACT)),
    "2402": ("dscginfo", "endtime", msgspec.structs.replace(DISCHARGE.body, ended_us=EXACT)),
}


@pytest.mark.parametrize("code", EXACTLY)
@pytest.mark.parametrize("said", ["2023-01-01 00:00:00", "rubbish"])
def test_an_exact_moment_does_not_swallow_the_one_that_the_interface_knows(codec, code, said):
    """A stay could end before it began, in the published field, when the exact one said otherwise."""
    node, field, body = EXACTLY[code]
    message = sent(codec, w.request(code, body))
    assert str(EXACT) in message["input"][node]["exp_content"]
    message["input"][node][field] = said

    with pytest.raises(WireError, match=rf"in\.{node}\.{field}: got '{said}'"):
        codec.decode_request(json.dumps(message).encode(), w.HOSPITAL)


def test_a_field_left_out_asks_for_nothing(codec):
    trial = w.request("2303", SETTLE_2304.body)

    read = codec.decode_request(changed(codec, trial, "input", "data", "acct_used_flag", to=...), w.HOSPITAL)

    assert read.body == trial.body


@pytest.mark.parametrize("request_", [DIAGNOSE, ADMIT])
def test_a_second_diagnosis_is_refused_and_not_dropped(codec, request_):
    message = sent(codec, request_)
    message["input"]["diseinfo"] *= 2

    with pytest.raises(WireError, match="diseinfo"):
        codec.decode_request(json.dumps(message).encode(), w.HOSPITAL)


def by_prescription(codec, *numbers):
    """A sale whose lines say these numbers of prescriptions."""
    lines = tuple(msgspec.structs.replace(w.LINES[0], serial=f"{n}") for n, _ in enumerate(numbers, 1))
    body = msgspec.structs.replace(SALE.body, lines=lines, prescription="RX")
    message = json.loads(codec.encode_request(w.request("2102", body), 0))
    for row, number in zip(message["input"]["drugdetail"], numbers, strict=True):
        assert row.pop("rxno") == "RX"
        if number:
            row["rxno"] = number
    return json.dumps(message).encode()


@pytest.mark.parametrize(("numbers", "read"), [(("RX1", "RX1"), "RX1"), (("", ""), "")])
def test_a_sale_is_by_the_prescription_that_all_its_lines_say(codec, numbers, read):
    assert codec.decode_request(by_prescription(codec, *numbers), w.HOSPITAL).body.prescription == read


@pytest.mark.parametrize("numbers", [("RX1", "RX2"), ("RX1", ""), ("", "RX1")])
def test_a_sale_partly_by_a_prescription_is_refused_and_not_taken_for_either(codec, numbers):
    with pytest.raises(WireError, match="rxno"):
        codec.decode_request(by_prescription(codec, *numbers), w.HOSPITAL)


def test_a_sale_without_lines_cannot_say_its_prescription_and_is_not_written(codec):
    body = msgspec.structs.replace(SALE.body, lines=(), prescription="RX1")
    with pytest.raises(WireError, match="at least one row"):
        codec.encode_request(w.request("2102", body), 0)
