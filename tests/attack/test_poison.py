"""Poison: whatever is sent is answered below 500 or cut off, and afterwards the next honest visit settles.

Each case ends with the same question: is the system sound, is anything left open (G13, G14)?
"""

from __future__ import annotations

import contextlib
import json
import socket

import pytest
from attack import raw_client as raw
from attack.raw_client import Hospital
from attack.target import ANHUI

pytestmark = pytest.mark.slow

CUT_OFF_S = 45
"""How long a half-sent request may stay at most: a bound of the test's own, for what must happen some time."""


@pytest.fixture(autouse=True)
def told(target):
    """Leave what a failed case left open out of the cases after it: each is told once."""
    yield
    target.forgive()


def assert_answered(heard):
    """A yes, a no, or busy: never our own fault, which would be an outcome that nobody knows."""
    assert 0 < heard.status < 500, heard


# --- what a message says ---

MSGIDS = {
    "of 29 characters": "H3304003000120240313090000001",
    "of 28 characters": "H330400300012024031309000001",
    "of 31 characters": "H330400300012024031309000000011",
    "empty": "",
    "of full-width digits": "H33040030001" + "\uff12\uff10\uff12\uff14" + "03130900007777",
    "in Chinese": "H33040030001" + "\u6d88\u606f" * 9,
    "with a line break": "H33040030001\r\nX-Injected: 1234",
    "with a neighbour's header": "H33040030001\r\nx-yidi-sender:hub",
    "with a NUL": "H33040030001" + "\x00" * 18,
    "of blanks": "H33040030001" + " " * 18,
    "with an escape": "H33040030001\x1b[31m2024031309000",
    "with half a character": "H33040030001" + "\ud800" * 18,
    "with a quote": "H33040030001'; DROP TABLE msgs",
}


@pytest.mark.parametrize("code", ["2201", "1101"])
@pytest.mark.parametrize("msgid", MSGIDS.values(), ids=MSGIDS)
def test_a_message_id_is_refused_or_carried_to_the_end(target, msgid, code):
    assert msgid == "" or len(msgid) in (28, 29, 30, 31)
    person = target.person()
    body = raw.register(person) if code == "2201" else raw.find(person)
    envelope = target.home.envelope(code, ANHUI, body)

    heard = target.home.post({**envelope, "msgid": msgid})

    assert_answered(heard)
    assert heard.refused or (msgid.isascii() and msgid.isprintable()), heard
    target.assert_sound()


@pytest.mark.parametrize(
    "msgid", ["H3304003000120240313090000002", "H33040030001" + "\u6d88" * 18], ids=["short", "Chinese"]
)
def test_a_message_id_that_was_refused_cannot_be_reversed_into_a_fault(target, msgid):
    heard = target.home.ask_once("2601", ANHUI, raw.reverse(target.person(), msgid, "2207"))

    assert_answered(heard)
    target.assert_sound()


REGIONS = {
    "full-width": "\uff13\uff13\uff10\uff14\uff10\uff10",
    "in Chinese": "\u6d59\u6c5f\u7701\u5609\u5174\u5e02",
    "with an accent": "33\u00e9400",
    "with a line break": "33\r\n00",
    "with a NUL": "33\x0000",
    "of a province": "33",
    "empty": "",
    "of half characters": "\ud800" * 6,
    "with a path": "../../",
}


@pytest.mark.parametrize("which", ["insuplc_admdvs", "mdtrtarea_admvs"])
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_a_region_is_refused_or_carried_to_the_end(target, region, which):
    person = target.person()

    heard = target.home.ask_once("2201", ANHUI, raw.register(person), **{which: region})

    assert heard.refused, heard
    assert_answered(heard)
    assert target.rows("33", "SELECT * FROM visits WHERE person = ?", person) == []
    target.assert_sound()


INSTITUTIONS = (
    "H11010800001",
    "H33040000001",
    "H33040090001",
    "H3304003000",
    "h33040030001",
    "H3304\uff10030001",
    "H33040A30001",
)


