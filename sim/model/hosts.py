"""Hosts: processes that serve nodes, with their cores, and what can be done to a process from outside.

A process can be frozen (its CPU stops, messages wait at its door, everything goes on afterwards) or killed (its tasks
and all it had in memory are gone). What its CPU would still have brought about is taken off the timeline, so that the
common path pays nothing for either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim.engine.driver import TaskGroup
from sim.engine.timeline import Owned, Timeline
from sim.model.calls import Call, Work
from sim.model.loop import CrowdedLoop, Loop

if TYPE_CHECKING:
    from sim.model.crowd import Crowd
    from sim.model.service_times import Rhythm
    from sim.model.stations import Cpu


class Tenant(Protocol):
    """A node as its process sees it."""

    def shut(self) -> None:
        """Cut off every caller with a request inside."""
        ...

    def forget(self) -> None:
        """Lose everything but the books; all tasks are gone."""
        ...

    def revive(self) -> None:
        """Start again on the books."""
        ...

    def stand_still(self) -> None:
        """Let others have the core that was asked for."""
        ...

    def go_on(self) -> None:
        """Ask for it again."""
        ...


class Host:
    """One process, or as many as it has cores. ``cpu`` is its own, or shared with every process of its machine."""

    __slots__ = (
        "_frozen_us",
        "_held",
        "_own_cpu",
        "_tenants",
        "_timeline",
        "alive",
        "cpu",
        "group",
        "loop",
        "name",
        "nodes",
        "off_us",
        "shown_us",
    )

    def __init__(
        self,
        timeline: Timeline,
        name: str,
        cpu: Cpu,
        rhythm: Rhythm,
        *,
        own_cpu: bool,
        nodes: int = 1,
        crowd: Crowd | None = None,
    ) -> None:
        """Start running; ``own_cpu`` says that nobody else runs on ``cpu``, ``nodes`` how many it will serve.

        ``crowd`` is whom it serves beside those who have journeys.
        """
        self._timeline = timeline
        self.name = name
        self.cpu = cpu
        self._own_cpu = own_cpu
        self.nodes = nodes
        loops = cpu.cores if own_cpu else 1
        self.loop = (
            Loop(timeline, cpu, rhythm, self, loops=loops)
            if crowd is None
            else CrowdedLoop(timeline, cpu, rhythm, self, crowd, loops=loops)
        )
        """Where everything that the process does takes its turn."""
        self.group = TaskGroup()
        self.alive = True
        self.off_us = 0
        """How far its clock is ahead of the run's, and the latest moment that it has shown: time never goes back."""
        self.shown_us = 0
        self._tenants: list[Tenant] = []
        self._frozen_us = 0
        self._held: list[tuple[int, int, int, Owned]] = []

    def serve(self, tenant: Tenant) -> None:
        """Take in a node."""
        self._tenants.append(tenant)

    @property
    def frozen(self) -> bool:
        """Whether the process stands still."""
        return self.group.frozen

    def set_clock(self, off_us: int) -> None:
        """Let its clock be so far ahead; what it shows at this moment it has shown."""
        self.shown_us = max(self.shown_us, self._timeline.now_us + self.off_us)
        self.off_us = off_us

    def freeze(self) -> None:
        """Stop where it stands; what it had sent before is on its way, what it was computing waits."""
        if not self.alive or self.group.frozen:
            return
        self._frozen_us = self._timeline.now_us
        self._held = self._timeline.withdraw_events(self, self._frozen_us)
        if self._own_cpu:
            self.cpu.pause()
        self.loop.stand_still()
        for tenant in self._tenants:
            tenant.stand_still()
        self.group.freeze()

    def thaw(self) -> None:
        """Go on: what was being computed takes what it still needed, then what came in meanwhile is looked at."""
        if not self.group.frozen:
            return
        shift_us = self._timeline.now_us - self._frozen_us
        if self._own_cpu:
            self.cpu.go_on()
        held, self._held = self._held, []
        for due_us, kind, _, signal in held:
            signal.leaves_us += shift_us
            self._timeline.at(due_us + shift_us, kind, signal)
        self.loop.go_on(self._frozen_us, shift_us)
        for tenant in self._tenants:
            tenant.go_on()
        self.group.thaw()

    def kill(self) -> None:
        """End the process at once: no reply leaves any more, and whoever waits for one learns that the line broke."""
        if not self.alive:
            return
        self.alive = False
        unsent = self._held + self._timeline.withdraw_events(self, self._timeline.now_us)
        self._held = []
        waiting = [event for _, event in (*self.group.deferred, *self.loop.forget())]
        for tenant in self._tenants:
            tenant.shut()
        self.group.cancel_all()
        for tenant in self._tenants:
            tenant.forget()
        if self._own_cpu:
            self.cpu.stop()
        for signal in (*(item[3] for item in unsent), *waiting):
            if isinstance(signal, Call) and signal.owner is self:
                signal.cut()  # a reply computed, and not yet sent
            elif isinstance(signal, Work) and signal.call is not None and not signal.received:
                signal.call.cut()  # a request that nobody had read yet

    def restart(self) -> None:
        """Start the process again on its books."""
        if self.alive:
            return
        self.alive = True
        for tenant in self._tenants:
            tenant.revive()
