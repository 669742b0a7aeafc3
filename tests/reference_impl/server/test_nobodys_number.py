"""Nobody's number, certificate, name, card or telephone is in a log, a trace, a figure or an error text.

Messages of every kind go through a real system that logs and traces all it can, each with marks in all fields that are
somebody's: as they should be, too long, of the wrong type, in broken JSON, and while books fail. Then all that the
system said of itself is searched for the marks.
"""

from __future__ import annotations

import json
import sqlite3
from http.client import HTTPConnection

import msgspec
import pytest
from hypothesis import Phase, find, settings
from server_samples import codec_of, config
from support.wire_samples import REQUESTS

from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import MessageId, Request
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.telemetry.options import LogForm, LogLevel, LogRules, Telemetry, TraceRules

EACH_ALONE = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
MARKS = {
    "psn_no": "34010000000000977531",
    "mdtrt_cert_no": "34010000000000977531",
    "certno": "340104198202977531",
    "psn_name": "王乙丙",
    "card_sn": "C977531X",
    "tel": "13997753100",
    "addr": "无名路977531号",
    "coner_name": "李丁戊",
}
"""What each field of somebody's is filled with."""
SEARCHED = {*MARKS.values(), *(json.dumps(mark)[1:-1] for mark in MARKS.values()), "977531"}
ASKED = ("metrics", "stats", "health", "ready", "parked", "inflight", "doors", "moves")
LIMIT_S = 20.0
PLAIN = settings(max_examples=1, phases=[Phase.generate], database=None)


def filled(value, number=1):
    """A message's JSON with a mark in each field that is somebody's, ``number`` times over."""
    if isinstance(value, dict):
        return {key: MARKS[key] * number if key in MARKS else filled(each, number) for key, each in value.items()}
    return [filled(each, number) for each in value] if isinstance(value, list) else value


def typed_wrong(value):
    """The same with each of them a list."""
    if isinstance(value, dict):
        return {key: [MARKS[key]] if key in MARKS else typed_wrong(each) for key, each in value.items()}
    return [typed_wrong(each) for each in value] if isinstance(value, list) else value


def with_more(value):
    """The same with fields that the interface does not know."""
    return filled(value) | {"input": {"data": MARKS | {MARKS["psn_no"]: MARKS["psn_name"]}}} | {MARKS["psn_no"]: 1}


def spoilt(content):
    """What a message becomes on its way to be tried."""
    yield content
    whole = json.loads(content)
    as_it_is = json.dumps(filled(whole), ensure_ascii=False).encode()
    yield as_it_is
    for other in (filled(whole, 9), typed_wrong(whole), with_more(whole), MARKS, [MARKS["psn_no"]], MARKS["psn_no"]):
        yield json.dumps(other, ensure_ascii=False).encode()
    yield as_it_is[:-5]
    yield MARKS["psn_no"].encode() + as_it_is
    yield as_it_is.replace(b'"psn_no": "', b'"psn_no": ')
    yield as_it_is.replace(MARKS["psn_name"].encode(), MARKS["psn_no"].encode() + b"\xff\xfe")


def messages(told, first=0):
    """One of each transaction that a hospital sends, from an institution that is known; serials from ``first`` up."""
    place = next(one for one in told.services["33"].institutions if {"outpatient", "inpatient"} <= {*one.kinds})
    institution = place.code
    for number, code in enumerate(sorted(REQUESTS), first):
        body = find(REQUESTS[code], lambda _: True, settings=PLAIN)
        if "person" in body.__struct_fields__:
            body = msgspec.structs.replace(body, person=MARKS["psn_no"])
        msgid = MessageId(f"{institution}20240313090000{number:04d}")
        yield Request(code, msgid, NodeId(institution), NodeId(institution), place.region, "340100", body)


def posted(system, contents):
    """Post all contents to the care province, one after another; return what came back."""
    connection = HTTPConnection(system.address("33"), timeout=LIMIT_S)
    for content in contents:
        connection.request("POST", "/33", content)
        answer = connection.getresponse()
        yield answer.status, answer.read()
    connection.close()


def asked(system, *nodes):
    """What operators are told of the processes of these nodes."""
    for node in nodes:
        connection = HTTPConnection(system.address(node, Entrance.OPERATORS), timeout=LIMIT_S)
        for command in ASKED:
            connection.request("GET", f"/operator/{command}")
            yield f"{node} {command}", connection.getresponse().read().decode()
        connection.close()


def error_texts(answers):
    for status, body in answers:
        said = json.loads(body)
        text = said.get("err_msg") or said.get("error")
        if text:
            yield f"answer {status}", text


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """All that a system says of itself after every kind of message and failure, by where it says it."""
    folder = tmp_path_factory.mktemp("searched")
    rules = LogRules(form=LogForm.JSON, level=LogLevel.DEBUG)
    telemetry = Telemetry(rules, TraceRules(to=str(folder / "traces")))
    told = config(EACH_ALONE)
    found, answers = [], []
    with System(told, folder, telemetry=telemetry) as system:
        codec = codec_of(told)
        contents = [codec.encode_request(each, 0) for each in messages(told)]
        others = [codec.encode_request(each, 0) for each in messages(told, 1000)]
        for content in contents:
            answers += posted(system, spoilt(content))
        other = sqlite3.connect(system.books_path("33"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        answers += posted(system, others[:2])
        found += asked(system, "33", "hub", "34")
        other.execute("ROLLBACK")
        other.close()
        system.kill("34")
        answers += posted(system, others[2:])
        found += asked(system, "33", "hub")
    found += error_texts(answers)
    found += [(path.name, path.read_text()) for path in (folder / "hosts").glob("*.log")]
    found += [(path.name, path.read_text()) for path in (folder / "traces").glob("*.jsonl")]
    return found, answers


def test_every_kind_of_message_was_sent_and_some_of_each_came_through(said):
    """Else nothing would be searched."""
    found, answers = said
    statuses = {status for status, _ in answers}
    assert {200, 400, 500} <= statuses
    logged = "".join(text for where, text in found if where.endswith(".log"))
    assert "message.served" in logged
    assert "books.failed" in logged
    assert any(where.endswith(".jsonl") for where, _ in found)
    assert sum(where.startswith("answer 400") for where, _ in found) > len(REQUESTS)


@pytest.mark.parametrize("kind", [".log", ".jsonl", "metrics", "answer", ""])
def test_nothing_of_it_is_anybody_s(said, kind):
    leaks = {
        (where, next(mark for mark in SEARCHED if mark in text), text[:300])
        for where, text in said[0]
        if kind in where and any(mark in text for mark in SEARCHED)
    }
    assert not leaks, sorted(leaks)[:5]
