"""The fault injector of the real world: the scenario's faults and its planned stop, done to running processes.

Freezing and killing are signals, refusing, slowing and doors are an operator's commands. What is lost or late on a link
the fault proxy does by itself, and a lost commit the books; here they are only written down. Threads, because it lives
in the laboratory's process: it must never import gevent or Locust, and never leave a fault behind when it stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import assert_never

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import Side
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.server.errors import CommandError, StartError
from reference_impl.server.faults import RefuseCommand, SlowCommand
from reference_impl.server.supervisor import System
from scenarios.record.recorder import EventRow
from scenarios.schema import Cutover, Scenario
from scenarios.schema.faults import Delay, Fault, Freeze, Kill, Lose, LostCommit, Refuse, Slow

_INSIST_EVERY_S = 0.2
_STOP_LIMIT_S = 60.0
_US_PER_S = 1_000_000
_PLURAL = {"request": "requests", "reply": "replies"}
_FAILED = (OSError, CommandError, StartError)


class FaultInjector:
    """Does a scenario's faults on schedule. ``events`` are the rows of what was done, at the times it was done."""

    def __init__(self, scenario: Scenario, system: System, now_us: Callable[[], int]) -> None:
        """``now_us`` reads the run's clock."""
        self._system = system
        self._now_us = now_us
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._events: list[EventRow] = []
        self._failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._fault, args=(fault,), name=f"fault {fault.kind}", daemon=True)
            for fault in scenario.faults
        ]
        if scenario.cutover is not None:
            args = (scenario.cutover,)
            self._threads.append(threading.Thread(target=self._cutover, args=args, name="cutover", daemon=True))

    @property
    def events(self) -> tuple[EventRow, ...]:
        """What was done so far, in order."""
        with self._lock:
            return tuple(sorted(self._events, key=lambda row: row.at_us))

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be done or undone: the run is not the scenario's."""
        with self._lock:
            return tuple(self._failures)

    def start(self) -> None:
        """Begin to wait for the first fault."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Undo what is still on, do nothing more, and return when every thread has ended."""
        self._over.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_STOP_LIMIT_S)

    # --- faults ---

    def _fault(self, fault: Fault) -> None:
        system = self._system
        match fault:
            case Freeze():
                self._during(fault, lambda: system.freeze(fault.node), lambda: system.thaw(fault.node))
            case Kill():
                if self._during(fault, lambda: system.kill(fault.node), lambda: system.restart(fault.node)):
                    self._write(EventRow(self._now_us(), None, "restart", fault.node))
            case Refuse():
                on, off = RefuseCommand(fault.node, on=True), RefuseCommand(fault.node, on=False)
                self._during(fault, lambda: system.fault(on), lambda: system.fault(off))
            case Slow():
                on, off = SlowCommand(fault.node, fault.add), SlowCommand(fault.node, -fault.add)
                self._during(fault, lambda: system.fault(on), lambda: system.fault(off), note=f"+{fault.add} us")
            case Lose():
                self._planned(fault, ">".join(fault.link), f"{_PLURAL[fault.direction]}, {fault.share:.0%}")
            case Delay():
                self._planned(fault, ">".join(fault.link), f"+{fault.add} us")
            case LostCommit():
                self._planned(fault, fault.node, f"{' '.join(fault.codes)}, {fault.share:.0%}")
            case _:
                assert_never(fault)

    def _during(
        self,
        fault: Freeze | Kill | Refuse | Slow,
        do: Callable[[], None],
        undo: Callable[[], None],
        *,
        note: str = "",
    ) -> bool:
        """Do it at its time and undo it at its end, or when the injector stops; return whether it was done."""
        if not self._wait_until(fault.at) or not self._insist(do, until_us=fault.until):
            return False
        began_us = self._now_us()
        self._wait_until(fault.until)
        self._insist(undo, until_us=None)
        self._write(EventRow(began_us, self._now_us(), fault.kind, fault.node, note))
        return True

    def _planned(self, fault: Lose | Delay | LostCommit, target: str, note: str) -> None:
        if self._wait_until(fault.at):
            self._write(EventRow(fault.at, fault.until, fault.kind, target, note))

    # --- the planned stop ---

    def _cutover(self, stop: Cutover) -> None:
        for at_us, state, kind, until_us in phases(stop):
            if not self._wait_until(at_us):
                return
            for command in door_commands(stop, state):
                if not self._insist(
                    lambda command=command: self._system.door(doorkeeper(stop), command), until_us=None
                ):
                    return
            self._write(EventRow(self._now_us(), until_us, kind, stop.scope))

    # --- inside ---

    def _insist(self, act: Callable[[], None], *, until_us: int | None) -> bool:
        """Try again while the process cannot hear: it may be frozen or dead at this moment. Once over, try once."""
        while True:
            try:
                act()
            except _FAILED as error:
                late = until_us is not None and self._now_us() >= until_us
                if late or self._over.wait(_INSIST_EVERY_S):
                    self._fail(str(error))
                    return False
            else:
                return True

    def _wait_until(self, at_us: int) -> bool:
        """Wait; False when the injector is stopped first."""
        return not self._over.wait(max(0.0, (at_us - self._now_us()) / _US_PER_S))

    def _write(self, row: EventRow) -> None:
        with self._lock:
            self._events.append(row)

    def _fail(self, what: str) -> None:
        with self._lock:
            self._failures.append(what)


def phases(stop: Cutover) -> tuple[tuple[int, DoorState, str, int | None], ...]:
    """Return (at, state of the doors, name, end) of every phase that takes time, and of the end."""
    all_phases = (
        (stop.stop_at, DoorState.DRAINING, "stop_accept", stop.close_at),
        (stop.close_at, DoorState.CLOSED, "close", stop.reopen_at),
        (stop.reopen_at, DoorState.RAMP, "reopen", stop.full_at),
        (stop.full_at, DoorState.OPEN, "full", None),
    )
    return tuple(phase for phase in all_phases if phase[3] != phase[0])


def door_commands(stop: Cutover, state: DoorState) -> tuple[DoorCommand, ...]:
    """Return the commands of one phase. The hub has one door, which every message passes on its way to an insurer."""
    sides: dict[str, tuple[Side, ...]] = {
        "both": (Side.CARE, Side.INSURED),
        "care": (Side.CARE,),
        "insured": (Side.INSURED,),
    }
    closing = (Side.CARE,) if stop.scope == HUB else sides[stop.side]
    return tuple(
        DoorCommand(scope=stop.scope, side=side, state=state, reopens_us=stop.reopen_at, full_us=stop.full_at)
        for side in closing
    )


def doorkeeper(stop: Cutover) -> str:
    """Return the node that keeps the doors of the scope: a city's doors are its province's."""
    return HUB if stop.scope == HUB else stop.scope[:2]
