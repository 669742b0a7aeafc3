"""What a node knows of whoever sends a message, from the connection and its headers and not from the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId
    from reference_impl.telemetry.context import TraceContext

__all__ = ["Caller"]


class Caller(NamedTuple):
    """Who sends, how long they listen, and from where in a trace; a hospital that does not sign is nobody yet."""

    sender: str = ""
    """The neighbour; empty for a hospital, whom its institution code will name."""
    speaker: NodeId | None = None
    """The institution whose key signed the message, where hospitals sign: it speaks for no other."""
    patience_us: int | None = None
    """How long the sender says to wait for the answer; None where it does not say."""
    span: TraceContext | None = None
    """The span that the sender says it calls from; None where it names none, and where nothing is traced."""
