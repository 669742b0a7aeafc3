"""All steps of a real move of a node's books, phase by phase, as a scenario's plan has them: the operator of a run.

Each phase does what those before it have left undone, so a phase of no length is no gap. A step whose process does not
hear is tried again by whoever asked; the node's own journal says how far it is. What fails its verification is taken
back before the doors open: the old books serve, and the run is told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from reference_impl.books.journal import ENDED, Stage
from reference_impl.books.stated import Stated, Told
from reference_impl.domain.nodes import HUB
from reference_impl.protocol.door import DoorCommand, DoorState
from reference_impl.server.errors import CommandError
from reference_impl.server.move_steps import MoveAction
from scenarios.schema.cutover import Phase

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from reference_impl.server.supervisor import System
    from reference_impl.staging.acts import WorkOnBooks

__all__ = ["DRAIN_LIMIT_S", "LONGER_US", "Worked", "put_off", "work_on_books"]

DRAIN_LIMIT_S = 5.0
"""How long messages in work may hold up the freezing: longer than any node waits for the next one in a run."""
LONGER_US = 1_000_000
"""By how much the doors tell a later hour while rows are still being moved, on the run's clock."""
_POLL_S = 0.05
_SHOWN = 5
_OVER = frozenset({"", *ENDED})


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of a phase of a move, in words for its row; ``failure`` says why it was not as planned."""

    note: str = ""
    failure: str = ""


def work_on_books(system: System, work: WorkOnBooks, now_us: Callable[[], int], over: Event) -> Worked:
    """Do a phase of the move of a node's books and return what came of it, at the latest when the run is ``over``.

    ``now_us`` reads the run's clock. It raises what ``System.move`` raises when the node refuses a step or cannot hear.
    """
    return _NodeMove(system, work, now_us, over).do()


class _NodeMove:
    """One phase at one node."""

    def __init__(self, system: System, work: WorkOnBooks, now_us: Callable[[], int], over: Event) -> None:
        self._system = system
        self._work = work
        self._now_us = now_us
        self._over = over

    def do(self) -> Worked:
        match self._work.phase:
            case Phase.STOP_ACCEPT:
                if self._work.how.copy_first:
                    self._step(MoveAction.COPY)
                return Worked()
            case Phase.FREEZE:
                return Worked(self._frozen())
            case Phase.MIGRATE:
                return Worked(self._migrated())
            case Phase.VERIFY:
                return self._verified()
            case Phase.ROLL_BACK:
                return Worked(self._rolled_back())
            case _:
                return self._reopened()

    @property
    def _stage(self) -> str:
        return self._system.move_status(self._work.node)["stage"]

    def _step(self, action: MoveAction, told: Told | None = None) -> Any:
        return self._system.move(self._work.node, action, self._work.how.rows_per_s, told)

    def _frozen(self) -> str:
        """Let the messages in work come to their end, as far as they do in time, and freeze the books."""
        if self._stage not in {*_OVER, Stage.COPYING, Stage.COPIED}:
            return ""
        deadline_s = time.monotonic() + DRAIN_LIMIT_S
        while _in_work(under_way := self._system.in_flight(self._work.node)) and time.monotonic() < deadline_s:
            if self._over.wait(_POLL_S):
                break
        self._step(MoveAction.FREEZE)
        return f"in work {_in_work(under_way)}, outcome open {under_way['open']}"

    def _migrated(self) -> str:
        """Move what is left and wait until that is done, or the plan gives it up."""
        self._frozen()
        if self._stage == Stage.FROZEN:
            self._step(MoveAction.MIGRATE)
        give_up_us = self._work.give_up_us
        while (status := self._system.move_status(self._work.node))["stage"] == Stage.MIGRATING:
            if give_up_us is not None and self._now_us() >= give_up_us:
                break
            if status["trouble"]:
                self._step(MoveAction.MIGRATE)
            self._say_longer()
            if self._over.wait(_POLL_S):
                break
        return _moved(status)

    def _say_longer(self) -> None:
        """Have the doors tell a later hour once the one they tell has come: nobody is called back for nothing."""
        now_us = self._now_us()
        for command in self._system.doors(self._work.node):
            if command.state is DoorState.CLOSED and command.reopens_us <= now_us:
                later_us = now_us + LONGER_US - command.reopens_us
                self._system.door(self._work.node, put_off(command, later_us))

    def _verified(self) -> Worked:
        """Hold the new books against the old ones and the neighbours' account, unless that failed before.

        What fails is moved anew, as often as the plan says: whoever keeps the rows mends them meanwhile.
        """
        status, heard = self._held_against()
        before = ""
        for _ in range(1, self._work.how.tries):
            if status["stage"] != Stage.FAILED or self._over.is_set():
                break
            before += f"{self._failed(status).note}; moved again: "
            self._step(MoveAction.MIGRATE)
            status, heard = self._held_against()
        if status["stage"] == Stage.VERIFIED:
            rows = f"verified: {sum(status['rows'].values())} rows in {len(status['rows'])} tables"
            return Worked(before + (f"{rows}, {heard}" if heard else rows))
        if status["stage"] != Stage.FAILED:
            return Worked("not verified")  # the run was over before the rows were moved
        return self._failed(status)

    def _held_against(self) -> tuple[Any, str]:
        """Verify once, when the rows are moved; return how far the move is, and how many settlements were heard of."""
        self._migrated()
        heard = ""
        if self._stage == Stage.MIGRATED:
            told, heard = self._neighbours()
            self._step(MoveAction.VERIFY, told)
        return self._system.move_status(self._work.node), heard

    def _failed(self, status: Any) -> Worked:
        wrong = "; ".join(status["wrong"][:_SHOWN]) or status["trouble"]
        what = f"the move of node {self._work.node} failed its verification and was taken back: {wrong}"
        return Worked(f"verification failed: {wrong}", what)

    def _neighbours(self) -> tuple[Told, str]:
        """Return the account of those that the node has answered, held against the new books; and in words."""
        node, heard, silent = self._work.node, set[Stated](), list[str]()
        for asker in self._system.config.services if node == HUB else (HUB,):
            if asker == node:
                continue
            try:
                heard.update(self._system.settlements(asker, node))
            except (OSError, CommandError):  # dead at this moment: its account is heard at the end of the run
                silent.append(asker)
        unheard = f", {' '.join(silent)} not heard" if silent else ""
        told = Told.of(heard, self._system.settlements(node))
        return told, f"{told.settlements} settlements as the neighbours were told{unheard}"

    def _rolled_back(self) -> str:
        if self._stage in _OVER:
            return ""
        self._step(MoveAction.ROLL_BACK)
        return "the old books serve"

    def _reopened(self) -> Worked:
        """Let the books take writes again: the new ones if they were verified, else the old ones."""
        if self._stage in _OVER:
            return Worked()
        if self._stage == Stage.SWITCHED:
            self._step(MoveAction.REOPEN)
            return Worked()
        if self._stage == Stage.FAILED:  # told when it was found
            self._step(MoveAction.ROLL_BACK)
            return Worked()
        found = Worked() if self._stage == Stage.VERIFIED else self._verified()
        if found.failure:
            self._step(MoveAction.ROLL_BACK)
            return found
        status = self._step(MoveAction.SWITCH)
        if status["stage"] == Stage.FAILED:  # changed since they were verified
            self._step(MoveAction.ROLL_BACK)
            return self._failed(status)
        self._step(MoveAction.REOPEN)
        return Worked()


def put_off(command: DoorCommand, by_us: int) -> DoorCommand:
    """Return what a door is told when everything comes so much later than it was to."""
    return msgspec.structs.replace(
        command,
        reopens_us=command.reopens_us + by_us,
        full_us=command.full_us + by_us,
        steps=tuple(step._replace(at_us=step.at_us + by_us) for step in command.steps),
        unmended=None if command.unmended is None else command.unmended.later(by_us),
    )


def _in_work(under_way: Any) -> int:
    return under_way["in_service"] + under_way["queued"] + under_way["writing"]


def _moved(status: Any) -> str:
    """Return in words how many rows of each kind were moved, and which were refused."""
    kinds = [f"{table} {count}" for table, count in status["moved"].items() if count]
    words = f"rows moved: {sum(status['moved'].values())}" + (f" ({' '.join(kinds)})" if kinds else "")
    refused = [f"{table} {count}" for table, count in status["refused_rows"].items()]
    shown = [f"{one['table']} {one['key']}" for one in status["refused"][:_SHOWN]]
    return words + (f", refused: {' '.join(refused)} ({'; '.join(shown)})" if refused else ", refused: 0")
