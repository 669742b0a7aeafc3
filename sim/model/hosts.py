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

if TYPE_CHECKING:
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


class Host:
    """One process. ``cpu`` is its own pool of cores, or one it shares with every process of its machine."""

    __slots__ = ("_frozen_us", "_held", "_own_cpu", "_tenants", "_timeline", "alive", "cpu", "group", "name")

    def __init__(self, timeline: Timeline, name: str, cpu: Cpu, *, own_cpu: bool) -> None:
        """Start running; ``own_cpu`` says that nobody else books on ``cpu``."""
        self._timeline = timeline
        self.name = name
        self.cpu = cpu
        self._own_cpu = own_cpu
        self.group = TaskGroup()
        self.alive = True
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

    def freeze(self) -> None:
        """Stop where it stands; what it had sent before is on its way, what it was computing waits."""
        if not self.alive or self.group.frozen:
            return
        self._frozen_us = self._timeline.now_us
        self._held = self._timeline.withdraw_events(self, self._frozen_us)
        if self._own_cpu:
            self.cpu.pause()
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
        self.group.thaw()

    def kill(self) -> None:
        """End the process at once: no reply leaves any more, and whoever waits for one learns that the line broke."""
        if not self.alive:
            return
        self.alive = False
        unsent = self._held + self._timeline.withdraw_events(self, self._timeline.now_us)
        self._held = []
        waiting = [event for _, event in self.group.deferred]
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
            elif isinstance(signal, Work) and signal.call is not None and signal.owner is not self:
                signal.call.cut()  # a request that waited before the frozen door

    def restart(self) -> None:
        """Start the process again on its books."""
        if self.alive:
            return
        self.alive = True
        for tenant in self._tenants:
            tenant.revive()
