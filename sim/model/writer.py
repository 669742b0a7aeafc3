"""The one writer of a node's books, committing in groups (G7: on disk before any reply).

What a turn of the loop decided is one group. In the turn, the loop commits it and stands still meanwhile; beside, the
group waits for the flush under way, and what later turns decide joins it. After so many changes the log is folded back
into the file, as a group of no changes, once the answers have left. This module must never look into what it writes.
"""

from __future__ import annotations

from collections import deque
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any, Final

from reference_impl.books.sqlite.checkpoint import CHECKPOINT_CHANGES
from sim.engine.timeline import WORK, Owned, Timeline, Wakeup
from sim.model.loop import NS_PER_US
from sim.model.stations import Cpu, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.model.loop import Loop
    from sim.model.service_times import Rhythm

GROUP_MAX: Final = 256
"""How many commits one flush may put on disk: what the reference system's writer takes at once."""


class Group(Wakeup):
    """What one flush of a writer puts on disk together; it happens when it is there, and its value are the verdicts."""

    __slots__ = ("cost_ns", "flush_us", "items", "joined_sum_us")

    def __init__(self, flush_us: int, cost_ns: int = 0) -> None:
        """Start empty, with the time of its flush; one that stays so is a checkpoint of this CPU."""
        self.callbacks = []
        self.value: list[Any] = []
        self.items: list[Any] = []
        self.cost_ns = cost_ns
        self.flush_us = flush_us
        self.joined_sum_us = 0


