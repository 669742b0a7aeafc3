"""A collector of spans, reached by OpenTelemetry's exporter as its environment variables say (OTLP over HTTP)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from reference_impl.telemetry.span_file import SCOPE
from reference_impl.telemetry.spans import Span

__all__ = ["Collector"]

_SCOPE = InstrumentationScope(SCOPE)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class Collector:
    """Sends spans; tries again for as long as the exporter's timeout allows."""

    def __init__(self, instance: str, environment: Mapping[str, str]) -> None:
        """Send as the process ``instance``, of the service that the environment names."""
        named: dict[str, str] = {} if environment.get(OTEL_SERVICE_NAME) else {SERVICE_NAME: SCOPE}
        self._resource = Resource.create({**named, SERVICE_INSTANCE_ID: instance})
        self._exporter = OTLPSpanExporter()

    def keep(self, spans: Sequence[Span]) -> bool:
        """Return whether the collector took them."""
        return self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being tried."""
        self._exporter.shutdown()

    def _readable(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            span.name,
            context=_placed(span.trace_id, span.span_id),
            parent=_placed(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=span.facts,
            kind=SpanKind[span.kind.name],
            instrumentation_scope=_SCOPE,
            status=Status(StatusCode.ERROR, span.failed) if span.failed else Status(),
            start_time=span.began_ns,
            end_time=span.ended_ns,
        )


def _placed(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)
