"""Where spans go: a thread of the process takes them from their queue to a collector, or into a file.

A collector that is away or slow holds up this thread alone: the queue fills, and what finds no room is dropped and
counted. This module must never keep a process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from reference_impl.telemetry.log import say
from reference_impl.telemetry.options import OTLP, TelemetryError, TraceRules
from reference_impl.telemetry.span_file import SpanFile
from reference_impl.telemetry.spans import Span, Spans

__all__ = ["Carrier", "QueueRules", "Sink", "carried", "must_be_possible", "queue_rules"]

_MS_PER_S = 1000
_STOPPING_S = 1.0
"""How long the end of a process waits for its last spans."""


class QueueRules(NamedTuple):
    """How many spans may wait, how many go at once, and how long they wait for others."""

    queue_max: int = 4096
    batch_max: int = 512
    delay_ms: int = 500


class Sink(Protocol):
    """Who keeps spans."""

    def keep(self, spans: Sequence[Span]) -> bool:
        """Keep ``spans``; return whether they are kept. Never raises."""
        ...

    def close(self) -> None:
        """Give up at once what is being tried, and take nothing more."""
        ...


class Carrier:
    """The thread that carries spans away."""

    def __init__(self, spans: Spans, sink: Sink, rules: QueueRules) -> None:
        """Begin to carry ``spans`` to ``sink``."""
        self._spans = spans
        self._sink = sink
        self._rules = rules
        self._over = threading.Event()
        self._ill = False
        self._thread = threading.Thread(target=self._carry, name="spans", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Carry what is left, for a moment, and end."""
        self._over.set()
        self._thread.join(_STOPPING_S)
        self._sink.close()

    def _carry(self) -> None:
        while not self._over.wait(self._rules.delay_ms / _MS_PER_S):
            self._empty()
        self._empty()

    def _empty(self) -> None:
        while batch := self._spans.take(self._rules.batch_max):
            if self._sink.keep(batch):
                self._spans.taken += len(batch)
                self._ill = False
                continue
            self._spans.dropped += len(batch)
            if not self._ill:
                self._ill = True
                say("traces.refused", count=len(batch))
            return


def carried(rules: TraceRules, instance: str, environment: Mapping[str, str]) -> tuple[Spans, Carrier]:
    """Return the spans of the process ``instance``, and who carries them where ``rules`` say.

    Raises:
        TelemetryError: when that cannot be done here.

    """
    queue = queue_rules(environment)
    sink = _collector_kind()(instance, environment) if rules.to == OTLP else SpanFile(Path(rules.to), instance)
    spans = Spans(rules.share, queue.queue_max)
    return spans, Carrier(spans, sink, queue)


def must_be_possible(rules: TraceRules | None, environment: Mapping[str, str]) -> None:
    """Find out before processes start whether they can trace: one error and not one a process.

    Raises:
        TelemetryError: when they cannot.

    """
    if rules is None:
        return
    queue_rules(environment)
    if rules.to == OTLP:
        _collector_kind()
        return
    try:
        Path(rules.to).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TelemetryError(f"cannot write traces into {rules.to}: {error.strerror}; choose another folder") from None


def queue_rules(environment: Mapping[str, str]) -> QueueRules:
    """Return the bounds that OpenTelemetry's variables say.

    Raises:
        TelemetryError: when one is no number above 0.

    """
    names = ("OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_SCHEDULE_DELAY")
    said = [environment.get(name) for name in names]
    for name, each in zip(names, said, strict=True):
        if each is not None and not (each.isascii() and each.isdigit() and int(each)):
            raise TelemetryError(f"{name} is {each!r}; expected a whole number above 0")
    return QueueRules(*(int(each or usual) for each, usual in zip(said, QueueRules(), strict=True)))


def _collector_kind() -> Callable[[str, Mapping[str, str]], Sink]:
    try:
        from reference_impl.telemetry.collector import Collector  # noqa: PLC0415 - an extra, which may not be there
    except ImportError:
        raise TelemetryError(
            "traces are sent by OpenTelemetry, which is not installed: pip install 'yidi[traces]', or write them "
            "into a folder with --traces DIR"
        ) from None
    return Collector
