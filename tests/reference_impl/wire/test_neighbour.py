"""Between neighbours a message is itself, and nothing comes in by a neighbour that no hospital could say."""

from __future__ import annotations

import json
from datetime import datetime
from functools import reduce

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support import wire_samples as w

from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.protocol import messages as m
from reference_impl.wire import neighbour as neighbour_module
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.codecs import Codecs
from reference_impl.wire.errors import WireError
from reference_impl.wire.neighbour import NeighbourCodec

quick = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
many = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

CLOCK = BusinessClock(datetime(2024, 6, 3), 60.0)
NEIGHBOUR = NeighbourCodec(CLOCK)
HUB = m.NodeId("hub")
NOW_US = 61_500_000
SALE = w.request(
    "2102",
    m.SellDrugs(
        person=w.PERSON,
        insurance="310",
        total_fen=579_253,
        lines=w.LINES,
        visit=w.VISIT,
        hospital_level=3,
        fees=w.FEES,
    ),
)
STAY = w.request("2304", m.Settle(person=w.PERSON, insurance="310", visit=w.VISIT, total_fen=579_253, fees=w.FEES))
PRICED = w.request("2204", m.UploadLines(person=w.PERSON, visit=w.VISIT, batch="7", lines=w.LINES))


def from_hub(request):
    return msgspec.structs.replace(request, sender=HUB)


def replies(code, request):
    return w.REPLIES[code] if code in w.REPLIES else w.priced_like(request.body)


def verdict(data, code, request):
    """Return a verdict of any transaction, with hops."""
    hops = st.lists(st.builds(m.Hop, st.sampled_from(["33", "3415", "hub"]), w.moments, w.moments), max_size=4)
    return m.Answered(m.Reply(data.draw(w.text30), data.draw(replies(code, request))), tuple(data.draw(hops)))


# --- a message is itself ---


@pytest.mark.parametrize("code", sorted(TRANSACTIONS))
@quick
@given(data=st.data())
def test_a_request_written_and_read_is_itself(neighbour, code, data):
    request = data.draw(w.requests(code))

    assert neighbour.decode_request(neighbour.encode_request(request, NOW_US), HUB) == from_hub(request)


@pytest.mark.parametrize("code", sorted(TRANSACTIONS))
@quick
@given(data=st.data(), now_us=w.moments)
def test_what_a_hospital_says_reaches_the_insurer_as_it_was_read(codec, neighbour, code, data, now_us):
    """Hospital JSON to a care province, from there to the hub, and on."""
    said = codec.encode_request(data.draw(w.requests(code)), now_us)
    read = codec.decode_request(said, w.HOSPITAL)

    at_hub = neighbour.decode_request(neighbour.encode_request(read, now_us), m.NodeId("33"))
    at_insurer = neighbour.decode_request(neighbour.encode_request(at_hub, now_us), HUB)

    assert at_insurer == from_hub(read)


@pytest.mark.parametrize("code", sorted(TRANSACTIONS))
@quick
@given(data=st.data(), now_us=w.moments)
def test_a_verdict_reaches_the_hospital_as_the_insurer_gave_it(codec, neighbour, code, data, now_us):
    request = data.draw(w.requests(code))
    answer = verdict(data, code, request)

    status, headers, content = neighbour.encode_answer(request, answer, now_us)
    heard = neighbour.decode_answer(status, headers, content, code)
    told = codec.decode_answer(*codec.encode_answer(request, heard, now_us), code)

    assert status == 200
    assert heard == told == answer


@quick
@given(
    answer=st.one_of(
        st.builds(m.Busy, st.integers(0, 10**12), w.msgids),
        st.builds(m.Closed, st.text(max_size=10), w.moments, st.integers(0, 10**12)),
        st.builds(m.Overloaded, st.integers(0, 10**12)),
    ),
    code=st.sampled_from(sorted(TRANSACTIONS)),
)
def test_an_answer_that_is_no_verdict_is_read_as_it_was_meant(neighbour, answer, code):
    status, headers, content = neighbour.encode_answer(SALE, answer, 0)

    assert status == (409 if isinstance(answer, m.Busy) else 503)
    assert int(headers["retry-after"]) * 1_000_000 >= answer.retry_after_us
    assert neighbour.decode_answer(status, headers, content, code) == answer


