"""A planned stop in the simulated world: an operator who commands the doors of the scope at the planned times.

At stop-accept and at closing every piece of business in flight on the stop's way is listed. This module must never
decide what a door lets through, nor what becomes of whom it turns away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.scopes import Side
from reference_impl.hospital.journey import concerns
from reference_impl.protocol.door import DoorCommand, DoorState
from scenarios.record.recorder import EventRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scenarios.schema import Cutover
    from sim.faults import Command
    from sim.world import World

_HUB = NodeId("hub")


def cutover_commands(world: World) -> Iterator[Command]:
    """Return the commands of the scenario's planned stop, if it has one."""
    stop = world.scenario.cutover
    if stop is None:
        return
    phases = (
        (stop.stop_at, DoorState.DRAINING, "stop_accept", stop.close_at),
        (stop.close_at, DoorState.CLOSED, "close", stop.reopen_at),
        (stop.reopen_at, DoorState.RAMP, "reopen", stop.full_at),
        (stop.full_at, DoorState.OPEN, "full", None),
    )
    for at_us, state, kind, until_us in phases:
        if until_us == at_us:
            continue  # a phase of no length, such as a reopening without a ramp
        row = EventRow(at_us, until_us, kind, stop.scope)
        yield at_us, _phase(world, stop, state, kind), row


def _phase(world: World, stop: Cutover, state: DoorState, kind: str) -> Callable[[], None]:
    def act() -> None:
        if state in (DoorState.DRAINING, DoorState.CLOSED):
            now_us = world.timeline.now_us
            world.history.snapshot(kind, now_us, lambda visit: concerns(stop, visit))
        for side in _sides(stop):
            command = DoorCommand(
                scope=stop.scope, side=side, state=state, reopens_us=stop.reopen_at, full_us=stop.full_at
            )
            world.command_door(_doorkeeper(stop), command)

    return act


def _doorkeeper(stop: Cutover) -> NodeId:
    """Return the node that keeps the doors of the scope: a city's doors are its province's."""
    return _HUB if stop.scope == _HUB else NodeId(stop.scope[:2])


def _sides(stop: Cutover) -> tuple[Side, ...]:
    """Return the sides to close; the hub has one door, which every message passes on its way to an insurer."""
    if stop.scope == _HUB:
        return (Side.CARE,)
    return {"both": (Side.CARE, Side.INSURED), "care": (Side.CARE,), "insured": (Side.INSURED,)}[stop.side]
