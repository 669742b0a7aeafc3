"""A ramp that gates hold, in the simulated world: looks at their times, and does to the doors what the rule says.

The rule is ``reference_impl.staging.stepping``. This module must never decide whether a step goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reference_impl.staging.stepping import OpenBySteps, SteppedRamp, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenarios.record.tables import EventRow
    from sim.world import World

__all__ = ["Later", "open_by_steps"]


class Later(Protocol):
    """Whoever does something at a moment of the run; until then the run is not over."""

    def __call__(self, at_us: int, act: Callable[[], None]) -> None:
        """Do ``act`` at ``at_us``."""
        ...


def open_by_steps(opening: OpenBySteps, world: World, later: Later, write: Callable[[EventRow], None]) -> None:
    """Open the doors of a plan now, and step by step from now on; ``write`` takes what is to be written down."""
    pulse = world.history.watch(opening.course.plan, opening.gates.over)
    ramp = SteppedRamp(opening)

    def do(turn: Turn) -> None:
        for command in turn.commands:
            world.command_door(opening.node, command)
        for row in turn.rows:
            write(row)
        if ramp.next_us is None:
            world.history.unwatch(pulse)
        else:
            later(ramp.next_us, look)

    def look() -> None:
        now_us = world.timeline.now_us
        do(ramp.look(now_us, world.history.seen(pulse, now_us)))

    do(ramp.begin(world.timeline.now_us))