@quick
@given(refusal=st.text("ESDCO0123456789", min_size=1, max_size=5), reason=st.text(max_size=150))
def test_a_refusal_keeps_its_code_and_reason(neighbour, refusal, reason):
    answer = m.Answered(m.Reply("ref", None, refusal, reason), w.HOPS)

    assert neighbour.decode_answer(*neighbour.encode_answer(SALE, answer, 0), "2102") == answer


def test_a_long_reason_is_cut_so_that_the_verdict_gets_through(neighbour):
    answer = m.Answered(m.Reply("ref", None, "E01", "no" * 500))

    heard = neighbour.decode_answer(*neighbour.encode_answer(SALE, answer, 0), "2102")

    assert (heard.reply.refusal, heard.reply.reason) == ("E01", "no" * 100)


def test_a_node_that_cannot_serve_did_nothing_and_says_why(neighbour):
    answer = neighbour.encode_unavailable("books of another version" * 20, 7, 0)

    assert answer.status == 503
    assert b"books of another version" in answer.body
    assert neighbour.decode_answer(*answer, "2102") == m.Overloaded(7)


@pytest.mark.parametrize("why", ["", "S16"])
def test_a_node_says_what_is_wanting_that_may_yet_come(neighbour, why):
    answer = m.Overloaded(7, why)

    assert neighbour.decode_answer(*neighbour.encode_answer(SALE, answer, 0), "2102") == answer


def test_bytes_nobody_can_read_are_answered_with_the_field_named(neighbour):
    with pytest.raises(WireError) as caught:
        neighbour.decode_request(changed(SALE, "msgid", to="x"), HUB)
    answer = neighbour.encode_malformed(caught.value, 0)

    heard = neighbour.decode_answer(*answer, "2102")

    assert answer.status == 400
    assert heard.reply.refusal == "D00"
    assert "msgid" in heard.reply.reason


def test_a_status_that_the_interface_does_not_know_tells_nothing(neighbour):
    assert neighbour.decode_answer(500, {}, b"{}", "2102") == m.Unknown(0)
    assert neighbour.decode_answer(502, {}, b"", "2102") == m.Unknown(0)
    assert neighbour.decode_answer(502, {"x-yidi-nobody-listens": "1"}, b"", "2102") == m.Unreachable()


def test_a_door_of_a_state_we_do_not_know_is_an_overloaded_one(neighbour):
    assert neighbour.decode_answer(503, {}, b'{"state":"asleep","retry_after_us":3}', "2102") == m.Overloaded(3)


# --- a neighbour's bytes are no more trusted than a hospital's ---


def changed(request, *path, to):
    """Return a request's bytes with one value replaced; ``to`` ... removes it."""
    message = json.loads(NEIGHBOUR.encode_request(request, 0))
    return json.dumps(replaced(message, path, to)).encode()


def replaced(message, path, to):
    node = message
    for step in path[:-1]:
        node = node[step]
    if to is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return message


