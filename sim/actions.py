"""What the timetable does to the simulated world: hosts freeze and die, nodes refuse and slow down, doors move.

This module must never decide what a door lets through, nor what becomes of whom it turns away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.door import DoorCommand
    from reference_impl.staging.hospital_faults import HitInstitutions
    from scenarios.schema.cutover import Cutover, Phase
    from sim.model.hosts import Host
    from sim.world import World

__all__ = ["SimActions"]


class SimActions:
    """A ``reference_impl.staging.timetable.Actions`` on a world."""

    __slots__ = ("_world",)

    def __init__(self, world: World) -> None:
        """Act on ``world``, at its present instant."""
        self._world = world

    def freeze(self, node: NodeId) -> None:
        """Let the node's host stand still."""
        self._host(node).freeze()

    def thaw(self, node: NodeId) -> None:
        """Let it go on."""
        self._host(node).thaw()

    def kill(self, node: NodeId) -> None:
        """End all that its host is doing."""
        self._host(node).kill()

    def restart(self, node: NodeId) -> None:
        """Start it again on its books."""
        self._host(node).restart()

    def refuse(self, node: NodeId, *, on: bool) -> None:
        """Let the node answer overloaded to everything, or no longer."""
        self._world.nodes[node].refusing = on

    def slow(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node takes for a message."""
        self._world.nodes[node].slow_us += add_us

    def slow_disk(self, node: NodeId, add_us: int) -> None:
        """Add to the time the node's disk takes for a group of commits."""
        self._world.nodes[node].disk_us += add_us

    def hold_database(self, node: NodeId, *, on: bool) -> None:
        """Keep the database of the node's books from it, or let it have it again."""
        self._world.nodes[node].database_held = on

    def fill_disk(self, *, on: bool) -> None:
        """Leave no room on the disk under all books, or some again."""
        for node in self._world.nodes.values():
            node.disk_full = on

    def hog(self, share: float) -> None:
        """Take a share of every core, before any node; 0 is none."""
        for cpu in self._world.cpus.values():
            cpu.take_away(share)
        for host in self._world.hosts.values():
            host.loop.hear_of_speed()

    def set_clock(self, node: NodeId, off_us: int) -> None:
        """Let the clock of the node's host be so far ahead."""
        self._host(node).set_clock(off_us)

    def move_door(self, node: NodeId, command: DoorCommand) -> None:
        """Command a door that the node keeps."""
        self._world.command_door(node, command)

    def revoke(self, of: HitInstitutions, *, on: bool) -> None:
        """Leave it to the gates, which know the scenario."""

    def list_inflight(self, phase: Phase, cutover: Cutover) -> None:
        """List the business under way on the cutover's path."""
        world = self._world
        world.history.snapshot(phase.value, world.timeline.now_us, cutover)

    def _host(self, node: NodeId) -> Host:
        return self._world.hosts[self._world.scenario.topology.host_of(node)]
