"""What Locust is given and told; this process is patched by it, as the generator's is."""

from __future__ import annotations

import locust  # noqa: F401 - patches the standard library: first

import os  # isort: skip
import time
from types import SimpleNamespace
from unittest import mock

import gevent
from locust.env import Environment
from locust.stats import RequestStats
from locust.user import wait_time
from telling import tell

from loadtest.gevent_ports import GeventClock
from loadtest.hospitals import Makers, post, rosters_of, waiting
from loadtest.journeys import LoadHistory
from loadtest.run import exit_code
from loadtest.schedule import Schedule, Tally
from loadtest.so_far import SoFar
from loadtest.watch import CpuMeter, Watch
from reference_impl.hospital.journey import Journey
from reference_impl.hospital.site import HospitalSite
from reference_impl.protocol.ports import HospitalPorts
from reference_impl.staging.build import stamps_of
from scenarios.patients.closed import Users
from scenarios.patients.visits import plan_visits
from scenarios.record.fates import Fate
from scenarios.record.recorder import Recorder
from scenarios.schema import Scenario

SCENARIO = Scenario.model_validate(
    {
        "name": "two-provinces",
        "horizon": {"length": "1d"},
        "visits": {"per_day": 300},
        "topology": {"regions": [33, 63], "hospitals_per_province": {"hospital": 2, "pharmacy": 3}},
    }
)
PLAN = plan_visits(SCENARIO)


def say_nothing(event: str, **facts: object) -> None:
    """Nobody listens."""


def story_every_visit_belongs_to_one_roster_in_order_of_arrival():
    rosters = rosters_of(PLAN)
    seen = sorted(visit for roster in rosters for visit, _ in roster.arrivals())
    assert seen == list(range(len(PLAN)))
    for roster in rosters:
        arrivals = [arrival_us for _, arrival_us in roster.arrivals()]
        assert arrivals == sorted(arrivals)
        assert all(PLAN.visit(visit).hospital == roster.institution for visit, _ in roster.arrivals())


def story_one_user_class_a_kind_and_one_user_an_institution():
    rosters = rosters_of(PLAN)
    classes = post(rosters, Schedule(GeventClock(0), Tally(), lambda _: None))
    assert [one.__name__ for one in classes] == ["Hospital", "Pharmacy"]
    assert sum(one.fixed_count for one in classes) == len(rosters)


def story_users_start_every_visit_that_is_due_and_stop():
    lived = []
    clock = GeventClock(time.monotonic_ns() - 86_400 * 10**9)  # the day is over: everything is due
    schedule = Schedule(clock, Tally(), lived.append)
    rosters = rosters_of(PLAN)
    environment = Environment(user_classes=post(rosters, schedule), catch_exceptions=False)
    runner = environment.create_local_runner()
    runner.start(len(rosters), spawn_rate=len(rosters))
    runner.spawning_greenlet.join()
    runner.user_greenlets.join()
    schedule.join(1.0)
    assert sorted(lived) == list(range(len(PLAN)))
    runner.quit()


def story_the_pace_is_that_of_locusts_constant_throughput():
    """Both wait alike whatever the tasks take, after one that took longer than the period too."""
    clock_s, theirs, ours, someone = [0.0], [], [], SimpleNamespace(_cp_last_run=0.0, _cp_last_wait_time=0.0)
    took_s = [0.1, 0.2, 3.0, 0.1, 0.6, 0.4]
    locusts = wait_time.constant_throughput(2)
    with mock.patch.object(wait_time, "perf_counter", side_effect=lambda: clock_s[0]):
        for task_s in took_s:
            clock_s[0] += task_s
            theirs.append(locusts(someone))
            clock_s[0] += theirs[-1]
    [user] = Users((tuple(range(9)),), (0,), (), 500_000, 10**9)
    due = user.first()
    for task_s in took_s:
        ended_us = due.at_us + round(task_s * 1e6)
        due = user.next(began_us=due.at_us, ended_us=ended_us)
        ours.append((due.at_us - ended_us) / 1e6)
    assert all(abs(one - other) < 1e-6 for one, other in zip(theirs, ours, strict=True))


def _with_closed_users(schedule: Schedule, users: Users, live):
    environment = Environment(user_classes=post((), schedule, Makers(users, live)), catch_exceptions=False)
    runner = environment.create_local_runner()
    runner.start(len(users), spawn_rate=len(users))
    runner.spawning_greenlet.join()
    return runner