@pytest.mark.parametrize("code", INSTITUTIONS)
def test_an_institution_with_an_unexpected_code_is_answered_and_leaves_nothing_open(target, code):
    """A level read from a digit of the code ended in a LookupError at the insurer, after an intent."""
    person = target.person()
    stranger = Hospital(target.address("33"), "33", code, "330400")
    msgid = f"{code:0<12}20240313090000{person[-4:]}"

    heard = stranger.ask_once("2102", ANHUI, raw.drugs(person), msgid)

    assert_answered(heard)
    assert target.newly_open() == []
    visit, _settlement, _ = target.sold(person)
    assert target.signs(visit) == [1]


PERSONS = {
    "too short": "3401",
    "of letters": "X" * 20,
    "full-width": "\uff13" * 20,
    "of an unknown type": "34010090000000000001",
    "of an unknown region": "99010000000000000001",
    "with a NUL": "340100000000000000\x0001",
    "of half characters": "\ud800" * 20,
    "with a line break": "34010000000000\r\n0001",
}


@pytest.mark.parametrize("person", PERSONS.values(), ids=PERSONS)
def test_nobody_is_refused(target, person):
    heard = target.pharmacy.ask_once("2102", ANHUI, raw.drugs(person))

    assert heard.refused, heard
    target.assert_sound()


@pytest.mark.parametrize("code", ["2301", "2204"])
def test_a_refund_does_not_make_a_total_negative(target, code):
    person, home = target.person(), target.home
    visit = target.admitted(person) if code == "2301" else target.charged(person)
    refund = raw.charges(raw.charge(person, visit, 8, "-500.00", init_feedetl_sn="1"))

    heard = home.ask_once(code, ANHUI, refund)

    assert heard.refused, heard
    assert target.total_yuan(visit) > 0
    target.assert_sound()


def test_a_negative_total_is_not_settled(target):
    """It was taken up, failed at the insurer, and held its visit for ever."""
    person, home = target.person(), target.home
    visit, _ = target.registered(person)
    home.ask_once("2204", ANHUI, raw.charges(raw.charge(person, visit, 1, "-100.00")))

    heard = home.ask_once("2207", ANHUI, raw.settle(person, visit, "-100.00"))

    assert heard.refused, heard
    assert target.signs(visit) == []
    assert target.newly_open() == []
    assert (after := home.ask("2204", ANHUI, raw.charges(raw.charge(person, visit, 2, "300.00")))).done, after


def test_a_sale_of_less_than_nothing_is_refused(target):
    person, money = target.person(), target.money()

    heard = target.pharmacy.ask_once("2102", ANHUI, raw.drugs(person, "-100.00"))

    assert heard.refused, heard
    assert target.money() == money
    target.assert_sound()


AMOUNTS = (
    "99999999999999.99",
    "1E+999999",
    "NaN",
    "Infinity",
    "-0",
    "0.001",
    "1e2",
    "100,00",
    "\uff11\uff10\uff10",
    "0x64",
    "7" * 5000,
)


@pytest.mark.parametrize("amount", AMOUNTS, ids=[ascii(amount)[:12] for amount in AMOUNTS])
def test_an_amount_is_refused_or_settled_to_the_fen(target, amount):
    person = target.person()

    heard = target.pharmacy.ask_once("2102", ANHUI, raw.drugs(person, amount))

    assert_answered(heard)
    posted = target.rows("34", "SELECT total_fen FROM settlements WHERE person = ?", person)
    assert [row["total_fen"] for row in posted] == ([round(float(amount) * 100)] if heard.done else [])
    target.assert_sound()


def test_a_bill_of_two_lines_larger_than_any_bill_is_answered(target):
    person = target.person()
    visit, _ = target.registered(person)
    most = "99999999999999.99"

    for number in range(1, 4):
        assert_answered(target.home.ask_once("2204", ANHUI, raw.charges(raw.charge(person, visit, number, most))))
    total = f"{target.total_yuan(visit):.2f}"
    assert_answered(target.home.ask_once("2207", ANHUI, raw.settle(person, visit, total)))

    target.assert_sound()


