"""The journeys of the simulated world; a stay that only lies costs one event to come, not a live coroutine.

Half a million stays are open in a national day. What a stay is to go on with lies on disk, and of all that rest only
the next to wake is on the timeline. This module must never change what a journey does, nor when.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from reference_impl.hospital.journey import Journey
from reference_impl.hospital.rest import pack, put_away, unpack, woken
from sim.engine.driver import Task
from sim.engine.timeline import TIMER, Wakeup
from sim.users import ClosedUsers

if TYPE_CHECKING:
    from scenarios.patients.visits import PlannedVisit
    from sim.model.spool import Spool
    from sim.world import World

_ORDER_BITS: Final = 64
_PLACE_BITS: Final = 96
_PLACE_MASK: Final = (1 << _PLACE_BITS) - 1


class Journeys:
    """Lives visits in the world, and knows how many of them rest."""

    __slots__ = ("_armed", "_resting", "_spool", "_world", "users")

    def __init__(self, world: World, spool: Spool) -> None:
        """Start with nobody in hospital; who rests is laid in ``spool``."""
        self._world = world
        self._spool = spool
        self._resting: list[int] = []
        """A heap of who rests, each as one number: when it wakes, its order among what happens then, and its place."""
        self.users = ClosedUsers(world.timeline, world.plan.users, self.begin_at)
        """Whoever makes the next visit once one has ended."""
        self._armed: set[int] = set()
        """Those of them that are on the timeline: each was the first to wake at some time."""

    @property
    def resting(self) -> int:
        """How many visits rest."""
        return len(self._resting)

    def begin(self, number: int) -> None:
        """Let the patient of a planned visit arrive now."""
        self._begin(self._world.plan.visit(number))

    def begin_at(self, number: int, at_us: int) -> None:
        """Let the patient of a closed user arrive now, which is ``at_us``."""
        self._begin(self._world.plan.begun(number, at_us))

    def _begin(self, visit: PlannedVisit) -> None:
        world = self._world
        journey = Journey(world.hospital(visit.hospital), world.site, visit, world.history)
        world.history.began(journey)
        self._go_on(journey)

    def send_home(self) -> None:
        """Wake nobody any more: the run is over."""
        self._resting.clear()
        self._armed.clear()

    def _go_on(self, journey: Journey) -> None:
        world = self._world
        Task(world.timeline, self._live(journey), world.outside).start()

    async def _live(self, journey: Journey) -> None:
        """Live a visit on to its next rest, or to its end."""
        while (rest_us := await journey.go_on()) is not None:
            if rest_us > 0:
                self._lie(journey, rest_us)
                return
        self._world.history.left(journey)
        self.users.ended(journey.visit.visit)

    def _lie(self, journey: Journey, rest_us: int) -> None:
        timeline = self._world.timeline
        place = self._spool.put_alone(pack(put_away(journey)))
        self._world.history.rests(journey.visit.visit, place, self._woken)
        when_us = timeline.now_us + rest_us
        heappush(self._resting, (when_us << _ORDER_BITS | timeline.next_id()) << _PLACE_BITS | place)
        self._arm()

    def _arm(self) -> None:
        """Have the first to wake on the timeline."""
        first = self._resting[0]
        if first in self._armed:
            return
        self._armed.add(first)
        moment = first >> _PLACE_BITS
        wakes = Wakeup(first)
        wakes.callbacks.append(self._wake)
        self._world.timeline.put(moment >> _ORDER_BITS, TIMER, moment & (1 << _ORDER_BITS) - 1, wakes)

    def _wake(self, wakes: Wakeup) -> None:
        if wakes.value not in self._armed:
            return  # sent home
        self._armed.discard(wakes.value)
        first = heappop(self._resting)
        assert first == wakes.value  # whoever would wake before it was on the timeline before it
        if self._resting:
            self._arm()
        journey = self._woken(first & _PLACE_MASK)
        self._world.history.began(journey)
        self._go_on(journey)

    def _woken(self, place: int) -> Journey:
        world, rest = self._world, unpack(self._spool.get_alone(place))
        visit = world.plan.visit(rest.visit)
        return woken(world.hospital(visit.hospital), world.site, visit, world.history, rest)
