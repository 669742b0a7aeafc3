"""Traces of real processes: one id from the hospital to the insurer, through retries, crashes and moves of books."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
from collections import Counter
from contextlib import contextmanager
from http.client import HTTPConnection

import move_samples as moved
import pytest
from prometheus_client.parser import text_string_to_metric_families
from server_samples import codec_of, config, find_person, hospital, msgid, sale
from support.traces import ancestry, of_message, spans_in

from reference_impl.protocol.door import DoorState
from reference_impl.protocol.messages import Answered, Closed, Unknown
from reference_impl.server.client import Destination
from reference_impl.server.config import Entrance
from reference_impl.server.supervisor import System
from reference_impl.telemetry.context import TraceContext, trace_of, written
from reference_impl.telemetry.options import OTLP, LogRules, Telemetry, TraceRules

EACH_ALONE = {"care": ["33"], "hub": ["hub"], "insured": ["34"]}
SERVER, CLIENT = 2, 3
LIMIT_S = 20.0
HERE = TraceContext(0xABC, 0xDEF)


@contextmanager
def traced(folder, told=None, share=1.0, hosts=EACH_ALONE):
    """A system whose spans lie in files of its folder when it has stopped."""
    told = told or config(hosts)
    telemetry = Telemetry(LogRules(), TraceRules(to=str(folder / "traces"), share=share))
    with System(told, folder, telemetry=telemetry) as system, asyncio.Runner() as runner:
        yield system, runner


def seen(folder):
    return spans_in(folder / "traces")


def post(system, runner, node, request, *lines, entrance=Entrance.HOSPITALS):
    """Post as a hospital that is not ours does, and return what came back."""
    content = codec_of(system.config).encode_request(request, 0)
    address = system.address(node, entrance)
    host, _, port = address.rpartition(":")
    head = [f"POST /{node} HTTP/1.1", f"host: {address}", *lines, f"content-length: {len(content)}", "", ""]

    async def exchange():
        destination = Destination(host, int(port))
        try:
            return await destination.exchange("\r\n".join(head).encode() + content, 20_000_000)
        finally:
            destination.close()
            await asyncio.sleep(0)

    return runner.run(exchange())


# --- one message ---


@pytest.fixture(scope="module")
def one_sale(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one-sale")
    with traced(folder) as (system, runner), hospital(system, runner) as send:
        answered = send(sale(1))
    return answered, of_message(seen(folder), msgid(1))


def test_one_id_goes_from_the_hospital_s_door_to_the_insurer_and_each_span_hangs_under_its_caller(one_sale):
    _, spans = one_sale

    assert {one.trace for one in spans} == {f"{trace_of(msgid(1)):032x}"}
    [decided] = [one for one in spans if (one.process, one.name) == ("insured", "decision")]
    way = ["decision", "2102 at 34", "call 34", "decision", "2102 at hub", "call hub", "decision", "2102 at 33"]
    assert ancestry(spans, decided) == way
    roots = [one for one in spans if not one.parent]
    assert [one.name for one in roots] == ["2102 at 33"], "nothing hangs in the air"
    assert {one.parent for one in spans} - {""} <= {one.span for one in spans}


def test_a_message_s_spans_say_where_it_waited_decided_committed_and_called(one_sale):
    """Care province and hub wait for a worker again after the call, commit before and after it, the insurer once."""
    _, spans = one_sale

    def at(process):
        return Counter(one.name for one in spans if one.process == process)

    assert at("care") == {"2102 at 33": 1, "queue": 2, "decision": 1, "commit": 2, "call hub": 1}
    assert at("hub") == {"2102 at hub": 1, "queue": 2, "decision": 1, "commit": 2, "call 34": 1}
    assert at("insured") == {"2102 at 34": 1, "queue": 1, "decision": 1, "commit": 1}
    assert {one.kind for one in spans if " at " in one.name} == {SERVER}
    assert {one.kind for one in spans if one.name.startswith("call")} == {CLIENT}


def test_a_span_lies_within_the_one_it_hangs_under(one_sale):
    _, spans = one_sale
    by_id = {one.span: one for one in spans}

    for one in spans:
        above = by_id.get(one.parent)
        assert above is None or above.began_ns <= one.began_ns <= one.ended_ns <= above.ended_ns, one


def test_spans_say_node_transaction_id_and_verdict_and_nothing_else(one_sale):
    _, spans = one_sale
    received = {one.facts["yidi.node"]: one.facts for one in spans if one.kind == SERVER}

    assert received["34"] == {
        "yidi.node": "34",
        "yidi.transaction": "2102",
        "yidi.msgid": msgid(1),
        "yidi.sender": "hub",
        "yidi.verdict": "done",
        "yidi.fault": "sound",
    }
    named = {fact for one in spans for fact in one.facts}
    assert named - received["34"].keys() == {"yidi.committed", "yidi.outcome"}


# --- whose word counts ---


def test_a_hospital_s_own_trace_is_gone_on_with_and_it_hears_in_which_span(tmp_path):
    with traced(tmp_path) as (system, runner):
        answer = post(system, runner, "33", find_person(1), f"traceparent: {written(HERE)}")

    spans = of_message(seen(tmp_path), msgid(1))
    assert {one.trace for one in spans} == {f"{HERE.trace_id:032x}"}
    [first] = [one for one in spans if one.name == "1101 at 33"]
    assert first.parent == f"{HERE.span_id:016x}"
    assert answer.headers["traceresponse"] == f"00-{first.trace}-{first.span}-01"


@pytest.mark.parametrize(
    "lines",
    [
        ["traceparent: nonsense"],
        [f"traceparent: {written(HERE)}", f"traceparent: {written(HERE)}"],
        ["traceparent: " + "9" * 5000],
        ["tracestate: " + "a=b," * 500],
    ],
)
def test_a_header_that_says_nothing_costs_nobody_an_answer(tmp_path, lines):
    with traced(tmp_path, hosts={"all": ["hub", "33", "34"]}) as (system, runner):
        answer = post(system, runner, "33", find_person(1), *lines)

    assert answer.status == 200
    assert {one.trace for one in of_message(seen(tmp_path), msgid(1))} == {f"{trace_of(msgid(1)):032x}"}


def test_of_a_share_every_node_traces_the_same_messages_whatever_a_hospital_says(tmp_path):
    with traced(tmp_path, share=0.4) as (system, runner):
        for number in range(12):
            post(system, runner, "33", find_person(number), f"traceparent: {written(HERE)}")

    spans = seen(tmp_path)
    by_node = {
        node: {one.facts["yidi.msgid"] for one in spans if one.name == f"1101 at {node}"}
        for node in ("33", "hub", "34")
    }
    assert by_node["33"] == by_node["hub"] == by_node["34"]
    assert 0 < len(by_node["33"]) < 12


def test_without_traces_nothing_is_written_and_an_answer_names_no_span(tmp_path):
    with System(config(), tmp_path) as system, asyncio.Runner() as runner:
        answer = post(system, runner, "33", find_person(1), f"traceparent: {written(HERE)}")

    assert "traceresponse" not in answer.headers
    assert not (tmp_path / "traces").exists()


# --- what is not smooth ---


def test_a_message_that_is_asked_again_is_one_trace_with_a_beginning_for_each_try(tmp_path):
    with traced(tmp_path) as (system, runner), hospital(system, runner) as send:
        system.freeze("34")
        assert isinstance(send(sale(1), timeout_us=300_000), Unknown)
        system.thaw("34")
        moved.insist(send, sale(1))

    spans = of_message(seen(tmp_path), msgid(1))
    assert len({one.trace for one in spans}) == 1
    tries = [one for one in spans if one.name == "2102 at 33"]
    assert len(tries) >= 2
    assert not any(one.parent for one in tries)
    assert tries[-1].facts["yidi.verdict"] == "done"
    assert Counter(one.name for one in spans)["2102 at 34"] >= 1


def test_what_a_crash_left_open_is_driven_on_in_the_trace_of_its_message(tmp_path):
    """Nobody asks again; the process that starts anew remembers the message and no header."""
    with traced(tmp_path) as (system, runner), hospital(system, runner) as send:
        system.freeze("34")
        send(sale(1), timeout_us=300_000)
        time.sleep(0.8)  # the spans of the first try leave their process before it dies; those under way die with it
        system.kill("33")
        system.thaw("34")
        system.restart("33")
        deadline = time.monotonic() + LIMIT_S
        while system.stats()["care"]["nodes"]["33"]["open_intents"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    spans = of_message(seen(tmp_path), msgid(1))
    assert {one.trace for one in spans} == {f"{trace_of(msgid(1)):032x}"}
    again = [one for one in spans if one.facts.get("yidi.again")]
    assert {(one.name, one.parent) for one in again} == {("call hub", ""), ("commit", "")}
    [call] = [one for one in again if one.name == "call hub" and one.facts.get("yidi.outcome") == "done"]
    [below] = [one for one in spans if one.parent == call.span]
    assert below.name == "2102 at hub"


def test_a_message_turned_away_while_books_move_and_taken_after_it_is_one_trace(tmp_path):
    with (
        traced(tmp_path, config(moved.HOSTS), hosts=moved.HOSTS) as (system, runner),
        moved.as_hub(system, runner) as send,
    ):
        moved.doors(system, DoorState.CLOSED)
        assert isinstance(send(moved.told(1)), Closed)
        for action in ("freeze", "migrate", "verify", "switch", "reopen"):
            moved.go(system, action)
        moved.doors(system, DoorState.OPEN)
        moved.insist(send, moved.told(1))

    tries = [one for one in of_message(seen(tmp_path), msgid(1)) if one.name == "2102 at 34"]
    assert [one.facts["yidi.verdict"] for one in tries] == ["closed", "done"]
    assert len({one.trace for one in tries}) == 1


def test_a_commit_that_fails_is_told_by_its_kind_alone(tmp_path):
    """Books that are locked fail under a message: the spans around the commit say so in a word, and the reply nothing."""
    with traced(tmp_path) as (system, runner), hospital(system, runner) as send:
        other = sqlite3.connect(system.books_path("34"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            send(sale(1), timeout_us=10_000_000)
        finally:
            other.execute("ROLLBACK")
            other.close()

    spans = of_message(seen(tmp_path), msgid(1))
    failed = {one.name: one.failed for one in spans if one.failed}
    assert failed["commit"] == failed["2102 at 34"] == "BooksError"
    assert not any("locked" in str(one) for one in spans)


def test_a_dead_collector_holds_up_no_message_and_no_end_and_what_is_lost_is_counted(tmp_path, monkeypatch):
    """It listens and never answers; the queue is full after a few messages."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        dead.listen()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{dead.getsockname()[1]}")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
        telemetry = Telemetry(LogRules(), TraceRules(to=OTLP))
        with (
            System(config(EACH_ALONE), tmp_path, telemetry=telemetry) as system,
            asyncio.Runner() as runner,
            hospital(system, runner) as send,
        ):
            answers = [send(find_person(number)) for number in range(20)]
            told = scraped(system, "33")
        assert all(isinstance(answer, Answered) for answer in answers)
        assert told["yidi_spans_dropped_total"] > 0
        assert told["yidi_spans_waiting"] <= 20
        assert told["yidi_spans_taken_total"] == 0


def scraped(system, node):
    connection = HTTPConnection(system.address(node, Entrance.OPERATORS), timeout=LIMIT_S)
    connection.request("GET", "/operator/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return {sample.name: sample.value for family in text_string_to_metric_families(text) for sample in family.samples}
