"""What a worker does at its master's word: plan, take its share, live it, and hand its record over.

The run is that of one process (``run``), on the institutions that are dealt to it. Its record goes to the master in
pieces over Locust's messages, each when the one before has arrived, so that it works from any machine and heartbeats
come between. It must never start or judge anything: the master's laboratory does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
from gevent.event import Event

from loadtest.descriptors import journeys_max, raise_limit
from loadtest.hospitals import Roster, kind_of
from loadtest.inputs import Inputs, SystemFile
from loadtest.run import LoadRun, Options
from loadtest.shares import share_of
from loadtest.words import (
    AskedClock,
    Begin,
    ClockRead,
    Done,
    End,
    Failed,
    Inflight,
    Part,
    Prepare,
    Prepared,
    Progress,
    Ready,
    Taken,
    Word,
)
from reference_impl.domain.failures import FailedRunError, YidiError
from reference_impl.domain.nodes import HUB
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import restore_scenario
from scenarios.record.recorder import TABLES, GeneratorRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment
    from locust.runners import WorkerRunner

    from loadtest.shares import Share
    from scenarios.schema import Scenario

__all__ = ["Worker", "WorkerError", "machine"]

_PIECE_BYTES = 512 * 1024
_TAKEN_LIMIT_S = 30.0
"""So long a master may take over a piece; whoever waits longer has lost it."""
_REACH_LIMIT_S = 3.0


class WorkerError(FailedRunError):
    """A worker cannot take part."""


class Worker:
    """One worker of a Locust that somebody started, from run to run."""

    def __init__(self, environment: Environment, runner: WorkerRunner, most: int | None) -> None:
        """Hear the master by ``runner``; with at most so many journeys under way."""
        self._environment = environment
        self._runner = runner
        self._room = journeys_max(most, raise_limit())
        self._number = 0
        self._share: Share | None = None
        self._scenario: Scenario | None = None
        self._run: LoadRun | None = None
        self._ending: gevent.Greenlet[..., None] | None = None
        self._taken = Event()
        self._done: dict[str, Any] = {}
        for word, listener, beside in (
            (Prepare, self._prepare, True),
            (AskedClock, self._read_clock, False),
            (Begin, self._begin, True),
            (End, self._end, False),
            (Taken, self._hear_taken, False),
        ):
            runner.register_message(word.NAME, _of_facts(word, listener), concurrent=beside)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners

    def leave(self) -> None:
        """End a run at work, and hand over what is finished while the master still hears; this process ends."""
        run, ending = self._run, self._ending
        if run is not None and ending is not None:
            run.interrupt()
            if len(self._runner.greenlet):
                ending.join(_TAKEN_LIMIT_S)
            ending.kill()

    def forsake(self) -> None:
        """Break a run at work off: nobody will hear of it any more."""
        if self._ending is not None:
            self._ending.kill()

    # --- at the master's word ---

    def _prepare(self, word: Prepare) -> None:
        self._number = word.run
        with self._telling():
            self._scenario = restore_scenario(word.scenario)
            self._share = share_of(plan_visits(self._scenario), word.worker, word.workers)
            name, boot = machine()
            self._say(
                Prepared(
                    run=self._number,
                    machine=name,
                    boot=boot,
                    pid=os.getpid(),
                    cores=tuple(sorted(os.sched_getaffinity(0))),
                    plan=self._share.plan.digest(),
                    visits=self._share.size,
                    users=_users(self._share.rosters),
                )
            )

    def _read_clock(self, word: AskedClock) -> None:
        self._say(ClockRead(run=word.run, number=word.number, asked_ns=word.asked_ns, read_ns=time.monotonic_ns()))

    def _begin(self, word: Begin) -> None:
        with self._telling():
            if word.run != self._number or self._scenario is None or self._share is None:
                raise WorkerError("the master begins a run that it has not prepared; start the worker anew")
            system = msgspec.json.decode(word.system, type=SystemFile)
            if not word.near:
                refuse_unreached(system)
            folder = Path(tempfile.mkdtemp(prefix="yidi-worker-"))
            options = Options(self._room, self._tell, shows_statistics=False)
            inputs = Inputs(folder, self._scenario, system)
            self._run = LoadRun(inputs, options, self._environment, self._share)
            self._run.begin()
            self._ending = gevent.spawn(self._see_to_the_end, self._run, folder)

    def _end(self, word: End) -> None:
        if self._run is not None and word.run == self._number:
            self._run.interrupt()

    def _hear_taken(self, word: Taken) -> None:
        if word.run == self._number:
            self._taken.set()

    # --- the run ---

    def _tell(self, event: str, **facts: Any) -> None:
        """Tell the master of an event of the run; what it cannot use is not sent."""
        if event == "ready":
            self._say(Ready(run=self._number, now_us=facts["now_us"], ends_us=facts["ends_us"]))
        elif event == "progress":
            self._say(self._progress(facts))
        elif event == "inflight":
            self._say(Inflight(run=self._number, said=facts))
        elif event == "done":
            self._done = facts

    def _progress(self, facts: dict[str, Any]) -> Progress:
        assert self._run is not None  # whoever looks at itself has begun
        return Progress(
            run=self._number,
            look=GeneratorRow(**{name: facts[name] for name in GeneratorRow._fields}),
            live=facts["live"],
            ended=facts["ended"],
            calls=facts["calls"],
            fates={fate.value: count for fate, count in self._run.so_far.fates.items()},
            contacts=dict(self._run.so_far.contacts.counts),
        )

    def _see_to_the_end(self, run: LoadRun, folder: Path) -> None:
        try:
            run.wait()
            with self._telling():
                run.end()
                self._hand_over(folder)
        finally:
            self._run = self._ending = None
            shutil.rmtree(folder, ignore_errors=True)

    def _hand_over(self, folder: Path) -> None:
        for table in TABLES:
            with (folder / f"{table}.parquet").open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    self._send(Part(run=self._number, table=table, piece=piece))
        self._report_statistics()
        facts = self._done
        self._send(
            Done(
                run=self._number,
                dropped=facts["dropped"],
                failed=facts["failed"],
                interrupted=facts["interrupted"],
                own_failures=facts["own_failures"],
                messages=facts["messages"],
            )
        )

    def _report_statistics(self) -> None:
        """Have the master's statistics hold everything now, and not in some seconds."""
        data: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners
            client_id=self._runner.client_id, data=data
        )
        self._runner.send_message("stats", data)

    def _send(self, word: Word) -> None:
        """Send a piece, and wait until it has arrived."""
        self._taken.clear()
        self._say(word)
        if not self._taken.wait(_TAKEN_LIMIT_S):
            raise WorkerError(f"the master has not taken {word.NAME} within {_TAKEN_LIMIT_S:.0f} s; see what it says")

    def _say(self, word: Word) -> None:
        self._runner.send_message(word.NAME, word.facts())

    @contextlib.contextmanager
    def _telling(self) -> Any:
        """Tell the master of what cannot be done, and a person here."""
        try:
            yield
        except YidiError as error:
            sys.stderr.write(f"yidi: {error}\n")
            self._say(Failed(run=self._number, text=str(error), code=error.exit_code))


def machine() -> tuple[str, str]:
    """Return the name of this machine, and what tells it from another of that name: processes of one share a clock."""
    return socket.gethostname(), Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def refuse_unreached(system: SystemFile) -> None:
    """Refuse a system whose provinces do not listen for this machine.

    Raises:
        WorkerError: when one cannot be reached.

    """
    for node in system.nodes:
        if node == HUB:
            continue
        host, port, _ = system.address(node)
        try:
            socket.create_connection((host, port), _REACH_LIMIT_S).close()
        except OSError as error:
            raise WorkerError(
                f"node {node} is not reached at {host}:{port} from {socket.gethostname()} ({error}); start the "
                "worker where the system is, or where that address leads to it"
            ) from error


def _of_facts(word: type[Any], listener: Callable[[Any], None]) -> Callable[..., None]:
    def heard(msg: Any, **_: Any) -> None:
        listener(word.of(msg.data))

    return heard


def _users(rosters: tuple[Roster, ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for roster in rosters:
        name = kind_of(roster.institution).__name__
        counts[name] = counts.get(name, 0) + 1
    return counts