TOO_MUCH = {
    "no such transaction": (SALE, ("infno",), "7777"),
    "a transaction of a neighbouring name": (SALE, ("infno",), "2207"),
    "a body of another transaction": (SALE, ("body", "type"), "find_person"),
    "a body of no transaction": (SALE, ("body", "type"), "steal"),
    "a reply for a request": (SALE, ("body", "type"), "settled"),
    "no body": (SALE, ("body",), ...),
    "a node for an institution": (SALE, ("fixmedins_code",), "hub"),
    "a message id of somebody else": (SALE, ("msgid",), "H63040000001202406030800000001"),
    "a message id of another province's platform": (SALE, ("msgid",), "A34000000001202406030800000001"),
    "a line break in a message id": (SALE, ("msgid",), w.MSGID[:-1] + "\n"),
    "a care region in words": (SALE, ("mdtrtarea_admvs",), "Anhui!"),
    "an insured region of 7 digits": (SALE, ("insuplc_admdvs",), "3415001"),
    "a person of 31 characters": (SALE, ("body", "person"), "3" * 31),
    "nobody": (SALE, ("body", "person"), ""),
    "an insurance of 7 characters": (SALE, ("body", "insurance"), "3100000"),
    "an amount of 17 digits": (SALE, ("body", "total_fen"), 10**16),
    "an amount of 40 digits": (SALE, ("body", "total_fen"), 10**40),
    "an amount of 5,000 digits": (SALE, ("body", "total_fen"), "@"),
    "an amount with a comma": (SALE, ("body", "total_fen"), 1.0),
    "an amount in words": (SALE, ("body", "total_fen"), "579253"),
    "an amount that is a truth": (SALE, ("body", "total_fen"), True),
    "a level of 20 digits": (SALE, ("body", "hospital_level"), 10**19),
    "a part of the charges of 17 digits": (STAY, ("body", "fees", "own_pay_fen"), -(10**16)),
    "13 categories": (SALE, ("body", "fees", "by_category_fen"), [0] * 13),
    "15 categories": (SALE, ("body", "fees", "by_category_fen"), [0] * 15),
    "a category of 20 digits": (SALE, ("body", "fees", "by_category_fen"), [10**19, *[0] * 13]),
    "a serial that is no number": (SALE, ("body", "lines", 0, "serial"), "1x"),
    "a serial of other digits": (SALE, ("body", "lines", 0, "serial"), "\u0661"),
    "a serial and a line break": (SALE, ("body", "lines", 0, "serial"), "1\n"),
    "an item of 51 characters": (SALE, ("body", "lines", 0, "item"), "X" * 51),
    "a price of 17 digits": (SALE, ("body", "lines", 0, "price_e6"), 10**16),
    "no charge at all": (PRICED, ("body", "lines"), []),
    "a split of 17 digits": (
        w.SETTLE,
        ("body", "stated"),
        {"own_pay_fen": 10**16, "over_limit_fen": 0, "pre_self_pay_fen": 0, "in_scope_fen": 0},
    ),
    "a moment without a date": (
        w.request("2201", m.Register(person=w.PERSON, insurance="310", began_us=0)),
        ("body", "began_us"),
        2**62,
    ),
    "a text of 300 characters in no field": (w.SETTLE, ("body", "visit"), "S" * 300),
}


