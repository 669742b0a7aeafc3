"""A closed business day as rows of the record: the same in both worlds, whoever kept the barrier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reference_impl.protocol.day_sheet import SheetLine
from scenarios.record.tables import ClosingRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reference_impl.domain.nodes import NodeId

__all__ = ["DayEnd", "closing_rows"]


class DayEnd(NamedTuple):
    """How the day of an insurer came to its end."""

    node: NodeId
    day: int
    due_us: int
    closed_us: int
    waiting: int
    """Decisions that waited for their commit when it was to close."""


def closing_rows(end: DayEnd, sheet: Iterable[SheetLine], provinces: Iterable[str]) -> Iterator[ClosingRow]:
    """Yield a row for each province of care; a day without business closes too."""
    posted = {line.care: line for line in sheet}
    for care in provinces:
        line = posted.get(care, SheetLine(care=care))
        yield ClosingRow(
            node=end.node,
            care_region=care,
            day=end.day,
            due_us=end.due_us,
            closed_us=end.closed_us,
            waiting=end.waiting,
            entries=line.entries,
            total_fen=line.total_fen,
            owed_fen=line.owed_fen,
        )
