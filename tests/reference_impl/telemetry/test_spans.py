"""Spans: under whom, how many are kept, and who takes them away; a collector that is dead costs spans and nothing else."""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.traces import spans_in

from reference_impl.telemetry.context import TraceContext, trace_of
from reference_impl.telemetry.export import Carrier, QueueRules, carried, must_be_possible
from reference_impl.telemetry.options import OTLP, TelemetryError, TraceRules
from reference_impl.telemetry.span_file import SpanFile
from reference_impl.telemetry.spans import Kind, Spans, current_span

CALLER = TraceContext(7, 8)
QUICK = QueueRules(queue_max=100, batch_max=10, delay_ms=5)
LIMIT_S = 20.0


def within(spans, name="work", place=CALLER, **facts):
    with spans.within(name, Kind.INTERNAL, place, facts) as span:
        return span


def until(what):
    deadline = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# --- which messages, under whom ---


def test_a_stranger_s_word_gives_the_trace_and_our_share_says_whether():
    all_of_them, none_of_them = Spans(1.0), Spans(0.0)
    unsampled = CALLER._replace(is_sampled=False)

    assert all_of_them.heard("a", CALLER, trusted=False) == CALLER
    assert all_of_them.heard("a", unsampled, trusted=False) is not None
    assert none_of_them.heard("a", CALLER, trusted=False) is None, "nobody else makes us trace more"
    assert all_of_them.heard("a", None, trusted=False) == TraceContext(trace_of("a"))


def test_a_neighbour_s_word_says_both():
    all_of_them, none_of_them = Spans(1.0), Spans(0.0)

    assert none_of_them.heard("a", CALLER, trusted=True) == CALLER
    assert all_of_them.heard("a", CALLER._replace(is_sampled=False), trusted=True) is None
    assert all_of_them.heard("a", None, trusted=True) == TraceContext(trace_of("a"))


def test_a_span_is_under_way_until_its_work_is_over_whatever_that_comes_to():
    spans = Spans(1.0)

    def work():
        with spans.within("work", Kind.SERVER, CALLER, {}) as span:
            assert current_span.get() is span
            raise KeyError("somebody's number")

    with pytest.raises(KeyError):
        work()
    [span] = spans.take(1)
    assert current_span.get() is None
    assert (span.trace_id, span.parent_id, span.failed) == (7, 8, "KeyError")
    assert 0 < span.began_ns <= span.ended_ns


def test_what_finds_no_room_is_dropped_and_counted():
    spans = Spans(1.0, queue_max=3)
    for _ in range(5):
        within(spans)

    assert spans.told() == (3, 0, 2)


# --- taken away ---


class Sink:
    def __init__(self, takes=True):
        self.takes, self.kept, self.closed = takes, [], False

    def keep(self, spans):
        if self.takes:
            self.kept += spans
        return self.takes

    def close(self):
        self.closed = True


def test_spans_are_carried_away_while_the_process_lives_and_the_last_at_its_end():
    spans, sink = Spans(1.0), Sink()
    carrier = Carrier(spans, sink, QUICK)
    first = within(spans, "first")
    until(lambda: sink.kept == [first])
    rest = [within(spans, str(number)) for number in range(25)]
    carrier.stop()

    assert sink.kept == [first, *rest]
    assert sink.closed
    assert spans.told() == (0, 26, 0)


def test_what_nobody_takes_is_dropped_counted_and_told_once_until_somebody_takes_again(capsys):
    spans, sink = Spans(1.0), Sink(takes=False)
    carrier = Carrier(spans, sink, QUICK)
    for number in range(5):
        within(spans)
        until(lambda number=number: spans.dropped == number + 1)
    sink.takes = True
    within(spans)
    until(lambda: spans.taken == 1)
    once = capsys.readouterr().err
    sink.takes = False
    within(spans)
    until(lambda: spans.dropped == 6)
    carrier.stop()

    assert spans.told() == (0, 1, 6)
    assert once.count("spans were not taken") == 1
    assert capsys.readouterr().err.count("spans were not taken") == 1, "it is another trouble by now"


def test_a_sink_that_never_answers_does_not_keep_a_process_from_ending(monkeypatch):
    monkeypatch.setattr("reference_impl.telemetry.export._STOPPING_S", 0.05)
    freed = threading.Event()

    class Stuck(Sink):
        def keep(self, spans):
            return not freed.wait(LIMIT_S)

        def close(self):
            freed.set()

    spans = Spans(1.0)
    carrier = Carrier(spans, Stuck(), QUICK)
    within(spans)
    until(lambda: spans.told().waiting == 0)
    began = time.monotonic()
    carrier.stop()

    assert freed.is_set()
    assert time.monotonic() - began < LIMIT_S


# --- files ---


