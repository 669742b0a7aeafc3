"""The counters of a hospital: the protocol's ``Desk`` port, where patients queue with a patience of their own."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from sim.engine.timeline import TIMER, WORK, Timeline, Wakeup
from sim.model.stations import Servers, Sums, Tally

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim.engine.timers import Timeouts
    from sim.model.crowd import Crowd


class _Turn(Wakeup):
    """A patient in the queue; the value becomes True at the desk and False when the patience ran out first."""

    __slots__ = ("_servers", "_timeline")

    def __init__(self, timeline: Timeline, servers: Servers) -> None:
        super().__init__()
        self._timeline = timeline
        self._servers = servers

    def give_up(self) -> None:
        """Leave the queue, unless the desk was won at this very instant."""
        if self.value is None:
            self.value = False
            self._servers.step_out(self)
            self._timeline.at(self._timeline.now_us, WORK, self)


class SimDesk:
    """The desks of one hospital."""

    __slots__ = ("_servers", "_timeline", "_timeouts")

    def __init__(self, timeline: Timeline, timeouts: Timeouts, desks: int, sums: Sums | None = None) -> None:
        """Open ``desks`` counters; what they see is added to ``sums``."""
        self._timeline = timeline
        self._timeouts = timeouts
        self._servers = Servers(timeline, desks, sums)

    @types.coroutine
    def seize(self, patience_us: int) -> Generator[Wakeup, Any, bool]:
        """Wait for a free desk and take it; False when the patience ran out first."""
        servers = self._servers
        servers.sums.arrivals += 1
        if servers.take():
            return True
        if patience_us <= 0:
            servers.sums.refused += 1
            return False
        turn = _Turn(self._timeline, servers)
        servers.enqueue(turn)
        queue = self._timeouts[patience_us]
        queue.add(turn)
        try:
            served: bool = yield turn
        except BaseException:
            # Cancelled: step out of the queue, or give the desk just won to the next.
            if turn.value:
                servers.release()
            elif turn.value is None:
                servers.step_out(turn)
            raise
        finally:
            queue.remove(turn)
        if not served:
            servers.sums.refused += 1
        return served

    def release(self) -> None:
        """Give the desk to the next patient."""
        self._servers.release()

    @property
    def free(self) -> int:
        """How many desks are free."""
        return self._servers.free

    @property
    def desks(self) -> int:
        """How many desks there are."""
        return self._servers.servers

    def tally(self) -> Tally:
        """Return what the desks have seen up to now; ``refused`` are patients who left the queue."""
        return self._servers.tally()


class CrowdedDesk(SimDesk):
    """The desks of a hospital where people queue who have no journey: whoever comes waits for those before."""

    __slots__ = ("_crowd", "_handling_us")

    def __init__(
        self, timeline: Timeline, timeouts: Timeouts, desks: int, sums: Sums, *, crowd: Crowd, handling_us: int
    ) -> None:
        """Open ``desks`` counters; whoever reaches one keeps it for about ``handling_us``."""
        super().__init__(timeline, timeouts, desks, sums)
        self._crowd = crowd
        self._handling_us = handling_us

    async def seize(self, patience_us: int) -> bool:
        """Wait for a free desk and take it; False when the patience ran out first."""
        wait_us, sums = self._crowd.wait_us(self._timeline.now_us), self._servers.sums
        if wait_us:
            await self._queue_for(min(wait_us, max(patience_us, 0)))
            if wait_us > patience_us:
                sums.arrivals += 1
                sums.refused += 1
                return False
        served = await super().seize(patience_us - wait_us)
        if served:
            self._crowd.add(self._handling_us)
        return served

    @types.coroutine
    def _queue_for(self, wait_us: int) -> Generator[Wakeup, Any, None]:
        """Stand in the queue for a time."""
        timeline, sums = self._timeline, self._servers.sums
        turn = Wakeup()
        sums.waiting += 1
        sums.waited_sum -= timeline.now_us
        timeline.at(timeline.now_us + wait_us, TIMER, turn)
        try:
            yield turn
        finally:
            sums.waiting -= 1
            sums.waited_sum += timeline.now_us