@pytest.mark.parametrize(("request_", "path", "to"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_request_beyond_the_interfaces_bounds_is_one_typed_error_that_names_the_place(neighbour, request_, path, to):
    data = changed(request_, *path, to=to).replace(b'"@"', b"9" * 5000)

    with pytest.raises(WireError) as caught:
        neighbour.decode_request(data, HUB)

    assert any(str(step) in caught.value.path for step in (*path, "body", "infno"))


FAR = 2**62
TOLD_TOO_MUCH = {
    "an id of 31 characters": (("body", "settlement"), "A" * 31),
    "an amount of 17 digits": (("body", "amounts", "cash_fen"), 10**16),
    "an amount of 20 digits that has no field": (("body", "amounts", "first_self_pay_fen"), 10**19),
    "an age of five digits": (("body", "age_e1"), 10_000),
    "a moment without a date": (("body", "settled_us"), FAR),
    "a reference of 31 characters": (("reference",), "3" * 31),
    "a code that closes its own bracket": (("refusal",), "E01]"),
    "a code that is a novel": (("refusal",), "E" * 21),
    "a reason of 201 characters": (("reason",), "x" * 201),
    "a body of another transaction": (("body", "type"), "done"),
    "neither yes nor no": (("body",), ...),
    "both yes and no": (("refusal",), "E01"),
    "a hop without a date": (("hops", 0, "in_us"), -FAR),
    "a hop by a node of 300 characters": (("hops", 0, "node"), "3" * 300),
    "a thousand hops": (("hops",), [{"node": "33", "in_us": 0, "out_us": 0}] * 1000),
}


@pytest.mark.parametrize(("path", "to"), TOLD_TOO_MUCH.values(), ids=TOLD_TOO_MUCH)
def test_a_verdict_beyond_the_interfaces_bounds_is_one_typed_error(neighbour, path, to):
    status, headers, content = neighbour.encode_answer(SALE, w.answered(w.SETTLED), 0)
    content = json.dumps(replaced(json.loads(content), path, to)).encode()

    with pytest.raises(WireError):
        neighbour.decode_answer(status, headers, content, "2102")


@pytest.mark.parametrize("field", ["retry_after_us", "reopens_us"])
@pytest.mark.parametrize("value", [10**19, FAR, -FAR, "soon"])
def test_a_door_that_opens_in_no_calendar_is_one_typed_error(neighbour, field, value):
    """A hospital is told when it may come back, as a date."""
    status, headers, content = neighbour.encode_answer(SALE, m.Closed("34", 1, 1), 0)

    with pytest.raises(WireError):
        neighbour.decode_answer(status, headers, json.dumps(json.loads(content) | {field: value}).encode(), "2102")


BYTES = {
    "nothing": b"",
    "no JSON": b"<xml/>",
    "a list": b"[]",
    "null": b"null",
    "deep lists": b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"body":' * 50_000 + b"1" + b"}" * 50_000,
    "no UTF-8": b'{"infno":"2102","more":"\xff"}',
    "half a character": b'{"infno":"\\ud800"}',
    "a bare control character": b'{"infno":"21\x0002"}',
    "a key twice": b'{"body":{"type":"find_person","person":{"a":1}},"body":3}',
}


@pytest.mark.parametrize("content", BYTES.values(), ids=BYTES)
def test_bytes_that_are_no_message_are_one_typed_error(neighbour, content):
    with pytest.raises(WireError):
        neighbour.decode_request(content, HUB)
    for status in (200, 400, 409, 503):
        with pytest.raises(WireError):
            neighbour.decode_answer(status, {}, content, "2102")


def test_a_message_above_the_bound_is_refused_both_ways(neighbour):
    lines = w.LINES * 400
    crowded = msgspec.structs.replace(SALE, body=msgspec.structs.replace(SALE.body, lines=lines))
    padded = neighbour.encode_request(SALE, 0)[:-1] + b',"more":"' + b"x" * 40_000 + b'"}'

    with pytest.raises(WireError, match="at most 40000 characters"):
        neighbour.encode_request(crowded, 0)
    with pytest.raises(WireError, match="at most 40000 characters"):
        neighbour.decode_request(padded, HUB)


def test_the_bound_counts_characters_and_not_bytes(neighbour):
    padded = neighbour.encode_request(SALE, 0)[:-1] + b',"more":"' + "医".encode() * 38_000 + b'"}'

    assert neighbour.decode_request(padded, HUB) == from_hub(SALE)


def test_a_field_of_a_later_edition_is_passed_over(neighbour):
    data = neighbour.encode_request(SALE, 0)[:-1] + b',"later":{"a":[1]}}'

    assert neighbour.decode_request(data, HUB) == from_hub(SALE)


@pytest.mark.parametrize(
    "request_",
    [
        msgspec.structs.replace(SALE, body=w.SETTLE.body),
        msgspec.structs.replace(SALE, msgid=m.MessageId("x")),
        msgspec.structs.replace(SALE, body=msgspec.structs.replace(SALE.body, total_fen=10**16)),
        msgspec.structs.replace(SALE, body=msgspec.structs.replace(SALE.body, person="3" * 31)),
    ],
)
def test_a_request_that_a_neighbour_would_not_read_is_never_written(neighbour, request_):
    with pytest.raises(WireError):
        neighbour.encode_request(request_, 0)


@pytest.mark.parametrize(
    "reply",
    [
        m.Reply("ref"),
        m.Reply("ref", m.Done()),
        m.Reply("r" * 31, w.SETTLED),
        m.Reply("ref", msgspec.structs.replace(w.SETTLED, settled_us=FAR)),
    ],
)
def test_a_verdict_that_a_neighbour_would_not_read_is_never_written(neighbour, reply):
    with pytest.raises(WireError):
        neighbour.encode_answer(SALE, m.Answered(reply), 0)


# --- whatever the bytes ---

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False),
    st.text(max_size=40),
    st.just("x" * 300),
    st.lists(st.integers(), max_size=20),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


LIKE = {
    int: st.sampled_from([10**16, -(10**16), 2**62, -(2**62), 2**63, 10**30]),
    float: st.sampled_from([1e16, -1e16, 1e300]),
    str: st.sampled_from(
        [
            "",
            "x" * 31,
            "x" * 51,
            "x" * 300,
            "9" * 14,
            "9999-12-31 23:59:59",
            "0001-01-01 00:00:00",
            "\u0661",
            "]",
            "hub",
            "\x00",
        ]
    ),
    list: st.just([]),
}
"""A value of the same kind, at or beyond what any field holds."""


def places(message):
    """Return the path of every value in a message."""
    found = [()]
    for path in found:
        node = message
        for step in path:
            node = node[step]
        steps = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        found += [(*path, step) for step in steps]
    return found[1:]


@st.composite
def mangled(draw, content):
    """Return a message's bytes with a few values replaced, or a few bytes of it changed, left out or repeated."""
    if draw(st.booleans()):
        message = json.loads(content)
        for _ in range(draw(st.integers(1, 2))):
            path = draw(st.sampled_from(places(message)))
            old = reduce(lambda node, step: node[step], path, message)
            message = replaced(message, path, draw(LIKE.get(type(old), VALUES) if draw(st.booleans()) else VALUES))
        return json.dumps(message).encode()
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        start, length = draw(st.integers(0, len(changed))), draw(st.integers(0, 20))
        changed[start : start + length] = draw(st.binary(max_size=20)) if draw(st.booleans()) else changed[:start][-20:]
    return bytes(changed)


@settings(many, max_examples=400)
@given(data=st.data(), code=st.sampled_from(sorted(TRANSACTIONS)))
def test_whatever_a_hospitals_door_lets_in_can_be_sent_on(codec, neighbour, data, code):
    """A care province has written its intent by then: a message that it cannot send on would stay open for ever."""
    content = data.draw(mangled(codec.encode_request(data.draw(w.requests(code)), 0)))
    try:
        request = codec.decode_request(content, w.HOSPITAL)
    except WireError:
        return

    request = msgspec.structs.replace(request, session="")  # looked at and taken off by then
    assert neighbour.decode_request(neighbour.encode_request(request, 0), HUB) == from_hub(request)


@pytest.mark.parametrize("code", ["2102", "2204"])
def test_a_line_of_an_endless_number_is_refused_at_the_hospitals_door(codec, code):
    """Its reply could not be written, nor could it be sent on."""
    content = codec.encode_request(SALE if code == "2102" else PRICED, 0)

    with pytest.raises(WireError, match="feedetl_sn"):
        codec.decode_request(content.replace(b'"feedetl_sn":"1"', b'"feedetl_sn":' + b"1" * 31), w.HOSPITAL)


@pytest.mark.parametrize("scale", [1.0, 7.0, 60.0, 1e-3])
@pytest.mark.parametrize("when", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_a_moment_at_the_ends_of_the_calendar_is_refused_at_the_door_or_sent_on(when, scale):
    codecs = Codecs.at(BusinessClock(datetime(2024, 6, 3, 11, 17, 31), scale))
    opened = w.request("2201", m.Register(person=w.PERSON, insurance="310", began_us=0))
    said = json.loads(codecs.hospitals.encode_request(opened, 0))
    said["input"]["data"] |= {"begntime": when, "exp_content": ""}
    try:
        read = codecs.hospitals.decode_request(json.dumps(said).encode(), w.HOSPITAL)
    except WireError:
        return

    assert codecs.neighbours.decode_request(codecs.neighbours.encode_request(read, 0), HUB) == from_hub(read)
    codecs.hospitals.encode_request(read, 0)


@many
@given(data=st.data(), code=st.sampled_from(sorted(TRANSACTIONS)))
def test_a_mangled_request_is_an_error_or_a_request_that_can_be_sent_on(codec, neighbour, data, code):
    """What is read keeps every bound, so it can be written again, between neighbours and in the interface's JSON."""
    content = neighbour.encode_request(data.draw(w.requests(code)), 0)
    try:
        request = neighbour.decode_request(data.draw(mangled(content)), HUB)
    except WireError:
        return

    assert neighbour.decode_request(neighbour.encode_request(request, 0), HUB) == request
    codec.encode_request(request, 0)


@many
@given(data=st.data(), code=st.sampled_from(sorted(TRANSACTIONS)), status=st.sampled_from([200, 400, 409, 503]))
def test_a_mangled_answer_is_an_error_or_an_answer_that_a_hospital_can_be_told(codec, neighbour, data, code, status):
    request = data.draw(w.requests(code))
    answer = verdict(data, code, request) if status in (200, 400) else m.Closed("34", 5, 7)
    content = neighbour.encode_answer(request, answer, 0).body
    try:
        heard = neighbour.decode_answer(status, {}, data.draw(mangled(content)), code)
    except WireError:
        return

    if code in w.REPLIES or not isinstance(heard, m.Answered):  # how many lines are priced, a request alone tells
        codec.encode_answer(request, heard, 0)
    neighbour.encode_answer(request, heard, 0)


PLANTED = {
    "a moment without a date": (SALE, {"settled_us": FAR}, OverflowError),
    "an amount of 17 digits": (SALE, {"balance_fen": 10**16}, WireError),
    "an id of 31 characters": (SALE, {"settlement": "A" * 31}, WireError),
}


@pytest.mark.parametrize(("request_", "more", "failure"), PLANTED.values(), ids=PLANTED)
def test_without_the_bounds_a_neighbour_could_say_what_no_hospital_can_be_told(
    codec, neighbour, monkeypatch, request_, more, failure
):
    """A planted bug: the settlement would stand, and the care province would break on its answer for ever."""
    monkeypatch.setattr(neighbour_module, "hold", lambda *_: None)
    answer = w.answered(msgspec.structs.replace(w.SETTLED, **more))

    heard = neighbour.decode_answer(*neighbour.encode_answer(request_, answer, 0), request_.code)

    with pytest.raises(failure):
        codec.encode_answer(request_, heard, 0)


@many
@given(content=st.one_of(st.binary(max_size=200), st.recursive(VALUES, st.lists).map(lambda v: json.dumps(v).encode())))
@example(b'{"infno":"2102","body":{"type":"sell_drugs","total_fen":1e999}}')
def test_any_bytes_are_an_error_or_a_message(neighbour, content):
    for read in (
        lambda: neighbour.decode_request(content, HUB),
        lambda: neighbour.decode_answer(200, {}, content, "2102"),
        lambda: neighbour.decode_answer(503, {}, content, "2102"),
    ):
        try:
            read()
        except WireError:
            continue


@pytest.mark.parametrize("lines", [(), w.LINES])
def test_a_sale_by_prescription_is_sent_on_with_its_lines_and_without(neighbour, lines):
    """A care province sends what the lines come to, and not the lines."""
    by = msgspec.structs.replace(SALE, body=msgspec.structs.replace(SALE.body, lines=lines, prescription="RX1"))

    assert neighbour.decode_request(neighbour.encode_request(by, NOW_US), m.NodeId("H33040000001")).body == by.body


def test_a_platform_numbers_what_pays_an_order_of_its_own_provinces_pharmacy():
    """Between nodes alone: to its own province the platform speaks under its own code."""
    numbered = msgspec.structs.replace(SALE, msgid=m.MessageId("A33000000001202406030800000001"))

    assert NEIGHBOUR.decode_request(NEIGHBOUR.encode_request(numbered, 0), HUB) == msgspec.structs.replace(
        numbered, sender=HUB
    )
