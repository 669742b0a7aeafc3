"""What may be said of traces and of the log: by an option, or by the environment where no option is given.

For traces OpenTelemetry's own variables are heard, and what they ask that cannot be done is refused. The collector's
address, its headers, limits and certificates stand in ``OTEL_EXPORTER_OTLP_…`` and are read where they are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from reference_impl.domain.failures import InputError

__all__ = [
    "OTLP",
    "UNTOLD",
    "LogForm",
    "LogLevel",
    "LogRules",
    "Telemetry",
    "TelemetryError",
    "TraceRules",
    "log_rules",
    "telemetry_asked",
    "trace_rules",
]

OTLP = "otlp"
"""Traces go to a collector by OTLP over HTTP."""
_SHARES = {"always_on": 1.0, "parentbased_always_on": 1.0, "always_off": 0.0, "parentbased_always_off": 0.0}
_BY_RATIO = frozenset({"traceidratio", "parentbased_traceidratio"})


class TelemetryError(InputError):
    """What was said of traces or of the log cannot be done."""


class LogForm(StrEnum):
    """How a line of the log reads."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From what on events are told, the least important first."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a process logs."""

    form: LogForm = LogForm.TEXT
    level: LogLevel = LogLevel.INFO


class TraceRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``share`` of all messages is traced; spans go ``to`` a collector (``otlp``), or into files of that folder."""

    to: str
    share: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0.0 <= self.share <= 1.0:
            raise TelemetryError(f"{self.share} of all messages cannot be traced; expected a share from 0 to 1")


class Telemetry(NamedTuple):
    """How the processes of a system log, and how their messages are traced, if they are."""

    log: LogRules = LogRules()
    traces: TraceRules | None = None


UNTOLD = Telemetry()
"""As nobody said anything."""


def trace_rules(to: str | None, share: float | None, environment: Mapping[str, str]) -> TraceRules | None:
    """Return how messages are traced; None when they are not. ``to`` and ``share`` go before the environment.

    ``YIDI_TRACES`` and ``YIDI_TRACES_SAMPLE`` say there what the options do, and go before OpenTelemetry's.

    Raises:
        TelemetryError: when something is asked that cannot be done.

    """
    if to is None:
        to = environment.get("YIDI_TRACES")
    if to is None:
        named = environment.get("OTEL_TRACES_EXPORTER", "").strip()
        if named not in ("", "none", OTLP):
            raise TelemetryError(
                f"OTEL_TRACES_EXPORTER is {named!r}; expected {OTLP!r} or 'none', or --traces DIR for files"
            )
        to = "" if named == "none" else named
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        to = ""
    if not to:
        if share is not None:
            raise TelemetryError(f"--traces-sample {share:g} says of nothing how much: say --traces too")
        return None
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if to == OTLP and protocol not in (None, "http/protobuf"):
        raise TelemetryError(f"traces cannot be sent by the protocol {protocol!r}; expected http/protobuf")
    return TraceRules(
        to=to if to == OTLP else str(Path(to).absolute()), share=_share(environment) if share is None else share
    )


def _share(environment: Mapping[str, str]) -> float:
    said = environment.get("YIDI_TRACES_SAMPLE")
    if said is not None:
        return _read_share("YIDI_TRACES_SAMPLE", said)
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").strip() or "always_on"
    if sampler in _SHARES:
        return _SHARES[sampler]
    if sampler not in _BY_RATIO:
        known = ", ".join(sorted({*_SHARES, *_BY_RATIO}))
        raise TelemetryError(f"OTEL_TRACES_SAMPLER is {sampler!r}; expected one of {known}, or --traces-sample")
    return _read_share("OTEL_TRACES_SAMPLER_ARG", environment.get("OTEL_TRACES_SAMPLER_ARG", "1"))


def _read_share(name: str, said: str) -> float:
    try:
        return float(said)
    except ValueError:
        raise TelemetryError(f"{name} is {said!r}; expected a share from 0 to 1") from None


def telemetry_asked(to: str | None, share: float | None, form: str | None, level: str | None) -> Telemetry:
    """Return what options say, and this process's environment where there is none.

    Raises:
        TelemetryError: when something is asked that cannot be done.

    """
    return Telemetry(log_rules(form, level, os.environ), trace_rules(to, share, os.environ))


def log_rules(form: str | None, level: str | None, environment: Mapping[str, str]) -> LogRules:
    """Return how processes log: as the options say, or ``YIDI_LOG`` and ``YIDI_LOG_LEVEL``.

    Raises:
        TelemetryError: when there is no such form or level.

    """
    forms, levels = [*LogForm], [*LogLevel]
    said_form = form or environment.get("YIDI_LOG") or LogForm.TEXT
    said_level = level or environment.get("YIDI_LOG_LEVEL") or LogLevel.INFO
    for what, said, known in (("form", said_form, forms), ("level", said_level, levels)):
        if said not in known:
            raise TelemetryError(f"a log has no {what} {said!r}; expected one of {', '.join(known)}")
    return LogRules(form=LogForm(said_form), level=LogLevel(said_level))
