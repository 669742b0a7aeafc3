"""The one writer of a node's books, committing in groups (G7: on disk before any reply).

What arrives while a flush is under way joins the next group. This module must never look into what it writes.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush
from typing import TYPE_CHECKING, Any, Final

from sim.engine.timeline import WORK, Owned, Timeline, Wakeup
from sim.model.stations import Cpu, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GROUP_MAX: Final = 256
"""How many commits one flush may put on disk: what the reference system's writer takes at once."""


class Group(Owned):
    """What one flush of a writer puts on disk together; it happens when it is there."""

    __slots__ = ("cost_us", "flush_us", "items", "verdicts")

    def __init__(self, flush_us: int) -> None:
        """Start empty."""
        super().__init__()
        self.items: list[Any] = []
        self.cost_us = 0
        self.flush_us = flush_us
        self.verdicts: Sequence[Any] = ()


class Writer:
    """A flush takes the host's CPU for the sum of its commits' costs and then the disk for one sync.

    ``apply`` then writes the group and answers each item in order.
    """

    __slots__ = ("_apply", "_busy_sum", "_cpu", "_flushing", "_next", "_owner", "_timeline", "_waited_sum", "arrivals")

    def __init__(
        self, timeline: Timeline, cpu: Cpu, apply: Callable[[list[Any]], Sequence[Any]], owner: object
    ) -> None:
        """``owner`` is the host whose stop also stops a flush (``Timeline.withdraw_events``)."""
        self._timeline = timeline
        self._cpu = cpu
        self._apply = apply
        self._owner = owner
        self._flushing: Group | None = None
        self._next: deque[Group] = deque()
        self.arrivals = 0
        self._busy_sum = 0
        self._waited_sum = 0

    def join(self, item: object, cost_us: int, flush_us: int) -> tuple[Group, int]:
        """Put ``item`` into the next group and return the group and the item's place in it.

        Once the group has happened the item's verdict is ``group.verdicts[place]``. Whoever goes away
        meanwhile leaves the item behind: it is written all the same.
        """
        self.arrivals += 1
        waiting = self._next
        if self._flushing is None or not waiting or len(waiting[-1].items) >= GROUP_MAX:
            group = Group(flush_us)
        else:
            group = waiting[-1]
        place = len(group.items)
        group.items.append(item)
        group.cost_us += cost_us
        if self._flushing is None:
            self._flush(group)
        else:
            self._waited_sum -= self._timeline.now_us
            if not place:
                waiting.append(group)
        return group, place

    def _flush(self, group: Group) -> None:
        now_us = self._timeline.now_us
        self._busy_sum -= now_us
        self._flushing = group
        group.callbacks.insert(0, self._flushed)
        end_us = self._cpu.book(group.cost_us) + group.flush_us
        group.owner = self._owner
        group.leaves_us = end_us
        timeline = self._timeline
        heappush(timeline.heap, (end_us, WORK, timeline.next_id(), group))

    def _flushed(self, _: Wakeup) -> None:
        group = self._flushing
        assert group is not None  # the event belongs to the flush under way
        group.verdicts = self._apply(group.items)
        now_us = self._timeline.now_us
        self._busy_sum += now_us
        self._flushing = None
        if self._next:
            following = self._next.popleft()
            self._waited_sum += now_us * len(following.items)
            self._flush(following)

    def stop(self) -> None:
        """Lose what is not on disk, as a crash does."""
        now_us = self._timeline.now_us
        if self._flushing is not None:
            self._busy_sum += now_us
        self._waited_sum += now_us * sum(len(group.items) for group in self._next)
        self._flushing = None
        self._next.clear()

    def tally(self) -> Tally:
        """Return what the writer has seen up to now; its queue is of commits that wait for a flush to begin."""
        now_us = self._timeline.now_us
        return Tally(
            self._waited_sum + now_us * sum(len(group.items) for group in self._next),
            self._busy_sum + (now_us if self._flushing is not None else 0),
            self.arrivals,
            0,
        )
