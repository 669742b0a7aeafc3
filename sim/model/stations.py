"""Stations: places where work waits its turn, first come first served.

Lean: a station is a counter and a deque, and an event is made only for work that must wait, or for the end of a
service whose time is known. What a station measures is kept as sums that are exact at any instant: instead of adding
``level * elapsed`` at each change, a start subtracts its time and an end adds its own, and the integral up to ``now``
is the sum plus ``level * now``. Whoever waits may go away (a crash, a patient who leaves) and no server is lost.
"""

from __future__ import annotations

import types
from collections import deque
from heapq import heapreplace
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sim.engine.timeline import WORK, Timeline, Wakeup

if TYPE_CHECKING:
    from collections.abc import Generator

    from sim.model.crowd import Crowd


class Tally(NamedTuple):
    """What a station has seen up to now; a difference of two is what it saw in between."""

    waited_us: int
    """Sum over all work of the time it spent waiting: the integral of the queue's length."""
    busy_us: int
    """Sum over all servers of the time they were busy."""
    arrivals: int
    refused: int


class Sums:
    """What servers of one kind have seen, kept together: all the desks of a province are one line in the record."""

    __slots__ = ("arrivals", "busy", "busy_sum", "refused", "waited_sum", "waiting")

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.waiting = 0
        self.busy = 0
        self.waited_sum = 0
        self.busy_sum = 0
        self.arrivals = 0
        self.refused = 0

    def tally(self, now_us: int) -> Tally:
        """Return what has been seen up to now."""
        return Tally(
            self.waited_sum + now_us * self.waiting,
            self.busy_sum + now_us * self.busy,
            self.arrivals,
            self.refused,
        )


class Servers:
    """Some servers and one queue: the workers of a node, or anything else that is seized and released."""

    __slots__ = ("_timeline", "free", "servers", "sums", "waiting")

    def __init__(self, timeline: Timeline, servers: int, sums: Sums | None = None) -> None:
        """Start with all of ``servers`` free; ``arrivals`` and ``refused`` of ``sums`` are for the owner to count."""
        if servers < 1:
            raise ValueError(f"a station needs at least one server (got {servers})")
        self._timeline = timeline
        self.servers = servers
        self.free = servers
        self.waiting: deque[Wakeup] = deque()
        self.sums = Sums() if sums is None else sums

    def take(self) -> bool:
        """Take a server if one is free."""
        if not self.free:
            return False
        self.free -= 1
        sums = self.sums
        sums.busy += 1
        sums.busy_sum -= self._timeline.now_us
        return True

    def enqueue(self, turn: Wakeup) -> None:
        """Let ``turn`` happen when a server is free; it then has that server and its value is True."""
        sums = self.sums
        sums.waiting += 1
        sums.waited_sum -= self._timeline.now_us
        self.waiting.append(turn)

    @types.coroutine
    def seize(self) -> Generator[Wakeup, Any, None]:
        """Take a server, waiting for it if need be. Where many find one free, ``take`` first: it suspends nothing."""
        if not self.take():
            yield from self.line_up()

    def line_up(self) -> Generator[Wakeup, Any, None]:
        """Wait for a server and take it."""
        turn = Wakeup()
        self.enqueue(turn)
        try:
            yield turn
        except BaseException:
            # Cancelled in the queue: step out, or hand on the server just won.
            if turn.value:
                self.release()
            else:
                self.step_out(turn)
            raise

    def step_out(self, turn: Wakeup) -> None:
        """Leave the queue without having been served."""
        self.waiting.remove(turn)
        self._no_longer_waiting(1)

    def release(self) -> None:
        """Give the server to the next in the queue."""
        if self.waiting:
            turn = self.waiting.popleft()
            turn.value = True
            self._no_longer_waiting(1)
            self._timeline.at(self._timeline.now_us, WORK, turn)
        else:
            self.free += 1
            if self.free > self.servers:
                raise AssertionError("a server was released that nobody had seized")
            sums = self.sums
            sums.busy -= 1
            sums.busy_sum += self._timeline.now_us

    def dismiss(self) -> None:
        """Send away everybody who waits; they are not told."""
        self._no_longer_waiting(len(self.waiting))
        self.waiting.clear()

    def reset(self) -> None:
        """Forget who waits and who is served, as a crash does."""
        self.dismiss()
        served = self.servers - self.free
        self.sums.busy -= served
        self.sums.busy_sum += self._timeline.now_us * served
        self.free = self.servers

    def tally(self) -> Tally:
        """Return what the station has seen up to now."""
        return self.sums.tally(self._timeline.now_us)

    def _no_longer_waiting(self, number: int) -> None:
        sums = self.sums
        sums.waiting -= number
        sums.waited_sum += self._timeline.now_us * number


