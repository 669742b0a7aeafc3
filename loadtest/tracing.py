"""The spans of the hospitals' calls: where a message's trace begins.

Each try is a span of its own, without a parent, in the trace that the message's id gives; so a message that is asked
for again is one trace with several beginnings. Nothing is traced unless the system is, and as much of it.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING

from reference_impl.telemetry.export import Carrier, carried
from reference_impl.telemetry.spans import Kind, Spans

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from loadtest.inputs import SystemFile
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Request
    from reference_impl.telemetry.spans import Span

__all__ = ["PROCESS", "Tracing", "tracing_for"]

PROCESS = "hospitals"
"""What the generator is called beside the processes of the system."""


class Tracing:
    """The spans of one generator."""

    def __init__(self, spans: Spans, carrier: Carrier) -> None:
        """Keep ``spans``; ``carrier`` takes them away."""
        self._spans = spans
        self._carrier = carrier

    def calling(self, node: NodeId, request: Request) -> AbstractContextManager[Span | None]:
        """Have a span around one try, if the message is among the chosen."""
        place = self._spans.heard(request.msgid, None, trusted=False)
        if place is None:
            return nullcontext()
        facts = {"yidi.node": PROCESS, "yidi.transaction": request.code, "yidi.msgid": request.msgid}
        return self._spans.within(f"{request.code} to {node}", Kind.CLIENT, place, facts)

    def close(self) -> None:
        """Let what is left be taken away, for a moment."""
        self._carrier.stop()


def tracing_for(system: SystemFile) -> Tracing | None:
    """Return who traces the calls of a run; None where the system is not traced.

    Raises:
        TelemetryError: when spans cannot go where they should.

    """
    if system.traces is None:
        return None
    return Tracing(*carried(system.traces, PROCESS, os.environ))
