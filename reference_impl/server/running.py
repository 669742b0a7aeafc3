"""What runs in one process, as its operator and its readiness see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.server.moving import Move
    from reference_impl.server.node import BrokenNode, ServedNode
    from reference_impl.server.peers import HttpPeers

__all__ = ["Running"]


@dataclass(frozen=True, slots=True)
class Running:
    """What runs in a process, by node: those that serve, with the moves of their books and their neighbours; others."""

    nodes: Mapping[str, ServedNode]
    broken: Mapping[str, BrokenNode]
    moves: Mapping[str, Move]
    peers: Mapping[str, HttpPeers]