class Runner(Protocol):
    """Somebody who wants a core: the loop of a process, or the writer beside it."""

    had_us: int
    """What it has had of the cores, as those count it that are shared fairly."""

    def run(self) -> int:
        """Begin now, and return for how long the core is taken (us)."""
        ...


class Cpu:
    """The cores of a host, or of a machine: never interrupted; they say what they need when they begin.

    On a host's own cores who asks first runs first. Processes that share a machine's are served fairly, as Linux does
    it (EEVDF): who has had least goes first, so that a busy process waits for all the others, and who has slept is no
    further behind than whoever goes first at that moment. ``lost_share`` is what nobody of them gets: a server looks
    at its clock now and then, and other programs run. [why](docs/why/a-fair-core.md)

    A host of ``2.5`` cores is three cores at five sixths of the speed; one of ``0.02`` (a scenario whose capacity is
    scaled with its volume) is one slow core: ``stretch`` is how much longer anything takes on it. What waits for a
    turn of a loop on these cores is counted in ``sums``, whether the loop or the core is busy.
    """

    __slots__ = (
        "_paused_us",
        "_timeline",
        "_undisturbed",
        "_wakeup",
        "booked_us",
        "cores",
        "fair",
        "free_us",
        "least_us",
        "starting",
        "stretch",
        "sums",
        "waiting",
    )

    def __init__(self, timeline: Timeline, cores: float, *, fair: bool = False, lost_share: float = 0.0) -> None:
        """Start idle."""
        if not cores > 0:
            raise ValueError(f"a host needs some CPU (got {cores!r} cores)")
        self._timeline = timeline
        self.cores = ceil(cores)
        self.stretch = self._undisturbed = self.cores / cores / (1.0 - lost_share)
        self.fair = fair
        self.least_us = 0
        """What the one had had when it began that went first last, whether it had waited or not."""
        self.sums = Sums()
        self.free_us = [0] * self.cores
        """When each core is free; a heap."""
        self.waiting: deque[Runner] = deque()
        self.starting = False
        """Whether somebody begins at this moment, who says only then what is needed."""
        self._wakeup: Wakeup | None = None
        self.booked_us = 0
        """What all cores have been taken for until now, and are already beyond it."""
        self._paused_us: int | None = None

    def take_away(self, share: float) -> None:
        """Leave whoever begins from now on without a share of each core; 0 gives all of it back.

        The share is taken in slices shorter than a turn, so that everything takes longer by as much.
        """
        self.stretch = self._undisturbed / (1.0 - share)

    def ask(self, runner: Runner) -> None:
        """Let ``runner`` run as soon as a core is free for it."""
        if self.fair and runner.had_us < self.least_us:
            runner.had_us = self.least_us
        if self.starting:
            self.waiting.append(runner)
        elif self.waiting or self.free_us[0] > self._timeline.now_us:
            self.waiting.append(runner)
            self.serve()
        else:  # nobody is before it, and a core is free: ``_start`` written out, for this happens at every turn
            if self.fair:
                self.least_us = runner.had_us
            self.starting = True
            cpu_us = runner.run()
            self.starting = False
            runner.had_us += cpu_us
            self.booked_us += cpu_us
            heapreplace(self.free_us, self._timeline.now_us + cpu_us)
            if self.waiting:
                self.serve()

    def ask_on(self, runner: Runner) -> None:
        """Let ``runner``, whose time on a core ends at this instant, go on before anybody who waits."""
        if self.free_us[0] <= self._timeline.now_us:
            self._start(runner)
        else:
            self.waiting.appendleft(runner)
        self.serve()

    def leave(self, runner: Runner) -> None:
        """Let ``runner`` wait no longer."""
        self.waiting.remove(runner)

    def stop(self) -> None:
        """Drop everything booked, as a crash does."""
        now_us = self._clock_us()
        self.booked_us = self._worked_us()
        self.free_us = [min(free_us, now_us) for free_us in self.free_us]
        self._paused_us = None

    def pause(self) -> None:
        """Stop working; what is booked stays booked."""
        self._paused_us = self._timeline.now_us

    def go_on(self) -> int:
        """Work again; return by how much everything still to do has moved."""
        since_us, self._paused_us = self._paused_us, None
        if since_us is None:
            return 0
        shift_us = self._timeline.now_us - since_us
        self.free_us = [free_us + shift_us if free_us > since_us else free_us for free_us in self.free_us]
        return shift_us

    def tally(self) -> Tally:
        """Return what the cores and the loops on them have seen up to now; a paused host's work stands still."""
        sums = self.sums
        waited_us = sums.waited_sum + self._timeline.now_us * sums.waiting
        return Tally(waited_us, self._worked_us(), sums.arrivals, sums.refused)

    def _worked_us(self) -> int:
        """Return how much of what the cores were taken for is done."""
        now_us, ahead_us = self._clock_us(), 0
        for free_us in self.free_us:
            if free_us > now_us:
                ahead_us += free_us - now_us
        return self.booked_us - ahead_us

    def _start(self, runner: Runner) -> None:
        """Let ``runner`` run on the core that is free first."""
        self.starting = True
        cpu_us = runner.run()
        self.starting = False
        runner.had_us += cpu_us
        self.booked_us += cpu_us
        heapreplace(self.free_us, self._timeline.now_us + cpu_us)

    def _next(self) -> Runner:
        """Take whose turn it is out of the queue; of those who have had equally little, who asked first."""
        waiting = self.waiting
        if not self.fair:
            return waiting.popleft()
        chosen = min(waiting, key=_had_us)
        waiting.remove(chosen)
        self.least_us = max(self.least_us, chosen.had_us)
        return chosen

    def serve(self) -> None:
        """Let whoever waits run on the cores that are free now, and see to the others when the next one is."""
        waiting, free_us, now_us = self.waiting, self.free_us, self._timeline.now_us
        while waiting and free_us[0] <= now_us:
            self._start(self._next())
        if waiting and self._wakeup is None:
            self._wakeup = wakeup = Wakeup()
            wakeup.callbacks.append(self._wake)
            self._timeline.at(free_us[0], WORK, wakeup)

    def _wake(self, _: Wakeup) -> None:
        self._wakeup = None
        self.serve()

    def _clock_us(self) -> int:
        return self._timeline.now_us if self._paused_us is None else self._paused_us


class CrowdedCpu(Cpu):
    """Cores that a crowd without journeys uses too: it counts in what they have been busy for."""

    __slots__ = ("crowd",)

    def __init__(self, timeline: Timeline, cores: float, crowd: Crowd) -> None:
        """Start idle."""
        super().__init__(timeline, cores)
        self.crowd = crowd

    def tally(self) -> Tally:
        """Return what the cores and the loops on them have seen up to now, the crowd's use among it.

        What the loops did the crowd knows; a writer beside them asks for a core without it.
        """
        busy_us = self.crowd.busy_us(self._timeline.now_us) + max(0, self.booked_us - int(self.crowd.added_us))
        return super().tally()._replace(busy_us=busy_us)


def _had_us(runner: Runner) -> int:
    return runner.had_us
