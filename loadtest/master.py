"""A run that several workers live, and one master puts together: ``--master`` of a Locust that somebody started.

The master has the laboratory, and with it the system and the run's zero; every worker plans the visits from the seed,
takes its share, measures itself, and hands its record over. What comes of it is a run like that of one process: the
same record, checker, gates and report. It must never live a visit, nor average two percentiles.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import gevent
import msgspec
from locust.runners import STATE_MISSING

from loadtest.crew import PREPARED_LIMIT_S, READY_LIMIT_S, Crew, CrewError, Member
from loadtest.dealt import Hands
from loadtest.gathered import gathered, lost_part, part_of
from loadtest.gevent_ports import GeventClock
from loadtest.histogram import Histogram
from loadtest.hospitals import Hospital, Pharmacy
from loadtest.inputs import Inputs, SystemFile, read_inputs
from loadtest.lags import lag_limit, limit_beside
from loadtest.live_line import Moment, line, looks_together
from loadtest.offsets import drifted
from loadtest.placing import Home, Place, Seat, seated
from loadtest.run import exit_code, settle_on_core
from loadtest.shares import share_of
from loadtest.so_far import Pooled
from loadtest.summary import write_locust_statistics
from loadtest.validity import Verdict, doubts, judge
from loadtest.words import Begin, ClockRead, Done, Failed, Inflight, Part, Prepare, Prepared, Progress, Ready, Word
from loadtest.worker import machine
from reference_impl.domain.failures import InputError
from reference_impl.staging.stepping import OpenBySteps
from reference_impl.staging.timetable import timetable
from scenarios.patients.visits import plan_visits
from scenarios.reading.loader import dump_scenario
from scenarios.record.recorder import GeneratorRow, WorkerRow, write_frames
from scenarios.schema.arrivals import Closed
from scenarios.schema.gates import parse_gates

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl
    from locust.env import Environment
    from locust.runners import MasterRunner

    from loadtest.laboratory import Accepted, Laboratory
    from loadtest.run import Options
    from scenarios.schema import Scenario

__all__ = ["Master", "MasteredRun"]

_LOOKS_A_LINE = 5
_LOOK_EVERY_S = 1.0
_OVER_US = 60_000_000
"""So long after the drain limit a worker may take to hand its record over."""


class Master:
    """What Locust's master hears of workers, for whichever run is at work. It begins runs."""

    def __init__(self, runner: MasterRunner) -> None:
        """Hear workers by ``runner``."""
        self._runner = runner
        self._runs = 0
        self._crew: Crew | None = None
        for word in (Prepared, ClockRead, Ready, Progress, Inflight, Part, Done, Failed):
            # Whose end it is is asked for the time, and cannot be heard by whoever waits for the answer.
            runner.register_message(word.NAME, partial(self._hear, word), concurrent=word is Done)  # pyright: ignore[reportUnknownMemberType] - Locust does not type its listeners

    def begin(
        self, laboratory: Laboratory, accepted: Accepted, options: Options, environment: Environment
    ) -> MasteredRun:
        """Begin a run with the workers that are there.

        Raises:
            YidiError: when that cannot be done.

        """
        refuse_by_workers(accepted.scenario)
        self._runs += 1
        run = MasteredRun(self._runs, accepted.scenario, options, environment, self._runner)
        self._crew = run.crew
        run.begin(laboratory)
        return run

    def _hear(self, word: type[Word], msg: Any, **_: Any) -> None:
        if self._crew is not None:
            self._crew.hear(msg.node_id, word.of(msg.data))


def refuse_by_workers(scenario: Scenario) -> None:
    """Refuse what only one process can do.

    That is to see what the whole business of a plan meets while it goes on, and to be the users of a closed loop, who
    go from one institution to another.

    Raises:
        InputError: when the scenario asks for it.

    """
    if any(isinstance(step.act, OpenBySteps) for step in timetable(scenario)):
        raise InputError(
            "cutover: a ramp whose steps wait for gates follows what its business meets, which no worker sees whole; "
            "expected a ramp by the clock where workers generate the load; run it without --master"
        )
    if isinstance(scenario.visits.arrivals, Closed):
        raise InputError(
            "visits.arrivals: users in a closed loop go from one institution to another, which no worker has all of; "
            "expected open arrivals where workers generate the load; run it without --master"
        )


class LocustsLine:
    """The workers of Locust's master."""

    def __init__(self, runner: MasterRunner) -> None:
        """Speak by ``runner``."""
        self._runner = runner
        untyped: Any = runner
        self._clients, self._place = untyped.clients, untyped.get_worker_index

    def ready(self) -> list[str]:
        """Return those that have nothing to do, in the order in which they came."""
        return sorted((one.id for one in self._clients.ready), key=self._place)

    def hears_of(self, client: str) -> bool:
        """Return whether a worker's heartbeats come."""
        node = self._clients.get(client)
        return node is not None and node.state != STATE_MISSING

    def say(self, client: str, word: Word) -> None:
        """Tell a worker."""
        self._runner.send_message(word.NAME, word.facts(), client_id=client)


