"""The hospital's ports under gevent."""

from __future__ import annotations

import time

import gevent
from telling import tell

from loadtest.gevent_ports import GeventClock, GeventDesk, GeventTasks, note_lateness, run_to_end, take_lateness
from loadtest.lags import binned
from loadtest.schedule import Schedule, Tally

MS = 1_000


class _Yields:
    def __await__(self):
        yield "to a driver that does not listen"


def _clock() -> GeventClock:
    return GeventClock(time.monotonic_ns())


def _raises(error: type[BaseException], act) -> BaseException:
    try:
        act()
    except error as raised:
        return raised
    raise AssertionError(f"expected {error.__name__}")


# --- driver and clock ---


def story_result_of_the_coroutine_is_returned():
    async def work() -> int:
        await _clock().sleep_us(1)
        return 7

    assert run_to_end(work()) == 7


def story_port_that_yields_is_our_own_mistake():
    async def work() -> None:
        await _Yields()

    error = _raises(RuntimeError, lambda: run_to_end(work()))
    assert "must block" in str(error)


def story_sleep_lets_other_greenlets_run():
    order = []

    async def work(name: str, us: int) -> None:
        await _clock().sleep_us(us)
        order.append(name)

    gevent.joinall([gevent.spawn(run_to_end, work("slow", 20 * MS)), gevent.spawn(run_to_end, work("quick", 5 * MS))])
    assert order == ["quick", "slow"]


def story_oversleeping_is_the_generators_lateness_and_is_taken_once():
    async def work() -> tuple[int, int]:
        gevent.spawn(time.sleep, 0.03)  # an unpatched sleep: the whole process stands still
        await _clock().sleep_us(5 * MS)
        return take_lateness(), take_lateness()

    first, second = gevent.spawn(run_to_end, work()).get()
    assert first >= 20 * MS
    assert second == 0


def story_lateness_belongs_to_one_greenlet():
    note_lateness(5)
    assert gevent.spawn(take_lateness).get() == 0
    assert take_lateness() == 5


# --- desk ---


def _queue(desk: GeventDesk, name: str, served: list[str], timeout_us: int = 5_000 * MS) -> gevent.Greenlet:
    async def patient() -> None:
        served.append(name if await desk.seize(timeout_us) else f"{name} left")

    greenlet = gevent.spawn(run_to_end, patient())
    gevent.idle()
    return greenlet


def story_desk_serves_in_order_of_arrival():
    desk, served = GeventDesk(1), []
    patients = [_queue(desk, name, served) for name in "abc"]
    for _ in patients:
        gevent.idle()
        desk.release()
    gevent.joinall(patients)
    assert served == ["a", "b", "c"]
    assert desk.free == 1


def story_patient_without_patience_leaves_the_queue():
    desk, served = GeventDesk(1), []
    _queue(desk, "a", served)
    _queue(desk, "b", served, timeout_us=5 * MS).join()
    desk.release()
    assert served == ["a", "b left"]
    assert desk.free == 1


def story_patient_killed_in_the_queue_leaves_no_trace():
    desk, served = GeventDesk(1), []
    _queue(desk, "a", served)
    _queue(desk, "b", served).kill()
    last = _queue(desk, "c", served)
    desk.release()
    last.join()
    assert served == ["a", "c"]
    assert desk.free == 0


def story_desk_won_by_a_patient_killed_at_that_instant_goes_to_the_next():
    desk, served = GeventDesk(1), []
    _queue(desk, "a", served)
    killed = _queue(desk, "b", served)
    last = _queue(desk, "c", served)
    killed.kill(block=False)  # reaches the patient after the desk has been handed over
    desk.release()
    last.join()
    assert served == ["a", "c"]
    desk.release()
    assert desk.free == 1


# --- tasks ---


def story_tasks_killed_before_their_first_step_and_in_the_middle_unwind():
    unwound = []

    async def work(name: str) -> None:
        try:
            await _clock().sleep_us(60_000 * MS)
        finally:
            unwound.append(name)

    tasks = GeventTasks()
    tasks.start(work("begun"))
    gevent.idle()
    tasks.start(work("not begun"))
    assert len(tasks) == 2
    tasks.kill()
    assert unwound == ["begun"]
    assert len(tasks) == 0


# --- schedule ---


def story_arrivals_do_not_wait_for_the_journeys_before_them():
    clock, tally, began = _clock(), Tally(), []

    def journey(visit: int) -> None:
        began.append(visit)
        gevent.sleep(0.05)

    schedule = Schedule(clock, tally, journey)
    schedule.replay([(1, 0), (2, MS), (3, 2 * MS)])
    gevent.idle()
    assert began == [1, 2, 3]
    assert schedule.under_way == 3
    assert schedule.join(1.0)
    assert tally.started_total == 3


def story_late_start_is_measured_from_the_plan():
    clock, tally = _clock(), Tally()
    schedule = Schedule(clock, tally, lambda _: None)
    schedule.replay([(1, clock.now_us() - 40 * MS)])
    schedule.join(1.0)
    row = tally.take(at_us=0, cpu_share=0.0, due=1)
    assert row.lag_p99_us >= 40 * MS
    assert (row.due, row.started, row.dropped) == (1, 1, 0)
    assert row.lag_counts == binned([row.lag_p99_us])
    assert tally.take(at_us=0, cpu_share=0.0, due=0).started == 0


def story_stays_open_before_the_run_start_together_and_nobody_was_late_for_them():
    tally = Tally()
    schedule = Schedule(GeventClock(time.monotonic_ns() - 10**9), tally, lambda _: None)
    schedule.replay([(visit, 0) for visit in range(50)])
    schedule.join(1.0)
    row = tally.take(at_us=0, cpu_share=0.0, due=50)
    assert (row.started, row.lag_p99_us, row.lag_counts) == (50, 0, [])


def story_arrivals_above_the_cap_are_dropped_and_counted():
    tally = Tally()
    schedule = Schedule(_clock(), tally, lambda _: gevent.sleep(0.05), busy_max=2)
    schedule.replay([(visit, 0) for visit in range(5)])
    assert tally.dropped_total == 3
    schedule.join(1.0)
    assert tally.started_total == 2


def story_stays_that_lie_take_no_room_from_those_who_may_call():
    """Thirty thousand beds were taken for as many connections, and a big rush could not be measured."""
    tally = Tally()

    def lie(_visit: int) -> None:
        schedule.rests(1)
        gevent.sleep(0.05)
        schedule.rests(-1)

    schedule = Schedule(_clock(), tally, lie, busy_max=2)
    schedule.replay([(visit, 0) for visit in range(20)])
    assert tally.dropped_total == 0
    schedule.join(1.0)
    assert (tally.started_total, schedule.under_way) == (20, 0)


def story_stop_lets_nobody_in_and_kill_unwinds_those_inside():
    unwound = []

    def journey(visit: int) -> None:
        try:
            gevent.sleep(60)
        finally:
            unwound.append(visit)

    schedule = Schedule(_clock(), Tally(), journey)
    replay = gevent.spawn(schedule.replay, [(1, 0), (2, 60_000 * MS)])
    gevent.sleep(0.01)
    schedule.stop()
    replay.join(1.0)
    assert replay.dead
    assert not schedule.join(0.01)
    schedule.kill()
    assert unwound == [1]
    assert schedule.under_way == 0


if __name__ == "__main__":
    tell(globals())
