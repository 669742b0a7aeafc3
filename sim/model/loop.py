"""A process's event loop, which serves in turns: whoever wakes takes all that is ready, decides it, commits once.

What arrives meanwhile waits for the next turn (gated batch service), so work gets cheaper with load by itself. Before
it commits in the turn, the loop looks for more, and takes one more turn as long as the last look brought more to
commit. A turn holds a core for its own cost and that of its pieces; what they send leaves together when it ends, as
uvloop writes to its sockets. A process that has slept is cold for the turn and its first piece; those that follow find
it warm. What was decided to be committed is one group: in the turn the loop then stands still until it is on disk,
beside it a writer commits while the loop goes on. This module must never look into what its pieces do.
"""

from __future__ import annotations

import types
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, Any, Final, Protocol

from reference_impl.books.sqlite.writer import GATHERED_MAX
from sim.engine.driver import SimClock
from sim.engine.timeline import GOING_ON, TIMER, WORK, Owned, Timeline, Wakeup
from sim.model.service_times import COOLING_STEPS, WARM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sim.model.crowd import Crowd
    from sim.model.service_times import Rhythm
    from sim.model.stations import Cpu

    Piece = tuple[Callable[[Any], None], Any]

WARM_BITS: Final = 10
"""Factors are in 1,024ths."""
NS_PER_US: Final = 1000
COLD_SINCE_US: Final = -(1 << 60)


class Committer(Protocol):
    """The writer of a node's books, when a turn of its loop ends."""

    beside: bool
    """Whether it commits while the loop goes on."""

    @property
    def waiting(self) -> int:
        """How many changes wait for it."""
        ...

    def begin_at(self, ended_us: int, /) -> None:
        """Commit what waits, beside the loop, when the turn ends."""
        ...

    def take_all(self, now_us: int) -> list[tuple[int, int, int]]:
        """Begin to commit what waits, in the turn; return each group's CPU (ns), changes and disk time (us)."""
        ...

    def committed(self) -> None:
        """Hear that all that was taken is on disk."""
        ...


class Leaver(Protocol):
    """What a piece sends."""

    def leave(self, left_us: int) -> None:
        """Go on its way: the turn ends at ``left_us``."""
        ...


