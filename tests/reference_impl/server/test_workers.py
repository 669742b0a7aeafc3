"""Workers and the queue before them: bounded, in order, and none is lost wherever a message is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from reference_impl.server.workers import LettingGo, Slot, Workers, current_slot


class Clock:
    now = 0

    def now_us(self):
        return self.now


def story(test):
    def run():
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


async def turns(number=3):
    for _ in range(number):
        await asyncio.sleep(0)


def test_a_node_has_at_least_one_worker():
    with pytest.raises(ValueError, match="got 0"):
        Workers(Clock(), 0, 5)


@story
async def test_a_free_worker_is_taken_without_waiting():
    workers = Workers(Clock(), 1, 0)

    await workers.seize()

    assert (workers.free, workers.has_room()) == (0, False)


@story
async def test_the_queue_is_bounded_and_first_come_first_served():
    workers, served = Workers(Clock(), 1, 2), []

    async def message(name):
        await workers.seize()
        served.append(name)

    await workers.seize()
    tasks = [asyncio.ensure_future(message(name)) for name in "ab"]
    await turns()
    assert (workers.queued, workers.has_room()) == (2, False)
    workers.release()
    workers.release()
    await asyncio.gather(*tasks)

    assert served == ["a", "b"]


@story
async def test_cancelled_in_the_queue_it_steps_out():
    workers = Workers(Clock(), 1, 5)
    await workers.seize()
    waiting = [asyncio.ensure_future(workers.seize()) for _ in range(2)]
    await turns()
    waiting[0].cancel()
    workers.release()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert (workers.free, workers.queued) == (0, 0)
    workers.release()
    assert workers.free == 1


@story
async def test_cancelled_at_the_moment_of_its_turn_the_worker_goes_on_to_the_next():
    workers = Workers(Clock(), 1, 5)
    await workers.seize()
    first, second = (asyncio.ensure_future(workers.seize()) for _ in range(2))
    await turns()
    workers.release()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    assert first.cancelled()
    assert (second.done(), workers.free, workers.queued) == (True, 0, 0)


@story
async def test_times_of_waiting_and_working_add_up():
    clock = Clock()
    workers = Workers(clock, 1, 5)
    await workers.seize()
    waiting = asyncio.ensure_future(workers.seize())
    await turns()
    clock.now = 10
    assert (workers.busy_us(), workers.waited_us()) == (10, 10)
    workers.release()
    await waiting
    clock.now = 25
    workers.release()

    assert (workers.busy_us(), workers.waited_us()) == (25, 10)


class Far:
    """A neighbour that answers when told, and notes how many workers were free meanwhile."""

    def __init__(self, workers):
        self.answer = asyncio.Event()
        self.free = None
        self._workers = workers

    async def call(self, node, request, timeout_us):
        self.free = self._workers.free
        await self.answer.wait()
        return "answered"


@story
async def test_a_worker_is_let_go_while_the_next_node_works():
    workers = Workers(Clock(), 1, 0)
    far = Far(workers)
    slot = Slot(workers)
    await slot.take()
    current_slot.set(slot)
    calling = asyncio.ensure_future(LettingGo(far).call("hub", None, 1))
    await turns()
    assert far.free == 1
    far.answer.set()

    assert await calling == "answered"
    assert (slot.held, workers.free) == (True, 0)


@story
async def test_work_that_holds_no_worker_takes_none():
    workers = Workers(Clock(), 1, 0)
    far = Far(workers)
    far.answer.set()

    assert await LettingGo(far).call("hub", None, 1) == "answered"
    assert workers.free == 1


@pytest.mark.parametrize("rounds", range(6))
def test_cancelled_at_any_await_no_worker_is_lost(rounds):
    async def run():
        workers = Workers(Clock(), 1, 5)
        far = Far(workers)

        async def message():
            slot = Slot(workers)
            await slot.take()
            current_slot.set(slot)
            try:
                await LettingGo(far).call("hub", None, 1)
            finally:
                slot.give_back()

        tasks = [asyncio.ensure_future(message()) for _ in range(3)]
        await turns(rounds)
        tasks[0].cancel()
        far.answer.set()
        await turns(1)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (workers.free, workers.queued) == (1, 0)

    asyncio.run(run())