def story_closed_users_wait_for_each_visit_and_stop_with_the_horizon():
    clock, tally, busy, lived = GeventClock(time.monotonic_ns()), Tally(), set(), []

    def live(due):
        user = due.visit // 10
        assert user not in busy, "one visit at a time"
        assert clock.now_us() >= due.at_us, "none before it is due"
        busy.add(user)
        gevent.sleep(0.12 if due.visit == 10 else 0.001)
        busy.remove(user)
        lived.append(due)

    users = Users((tuple(range(10)), tuple(range(10, 20))), (0, 10_000), (), 50_000, 300_000)
    schedule = Schedule(clock, tally, lambda _: None)
    runner = _with_closed_users(schedule, users, live)
    assert waiting() == 0
    runner.user_greenlets.join()
    first = [due.at_us for due in lived if due.visit < 10]
    held_up = [due.at_us for due in lived if due.visit >= 10]
    assert first == [0, 50_000, 100_000, 150_000, 200_000, 250_000]
    assert held_up[0] == 10_000
    assert held_up[1] >= 130_000, "it was due at 60 ms, and nobody catches up"
    assert len(held_up) <= 5
    assert tally.made_total == tally.started_total == len(lived)
    runner.quit()


def story_a_closed_user_in_a_visit_ends_with_the_run():
    ended, begun = [], []

    def live(due):
        begun.append(due)
        try:
            gevent.sleep(60)
        finally:
            ended.append(due)

    schedule = Schedule(GeventClock(time.monotonic_ns()), Tally(), lambda _: None)
    runner = _with_closed_users(schedule, Users(((0, 1),), (0,), (), 1_000, 10**9), live)
    while not begun:
        gevent.sleep(0.001)
    schedule.stop()
    schedule.kill()
    runner.user_greenlets.join()
    assert ended == begun == [(0, 0)], "the next visit never begins"
    assert schedule.make(0, lambda: begun.append(None)) is None
    assert len(begun) == 1
    runner.quit()


def _journey(history: LoadHistory, **facts: object) -> Journey:
    nothing = SimpleNamespace()
    ports = HospitalPorts(nothing, nothing, nothing, nothing, nothing)
    journey = Journey(ports, HospitalSite(SCENARIO.clients, 4), PLAN.visit(0), history)
    for name, value in facts.items():
        setattr(journey, name, value)
    return journey


def story_settlements_stand_beside_the_messages_and_not_in_their_total():
    stats = RequestStats()
    history = LoadHistory(Recorder(), stamps_of(SCENARIO), stats, SoFar(0))
    sent = {"settle_sent_us": 1_000_000}
    history.left(_journey(history, fate=Fate.DIRECT, acked=True, settle_done_us=1_250_000, **sent))
    history.left(_journey(history, fate=Fate.REVERSED_THEN_PAPER, settle_done_us=3_000_000, **sent))
    history.left(_journey(history, fate=Fate.OPEN_AT_END, **sent))
    history.left(_journey(history, fate=Fate.ABANDONED))
    entry = stats.get("settlement", "VISIT")
    assert (entry.num_requests, entry.num_none_requests, entry.num_failures) == (3, 1, 2)
    assert (entry.min_response_time, entry.max_response_time) == (250.0, 2000.0)
    assert stats.total.num_requests == 0


def story_cpu_of_those_on_the_same_core_counts():
    alone, shared = CpuMeter(), CpuMeter((os.getpid(), 2**22 + 1))
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    while time.process_time() < began_cpu_s + 0.3:
        pass
    mine, both = alone.share(), shared.share()
    truth = (time.process_time() - began_cpu_s) / (time.monotonic() - began_s)
    assert abs(mine / truth - 1) < 0.2, "used over elapsed, however long it took"
    assert 1.5 < both / mine < 2.5, "the other is this very process: counted twice"


def story_watch_counts_what_was_due_started_and_dropped():
    tally, recorder = Tally(), Recorder()
    clock = GeventClock(time.monotonic_ns() - 86_400 * 10**9)
    watch = Watch(clock, PLAN.columns.arrival_us, tally, CpuMeter(), say_nothing)
    tally.started(700)
    tally.dropped()
    watch.sample(recorder, {})
    watch.sample(recorder, {})
    rows = recorder.frames()["generator"].rows(named=True)
    assert [(row["due"], row["started"], row["dropped"]) for row in rows] == [(len(PLAN), 1, 1), (0, 0, 0)]
    assert rows[0]["lag_p99_us"] == 700


def story_the_exit_code_tells_a_failure_of_the_generator_from_a_run_that_cannot_be_believed():
    told = {
        (failed, interrupted, valid): exit_code(failed=failed, interrupted=interrupted, valid=valid)
        for failed in (False, True)
        for interrupted in (False, True)
        for valid in (False, True)
    }
    assert told[False, False, True] == 0
    assert told[False, False, False] == 3
    assert told[False, True, True] == told[False, True, False] == 130
    assert {code for (failed, *_), code in told.items() if failed} == {1}


def story_watch_samples_once_a_second_of_the_runs_clock():
    recorder = Recorder()
    watch = Watch(
        GeventClock(time.monotonic_ns() - 900_000_000), PLAN.columns.arrival_us, Tally(), CpuMeter(), say_nothing
    )
    greenlet = gevent.spawn(watch.run, recorder, dict)
    while not recorder.frames()["generator"].height:
        gevent.sleep(0.02)
    greenlet.kill()
    assert recorder.frames()["generator"]["at_us"][0] >= 1_000_000


if __name__ == "__main__":
    tell(globals())
