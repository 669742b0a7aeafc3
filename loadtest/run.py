"""One load run: regenerate the plan, replay it, watch, stop in time, write the record.

It ends when every journey has ended, at the drain limit, or on SIGTERM and SIGINT; in every case what is finished is
kept, and a visit under way is open at the end. It must never touch the system but by the hospitals' messages.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import stat
import sys
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import gevent
import msgspec
import polars as pl
from gevent.event import Event
from locust.env import Environment
from locust.runners import LocalRunner

from loadtest.client import GeventPeers
from loadtest.exits import FAILED, FINISHED, INTERRUPTED, INVALID
from loadtest.gevent_ports import GeventClock
from loadtest.hospitals import rosters_of, user_classes
from loadtest.inputs import Inputs
from loadtest.journeys import Journeys, LoadHistory
from loadtest.lags import lag_limit
from loadtest.schedule import Schedule, Tally
from loadtest.signing import holder_for
from loadtest.summary import write_locust_statistics
from loadtest.tracing import tracing_for
from loadtest.validity import Verdict, doubts, judge
from loadtest.watch import CpuMeter, Watch, say
from reference_impl.hospital.calls import note_openings
from reference_impl.staging.acts import ListInflight
from reference_impl.staging.build import stamps_of
from reference_impl.staging.stepping import OpenBySteps
from reference_impl.staging.timetable import timetable
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.speech import Speech
from scenarios.patients.visits import VisitPlan, plan_visits
from scenarios.record.recorder import GeneratorRow, Recorder, write_frames
from scenarios.schema import Scenario
from scenarios.schema.spoken import dialects_of

_READABLE = 1
_US_PER_S = 1_000_000
_BEGIN_LIMIT_US = 500_000
_PULSE_EVERY_S = 0.1
"""So often whoever commands the doors hears what a ramp's business meets, while gates hold its steps."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen beside the scenario."""

    journeys_max: int
    stop_with_parent: bool = False


