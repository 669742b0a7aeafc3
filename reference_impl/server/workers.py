"""The workers of a node and the bounded queue before them, first come first served.

A worker that is not held while its message waits for the next node is given back and taken again; whoever comes back
stands at the end of the queue, and is never turned away. Cancelled anywhere, no worker is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.messages import Outcome, Request
    from reference_impl.protocol.ports import Clock, Peers

__all__ = ["LettingGo", "Slot", "Workers"]


class Workers:
    """A number of workers, and what they have seen since the start, as sums over time."""

    __slots__ = (
        "_busy_sum_us",
        "_clock",
        "_queue_max",
        "_waited_sum_us",
        "_waiting",
        "arrivals",
        "free",
        "refused",
        "workers",
    )

    def __init__(self, clock: Clock, workers: int, queue_max: int) -> None:
        """Start with all ``workers`` free; at most ``queue_max`` messages wait for one."""
        if workers < 1:
            raise ValueError(f"a node needs at least one worker (got {workers})")
        self._clock = clock
        self._queue_max = queue_max
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._busy_sum_us = 0
        self._waited_sum_us = 0
        self.workers = workers
        self.free = workers
        self.arrivals = 0
        self.refused = 0

    @property
    def queued(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    def has_room(self) -> bool:
        """Return whether one more message may come in."""
        return self.free > 0 or len(self._waiting) < self._queue_max

    async def seize(self) -> None:
        """Take a worker, waiting for it if need be."""
        if self.free:
            self.free -= 1
            self._busy_sum_us -= self._clock.now_us()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._waited_sum_us -= self._clock.now_us()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()  # the worker was won at the very moment of being cancelled
            elif turn in self._waiting:
                self._waiting.remove(turn)
                self._waited_sum_us += self._clock.now_us()
            raise

    def release(self) -> None:
        """Give the worker to the next in the queue."""
        now_us = self._clock.now_us()
        while self._waiting:
            turn = self._waiting.popleft()
            self._waited_sum_us += now_us
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
        self._busy_sum_us += now_us

    def waited_us(self) -> int:
        """Return the time messages have waited so far, summed over them."""
        return self._waited_sum_us + self._clock.now_us() * len(self._waiting)

    def busy_us(self) -> int:
        """Return the time workers have been held so far, summed over them."""
        return self._busy_sum_us + self._clock.now_us() * (self.workers - self.free)


class Slot:
    """The worker of one message, which it may give back while it waits."""

    __slots__ = ("_workers", "held")

    def __init__(self, workers: Workers) -> None:
        """Hold nothing yet."""
        self._workers = workers
        self.held = False

    async def take(self) -> None:
        """Take a worker, again or for the first time."""
        await self._workers.seize()
        self.held = True

    def give_back(self) -> None:
        """Give the worker back if it is held."""
        if self.held:
            self.held = False
            self._workers.release()


current_slot: ContextVar[Slot | None] = ContextVar("current_slot", default=None)


class LettingGo:
    """Peers that give the worker back for as long as the other node takes."""

    __slots__ = ("_peers",)

    def __init__(self, peers: Peers) -> None:
        """Call through ``peers``."""
        self._peers = peers

    async def call(self, node: NodeId, request: Request, timeout_us: int) -> Outcome:
        """Send ``request`` to ``node`` without holding a worker."""
        slot = current_slot.get()
        if slot is None:
            return await self._peers.call(node, request, timeout_us)
        slot.give_back()
        outcome = await self._peers.call(node, request, timeout_us)
        await slot.take()
        return outcome
