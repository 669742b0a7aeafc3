"""Spans as a file of JSON lines, for those who have no collector at hand.

A line is what OTLP calls a request, in its JSON encoding, so that a collector can read it later.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from reference_impl.telemetry.options import TelemetryError
from reference_impl.telemetry.spans import Facts, Span

__all__ = ["SCOPE", "SpanFile"]

SCOPE = "yidi"
"""Who made the spans."""
_FAILED = 2
"""OTLP's code of a span that ended in an error."""


class SpanFile:
    """A file of JSON lines, one for each process of a folder; a process that starts again goes on with it."""

    def __init__(self, folder: Path, instance: str) -> None:
        """Open ``instance.jsonl``.

        Raises:
            TelemetryError: when that cannot be done.

        """
        self._resource = {"attributes": _attributes({"service.name": SCOPE, "service.instance.id": instance})}
        path = folder / f"{instance}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            self._torn = os.fstat(self._descriptor).st_size > 0  # it may have been cut off in the middle of a line
        except OSError as error:
            raise TelemetryError(f"cannot write traces to {path}: {error.strerror}; choose another folder") from None

    def keep(self, spans: Sequence[Span]) -> bool:
        """Write a line; a full disk keeps none, or one that cannot be read, and the next begins anew."""
        scoped = [{"scope": {"name": SCOPE}, "spans": [*map(_as_otlp, spans)]}]
        line = msgspec.json.encode({"resourceSpans": [{"resource": self._resource, "scopeSpans": scoped}]}) + b"\n"
        whole = b"\n" * self._torn + line
        try:
            self._torn = os.write(self._descriptor, whole) != len(whole)
        except OSError:
            self._torn = True
        return not self._torn

    def close(self) -> None:
        """Close it."""
        os.close(self._descriptor)


def _as_otlp(span: Span) -> dict[str, Any]:
    told: dict[str, Any] = {
        "traceId": f"{span.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "name": span.name,
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.began_ns),
        "endTimeUnixNano": str(span.ended_ns),
        "attributes": _attributes(span.facts),
    }
    if span.parent_id:
        told["parentSpanId"] = f"{span.parent_id:016x}"
    if span.failed:
        told["status"] = {"code": _FAILED, "message": span.failed}
    return told


def _attributes(facts: Facts) -> list[dict[str, Any]]:
    return [{"key": key, "value": _told_value(value)} for key, value in facts.items()]


def _told_value(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}
