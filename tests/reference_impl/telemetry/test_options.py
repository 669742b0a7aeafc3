"""What options and environment say of traces and of the log: acted on, or refused in one sentence."""

from __future__ import annotations

import pytest

from reference_impl.telemetry.export import queue_rules
from reference_impl.telemetry.options import (
    OTLP,
    LogForm,
    LogLevel,
    LogRules,
    TelemetryError,
    TraceRules,
    log_rules,
    trace_rules,
)


def test_without_a_word_nothing_is_traced():
    assert trace_rules(None, None, {}) is None


@pytest.mark.parametrize(
    ("to", "share", "environment", "rules"),
    [
        (OTLP, None, {}, TraceRules(to=OTLP)),
        (OTLP, 0.25, {}, TraceRules(to=OTLP, share=0.25)),
        ("/traces", None, {}, TraceRules(to="/traces")),
        (None, None, {"OTEL_TRACES_EXPORTER": "otlp"}, TraceRules(to=OTLP)),
        (None, None, {"OTEL_TRACES_EXPORTER": "none"}, None),
        ("/traces", None, {"OTEL_TRACES_EXPORTER": "none"}, TraceRules(to="/traces")),
        (None, None, {"YIDI_TRACES": "/traces", "OTEL_TRACES_EXPORTER": "otlp"}, TraceRules(to="/traces")),
        (OTLP, None, {"OTEL_SDK_DISABLED": "True"}, None),
        (OTLP, None, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, TraceRules(to=OTLP, share=0.5)),
        (OTLP, None, {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, TraceRules(to=OTLP, share=0.0)),
        (OTLP, 0.1, {"OTEL_TRACES_SAMPLER": "always_off"}, TraceRules(to=OTLP, share=0.1)),
        (OTLP, None, {"YIDI_TRACES_SAMPLE": "0.2", "OTEL_TRACES_SAMPLER": "always_off"}, TraceRules(to=OTLP, share=0.2)),
    ],
)  # fmt: skip
def test_options_go_before_our_own_variables_and_these_before_opentelemetry_s(to, share, environment, rules):
    assert trace_rules(to, share, environment) == rules


@pytest.mark.parametrize(
    ("to", "share", "environment", "words"),
    [
        (None, None, {"OTEL_TRACES_EXPORTER": "jaeger"}, "OTEL_TRACES_EXPORTER is 'jaeger'; expected 'otlp' or 'none'"),
        (None, 0.5, {}, "--traces-sample 0.5 says of nothing how much: say --traces too"),
        (OTLP, 1.5, {}, "1.5 of all messages cannot be traced; expected a share from 0 to 1"),
        (OTLP, float("nan"), {}, "nan of all messages"),
        (OTLP, None, {"OTEL_TRACES_SAMPLER": "xray"}, "OTEL_TRACES_SAMPLER is 'xray'; expected one of always_off,"),
        (OTLP, None, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"}, "OTEL_TRACES_SAMPLER_ARG is 'half'"),
        (OTLP, None, {"YIDI_TRACES_SAMPLE": ""}, "YIDI_TRACES_SAMPLE is ''"),
        (OTLP, None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "cannot be sent by the protocol 'grpc'; expected http/protobuf"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_with_what_is_expected(to, share, environment, words):
    with pytest.raises(TelemetryError) as refused:
        trace_rules(to, share, environment)

    assert words in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_folder_is_the_same_for_processes_that_stand_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    rules = trace_rules("traces", None, {})
    assert rules is not None
    assert rules.to == str(tmp_path / "traces")


def test_a_log_is_as_the_options_say_or_the_environment():
    environment = {"YIDI_LOG": "json", "YIDI_LOG_LEVEL": "error"}

    assert log_rules(None, None, {}) == LogRules(form=LogForm.TEXT, level=LogLevel.INFO)
    assert log_rules(None, None, environment) == LogRules(form=LogForm.JSON, level=LogLevel.ERROR)
    assert log_rules("text", "debug", environment) == LogRules(form=LogForm.TEXT, level=LogLevel.DEBUG)


@pytest.mark.parametrize(
    ("form", "level", "words"),
    [
        ("xml", None, "a log has no form 'xml'; expected one of text, json"),
        (None, "loud", "a log has no level 'loud'; expected one of debug, info, warning, error"),
    ],
)
def test_a_log_of_another_form_or_level_is_refused(form, level, words):
    with pytest.raises(TelemetryError, match=words):
        log_rules(form, level, {})


def test_the_queue_has_the_bounds_that_opentelemetry_s_variables_say():
    assert queue_rules({}) == (4096, 512, 500)
    said = {"OTEL_BSP_MAX_QUEUE_SIZE": "9", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "3", "OTEL_BSP_SCHEDULE_DELAY": "70"}
    assert queue_rules(said) == (9, 3, 70)


@pytest.mark.parametrize("said", ["0", "-1", "many", "", "1.5", "²"])
def test_a_bound_that_is_no_number_is_refused(said):
    with pytest.raises(TelemetryError, match=r"OTEL_BSP_MAX_QUEUE_SIZE is .* expected a whole number above 0"):
        queue_rules({"OTEL_BSP_MAX_QUEUE_SIZE": said})
