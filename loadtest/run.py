"""One load run: regenerate the plan, replay it, watch, stop in time, write the record.

It is over when every journey has ended, at the drain limit, or when it is interrupted; in every case what is finished
is kept, and a visit under way is open at the end. Whose Locust it runs in, that of ``python -m loadtest`` or one that
somebody started with our locustfile, it does not know. It must never touch the system but by the hospitals' messages.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gevent
import msgspec
import polars as pl
from gevent.event import Event
from locust.env import Environment
from locust.runners import Runner

from loadtest.client import GeventPeers
from loadtest.exits import FAILED, FINISHED, INTERRUPTED, INVALID
from loadtest.gevent_ports import GeventClock
from loadtest.guard import Guard
from loadtest.hospitals import Makers, post, waiting
from loadtest.inputs import Inputs
from loadtest.journeys import Journeys, LoadHistory
from loadtest.lags import lag_limit, limit_beside
from loadtest.live_line import Moment, line
from loadtest.schedule import Schedule, Tally
from loadtest.shares import Share, whole
from loadtest.signing import holder_for
from loadtest.so_far import SoFar
from loadtest.summary import write_locust_statistics
from loadtest.tracing import tracing_for
from loadtest.validity import Verdict, doubts, judge
from loadtest.watch import CpuMeter, Say, Watch, say
from reference_impl.hospital.calls import note_openings
from reference_impl.staging.acts import ListInflight
from reference_impl.staging.build import stamps_of
from reference_impl.staging.stepping import OpenBySteps
from reference_impl.staging.timetable import timetable
from reference_impl.wire.clock import BusinessClock
from reference_impl.wire.speech import Speech
from scenarios.patients.visits import plan_visits
from scenarios.record.recorder import GeneratorRow, Recorder, write_frames
from scenarios.schema import Scenario
from scenarios.schema.gates import parse_gates
from scenarios.schema.spoken import dialects_of

_US_PER_S = 1_000_000
_BEGIN_LIMIT_US = 500_000
_LOOK_EVERY_S = 0.05
_LOOKS_A_LINE = 5
"""After so many looks at itself, of one second each, it says how it goes in a line for a person."""
_PULSE_EVERY_S = 0.1
"""So often whoever commands the doors hears what a ramp's business meets, while gates hold its steps."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be chosen beside the scenario."""

    journeys_max: int
    say: Say = say
    """Who is told how it goes."""
    shows_statistics: bool = True
    """Whether Locust's summary is shown at the end; Locust's own command shows it by itself."""
    predicted: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Measures of a simulated run of the same, to be said beside what is met."""


class LoadRun:
    """A run in the making: ``begin``, wait until it is ``over``, ``end``. It is the course that a shape follows."""

    def __init__(self, inputs: Inputs, options: Options, environment: Environment, share: Share | None = None) -> None:
        """Build everything for a Locust; nothing is sent yet. ``share`` is what it lives of the plan, or None all."""
        scenario, system = inputs.scenario, inputs.system
        settle_on_core(system.generator_core)
        self._inputs = inputs
        self._share = whole(plan_visits(scenario), lying=system.target is None) if share is None else share
        self._plan = self._share.plan
        self._clock = GeventClock(system.epoch_monotonic_ns)
        self._recorder = Recorder()
        self._tally = Tally(self._share.worker)
        self._environment = environment
        stamps = stamps_of(scenario)
        self._gates = parse_gates(scenario.gates)
        self.so_far = SoFar(scenario.horizon.warm_up)
        self._history = LoadHistory(self._recorder, stamps, self._environment.stats, self.so_far)
        speech, events = Speech(dialects_of(scenario), business_clock(scenario)), self._environment.events
        self._tracing = tracing_for(system)
        self._gave_up = ""
        """Why the run may not go on; empty while it may."""
        self._peers = GeventPeers(
            system,
            speech,
            self._clock,
            events.request,
            holder_for(scenario, system, self._clock),
            self._tracing,
            None if system.target is None else Guard(system.target.caps, self._give_up),
        )
        self._journeys = Journeys(scenario, self._plan, self._clock, self._peers, self._history)
        self._schedule = Schedule(self._clock, self._tally, self._live, busy_max=options.journeys_max)
        self._options = options
        arrivals_us = self._plan.columns.arrival_us[self._share.visits]
        self._watch = Watch(self._clock, arrivals_us, self._tally, CpuMeter(system.generator_pids), options.say)
        self._beside: list[gevent.Greenlet[..., Any]] = []
        self._over = Event()
        self._interrupted = False
        self._late_us = 0
        steps = timetable(scenario)
        self._to_list = deque((step.at_us, step.act) for step in steps if isinstance(step.act, ListInflight))
        self._to_watch = [(step.at_us, step.act) for step in steps if isinstance(step.act, OpenBySteps)]

    @property
    def over(self) -> bool:
        """Whether every journey has ended, the drain limit has come, or it was interrupted."""
        return self._over.is_set()

    @property
    def live_count(self) -> int:
        """Visits under way."""
        return self._history.live_count

    @property
    def left_count(self) -> int:
        """Visits that come by themselves and have not begun."""
        return self._share.size - self._tally.started_total - self._tally.dropped_total + self._tally.made_total

    @property
    def now_us(self) -> int:
        """Microseconds since the run's zero; negative before it."""
        return self._clock.now_us()

    @property
    def verdict(self) -> Verdict:
        """Whether the generator can be believed, as far as it has looked at itself."""
        limit = limit_beside(self.so_far.contact_us)
        return judge(self._watch.rows, warm_up_us=self._inputs.scenario.horizon.warm_up, lag_limit=limit)

    def users(self) -> int | None:
        """Return how many institutions are at work; None when it is over."""
        return None if self.over else len(self._share.rosters) + len(self._plan.users)

    def begin(self) -> None:
        """Let the institutions wait for their users, and begin to watch; Locust's runner starts the users."""
        gc.collect()
        gc.freeze()  # the plan and the code live as long as the run: no collection need walk them
        self._environment.user_classes = post(
            self._share.rosters, self._schedule, Makers(self._plan.users, self._journeys.make)
        )
        # Locust warns of fast ramps; ours puts hospitals at their posts, and loads nothing yet.
        logging.getLogger("locust.runners").addFilter(_no_warning_of_ramps)
        self._late_us = self._clock.now_us()
        self._say(
            "ready",
            now_us=self._late_us,
            visits=self._share.size,
            hospitals=len(self._share.rosters),
            ends_us=self._limit_us(),
        )
        self._beside = [
            gevent.spawn(self._watch.run, self._recorder, self._progress),
            gevent.spawn(self._list_business_in_flight),
            *(gevent.spawn(self._tell_the_pulse, at_us, act) for at_us, act in self._to_watch),
            gevent.spawn(self._wait_for_the_last),
            gevent.spawn(self._wait_for_the_limit),
        ]

    def wait(self) -> None:
        """Wait until it is over."""
        self._over.wait()

    def interrupt(self) -> None:
        """Let it be over before its time, unless it is."""
        self._interrupted = self._interrupted or not self.over
        self._over.set()

    def _give_up(self, why: str) -> None:
        self._gave_up = why
        self._over.set()

    def end(self) -> int:
        """End what is under way, write the record and return the exit code; one that is not over is interrupted."""
        self.interrupt()
        self._schedule.stop()
        gevent.killall(self._beside)
        self._list_what_is_left()
        self._stop_journeys()
        self._watch.sample(self._recorder, self._progress())
        self._runner.stop()
        gc.unfreeze()
        return self._finish()

    # --- under way ---

    @property
    def _runner(self) -> Runner:
        runner = self._environment.runner
        assert runner is not None  # whoever has users has a runner
        return runner

    def _say(self, event: str, **facts: object) -> None:
        self._options.say(event, **facts)

    def _live(self, visit: int) -> None:
        self._journeys.live(visit, self._schedule.rests)

    def _wait_for_the_last(self) -> None:
        while waiting():
            gevent.sleep(_LOOK_EVERY_S)
        self._runner.user_greenlets.join()
        self._schedule.join()
        while len(self._journeys.tasks):
            gevent.sleep(_LOOK_EVERY_S)
        self._over.set()

    def _wait_for_the_limit(self) -> None:
        self._clock.sleep_until_us(self._limit_us())
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
        there = self._share.open_at_start
        while self._history.live_count < there and self._clock.now_us() < _BEGIN_LIMIT_US:
            gevent.sleep(0.01)

    def _tell_the_pulse(self, at_us: int, act: OpenBySteps) -> None:
        """Say again and again, from the reopening on, what a plan's business has lately met."""
        plan, history = act.course.plan, self._history
        self._clock.sleep_until_us(at_us)
        pulse = history.watch(plan, act.gates.over)
        while True:
            seen = history.seen(pulse, self._clock.now_us())
            self._say("pulse", plan=plan.name, seen=msgspec.to_builtins(seen))
            gevent.sleep(_PULSE_EVERY_S)

    def _list_what_is_left(self) -> None:
        """List for moments that nobody was there to see any more: whoever came has gone, and only claims are out."""
        if not self._interrupted and not self._history.live_count:
            for at_us, act in self._to_list:
                self._snapshot(act, at_us)

    def _snapshot(self, act: ListInflight, now_us: int) -> None:
        name = act.phase.value
        stages = self._history.snapshot(name, now_us, act.cutover)
        self._say("inflight", snapshot=name, plan=act.cutover.name, **dict(stages))

    def _limit_us(self) -> int:
        """Return when everything unsettled counts as open."""
        arrivals_us, horizon = self._plan.columns.arrival_us, self._inputs.scenario.horizon
        last_us = int(arrivals_us[-1]) if len(arrivals_us) else 0
        limit_us, target = max(horizon.length, last_us) + horizon.drain_limit, self._inputs.system.target
        return limit_us if target is None else min(limit_us, target.caps.until_us)

    def _progress(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "live": self._history.live_count,
            "ended": self._history.ended_count,
            "calls": self._peers.in_use,
        }
        looks = len(self._watch.rows)
        return facts if looks % _LOOKS_A_LINE else facts | {"line": self._line()}

    def _line(self) -> str:
        moment = Moment(self.now_us, self._inputs.scenario.horizon.length, self._history.live_count)
        return line(moment, self._watch.rows[-_LOOKS_A_LINE:], self.so_far, self._gates, self._options.predicted)

    # --- the end ---

    def _stop_journeys(self) -> None:
        self._schedule.kill()
        self._journeys.tasks.kill()
        self._history.close()
        self._peers.close()
        if self._tracing is not None:
            self._tracing.close()

    def _finish(self) -> int:
        folder = self._inputs.folder
        note_openings(self._journeys.calls, self._recorder, now_us=self._clock.now_us())
        frames = self._recorder.frames()
        write_frames(frames, folder)
        write_locust_statistics(self._runner, folder, show=self._options.shows_statistics)
        for error in self._journeys.errors:
            sys.stderr.write(error)
        cut_short = self._interrupted or self._gave_up
        missed = 0 if cut_short else max(0, self.left_count)
        if missed:
            sys.stderr.write(f"{missed} visits were never started; a hospital's user ended early, see above\n")
        verdict, doubted = self._judged(frames)
        failed = self._journeys.failed + missed
        self._say(
            "done",
            visits=frames["visits"].height,
            messages=frames["messages"].height,
            dropped=self._tally.dropped_total,
            failed=failed,
            interrupted=self._interrupted,
            gave_up=self._gave_up,
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
        found = doubts(verdict, late_us=self._late_us, own_failures=self._peers.own_failures)
        return verdict, (self._gave_up, *found) if self._gave_up else found


def _no_warning_of_ramps(line: logging.LogRecord) -> bool:
    return "spawn rate is very high" not in line.getMessage()


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