class MasteredRun:
    """One run by workers. It is the course that the master's shape follows."""

    def __init__(
        self, number: int, scenario: Scenario, options: Options, environment: Environment, runner: MasterRunner
    ) -> None:
        """Have run ``number`` of this master lived by the workers that are ready now.

        Raises:
            CrewError: when there are none.

        """
        self.so_far = Pooled()
        self.crew = Crew(LocustsLine(runner), number, self._hear)
        self._number = number
        self._scenario = scenario
        self._options = options
        self._environment = environment
        self._runner = runner
        self._inputs: Inputs | None = None
        self._clock = GeventClock(0)
        self._gates = parse_gates(scenario.gates)
        self._late_us = 0
        self._interrupted = False
        self._beside: list[gevent.Greenlet[..., Any]] = []
        if not self.crew.members:
            raise CrewError("no worker is there; start some: locust -f loadtest/locustfile.py --worker")

    # --- as it goes on ---

    @property
    def live_count(self) -> int:
        """Visits under way."""
        return sum(one.last.live for one in self.crew.members if one.last is not None and not one.over)

    @property
    def left_count(self) -> int:
        """Visits that have not begun, of those that still may."""
        return sum(
            one.facts.visits - sum(look.started + look.dropped for look in one.looks)
            for one in self.crew.members
            if not one.over
        )

    @property
    def now_us(self) -> int:
        """Microseconds since the run's zero, by this machine's clock."""
        return self._clock.now_us()

    @property
    def verdict(self) -> Verdict:
        """Whether the workers can be believed, as far as they have looked at themselves."""
        return judge(
            self._looks(), warm_up_us=self._scenario.horizon.warm_up, lag_limit=limit_beside(self.so_far.contact_us)
        )

    def users(self) -> int | None:
        """Return how many institutions were dealt; None when it is over."""
        return None if self.crew.over.is_set() else sum(sum(one.facts.users.values()) for one in self.crew.members)

    # --- the beginning ---

    def begin(self, laboratory: Laboratory) -> None:
        """Have workers plan, the system started, clocks compared, and every institution put at its post.

        Raises:
            YidiError: when that cannot be done.

        """
        self._prepare()
        inputs = self._inputs = read_inputs(laboratory.start())
        self._clock = GeventClock(inputs.system.epoch_monotonic_ns)
        home_core = inputs.system.generator_core
        system_core = min(os.sched_getaffinity(0)) if home_core is not None else None
        settle_on_core(home_core)
        self._compare_clocks()
        home = Home(":".join(machine()), system_core, home_core, (os.getpid(), *inputs.system.generator_pids))
        places = [Place(_machine_of(one), one.facts.pid, one.facts.cores) for one in self.crew.members]
        for member, seat in zip(self.crew.members, seated(places, home), strict=True):
            near = _machine_of(member) == home.machine
            self.crew.say(member, Begin(run=self._number, system=_system_for(member, seat, inputs.system), near=near))
        ready = self.crew.await_all(lambda one: one.ready, READY_LIMIT_S)
        self._late_us = max(one.now_us for one in ready)
        ends_us = max(one.ends_us for one in ready)
        self._deal()
        visits = sum(one.facts.visits for one in self.crew.members)
        self._options.say("ready", now_us=self._late_us, visits=visits, hospitals=self.users())
        self._beside = [gevent.spawn(self.crew.miss), gevent.spawn(self._tell), gevent.spawn(self._limit, ends_us)]

    def _prepare(self) -> None:
        members = self.crew.members
        scenario = dump_scenario(self._scenario)
        for one in members:
            self.crew.say(one, Prepare(run=self._number, scenario=scenario, worker=one.number, workers=len(members)))
        here = plan_visits(self._scenario).digest()
        for one, there in zip(members, self.crew.await_all(lambda one: one.prepared, PREPARED_LIMIT_S), strict=True):
            if there.plan != here:
                raise InputError(
                    f"worker {one.number} on {there.machine} plans other visits than this machine ({there.plan[:12]} "
                    f"there, {here[:12]} here); have the same version of yidi on both"
                )

    def _compare_clocks(self) -> None:
        for one in self.crew.members:
            one.before = self.crew.clock_of(one)
            if one.before is None:
                raise CrewError(f"worker {one.number} on {one.facts.machine} does not say what its clock is")

    def _deal(self) -> None:
        """Let Locust give each worker the users that are dealt to it, and no others."""
        self._environment.user_classes = [Hospital, Pharmacy]
        hands = Hands({one.client: one.facts.users for one in self.crew.members})
        self._environment.dispatcher_class = hands  # pyright: ignore[reportAttributeAccessIssue] - Locust only calls it

    # --- under way ---

    def _hear(self, member: Member, word: Word) -> None:
        if isinstance(word, Progress):
            self.so_far.hear(member.number, word.fates, Histogram(word.contacts))
        elif isinstance(word, Inflight):
            self._options.say("inflight", worker=member.number, **word.said)

    def _tell(self) -> None:
        told = 0
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            if self.now_us > 0:
                told += 1
                self._options.say("progress", **self._progress(with_line=told % _LOOKS_A_LINE == 0))

    def _progress(self, *, with_line: bool) -> dict[str, object]:
        heard = [one.last for one in self.crew.members if one.last is not None]
        facts: dict[str, object] = {
            "live": self.live_count,
            "ended": sum(one.ended for one in heard),
            "calls": sum(one.calls for one in heard),
        }
        return facts | {"line": self._line()} if with_line else facts

    def _line(self) -> str:
        moment = Moment(self.now_us, self._scenario.horizon.length, self.live_count)
        looks = looks_together(self._looks())[-_LOOKS_A_LINE:]
        said = line(moment, looks, self.so_far, self._gates, self._options.predicted)
        lost = [one.number for one in self.crew.members if one.lost_us is not None]
        return f"{said}; lost workers: {', '.join(map(str, lost))}" if lost else said

    def _looks(self) -> list[GeneratorRow]:
        return [look for one in self.crew.members for look in one.looks]

    def _limit(self, ends_us: int) -> None:
        """Wait no longer than a worker may take, whatever it says of itself."""
        self._clock.sleep_until_us(ends_us + _OVER_US)
        for member in self.crew.members:
            if not member.over:
                self.crew.lose(member)

    def interrupt(self) -> None:
        """Let it be over before its time, unless it is."""
        if not self.crew.over.is_set() and not self._interrupted:
            self._interrupted = True
            self.crew.end_early()

    # --- the end ---

    def end(self) -> int:
        """Wait for what workers have, write the record of all and return the exit code."""
        self.interrupt()
        self.crew.over.wait()
        gevent.killall(self._beside)
        assert self._inputs is not None  # whoever ends has begun
        workers = [_row_of(one) for one in self.crew.members]
        frames = gathered([self._part(one) for one in self.crew.members], workers)
        write_frames(frames, self._inputs.folder)
        write_locust_statistics(self._runner, self._inputs.folder, show=False)
        return self._said(frames, workers)

    def _part(self, member: Member) -> dict[str, pl.DataFrame]:
        if member.lost_us is None:
            return part_of({name: bytes(pieces) for name, pieces in member.pieces.items()})
        share = share_of(plan_visits(self._scenario), member.number, len(self.crew.members))
        return lost_part((share.plan.visit(int(number)) for number in share.visits), member.looks)

    def _said(self, frames: Mapping[str, pl.DataFrame], workers: list[WorkerRow]) -> int:
        """Say how it ended, and return the exit code."""
        done = [one.done for one in self.crew.members if one.done is not None]
        interrupted = self._interrupted or any(one.interrupted for one in done)
        failed, own_failures = sum(one.failed for one in done), sum(one.own_failures for one in done)
        warm_up_us = self._scenario.horizon.warm_up
        rows = [GeneratorRow(*row) for row in frames["generator"].iter_rows()]
        limit = lag_limit(frames["visits"], frames["contacts"], warm_up_us=warm_up_us)
        verdict = judge(rows, warm_up_us=warm_up_us, lag_limit=limit)
        doubted = doubts(verdict, late_us=self._late_us, own_failures=own_failures, workers=workers)
        self._options.say(
            "done",
            visits=frames["visits"].height,
            messages=frames["messages"].height,
            dropped=sum(one.dropped for one in done),
            failed=failed,
            interrupted=interrupted,
            own_failures=own_failures,
            valid=not doubted,
            verdict="; ".join(doubted) or str(verdict),
        )
        return exit_code(failed=failed > 0, interrupted=interrupted, valid=not doubted)


def _machine_of(member: Member) -> str:
    return f"{member.facts.machine}:{member.facts.boot}"


def _system_for(member: Member, seat: Seat, system: SystemFile) -> bytes:
    """Return the running system as a worker is told of it: with its own zero, core and neighbours."""
    assert member.before is not None  # clocks were compared
    own = msgspec.structs.replace(
        system,
        epoch_monotonic_ns=system.epoch_monotonic_ns + member.before.off_ns,
        generator_core=seat.core,
        generator_pids=seat.beside,
    )
    return msgspec.json.encode(own)


def _row_of(member: Member) -> WorkerRow:
    """Return what is to be known of a worker; one whose clock was not asked afterwards is known as before."""
    assert member.before is not None  # clocks were compared
    unsure_ns = member.before.unsure_ns if member.after is None else drifted(member.before, member.after)
    return WorkerRow(
        worker=member.number,
        machine=member.facts.machine,
        institutions=sum(member.facts.users.values()),
        visits=member.facts.visits,
        clock_off_us=member.before.off_ns / 1000,
        clock_unsure_us=unsure_ns / 1000,
        lost_us=member.lost_us,
    )
