from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import simpy

from sim.engine.driver import SimClock, Task, TaskGroup, wait
from sim.engine.timeline import COMMAND, SAMPLE, TIMER, WORK, Timeline, Wakeup

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


def test_at_one_instant_commands_come_first_then_work_timers_and_samples_in_order_of_asking(timeline: Timeline) -> None:
    order: list[str] = []
    for kind, name in (
        (SAMPLE, "sample"), (TIMER, "timer"), (WORK, "work 1"), (COMMAND, "command"), (WORK, "work 2"),
    ):  # fmt: skip
        timeline.call_at(5, kind, lambda name=name: order.append(name))
    timeline.run_until(5)
    assert order == ["command", "work 1", "work 2", "timer", "sample"]


def test_what_lies_beyond_the_limit_waits_for_the_next_run(timeline: Timeline) -> None:
    told: list[int] = []
    for at_us in (10, 20, 21):
        timeline.call_at(at_us, WORK, lambda: told.append(timeline.now_us))
    assert timeline.run_until(20)
    assert told == [10, 20]
    assert timeline.now_us == 20
    assert timeline.run_until(30)
    assert told == [10, 20, 21]


def test_stop_ends_the_run_after_the_event_under_way(timeline: Timeline) -> None:
    told: list[int] = []
    timeline.call_at(10, WORK, timeline.stop)
    timeline.call_at(10, WORK, lambda: told.append(1))
    timeline.call_at(11, WORK, lambda: told.append(2))
    assert not timeline.run_until(100)
    assert told == []
    assert timeline.run_until(100)
    assert told == [1, 2]


def test_plain_simpy_lives_on_the_same_timeline(timeline: Timeline) -> None:
    told: list[Any] = []
    signal = Wakeup("news")

    def process() -> Generator[simpy.Event, Any, None]:
        yield timeline.timeout(5)
        told.append((yield signal))

    async def task() -> None:
        told.append(await wait(timeline.timeout(7, "later")))

    timeline.process(process())
    Task(timeline, task(), TaskGroup()).start()
    timeline.at(6, WORK, signal)
    timeline.run_until(10)
    assert told == ["news", "later"]


def test_a_failed_simpy_event_is_never_silently_ignored(timeline: Timeline) -> None:
    timeline.event().fail(ValueError("lost"))
    with pytest.raises(ValueError, match="lost"):
        timeline.run_until(10)


def test_a_mistake_in_a_task_ends_the_run(timeline: Timeline) -> None:
    async def work() -> None:
        await SimClock(timeline).sleep_us(5)
        raise AssertionError("our own fault")

    Task(timeline, work(), TaskGroup()).start()
    with pytest.raises(AssertionError, match="our own fault"):
        timeline.run_until(10)


def test_sleeping_no_time_is_no_event(timeline: Timeline) -> None:
    told: list[str] = []

    async def work() -> None:
        await SimClock(timeline).sleep_us(0)
        await SimClock(timeline).sleep_us(-5)
        told.append("awake")

    Task(timeline, work(), TaskGroup()).start()
    assert told == ["awake"]
    assert not timeline.heap


async def three_naps(timeline: Timeline, told: list[str]) -> None:
    clock = SimClock(timeline)
    try:
        for nap in range(3):
            await clock.sleep_us(10)
            told.append(f"nap {nap}")
    finally:
        told.append("cleaned up")


@pytest.mark.parametrize("at_us", [0, 10, 20, 30, 35])
def test_a_task_cancelled_at_any_await_cleans_up_once_and_leaves_its_home(timeline: Timeline, at_us: int) -> None:
    told: list[str] = []
    group = TaskGroup()
    task = Task(timeline, three_naps(timeline, told), group)
    task.start()
    timeline.call_at(at_us, COMMAND, task.cancel)
    timeline.run_until(100)
    done = min(3, max(0, at_us - 1) // 10)
    assert told == [*(f"nap {nap}" for nap in range(done)), "cleaned up"]
    assert task.ended
    assert not group.tasks


def test_work_started_beside_begins_after_its_starter_has_given_way(timeline: Timeline) -> None:
    told: list[str] = []
    group = TaskGroup()

    async def beside() -> None:
        told.append("beside")

    async def work() -> None:
        Task(timeline, beside(), group).start_later()
        told.append("starter")

    Task(timeline, work(), group).start()
    assert told == ["starter"]
    timeline.run_until(0)
    assert told == ["starter", "beside"]


def test_a_task_cancelled_before_it_began_never_begins(timeline: Timeline) -> None:
    told: list[str] = []
    group = TaskGroup()
    task = Task(timeline, three_naps(timeline, told), group)
    task.start_later()
    task.cancel()
    timeline.run_until(100)
    assert told == []


def test_frozen_tasks_go_on_at_the_thaw_with_what_came_meanwhile_in_its_order(timeline: Timeline) -> None:
    told: list[tuple[str, int]] = []
    group = TaskGroup()

    async def work(name: str, sleep_us: int) -> None:
        await SimClock(timeline).sleep_us(sleep_us)
        told.append((name, timeline.now_us))

    for name, sleep_us in (("b", 20), ("a", 10), ("late", 200)):
        Task(timeline, work(name, sleep_us), group).start()
    timeline.call_at(5, COMMAND, group.freeze)
    timeline.call_at(100, COMMAND, group.thaw)
    timeline.run_until(300)
    assert told == [("a", 100), ("b", 100), ("late", 200)]


def test_a_frozen_home_can_be_cleared_and_starts_anew_unfrozen(timeline: Timeline) -> None:
    told: list[str] = []
    group = TaskGroup()
    Task(timeline, three_naps(timeline, told), group).start()
    timeline.call_at(5, COMMAND, group.freeze)
    timeline.call_at(15, COMMAND, group.cancel_all)
    timeline.run_until(50)
    Task(timeline, three_naps(timeline, told), group).start()
    timeline.run_until(100)
    assert told == ["cleaned up", "nap 0", "nap 1", "nap 2", "cleaned up"]


def test_a_task_cancelled_at_the_thaw_by_another_is_not_resumed(timeline: Timeline) -> None:
    told: list[str] = []
    group = TaskGroup()
    second: list[Task] = []

    async def killer() -> None:
        await SimClock(timeline).sleep_us(10)
        second[0].cancel()

    async def victim() -> None:
        await SimClock(timeline).sleep_us(10)
        told.append("still here")

    Task(timeline, killer(), group).start()
    second.append(Task(timeline, victim(), group))
    second[0].start()
    timeline.call_at(5, COMMAND, group.freeze)
    timeline.call_at(20, COMMAND, group.thaw)
    timeline.run_until(50)
    assert told == []
