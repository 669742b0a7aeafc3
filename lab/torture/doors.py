"""Operators who command doors in the storm, and links that are cut: each opens again, at the latest with the calm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.torture.links import Cut
from lab.torture.loom import Nap
from lab.torture.nodes import CARE_CITY, INSURED_CITY
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState

if TYPE_CHECKING:
    from lab.torture.world import World

__all__ = ["Doors"]

_S = 1_000_000
_DOORS = (("33", Side.CARE), ("33", Side.INSURED), ("hub", Side.CARE), ("63", Side.INSURED))
_OF_CITIES = {CARE_CITY: Side.CARE, INSURED_CITY: Side.INSURED}
_STATES = (
    DoorState.CLOSED,
    DoorState.DRAINING,
    DoorState.REFUSING,
    DoorState.RAMP,
    DoorState.OPEN,
    DoorState.CLOSED,
    DoorState.REFUSING,
)
_LONGEST_S = 20
_COMMANDS_MAX = 6
_CUTS_MAX = 2


class Doors:
    """Commands doors and cuts links."""

    def __init__(self, world: World) -> None:
        """Command the doors of ``world``; all are open."""
        self._world = world
        self.commanded: dict[tuple[str, Side], DoorCommand] = {}

    async def keep(self) -> None:
        """Give commands, one when the money of some visit begins to move, or at another instant."""
        world = self._world
        for _ in range(world.tape.take("commands to doors", lambda _: world.mix.doors, range(1, _COMMANDS_MAX + 1))):
            visit = 1 + world.tape.below("a door is moved with visit", world.visits)
            await world.turning_point("the door's operator", visit)
            if world.calm:
                return
            doors = (*_DOORS, *((city, _OF_CITIES[city]) for city in world.setting.relays))
            node, side = doors[world.tape.below("which door is moved", len(doors))]
            state = _STATES[world.tape.below("what is it told", len(_STATES))]
            seconds = world.tape.below("for so many seconds", _LONGEST_S)
            world.loom.spawn(self._shut(node, side, state, (seconds + 1) * _S))

    async def cut(self) -> None:
        """Cut links for a while."""
        world = self._world
        for _ in range(world.tape.take("links cut", lambda _: world.mix.cuts, range(1, _CUTS_MAX + 1))):
            visit = 1 + world.tape.below("a link is cut with visit", world.visits)
            ways = world.setting.ways
            ends = frozenset(ways[world.tape.below("which link is cut", len(ways))])
            for_s = 1 + world.tape.below("cut for so many seconds", _LONGEST_S)
            await world.turning_point("whoever cuts links", visit)
            from_us = world.now_us()
            world.tell(f"the link of {' and '.join(sorted(ends))} is cut for {for_s} s")
            world.links.cuts.append(Cut(ends, from_us, min(world.storm_us, from_us + for_s * _S)))

    def obeyed_by(self, node: str) -> None:
        """Tell a node that starts what stands."""
        for command in self.commanded.values():
            if command.scope == node:
                self._obey(command)

    def give(self, command: DoorCommand) -> None:
        """Give a command that stands until the next."""
        self._world.tell(f"{command.scope} is told: {command.state.value}, for what it does as {command.side.value}")
        self.commanded[command.scope, command.side] = command
        self._obey(command)

    def open_all(self) -> None:
        """Open every door."""
        for command in list(self.commanded.values()):
            self.open(command)

    def open(self, command: DoorCommand) -> None:
        """Open a door."""
        del self.commanded[command.scope, command.side]
        self._obey(DoorCommand(scope=command.scope, side=command.side, state=DoorState.OPEN))

    async def _shut(self, node: str, side: Side, state: DoorState, during_us: int) -> None:
        """Give a door some command, and open it when its time has come, unless there was another command since."""
        reopens_us = self._world.now_us() + during_us
        command = DoorCommand(
            scope=node, side=side, state=state, reopens_us=reopens_us, full_us=reopens_us + during_us // 2
        )
        if self._world.stops(node):
            return  # a planned stop keeps its doors to itself
        self.give(command)
        await Nap(during_us * (2 if state is DoorState.RAMP else 1))
        if self.commanded.get((node, side)) is command:
            self.open(command)

    def _obey(self, command: DoorCommand) -> None:
        served = self._world.nodes[command.scope]
        if served is not None:
            served.doors.obey(command)
