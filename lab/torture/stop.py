"""A planned stop in the storm: accept no more, close, move the books, open again; and everything else falls meanwhile.

The books are moved by the very code that moves them (``reference_impl.books.moving``), a step at a time: whoever moves
them may be killed at each step and begins again. It must never say what is right, but that a move is proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.torture.loom import Nap
from lab.torture.nodes import CARE_CITY, INSURED_CITY
from reference_impl.books.moving import Moved, move, prove
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from scenarios.schema.course import Course, course_of
from scenarios.schema.cutover import Cutover

if TYPE_CHECKING:
    from lab.torture.world import World
    from reference_impl.books.places import Place

__all__ = ["SCOPES", "Stop", "planned"]

_S = 1_000_000
SCOPES = ("33", "63", "hub")
_SIDES: dict[str, tuple[Side, ...]] = {
    "33": (Side.CARE, Side.INSURED),
    "63": (Side.CARE, Side.INSURED),
    "hub": (Side.CARE,),
    CARE_CITY: (Side.CARE,),
    INSURED_CITY: (Side.INSURED,),
}
_ROWS_A_STEP = 8
_STOPS_S, _DRAINS_S, _CLOSED_S, _RAMPS_S = 12, 5, 20, 10


def planned(world: World) -> Course:
    """Return the plan of a world's stop, off its tape."""
    tape = world.tape
    scopes = (*SCOPES, *world.setting.relays)
    scope = scopes[tape.below("the stop is of", len(scopes))]
    stops_s = 1 + tape.below("it accepts no more after seconds", _STOPS_S)
    drains_s = tape.below("it drains for seconds", _DRAINS_S)
    closed_s = 1 + tape.below("it stays closed for seconds", _CLOSED_S)
    plan = Cutover.model_validate(
        {
            "scope": scope,
            "at": f"{stops_s + drains_s}s",
            "stop_before": f"{drains_s}s",
            "window": f"{closed_s}s",
            "ramp": f"{tape.below('its ramp takes seconds', _RAMPS_S)}s",
            "announced": not tape.happens("nobody was told of the stop", 0.5),
            "policies": {"settle_later": {"spread": "2s"}},
        }
    )
    return course_of(plan, 0)


class Stop:
    """Goes through a plan."""

    def __init__(self, world: World, course: Course) -> None:
        """Stop a node of ``world`` by ``course``."""
        self._world = world
        self.course = course
        self.node: str = course.plan.scope
        self.frozen = False
        """Whether nothing may be written into its books at this moment: the last pass is made."""

    async def keep(self) -> None:
        """Go through the phases."""
        world, course = self._world, self.course
        await Nap(course.stop_at)
        self._command(DoorState.DRAINING)
        books = world.lasting()
        old, new = world.books[self.node].place, books.place
        assert old is not None  # what stops has its books somewhere
        assert new is not None
        await self._pass(old, new)
        await Nap(course.close_at - world.now_us())
        self._command(DoorState.CLOSED)
        self._list("close")
        await self._move(old, new)
        world.move_to(self.node, books)
        self.frozen = False
        world.seen["books moved"] += 1
        await Nap(course.reopen_at - world.now_us())
        self._list("reopen")
        self._command(DoorState.RAMP if course.plan.ramp_us else DoorState.OPEN)
        await Nap(course.full_at - world.now_us())
        for side in _SIDES[self.node]:
            command = world.doors.commanded.get((self.node, side))
            if command is not None:
                world.doors.open(command)

    def _command(self, state: DoorState) -> None:
        course = self.course
        for side in _SIDES[self.node]:
            given = DoorCommand(
                scope=self.node, side=side, state=state, reopens_us=course.reopen_at, full_us=course.full_at
            )
            self._world.doors.give(given)

    def _list(self, name: str) -> None:
        """List what is in flight."""
        world, plan = self._world, self.course.plan
        listed = sum(
            count for patient in world.patients for _, count in patient.history.snapshot(name, world.now_us(), plan)
        )
        world.seen["a stop with business in flight"] += listed > 0
        world.seen["a stop with intents open"] += bool(world.books[self.node].intents())

    async def _move(self, old: Place, new: Place) -> None:
        """Make the last pass over frozen books, and prove the move."""
        world = self._world
        self.frozen = True
        await self._pass(old, new)
        with old.shelf() as source, new.shelf() as target:
            proof = prove(source, target)
        if not proof.holds:
            world.watch.wrong.append(f"law 21 moved books: {'; '.join(proof.words())}")

    async def _pass(self, old: Place, new: Place) -> None:
        world = self._world
        while True:
            with old.shelf() as source, new.made_like(old) as target:
                killed = await self._steps(move(source, target, _ROWS_A_STEP))
            if not killed:
                return
            world.seen["killed while its books moved"] += 1

    async def _steps(self, steps: Iterator[Moved]) -> bool:
        """Make the steps of a pass; return whether whoever moves was killed before its end."""
        world = self._world
        for step in steps:
            if world.tape.happens(f"whoever moves the books is killed after a step of {step.table}", _KILLED):
                return True
            await Nap(_STEP_US)
        return False


_KILLED = 0.02
_STEP_US = 20_000
