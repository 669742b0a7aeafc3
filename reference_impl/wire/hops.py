"""The hops of an answer as one HTTP header: which node had the message, from when to when."""

from __future__ import annotations

from reference_impl.domain.nodes import NodeId
from reference_impl.protocol.messages import Hop
from reference_impl.wire.errors import WireError

HOPS_HEADER = "x-yidi-hops"


def hops_to_text(hops: tuple[Hop, ...]) -> str:
    """Return hops as ``node,in,out`` joined by semicolons, nearest first.

    >>> hops_to_text((Hop(NodeId("33"), 5, 9),))
    '33,5,9'
    """
    return ";".join([f"{hop.node},{hop.in_us},{hop.out_us}" for hop in hops])


def hops_from_text(text: str) -> tuple[Hop, ...]:
    """Return the hops in a header made by ``hops_to_text``.

    Raises:
        WireError: when a hop is not a node and two whole numbers.

    """
    hops: list[Hop] = []
    for word in text.split(";") if text else ():
        parts = word.split(",")
        try:
            node, in_us, out_us = parts
            hops.append(Hop(NodeId(node), int(in_us), int(out_us)))
        except ValueError:
            raise WireError("answer", HOPS_HEADER, word, "node,in_us,out_us") from None
    return tuple(hops)