class Writer:
    """A flush takes the host's CPU for its group and the changes in it, and then the disk for one sync.

    ``apply`` then writes the group and answers each item in order. ``beside`` says whether the loop goes on meanwhile.
    """

    __slots__ = (
        "_apply",
        "_asking",
        "_began_us",
        "_busy_us",
        "_cpu",
        "_due",
        "_flushing",
        "_fold",
        "_logged",
        "_loop",
        "_next",
        "_owner",
        "_rhythm",
        "_timeline",
        "_waited_us",
        "_wrote",
        "arrivals",
        "beside",
        "had_us",
    )

    def __init__(
        self,
        timeline: Timeline,
        loop: Loop,
        cpu: Cpu,
        rhythm: Rhythm,
        apply: Callable[[list[Any]], Iterable[Any]],
        *,
        owner: object,
        beside: bool,
    ) -> None:
        """``owner`` is the host whose stop also stops a flush (``Timeline.withdraw_events``)."""
        self._timeline = timeline
        self._loop = loop
        self._cpu = cpu
        self._rhythm = rhythm
        self._apply = apply
        self._owner = owner
        self.beside = beside
        self._flushing: list[Group] = []
        self._next: deque[Group] = deque()
        self._due = False
        self._asking = False
        self._fold: Group | None = None
        """The checkpoint that waits: nothing may join it."""
        self._logged = 0
        """Changes since the last one."""
        self._wrote = Owned(owner)
        """At most one flush is under way: its signal is used again."""
        self._began_us = 0
        self.had_us = 0
        self.arrivals = 0
        self._busy_us = 0
        self._waited_us = 0

    def join(self, item: object, times: tuple[int, int], at_us: int) -> tuple[Group, int]:
        """Put ``item`` into the next group and return the group and the item's place in it.

        ``times`` are the CPU (ns) of the item and the disk's time (us) of a group that it is the first of, ``at_us``
        is when it joins. Once the group has happened, the item's verdict is at its place of the group's value. Whoever
        goes away meanwhile leaves the item behind: it is written all the same.
        """
        self.arrivals += 1
        waiting = self._next
        group = waiting[-1] if waiting else None
        if group is None or group is self._fold or len(group.items) >= GROUP_MAX:
            group = Group(times[1])
            waiting.append(group)
        items = group.items
        place = len(items)
        items.append(item)
        group.cost_ns += times[0]
        group.joined_sum_us += at_us
        if not self._due:
            self._due = True
            self._loop.committers.append(self)
        return group, place

    # --- in the turn --------------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many changes wait for the next commit."""
        return sum(len(group.items) for group in self._next)

    def take_all(self, now_us: int) -> list[tuple[int, int, int]]:
        """Begin to commit what waits; return of each group its CPU (ns), its changes and the disk's time (us)."""
        self._due = False
        self._flushing = list(self._next)
        self._next.clear()
        self._began_us = now_us
        for group in self._flushing:
            self._waited_us += now_us * len(group.items) - group.joined_sum_us
        return [(group.cost_ns, len(group.items), group.flush_us) for group in self._flushing]

    def committed(self, _: Wakeup | None = None) -> None:
        """Write what was taken, and let whoever waits for it go on; beside the loop, begin with what came meanwhile."""
        groups, self._flushing = self._flushing, []
        self._busy_us += self._timeline.now_us - self._began_us
        for group in groups:
            self._logged += len(group.items)
            group.value = list(self._apply(group.items))
            callbacks, group.callbacks = group.callbacks, None  # pyright: ignore[reportAttributeAccessIssue] - as SimPy marks an event that has happened
            for callback in callbacks:
                callback(group)
        if self._logged >= CHECKPOINT_CHANGES and self._rhythm.checkpoint_ns:
            self._logged = 0
            if self.beside:
                self._next.appendleft(self._checkpoint())
            else:
                self._loop.post(self._wait_for_answers, None)
        if self._next and self.beside:
            self.begin()

    # --- the log ------------------------------------------------------------------------------------------------------

    def _wait_for_answers(self, _: None) -> None:
        """Fold the log back in the turn after this one, in which the answers are written."""
        self._loop.post(self._fold_log, None)

    def _fold_log(self, _: None) -> None:
        self._next.append(self._checkpoint())
        if not self._due:
            self._due = True
            self._loop.committers.append(self)

    def _checkpoint(self) -> Group:
        rhythm = self._rhythm
        self._fold = Group(rhythm.checkpoint_disk_us, rhythm.checkpoint_ns)
        return self._fold

    # --- beside -------------------------------------------------------------------------------------------------------

    def begin_at(self, at_us: int) -> None:
        """Begin when the turn ends, at ``at_us``."""
        timeline = self._timeline
        heappush(timeline.heap, (at_us, WORK, timeline.next_id(), Owned(self._owner, at_us, self.begin)))

    def begin(self, _: Wakeup | None = None) -> None:
        """Commit the first group that waits, unless a flush is under way: then it comes after that."""
        self._due = False
        if not self._next or self._flushing or self._asking:
            return
        cpu, now_us = self._cpu, self._timeline.now_us
        if cpu.waiting or cpu.starting or cpu.free_us[0] > now_us:
            self._asking = True
            cpu.ask(self)
        else:  # what ``ask`` comes to where nobody is before it
            cpu_us = self.run()
            cpu.least_us = had_us = max(self.had_us, cpu.least_us)
            self.had_us = had_us + cpu_us
            cpu.booked_us += cpu_us
            heapreplace(cpu.free_us, now_us + cpu_us)

    def run(self) -> int:
        """Commit a group on the core that was asked for; return the CPU it takes."""
        self._asking = False
        group = self._next.popleft()
        self._flushing = [group]
        timeline, wrote, changes = self._timeline, self._wrote, len(group.items)
        now_us = self._began_us = timeline.now_us
        self._waited_us += now_us * changes - group.joined_sum_us
        cpu_us = self._loop.group_ns(group.cost_ns, changes) // NS_PER_US
        written_us = now_us + cpu_us + group.flush_us
        wrote.callbacks = [self.committed]
        wrote.leaves_us = written_us
        heappush(timeline.heap, (written_us, WORK, timeline.next_id(), wrote))
        return cpu_us

    # --- what can befall it -------------------------------------------------------------------------------------------

    def stand_still(self) -> None:
        """Let others have the core that was asked for."""
        if self._asking:
            self._asking = False
            self._cpu.leave(self)

    def go_on(self) -> None:
        """Commit what had waited for a core."""
        if self.beside and not self._due:
            self.begin()

    def stop(self) -> None:
        """Lose what is not on disk, as a crash does."""
        self.stand_still()
        if self._flushing:
            self._busy_us += max(0, self._timeline.now_us - self._began_us)
        self._flushing = []
        self._next.clear()
        self._due = False
        self._logged = 0

    def tally(self) -> Tally:
        """Return what the writer has seen up to now; its queue is of commits that waited for a flush that has begun."""
        under_way_us = max(0, self._timeline.now_us - self._began_us) if self._flushing else 0
        return Tally(self._waited_us, self._busy_us + under_way_us, self.arrivals, 0)
