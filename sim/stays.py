"""The journeys of the simulated world; a stay that only lies costs one event to come, not a live coroutine.

Half a million stays are open in a national day. This module must never change what a journey does, nor when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.hospital.journey import Journey
from reference_impl.hospital.rest import Rest, put_away, woken
from sim.engine.driver import Task
from sim.engine.timeline import TIMER, Wakeup

if TYPE_CHECKING:
    from sim.world import World


class Journeys:
    """Lives visits in the world, and knows how many of them rest."""

    __slots__ = ("_world", "resting")

    def __init__(self, world: World) -> None:
        """Start with nobody in hospital."""
        self._world = world
        self.resting = 0

    def begin(self, number: int) -> None:
        """Let the patient of a planned visit arrive now."""
        world = self._world
        visit = world.plan.visit(number)
        journey = Journey(world.hospital(visit.hospital), world.site, visit, world.history)
        world.history.began(journey)
        self._go_on(journey)

    def send_home(self) -> None:
        """Wake nobody any more: the run is over."""
        self.resting = 0

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

    def _lie(self, journey: Journey, rest_us: int) -> None:
        world, rest = self._world, put_away(journey)
        world.history.rests(rest, self._woken)
        self.resting += 1
        wakes = Wakeup(rest)
        wakes.callbacks.append(self._wake)
        world.timeline.at(world.timeline.now_us + rest_us, TIMER, wakes)

    def _wake(self, wakes: Wakeup) -> None:
        if not self.resting:
            return  # sent home
        self.resting -= 1
        journey = self._woken(wakes.value)
        self._world.history.began(journey)
        self._go_on(journey)

    def _woken(self, rest: Rest) -> Journey:
        world = self._world
        visit = world.plan.visit(rest.visit)
        return woken(world.hospital(visit.hospital), world.site, visit, world.history, rest)