def test_a_file_of_spans_says_what_they_were(tmp_path):
    spans = Spans(1.0)
    outer = within(spans, "outer", TraceContext(1), node="33", again=True)
    within(spans, "inner", outer.here, number=5)
    file = SpanFile(tmp_path / "traces", "care")
    assert file.keep(spans.take(10))
    file.close()

    first, second = spans_in(tmp_path / "traces")
    assert (first.process, first.trace, first.parent, first.name) == ("care", f"{1:032x}", "", "outer")
    assert first.facts == {"node": "33", "again": True}
    assert (second.parent, second.facts) == (first.span, {"number": "5"}), "OTLP writes whole numbers as text"


def test_a_process_that_was_cut_off_in_a_line_begins_a_new_one(tmp_path):
    (tmp_path / "care.jsonl").write_text('{"resourceSp')
    spans = Spans(1.0)
    within(spans)
    file = SpanFile(tmp_path, "care")
    assert file.keep(spans.take(1))
    file.close()

    torn, whole = (tmp_path / "care.jsonl").read_text().splitlines()
    assert json.loads(whole)["resourceSpans"]
    assert torn == '{"resourceSp'


def test_a_full_disk_takes_no_span_and_raises_nothing(tmp_path):
    (tmp_path / "care.jsonl").symlink_to("/dev/full")
    spans = Spans(1.0)
    within(spans)
    file = SpanFile(tmp_path, "care")

    assert not file.keep(spans.take(1))
    file.close()


def test_a_folder_that_cannot_be_had_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(TelemetryError, match=r"cannot write traces to .*care\.jsonl.*; choose another folder"):
        carried(TraceRules(to=str(tmp_path / "file")), "care", {})


def test_what_no_process_could_do_is_refused_once_before_any_starts(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    must_be_possible(None, {"OTEL_BSP_MAX_QUEUE_SIZE": "what nobody uses"})
    must_be_possible(TraceRules(to=str(tmp_path / "new" / "folder")), {})
    must_be_possible(TraceRules(to=OTLP), {})
    assert (tmp_path / "new" / "folder").is_dir()

    with pytest.raises(TelemetryError, match=r"cannot write traces into .*; choose another folder"):
        must_be_possible(TraceRules(to=str(tmp_path / "file" / "folder")), {})
    with pytest.raises(TelemetryError, match="OTEL_BSP_MAX_QUEUE_SIZE"):
        must_be_possible(TraceRules(to=OTLP), {"OTEL_BSP_MAX_QUEUE_SIZE": "0"})
    monkeypatch.setitem(sys.modules, "reference_impl.telemetry.collector", None)
    with pytest.raises(TelemetryError, match="not installed"):
        must_be_possible(TraceRules(to=OTLP), {})


# --- a collector ---


@contextmanager
def collector(status=200):
    """A collector on loopback that keeps what it is sent."""
    took = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            took.append((self.path, dict(self.headers), body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", took
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_collector_is_sent_what_the_spans_were_as_its_variables_say(monkeypatch):
    with collector() as (address, took):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=trial")
        spans, carrier = carried(TraceRules(to=OTLP), "care", {"OTEL_BSP_SCHEDULE_DELAY": "5"})
        outer = within(spans, "outer", TraceContext(1), node="33")
        with pytest.raises(ValueError, match="secret"), spans.within("inner", Kind.CLIENT, outer.here, {}):
            raise ValueError("secret")
        until(lambda: spans.taken == 2)
        carrier.stop()

    assert {path for path, _, _ in took} == {"/v1/traces"}
    assert took[0][1]["x-key"] == "secret"
    requests = [ExportTraceServiceRequest.FromString(body) for _, _, body in took]
    resources = [each for request in requests for each in request.resource_spans]
    named = {each.key: each.value.string_value for each in resources[0].resource.attributes}
    assert (named["service.name"], named["service.instance.id"]) == ("yidi", "care")
    assert named["deployment.environment.name"] == "trial"
    sent = {span.name: span for each in resources for scope in each.scope_spans for span in scope.spans}
    assert sent["outer"].trace_id == sent["inner"].trace_id == (1).to_bytes(16, "big")
    assert sent["inner"].parent_span_id == sent["outer"].span_id
    assert (sent["outer"].parent_span_id, sent["inner"].kind, sent["inner"].status.code) == (b"", 3, 2)
    assert sent["inner"].status.message == "ValueError"


def test_a_collector_that_refuses_costs_spans(monkeypatch, caplog):
    with collector(status=400) as (address, _):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        spans, carrier = carried(TraceRules(to=OTLP), "care", {"OTEL_BSP_SCHEDULE_DELAY": "5"})
        within(spans)
        until(lambda: spans.dropped == 1)
        carrier.stop()
    assert spans.told() == (0, 0, 1)


def test_without_opentelemetry_a_collector_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "reference_impl.telemetry.collector", None)

    with pytest.raises(TelemetryError, match=r"not installed: pip install 'yidi\[traces\]'"):
        carried(TraceRules(to=OTLP), "care", {})
