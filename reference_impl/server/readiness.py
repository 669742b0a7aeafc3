"""Whether a process can do its work now, found out by doing a little of it (G20).

Health is read off what happened last; readiness is tried: each node commits to its books, and asks the next nodes on
its way out for an answer. A node is ready when its commit came through and one of its next nodes answers, if it has
any: a hub serves on while one province is away. This module must never write what a reader of the books could find.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from reference_impl.books.final import BooksError

if TYPE_CHECKING:
    from reference_impl.server.held import HeldBooks
    from reference_impl.server.running import Running

__all__ = ["NodeReadiness", "Ready", "try_all"]


class NodeReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """One node: why it cannot commit ("" when it can), and which next nodes do not answer, of how many."""

    ready: bool
    books: str
    silent: tuple[str, ...]
    neighbours: int


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """All nodes of a process."""

    ready: bool
    nodes: dict[str, NodeReadiness]


async def try_all(running: Running) -> Ready:
    """Try every node; those that are broken need no trial."""
    tried = await asyncio.gather(*(_try(running, name) for name in running.nodes))
    nodes = dict(zip(running.nodes, tried, strict=True))
    for name, node in running.broken.items():
        nodes[name] = NodeReadiness(ready=False, books=node.reason, silent=(), neighbours=0)
    return Ready(ready=all(node.ready for node in nodes.values()), nodes=nodes)


async def _try(running: Running, name: str) -> NodeReadiness:
    neighbours = running.nodes[name].neighbours
    silent, failure = await asyncio.gather(running.peers[name].silent(neighbours), _commit(running.moves[name].books))
    forwards = len(silent) < len(neighbours) or not neighbours
    return NodeReadiness(ready=not failure and forwards, books=failure, silent=silent, neighbours=len(neighbours))


async def _commit(books: HeldBooks) -> str:
    try:
        await books.probe()
    except BooksError as error:
        return str(error)
    return ""
