"""Close of day (日结) in the simulated world: a barrier at every insurer, and the sheet of what it closed with (G10).

At the hour nothing more is dated on the day. Once nothing of it waits for its commit, the insurer's books are read and
the day is written down; a process that stands still keeps its day open until it goes on. This module must never
change books.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reference_impl.domain.nodes import NodeId
from reference_impl.domain.regions import province_of
from scenarios.record.tables import ClosingRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reference_impl.protocol.business_day import BusinessDays
    from reference_impl.protocol.records import SettlementRecord
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
        """Let the insurers' day end now; each closes as soon as it can."""
        now_us = self._world.timeline.now_us
        for code in self._world.scenario.topology.province_nodes():
            node = NodeId(code)
            self._close(node, end, due_us=now_us, waiting=self._days(node).under_way(end.day))

    def _close(self, node: NodeId, end: CloseDay, *, due_us: int, waiting: int) -> None:
        world = self._world
        if self._days(node).under_way(end.day):
            again_us = world.timeline.now_us + LOOK_AGAIN_US
            self._later(again_us, lambda: self._close(node, end, due_us=due_us, waiting=waiting))
            return
        world.close_day(node, end.day, end.first_open)
        posted = [one for one in world.stores[node].read_all().settlements if one.business_day == end.day]
        closed_us = world.timeline.now_us
        for care in world.scenario.topology.province_nodes():
            self._recorder.closing(
                _sheet(node, care, end.day, posted)._replace(due_us=due_us, closed_us=closed_us, waiting=waiting)
            )

    def _days(self, node: NodeId) -> BusinessDays:
        role: Any = self._world.nodes[node].role
        return role.days


def _sheet(node: NodeId, care: str, day: int, posted: Sequence[SettlementRecord]) -> ClosingRow:
    """Return what was posted on a day for one province of care."""
    own = [one.amounts for one in posted if province_of(one.care_region) == care]
    return ClosingRow(
        node=node,
        care_region=care,
        day=day,
        due_us=0,
        closed_us=0,
        waiting=0,
        entries=len(own),
        total_fen=sum(amounts.total_fen for amounts in own),
        owed_fen=sum(amounts.fund_fen + amounts.account_fen for amounts in own),
    )
