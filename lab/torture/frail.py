"""Books whose node may die, or whose disk may be slow, before and after every look and commit."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from lab.torture.loom import Crash, Nap
from reference_impl.protocol.records import (
    AlreadyThere,
    Change,
    CommitResult,
    Committed,
    Key,
    MessageRecord,
    Ref,
    Stale,
    View,
)

if TYPE_CHECKING:
    from lab.torture.world import World

__all__ = ["DIES", "DIES_WITHIN", "SLOW", "SLOW_MS", "FrailBooks"]

DIES, DIES_WITHIN, SLOW = 1, 2, 3
"""What may happen at a step of the books: the node dies, it dies in the middle of the change, or, from here on, it
stands for so many times ``SLOW_MS``."""
SLOW_MS = 100
_SLOWEST = 20
_HALF = 0.5
"""Of the kills over a change, those within the commit; the others before it."""


class FrailBooks:
    """A node's books as its process reaches them; a ``ports.Books``."""

    def __init__(self, world: World, node: str) -> None:
        """Reach the books of ``node``, whichever serve."""
        self._world = world
        self._node = node

    async def look(self, key: Key, *refs: Ref) -> View:
        """Look, with whatever happens before and after."""
        about = self._world.named(key.msgid)
        await self._step(f"before it looks for {about}")
        seen = self._world.books[self._node].see(key, refs)
        await self._step(f"after it looked for {about}")
        return seen

    async def commit(self, change: Change) -> CommitResult:
        """Commit, with whatever happens before, within and after."""
        world, node = self._world, self._node
        about = world.named(change.message.key.msgid)
        await self._step(f"before it commits {about}", change)
        await world.gate(node)
        verdict = world.books[node].apply(change)
        if isinstance(verdict, Committed):
            world.committed(node, change)
        world.seen["a commit was stale, and decided again"] += isinstance(verdict, Stale)
        world.seen["a commit found its key taken"] += isinstance(verdict, AlreadyThere)
        await self._step(f"after it committed {about}")
        return verdict

    async def open_intents(self) -> tuple[MessageRecord, ...]:
        """Return what a restart has to drive."""
        await self._step("before it reads its intents")
        return self._world.books[self._node].intents()

    async def _step(self, when: str, change: Change | None = None) -> None:
        world, node = self._world, self._node
        await world.gate(node)
        if world.calm:
            await Nap(0)
            return
        mix, lasting = world.mix, world.books[node].place is not None

        def draw(rng: Random) -> int:
            share = rng.random()
            if share < mix.kill:
                return DIES_WITHIN if change is not None and rng.random() < _HALF else DIES
            return SLOW + rng.randrange(_SLOWEST) if share < mix.kill + mix.slow_disk else 0

        comes = world.tape.take(f"{node} {when}", draw, (DIES,))
        if comes in (DIES, DIES_WITHIN):
            within = change if comes == DIES_WITHIN and lasting else None
            world.seen["killed within a commit"] += within is not None
            world.seen["killed after a commit, before its reply"] += when.startswith("after it committed")
            world.dies_within[node] = within
            raise Crash(node)
        await Nap((comes - SLOW + 1) * SLOW_MS * 1_000 if comes >= SLOW else 0)
