"""The trace a message belongs to, as W3C Trace Context writes it (``traceparent``), and which messages are traced.

A message keeps its id on every hop and over every try, so its id alone says which trace it is in and whether it is
traced: who hears no header, or starts again after a crash, comes to the same answer. A trace is no business key: this
module must never be asked what a message means.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

__all__ = [
    "TRACEPARENT_HEADER",
    "TRACERESPONSE_HEADER",
    "TraceContext",
    "is_chosen",
    "read_traceparent",
    "trace_of",
    "written",
]

TRACEPARENT_HEADER = "traceparent"
TRACERESPONSE_HEADER = "traceresponse"
"""In an answer: the span in which the node served the message (W3C Trace Context, level 2, a draft)."""
_TRACE_BYTES = 16
_LOW_BITS = 64
_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SAMPLED = 1
_KEPT = 1 << 12


class TraceContext(NamedTuple):
    """A place in a trace: the span that whoever comes next is a child of; ``span_id`` 0 is none."""

    trace_id: int
    span_id: int = 0
    is_sampled: bool = True


@lru_cache(_KEPT)
def trace_of(msgid: str) -> int:
    """Return the trace of a message that nobody has put into another."""
    return int.from_bytes(blake2b(msgid.encode("utf-8", "surrogatepass"), digest_size=_TRACE_BYTES).digest()) or 1


def is_chosen(msgid: str, share: float) -> bool:
    """Return whether a message is among the ``share`` that is traced: the same on every node, in every process.

    The rule is that of OpenTelemetry's sampler by ratio, for the trace that the message's id gives.
    """
    return trace_of(msgid) & ((1 << _LOW_BITS) - 1) < round(share * (1 << _LOW_BITS))


def read_traceparent(header: bytes) -> TraceContext | None:
    """Return what a caller says; None for what is no such header, which means as much as saying nothing."""
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    context = TraceContext(int(trace, 16), int(span, 16), bool(int(flags, 16) & _SAMPLED))
    is_known = version != b"ff" and not (version == b"00" and more)
    return context if is_known and context.trace_id and context.span_id else None


def written(context: TraceContext) -> str:
    """Return the value of a header that says this place."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.is_sampled):02x}"
