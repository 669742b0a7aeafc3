"""What Locust would take and do nothing with is refused, in one line."""

from __future__ import annotations

from argparse import Namespace

import pytest

from loadtest.asked import refuse_options
from reference_impl.domain.failures import InputError

ASKED = Namespace(otel=True)


def test_locusts_traces_by_a_protocol_that_nothing_here_speaks_are_refused(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)

    with pytest.raises(InputError, match=r"--otel would send traces by 'grpc'.*OTEL_EXPORTER_OTLP_PROTOCOL"):
        refuse_options(ASKED)


def test_what_is_not_exported_needs_no_protocol_and_each_signal_may_have_its_own(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_PROTOCOL", raising=False)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf")

    with pytest.raises(InputError, match="--otel would send logs by 'grpc'"):
        refuse_options(ASKED)
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "console")
    refuse_options(ASKED)
    refuse_options(Namespace(otel=False))
