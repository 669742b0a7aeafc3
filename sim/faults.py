"""The fault injector of the simulated world: the scenario's faults as commands on its timeline.

What is lost or late on a link the link decides itself, and a lost commit the books; here they are only written down.
This module must never know what a fault does to a settlement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from reference_impl.domain.nodes import NodeId
from scenarios.record.recorder import EventRow
from scenarios.schema.faults import Delay, Fault, Freeze, Kill, Lose, LostCommit, Refuse, Slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.world import World

Command = tuple[int, "Callable[[], None]", "EventRow | None"]
"""When, what, and what to write down then."""


def fault_commands(world: World) -> Iterator[Command]:
    """Return the commands that do the scenario's faults, in the scenario's order."""
    for fault in world.scenario.faults:
        yield from _commands(world, fault)


def _commands(world: World, fault: Fault) -> Iterator[Command]:
    match fault:
        case Freeze():
            host = world.hosts[world.scenario.topology.host_of(fault.node)]
            yield fault.at, host.freeze, _row(fault, fault.node)
            yield fault.until, host.thaw, None
        case Kill():
            host = world.hosts[world.scenario.topology.host_of(fault.node)]
            yield fault.at, host.kill, _row(fault, fault.node)
            yield fault.until, host.restart, EventRow(fault.until, None, "restart", fault.node)
        case Refuse():
            node = world.nodes[NodeId(fault.node)]
            yield fault.at, lambda: _refuse(world, fault.node, on=True), _row(fault, node.name)
            yield fault.until, lambda: _refuse(world, fault.node, on=False), None
        case Slow():
            yield fault.at, lambda: _slow(world, fault.node, fault.add), _row(fault, fault.node, f"+{fault.add} us")
            yield fault.until, lambda: _slow(world, fault.node, -fault.add), None
        case Lose():
            caller, callee = fault.link
            note = f"{fault.direction}s, {fault.share:.0%}"
            yield fault.at, _nothing, _row(fault, f"{caller}>{callee}", note)
        case Delay():
            caller, callee = fault.link
            yield fault.at, _nothing, _row(fault, f"{caller}>{callee}", f"+{fault.add} us")
        case LostCommit():
            yield fault.at, _nothing, _row(fault, fault.node, f"{' '.join(fault.codes)}, {fault.share:.0%}")
        case _:
            assert_never(fault)


def _row(fault: Fault, target: str, note: str = "") -> EventRow:
    return EventRow(fault.at, fault.until, fault.kind, target, note)


def _refuse(world: World, node: str, *, on: bool) -> None:
    world.nodes[NodeId(node)].refusing = on


def _slow(world: World, node: str, add_us: int) -> None:
    world.nodes[NodeId(node)].slow_us += add_us


def _nothing() -> None:
    """Do nothing: the link or the books act by themselves."""