class Loop:
    """The loop of a process of one core, or as many loops as it has cores, which share what comes in evenly.

    ``owner`` is the host that can be stopped while a turn is under way (``Timeline.withdraw_events``).
    """

    __slots__ = (
        "_asking",
        "_chill",
        "_cooling_us",
        "_cpu",
        "_factors",
        "_free_us",
        "_gathered",
        "_held",
        "_ran_us",
        "_rhythm",
        "_steady",
        "_sums",
        "_timeline",
        "_turn_ns",
        "began_us",
        "committers",
        "had_us",
        "inbox",
        "leaving",
        "loops",
        "owner",
        "rate",
        "spent_ns",
        "turning",
        "turns",
    )

    def __init__(self, timeline: Timeline, cpu: Cpu, rhythm: Rhythm, owner: object, *, loops: int = 1) -> None:
        """Start with nothing to do, and cold."""
        self._timeline = timeline
        self._cpu = cpu
        self._sums = cpu.sums
        self._rhythm = rhythm
        self._chill = rhythm.chill()
        self._cooling_us = rhythm.cooling_us
        self._turn_ns = rhythm.turn_ns
        self._steady = True
        """Whether CPU costs the same at any time, but for coldness."""
        self.hear_of_speed()
        self.owner = owner
        self.loops = loops
        """How many loops of one core each take their turns here."""
        self.had_us = 0
        self._free_us = [0] * loops  # a heap
        self._ran_us = COLD_SINCE_US
        self.began_us = 0
        self._factors = WARM, WARM
        """What CPU costs on these cores in the turn under way, or the last one, cold and warm: 1,024ths."""
        self.rate = WARM
        """The one of both that holds for the piece under way."""
        self.spent_ns = 0
        self._gathered = 0
        """How many changes waited to be committed in the turn when the loop last went to look for more."""
        self.turning = False
        self._asking = False
        self._held = False
        """Whether what comes in now is looked at later: a turn is under way, or its end or a core is waited for."""
        self.inbox: list[Piece] = []
        self.leaving: list[Leaver] = []
        """What the pieces of the turn under way send."""
        self.committers: list[Committer] = []
        """Who has something to commit when the turn under way ends."""
        self.turns = 0

    # --- pieces -------------------------------------------------------------------------------------------------------

    def hear_of_speed(self) -> None:
        """Take in that its cores are faster or slower from now on."""
        self._steady = not self._rhythm.pace and self._cpu.stretch == 1

    def post(self, action: Callable[[Any], None], event: Any) -> None:
        """Call ``action`` with ``event`` in the next turn: now, where loop and core are free.

        Then the turn is of this piece alone, and nothing has waited: what ``Cpu.ask`` and ``run`` come to is written
        out, for in a calm hour nearly every turn is such a one, several times a message.
        """
        now_us, cpu = self._timeline.now_us, self._cpu
        if self._held or self._free_us[0] > now_us or cpu.free_us[0] > now_us or cpu.starting or cpu.waiting:
            self._line_up(action, event, now_us)
            return
        self._sums.arrivals += 1
        self._held = self.turning = cpu.starting = True
        self._begin(now_us)
        action(event)
        self.rate = self._factors[1]
        self._ran_us = ended_us = self._ended()
        self.turning = cpu.starting = False
        cpu.least_us = had_us = max(self.had_us, cpu.least_us)
        self.had_us = had_us + ended_us - now_us
        cpu.booked_us += ended_us - now_us
        heapreplace(cpu.free_us, ended_us)
        if cpu.waiting:
            cpu.serve()

    def spend(self, cost_ns: int) -> int:
        """Spend CPU in the turn under way; return when it is spent (us)."""
        self.spent_ns += cost_ns * self.rate >> WARM_BITS
        return self.began_us + self.spent_ns // NS_PER_US

    def group_ns(self, changes_ns: int, changes: int) -> int:
        """Return the CPU of a group of so many changes after the turn; what is cold of it is what one change takes.

        A group of none is a checkpoint, so long that it does not matter how cold it begins.
        """
        cold, warm = self._factors
        if not changes:
            return changes_ns * warm >> WARM_BITS
        first_ns = changes_ns // changes
        return ((self._rhythm.group_ns + first_ns) * cold + (changes_ns - first_ns) * warm) >> WARM_BITS

    def _line_up(self, action: Callable[[Any], None], event: Any, now_us: int) -> None:
        """Let a piece wait for the next turn."""
        self.inbox.append((action, event))
        sums = self._sums
        sums.waiting += 1
        sums.waited_sum -= now_us
        if not self._held:
            self._seek()

    def _seek(self) -> None:
        """See to it that what waits has a turn: now, when a loop is free, or when the core is."""
        self._held = True
        free_us = self._free_us[0]
        if free_us <= self._timeline.now_us:
            self._asking = True
            self._cpu.ask(self)
        else:
            self._at(free_us, self._freed)

    def _freed(self, _: Wakeup) -> None:
        self._held = False
        if self.inbox:
            self._seek()

    # --- turns --------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Take a turn on the core that was asked for; return the CPU it takes."""
        self._asking = False
        if self._gathered and not self.inbox:
            return self._commit_gathered()
        pieces = self._taken()
        self.turning = True
        for action, event in pieces:
            action(event)
            self.rate = self._factors[1]
        self._ran_us = ended_us = self._ended()
        self.turning = False
        return ended_us - self.began_us

    def _taken(self) -> list[Piece]:
        """Return the pieces of a turn that begins now: all that are ready, or this loop's even share of them."""
        pieces = self.inbox
        if self.loops == 1:
            self.inbox = []
        else:
            share = -(-len(pieces) // self.loops)
            pieces, self.inbox = pieces[:share], pieces[share:]
        now_us = self._timeline.now_us
        sums, count = self._sums, len(pieces)
        sums.waiting -= count
        sums.waited_sum += now_us * count
        sums.arrivals += count
        self._begin(now_us)
        return pieces

    def _begin(self, now_us: int) -> None:
        """Begin a turn: what CPU costs in it follows from how long the process has slept, and from the pace."""
        chill = self._chill
        step = (now_us - self._ran_us) * COOLING_STEPS // self._cooling_us
        cold, warm = chill[-1], WARM
        if step < len(chill):  # below 0 another loop of the process runs at this moment
            cold = chill[step] if step > 0 else WARM
        if not self._steady:
            cold, warm = self._paced(cold, now_us)
        self._factors = cold, warm
        self.rate = cold
        self.began_us = now_us
        self.spent_ns = self._turn_ns * cold >> WARM_BITS
        self.turns += 1

    def _paced(self, cold: int, now_us: int) -> tuple[int, int]:
        """Return what CPU costs, cold and warm, at the pace of this second and on cores of this speed."""
        warm, stretch = self._rhythm.pace_at(now_us), self._cpu.stretch
        if warm != WARM:
            cold = cold * warm >> WARM_BITS
        if stretch != 1:
            cold, warm = round(cold * stretch), round(warm * stretch)
        return cold, warm

    def _ended(self) -> int:
        """Let what was sent leave and what was decided be committed; return when the turn's CPU ends."""
        ended_us = self.began_us + self.spent_ns // NS_PER_US
        leaving = self.leaving
        if leaving:
            for one in leaving:
                one.leave(ended_us)
            leaving.clear()
        committers = self.committers
        if committers and not committers[0].beside:
            if not self._looks_for_more(committers[0].waiting, ended_us):
                return self._commit_in_turn()
            self._at(ended_us, self._look, GOING_ON)
            return ended_us
        if committers:
            for committer in committers:
                committer.begin_at(ended_us)
            committers.clear()
        heapreplace(self._free_us, ended_us)  # nothing need happen then, unless something waits for it
        self._held = False
        if self.inbox:
            self._seek()
        return ended_us

    def _looks_for_more(self, waiting: int, ended_us: int) -> bool:
        """Return whether the loop looks for more before it commits: the last look brought more, and more may come."""
        heap = self._timeline.heap
        comes = self.inbox or (heap and heap[0][0] <= ended_us)
        if comes and self._gathered < waiting < GATHERED_MAX:
            self._gathered = waiting
            return True
        return False

    def _look(self, _: Wakeup) -> None:
        """Go on where the turn ended: with what came in meanwhile, or with the commit."""
        self._asking = True
        self._cpu.ask_on(self)

    def _commit_gathered(self) -> int:
        now_us = self.began_us = self._timeline.now_us
        self.spent_ns = 0
        self.turning = True
        self._ran_us = ended_us = self._commit_in_turn()
        self.turning = False
        return ended_us - now_us

    def _commit_in_turn(self) -> int:
        [committer], self.committers, self._gathered = self.committers, [], 0
        disk_us = 0
        for cost_ns, changes, flush_us in committer.take_all(self.spend(0)):
            self.spent_ns += self.group_ns(cost_ns, changes)
            disk_us += flush_us
        ended_us = self.spend(0)

        def on_disk(written: Wakeup) -> None:
            arrived, self.inbox = self.inbox, []
            committer.committed()
            self.inbox += arrived  # what was committed goes on first
            self._freed(written)

        self._free_us[0] = ended_us + disk_us
        self._at(ended_us + disk_us, on_disk)  # held until then
        return ended_us

    def _at(self, at_us: int, action: Callable[[Wakeup], None], order: int = WORK) -> None:
        timeline = self._timeline
        heappush(timeline.heap, (at_us, order, timeline.next_id(), Owned(self.owner, at_us, action)))

    # --- what can befall a process ------------------------------------------------------------------------------------

    def stand_still(self) -> None:
        """Let others have the core that was asked for."""
        if self._asking:
            self._asking = self._held = False
            self._cpu.leave(self)

    def go_on(self, since_us: int, shift_us: int) -> None:
        """Go on after standing still from ``since_us`` for ``shift_us``."""
        self._free_us = [free_us + shift_us if free_us > since_us else free_us for free_us in self._free_us]
        if (self.inbox or self._gathered) and not self._held:
            self._seek()

    def forget(self) -> list[Piece]:
        """Lose all that is ready and all that is under way, as a crash does; return what was ready."""
        self.stand_still()
        lost, self.inbox = self.inbox, []
        now_us, sums = self._timeline.now_us, self._sums
        sums.waiting -= len(lost)
        sums.waited_sum += now_us * len(lost)
        self._held = False  # the process is the owner of what would have ended it, and it is withdrawn
        self.committers, self._gathered = [], 0
        self._free_us = [min(free_us, now_us) for free_us in self._free_us]
        self._ran_us = COLD_SINCE_US
        return lost


class CrowdedLoop(Loop):
    """A loop that also serves a crowd without journeys: what comes waits for what of it is before, and is before it."""

    __slots__ = ("_crowd",)

    def __init__(
        self, timeline: Timeline, cpu: Cpu, rhythm: Rhythm, owner: object, crowd: Crowd, *, loops: int = 1
    ) -> None:
        """Start with nothing to do, and cold."""
        super().__init__(timeline, cpu, rhythm, owner, loops=loops)
        self._crowd = crowd

    def post(self, action: Callable[[Any], None], event: Any) -> None:
        """Call ``action`` with ``event`` in the next turn, after those of the crowd that came before."""
        if not self._held:
            now_us = self._timeline.now_us
            wait_us = self._crowd.wait_us(now_us)
            if wait_us:  # with one bound for all, the heap stays one
                self._free_us = [max(free_us, now_us + wait_us) for free_us in self._free_us]
        super().post(action, event)

    def _begin(self, now_us: int) -> None:
        wanted = self._crowd.wanted
        self._ran_us = max(self._ran_us, now_us - wanted.gap_us)  # the crowd keeps it warm, and shares its turns
        self._turn_ns = int(self._rhythm.turn_ns / wanted.together)
        super()._begin(now_us)

    def _ended(self) -> int:
        ended_us = super()._ended()
        self._crowd.add(ended_us - self.began_us)
        return ended_us

    def _commit_gathered(self) -> int:
        cpu_us = super()._commit_gathered()
        self._crowd.add(cpu_us)
        return cpu_us

    def stand_still(self) -> None:
        """Let others have the core that was asked for, and the crowd pile up."""
        super().stand_still()
        self._crowd.stand_still(self._timeline.now_us)

    def go_on(self, since_us: int, shift_us: int) -> None:
        """Go on after standing still from ``since_us`` for ``shift_us``."""
        self._crowd.go_on(self._timeline.now_us)
        super().go_on(since_us, shift_us)

    def forget(self) -> list[Piece]:
        """Lose all that is ready and all that is under way, the crowd's too, as a crash does; return what was ready."""
        lost = super().forget()
        self._crowd.leave(self._timeline.now_us)
        return lost


class LoopClock(SimClock):
    """The protocol's ``Clock`` in a process: pieces of one turn come one after another."""

    __slots__ = ("_loop",)

    def __init__(self, timeline: Timeline, loop: Loop) -> None:
        """Read the time as the pieces of ``loop`` do."""
        super().__init__(timeline)
        self._loop = loop

    def now_us(self) -> int:
        """Return microseconds since the start of the run."""
        loop = self._loop
        if loop.turning:
            return loop.began_us + loop.spent_ns // NS_PER_US
        return self._timeline.now_us

    @types.coroutine
    def sleep_us(self, duration_us: int) -> Generator[Wakeup, None, None]:
        """Wait for ``duration_us`` from the piece's place in its turn; zero or less returns at once."""
        if duration_us > 0:
            now_us = self.now_us()
            signal = Owned(self._loop.owner, now_us)
            self._timeline.at(now_us + duration_us, TIMER, signal)
            yield signal