class LoadRun:
    """A run in the making. ``go`` does it."""

    def __init__(self, inputs: Inputs, options: Options) -> None:
        """Build everything; nothing is sent yet."""
        scenario, system = inputs.scenario, inputs.system
        settle_on_core(system.generator_core)
        self._inputs = inputs
        self._plan: VisitPlan = plan_visits(scenario)
        self._clock = GeventClock(system.epoch_monotonic_ns)
        self._recorder = Recorder()
        self._tally = Tally()
        self._environment = Environment(user_classes=[], catch_exceptions=False)
        stamps = stamps_of(scenario)
        self._history = LoadHistory(self._recorder, stamps, self._environment.stats)
        speech, events = Speech(dialects_of(scenario), business_clock(scenario)), self._environment.events
        self._tracing = tracing_for(system)
        self._peers = GeventPeers(
            system, speech, self._clock, events.request, holder_for(scenario, system, self._clock), self._tracing
        )
        self._journeys = Journeys(scenario, self._plan, self._clock, self._peers, self._history)
        self._schedule = Schedule(self._clock, self._tally, self._live, busy_max=options.journeys_max)
        self._options = options
        self._over = Event()
        self._interrupted = False
        self._late_us = 0
        steps = timetable(scenario)
        self._to_list = deque((step.at_us, step.act) for step in steps if isinstance(step.act, ListInflight))
        self._to_watch = [(step.at_us, step.act) for step in steps if isinstance(step.act, OpenBySteps)]

    def go(self) -> int:
        """Replay the plan and return the exit code."""
        gc.collect()
        gc.freeze()  # the plan and the code live as long as the run: no collection need walk them
        watch = Watch(self._clock, self._plan, self._tally, CpuMeter(self._inputs.system.generator_pids))
        runner = self._start_users()
        with self._stop_when_told():
            beside: list[gevent.Greenlet[..., Any]] = [
                gevent.spawn(watch.run, self._recorder, self._progress),
                gevent.spawn(self._list_business_in_flight),
                *(gevent.spawn(self._tell_the_pulse, at_us, act) for at_us, act in self._to_watch),
                gevent.spawn(self._wait_for_the_last, runner),
            ]
            self._over.wait(self._remaining_s())
            self._schedule.stop()
            gevent.killall(beside)
            self._list_what_is_left()
            self._stop_journeys()
            watch.sample(self._recorder, self._progress())
            runner.quit()
            return self._finish(runner)

    # --- under way ---

    def _live(self, visit: int) -> None:
        self._journeys.live(visit, self._schedule.rests)

    def _start_users(self) -> LocalRunner:
        rosters = rosters_of(self._plan)
        self._environment.user_classes = user_classes(rosters, self._schedule)
        runner = self._environment.create_local_runner()
        users = len(rosters)
        self._late_us = self._clock.now_us()
        say("ready", now_us=self._late_us, visits=len(self._plan), hospitals=users, ends_us=self._limit_us())
        if users:
            # Locust warns of fast ramps; ours puts hospitals at their posts, and loads nothing yet.
            logging.getLogger("locust.runners").setLevel(logging.ERROR)
            runner.start(users, spawn_rate=users)
        spawning: gevent.Greenlet[..., Any] | None = runner.spawning_greenlet  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - Locust does not say of what
        if spawning is not None:
            spawning.join()
        return runner

    def _wait_for_the_last(self, runner: LocalRunner) -> None:
        runner.user_greenlets.join()
        self._schedule.join()
        while len(self._journeys.tasks):
            gevent.sleep(0.05)
        self._over.set()

    def _list_business_in_flight(self) -> None:
        """Do the one part of the timetable that is the generator's: here the patients are."""
        while self._to_list:
            at_us, act = self._to_list[0]
            self._clock.sleep_until_us(at_us)
            if at_us == 0:
                self._await_open_stays()
            self._snapshot(act, self._clock.now_us())
            self._to_list.popleft()

    def _await_open_stays(self) -> None:
        """Let what is open at the start begin to lie, or whatever began in time have begun."""
        there = int(self._plan.columns.open_at_start.sum())
        while self._history.live_count < there and self._clock.now_us() < _BEGIN_LIMIT_US:
            gevent.sleep(0.01)

    def _tell_the_pulse(self, at_us: int, act: OpenBySteps) -> None:
        """Say again and again, from the reopening on, what a plan's business has lately met."""
        plan, history = act.course.plan, self._history
        self._clock.sleep_until_us(at_us)
        pulse = history.watch(plan, act.gates.over)
        while True:
            seen = history.seen(pulse, self._clock.now_us())
            say("pulse", plan=plan.name, seen=msgspec.to_builtins(seen))
            gevent.sleep(_PULSE_EVERY_S)

    def _list_what_is_left(self) -> None:
        """List for moments that nobody was there to see any more: whoever came has gone, and only claims are out."""
        if not self._interrupted and not self._history.live_count:
            for at_us, act in self._to_list:
                self._snapshot(act, at_us)

    def _snapshot(self, act: ListInflight, now_us: int) -> None:
        name = act.phase.value
        stages = self._history.snapshot(name, now_us, act.cutover)
        say("inflight", snapshot=name, plan=act.cutover.name, **dict(stages))

    def _limit_us(self) -> int:
        """Return when everything unsettled counts as open."""
        arrivals_us, horizon = self._plan.columns.arrival_us, self._inputs.scenario.horizon
        last_us = int(arrivals_us[-1]) if len(arrivals_us) else 0
        return max(horizon.length, last_us) + horizon.drain_limit

    def _remaining_s(self) -> float:
        return max(0.0, (self._limit_us() - self._clock.now_us()) / _US_PER_S)

    def _progress(self) -> dict[str, object]:
        return {"live": self._history.live_count, "ended": self._history.ended_count, "calls": self._peers.in_use}

    @contextmanager
    def _stop_when_told(self) -> Generator[None]:
        """Hear SIGTERM and SIGINT, and the end of standard input when the parent holds its other end."""
        with ExitStack() as told:
            for number in (signal.SIGTERM, signal.SIGINT):
                heard: Any = gevent.signal_handler(number, self._interrupt)
                told.callback(heard.cancel)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
            if self._options.stop_with_parent and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
                parent = gevent.get_hub().loop.io(sys.stdin.fileno(), _READABLE)
                told.callback(parent.close)
                parent.start(self._interrupt)
            yield

    def _interrupt(self) -> None:
        self._interrupted = True
        self._over.set()

    # --- the end ---

    def _stop_journeys(self) -> None:
        self._schedule.kill()
        self._journeys.tasks.kill()
        self._history.close()
        self._peers.close()
        if self._tracing is not None:
            self._tracing.close()

    def _finish(self, runner: LocalRunner) -> int:
        folder = self._inputs.folder
        note_openings(self._journeys.calls, self._recorder, now_us=self._clock.now_us())
        frames = self._recorder.frames()
        write_frames(frames, folder)
        write_locust_statistics(runner, folder)
        for error in self._journeys.errors:
            sys.stderr.write(error)
        missed = 0 if self._interrupted else len(self._plan) - self._tally.started_total - self._tally.dropped_total
        if missed:
            sys.stderr.write(f"{missed} visits were never started; a hospital's user ended early, see above\n")
        verdict, doubted = self._judged(frames)
        failed = self._journeys.failed + missed
        say(
            "done",
            visits=frames["visits"].height,
            messages=frames["messages"].height,
            dropped=self._tally.dropped_total,
            failed=failed,
            interrupted=self._interrupted,
            own_failures=self._peers.own_failures,
            own_write_us=round(self._peers.own_time.write_us, 3),
            own_read_us=round(self._peers.own_time.read_us, 3),
            valid=not doubted,
            verdict="; ".join(doubted) or str(verdict),
        )
        return exit_code(failed=failed > 0, interrupted=self._interrupted, valid=not doubted)

    def _judged(self, frames: Mapping[str, pl.DataFrame]) -> tuple[Verdict, tuple[str, ...]]:
        warm_up_us = self._inputs.scenario.horizon.warm_up
        limit = lag_limit(frames["visits"], frames["contacts"], warm_up_us=warm_up_us)
        rows = (GeneratorRow(*row) for row in frames["generator"].iter_rows())
        verdict = judge(rows, warm_up_us=warm_up_us, lag_limit=limit)
        return verdict, doubts(verdict, late_us=self._late_us, own_failures=self._peers.own_failures)


def exit_code(*, failed: bool, interrupted: bool, valid: bool) -> int:
    """Return what a run that has written its record ends with: the worst that is to be said of it."""
    if failed:
        return FAILED
    if interrupted:
        return INTERRUPTED
    return FINISHED if valid else INVALID


def business_clock(scenario: Scenario) -> BusinessClock:
    """Return what the interface calls a date and time, in this scenario."""
    return BusinessClock(scenario.horizon.start, scenario.scale.time)


def settle_on_core(core: int | None) -> None:
    """Pin this process to its core, if it was given one."""
    if core is not None:
        os.sched_setaffinity(0, {core})