EXP_CONTENTS = (
    '{"MDTRT_ID":"' + "\u6d88" * 30 + '"}',
    '{"MDTRT_ID":"' + "X" * 3000 + '"}',
    '{"BEGNTIME_US":99999999999999999999999999}',
    '{"BEGNTIME_US":-9223372036854775808}',
    '{"HOSP_LV":77}',
    '{"FEES_FEN":[-1' + ",0" * 18 + "]}",
    '{"FEES_FEN":[' + "9223372036854775807," * 18 + "1]}",
    "[" * 1900,
    "null",
    "\ud800",
)


@pytest.mark.parametrize("text", EXP_CONTENTS, ids=range(len(EXP_CONTENTS)))
@pytest.mark.parametrize("code", ["2201", "2102"])
def test_what_stands_in_the_open_text_field_is_no_way_in(target, code, text):
    """Levels and category totals travel there between provinces; from a hospital they are nobody's word."""
    person = target.person()
    body = raw.register(person, exp_content=text) if code == "2201" else raw.drugs(person, exp_content=text)

    heard = (target.home if code == "2201" else target.pharmacy).ask_once(code, ANHUI, body)

    assert_answered(heard)
    for row in target.rows("34", "SELECT * FROM settlements WHERE person = ?", person):
        assert (row["total_fen"], row["in_scope_fen"]) == (10_000, 10_000)
    target.assert_sound()


@pytest.mark.parametrize(
    "when",
    ["9999-12-31 23:59:59", "0001-01-01 00:00:00", "2024-02-30 00:00:00", "tomorrow", "\uff12024-03-13 09:00:00"],
)
def test_a_moment_far_away_is_answered(target, when):
    assert_answered(target.home.ask_once("2201", ANHUI, raw.register(target.person(), begntime=when)))
    target.assert_sound()


# --- what is no message ---


def _envelope(target, **other):
    return {**target.home.envelope("2201", ANHUI, raw.register(target.person())), **other}


def _deep(target):
    text = json.dumps(_envelope(target, input="@"))
    return text.replace('"@"', '{"data":' + "[" * 100_000 + "]" * 100_000 + "}").encode()


def _deep_objects(target):
    return (b'{"a":' * 50_000) + b"1" + b"}" * 50_000


