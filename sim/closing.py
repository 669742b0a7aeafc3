"""Close of day (日结) in the simulated world: a barrier at every insurer, and the sheet of what it closed with (G10).

At the hour nothing more is dated on the day. Once nothing of it waits for its commit, the insurer's books are read and
the day is written down; a process that stands still keeps its day open until it goes on. This module must never
change books.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reference_impl.protocol.day_sheet import sheet_of
from reference_impl.staging.day_ends import DayEnd, closing_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference_impl.domain.nodes import NodeId
    from reference_impl.protocol.business_day import BusinessDays
    from reference_impl.staging.acts import CloseDay
    from scenarios.record.recorder import Recorder
    from sim.world import World

__all__ = ["DayEnds"]

LOOK_AGAIN_US: Final = 100_000
"""How often a barrier that does not close yet is looked at."""


class DayEnds:
    """Carries out the closings of a run."""

    __slots__ = ("_later", "_recorder", "_world")

    def __init__(self, world: World, recorder: Recorder, later: Callable[[int, Callable[[], None]], None]) -> None:
        """``later`` does something at an instant, and lets no run end before."""
        self._world = world
        self._recorder = recorder
        self._later = later

    def begin(self, end: CloseDay) -> None:
        """Let an insurer's day end now; it closes as soon as it can."""
        due_us = self._world.timeline.now_us
        self._close(end, due_us=due_us, waiting=self._days(end.node).under_way(end.day))

    def _close(self, end: CloseDay, *, due_us: int, waiting: int) -> None:
        world, node = self._world, end.node
        if self._days(node).under_way(end.day):
            again_us = world.timeline.now_us + LOOK_AGAIN_US
            self._later(again_us, lambda: self._close(end, due_us=due_us, waiting=waiting))
            return
        world.close_day(node, end.day, end.first_open)
        ended = DayEnd(node, end.day, due_us, world.timeline.now_us, waiting)
        sheet = sheet_of(world.stores[node].read_all().settlements, end.day)
        for row in closing_rows(ended, sheet, world.scenario.topology.province_nodes()):
            self._recorder.closing(row)

    def _days(self, node: NodeId) -> BusinessDays:
        role: Any = self._world.nodes[node].role
        return role.days