BODIES = {
    "nothing": lambda target: b"",
    "blanks": lambda target: b" " * 1000,
    "no JSON": lambda target: b"<xml/>",
    "a list": lambda target: b"[]",
    "null": lambda target: b"null",
    "a number": lambda target: b"1" * 10_000,
    "deep lists": _deep,
    "deep objects": _deep_objects,
    "half a message": lambda target: json.dumps(_envelope(target)).encode()[:-40],
    "a message and more": lambda target: json.dumps(_envelope(target)).encode() + b"{}",
    "bad UTF-8 in the id": lambda target: json.dumps(_envelope(target)).encode().replace(b"raw", b"\xff\xfe\xfd"),
    "UTF-16": lambda target: json.dumps(_envelope(target)).encode("utf-16"),
    "a byte-order mark": lambda target: b"\xef\xbb\xbf" + json.dumps(_envelope(target)).encode(),
    "overlong UTF-8": lambda target: json.dumps(_envelope(target)).encode().replace(b'"raw"', b'"\xc0\x80"', 1),
    "a number for a code": lambda target: json.dumps(_envelope(target, infno=2201)).encode(),
    "an object for an id": lambda target: json.dumps(_envelope(target, msgid={"a": 1})).encode(),
    "input as text": lambda target: json.dumps(_envelope(target, input="{}")).encode(),
    "input as null": lambda target: json.dumps(_envelope(target, input=None)).encode(),
    "an unknown transaction": lambda target: json.dumps(_envelope(target, infno="7777")).encode(),
    "41,000 characters": lambda target: json.dumps(_envelope(target, input={"data": "x" * 41_000})).encode(),
    "a key twice": lambda target: json.dumps(_envelope(target)).encode()[:-1] + b',"infno":"2202"}',
    "3 MiB": lambda target: json.dumps(_envelope(target, cainfo="x" * 3_000_000)).encode(),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_body_is_answered_below_500(target, what):
    heard = raw.post(target.address("33"), "/33", BODIES[what](target))

    assert_answered(heard)
    target.assert_sound()


@pytest.mark.parametrize(
    "what",
    ["nothing", "no JSON", "a list", "deep lists", "deep objects", "bad UTF-8 in the id", "UTF-16", "half a message"],
)
def test_a_body_that_is_no_message_is_refused(target, what):
    heard = raw.post(target.address("33"), "/33", BODIES[what](target))

    assert heard.refused, heard
    assert heard.status == 400, heard


# --- what is no HTTP, or too much of it ---


def _head(target, *lines, path="/33", verb="POST"):
    return "\r\n".join([f"{verb} {path} HTTP/1.1", f"host: {target.address('33')}", *lines, "", ""]).encode()


def _whole(target, *lines):
    content = json.dumps(_envelope(target)).encode()
    return _head(target, f"content-length: {len(content)}", "connection: close", *lines) + content


STREAMS = {
    "a body of 5 MiB": lambda t: _head(t, "content-length: 5242880", "connection: close") + b"x" * 5_242_880,
    "a body said to be of 4 GiB": lambda t: _head(t, "content-length: 4294967296") + b"x" * 1000,
    "a length that is no number": lambda t: _head(t, "content-length: many") + b"{}",
    "a negative length": lambda t: _head(t, "content-length: -1") + b"{}",
    "two lengths": lambda t: _head(t, "content-length: 2", "content-length: 4") + b"{}{}",
    "length and chunks": lambda t: _head(t, "content-length: 2", "transfer-encoding: chunked") + b"0\r\n\r\n",
    "a chunk that is no number": lambda t: _head(t, "transfer-encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
    "an endless chunk": lambda t: _head(t, "transfer-encoding: chunked") + b"ffffffffffffffff\r\n{}",
    "a header of 1 MiB": lambda t: _whole(t, "x-long: " + "x" * 1_048_576),
    "5,000 headers": lambda t: _whole(t, *(f"x-{n}: {n}" for n in range(5000))),
    "a path of 1 MiB": lambda t: _head(t, "content-length: 0", path="/" + "3" * 1_048_576),
    "a header without a colon": lambda t: _head(t, "nonsense", "content-length: 0"),
    "a NUL in a header": lambda t: _head(t, "x-a: \x00", "content-length: 0"),
    "a verb of nobody": lambda t: _head(t, "content-length: 0", verb="BREW"),
    "no HTTP": lambda t: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500 + b"\r\n\r\n",
    "a bare line": lambda t: b"hello\r\n\r\n",
    "an upgrade": lambda t: _head(
        t, "connection: upgrade, close", "upgrade: websocket", "content-length: 0", verb="GET"
    ),
    "a promise to continue": lambda t: _whole(t, "expect: 100-continue"),
    "two node names in the path": lambda t: _head(t, "content-length: 0", "connection: close", path="/33/../hub"),
    "an encoded path": lambda t: _head(t, "content-length: 0", "connection: close", path="/%33%33%00"),
    "a whole address as path": lambda t: _head(t, "content-length: 0", "connection: close", path="http://hub/hub"),
}


WAITING = ("a body said to be of 4 GiB", "an endless chunk")
"""Where the server rightly waits for more: the client ends its half. An answer to the others must not be lost by that."""


@pytest.mark.parametrize("what", STREAMS)
def test_a_stream_of_bytes_is_answered_or_cut_off(target, what):
    came = raw.exchange(target.address("33"), STREAMS[what](target), end=what in WAITING)

    assert all(status < 500 or status == 501 for status in raw.statuses(came)), came[:300]
    target.assert_sound()


@pytest.mark.parametrize("what", ["a header of 1 MiB", "5,000 headers", "a body of 5 MiB"])
def test_more_than_the_bound_is_refused_and_never_served(target, what):
    came = raw.exchange(target.address("33"), STREAMS[what](target), end=what in WAITING)

    assert set(raw.statuses(came)) <= {400, 413, 414, 431}, came[:300]


@contextlib.contextmanager
def held(target, count, *, sent):
    """Keep connections open on which a request was begun and not ended."""
    host, _, port = target.address("33").rpartition(":")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(_begun((host, int(port)), sent)) for _ in range(count)]


def _begun(place, sent):
    connection = socket.create_connection(place, timeout=raw.TIMEOUT_S)
    connection.sendall(sent)
    return connection


@pytest.mark.parametrize("half", ["head", "body"])
def test_fifty_half_sent_requests_keep_nobody_from_being_served(target, half):
    whole = _whole(target)
    cut = whole.index(b"\r\n\r\n") + 2 if half == "head" else len(whole) - 30
    with held(target, 50, sent=whole[:cut]) as connections:
        target.assert_sound()
        for place, connection in enumerate(connections[:3]):
            connection.sendall(whole[cut:])
            came = connection.recv(65536)
            assert all(status < 500 for status in raw.statuses(came)), (place, came)

    target.assert_sound()


@pytest.mark.parametrize("half", ["head", "body"])
def test_a_half_sent_request_is_cut_off_in_the_end(target, half):
    """Its sender is gone, or means no good: the wait for the rest has a bound."""
    whole = _whole(target)
    cut = whole.index(b"\r\n\r\n") + 2 if half == "head" else len(whole) - 30
    with held(target, 1, sent=whole[:cut]) as [connection]:
        connection.settimeout(CUT_OFF_S)
        came = connection.recv(65536)

    assert set(raw.statuses(came)) <= {400, 408}, came
    target.assert_sound()


def test_a_request_sent_byte_by_byte_is_served_or_cut_off(target):
    whole = _whole(target)
    with held(target, 1, sent=b"") as [connection]:
        for place in range(len(whole)):
            connection.sendall(whole[place : place + 1])
        came = connection.recv(65536)

    assert raw.statuses(came) == [200]
    target.assert_sound()


def test_pipelined_requests_are_answered_in_their_order(target):
    people = [target.person() for _ in range(3)]
    sent = b""
    for person in people:
        content = json.dumps(target.home.envelope("1101", ANHUI, raw.find(person))).encode()
        sent += (
            _head(target, f"content-length: {len(content)}", *(["connection: close"] * (person == people[-1])))
            + content
        )

    came = raw.exchange(target.address("33"), sent)

    assert raw.statuses(came) == [200, 200, 200]
    assert sorted(people, key=lambda person: came.index(person.encode())) == people
    target.assert_sound()


def test_a_settlement_pipelined_twice_posts_once(target):
    person = target.person()
    content = json.dumps(target.pharmacy.envelope("2102", ANHUI, raw.drugs(person))).encode()
    one = _head(target, f"content-length: {len(content)}") + content
    last = _head(target, f"content-length: {len(content)}", "connection: close") + content

    came = raw.exchange(target.address("33"), one * 4 + last)

    assert set(raw.statuses(came)) <= {200, 409}
    assert len(target.rows("34", "SELECT * FROM settlements WHERE person = ?", person)) == 1
    target.assert_sound()


def test_a_caller_that_leaves_changes_nothing(target):
    """The request was whole: it is served to its end, and the same id asked again is the query (G3)."""
    person, pharmacy = target.person(), target.pharmacy
    envelope = pharmacy.envelope("2102", ANHUI, raw.drugs(person))
    content = json.dumps(envelope).encode()
    with held(target, 1, sent=_head(target, f"content-length: {len(content)}") + content):
        pass

    heard = pharmacy.ask("2102", ANHUI, raw.drugs(person), envelope["msgid"])

    assert heard.done, heard
    assert target.signs(heard.output["setlinfo"]["mdtrt_id"]) == [1]
    target.assert_sound()
