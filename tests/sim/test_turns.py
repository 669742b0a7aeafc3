"""The arithmetic of turns against the simulated loop: what 'yidi check' says is what a run would show, roughly."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from sim.engine.timeline import WORK, Timeline
from sim.model.costs import Fitted, load_costs
from sim.model.loop import Loop
from sim.model.service_times import Rhythm
from sim.model.stations import Cpu
from sim.model.turns import Process, turn_loads

TURN_US, PIECE_US, SECONDS = 120.0, 100.0, 8


def costs(cold=0.0):
    def exactly(value):
        return Fitted(value, value, value)

    changes = {"turn_us": exactly(TURN_US), "cold": exactly(cold), "cooling_us": exactly(1_000.0)}
    return msgspec.structs.replace(load_costs().file, **changes)


def simulated(rates, cold=0.0):
    """Return pieces a turn of each process, the use of their core and the mean wait for a turn."""
    timeline = Timeline()
    cpu = Cpu(timeline, 1)
    rhythm = Rhythm(round(TURN_US * 1000), 0, round(cold * 1024), 1_000)
    loops = [Loop(timeline, cpu, rhythm, None) for _ in rates]
    random = np.random.default_rng(3)
    for loop, rate in zip(loops, rates, strict=True):
        for at_us in np.cumsum(random.exponential(1e6 / rate, round(rate * SECONDS))).astype(int).tolist():
            timeline.call_at(
                at_us,
                WORK,
                lambda loop=loop: loop.post(lambda _: loop.spend(round(PIECE_US * 1000)), None),
            )
    timeline.run_until(SECONDS * 1_000_000)
    tally = cpu.tally()
    pieces = [rate * SECONDS / loop.turns for rate, loop in zip(rates, loops, strict=True)]
    return pieces, tally.busy_us / (SECONDS * 1e6), tally.waited_us / tally.arrivals


@pytest.mark.parametrize("rate", [200, 2_000, 4_000, 7_000])
def test_one_process_uses_its_core_as_the_arithmetic_says(rate):
    (pieces,), use, wait_us = simulated([rate])
    (told,) = turn_loads([Process(rate, PIECE_US, 0.0, 0.0)], 1.0, costs())

    assert told.pieces == pytest.approx(pieces, rel=0.08)
    assert told.use == pytest.approx(use, rel=0.05)
    assert told.wait_us == pytest.approx(wait_us, rel=0.35)


def test_processes_that_share_a_core_take_longer_turns():
    rates = [2_000, 1_000, 500]
    pieces, use, _ = simulated(rates)
    told = turn_loads([Process(rate, PIECE_US, 0.0, 0.0) for rate in rates], 1.0, costs())

    assert sum(load.use for load in told) == pytest.approx(use, rel=0.1)
    assert [load.pieces for load in told] == pytest.approx(pieces, rel=0.3)
    alone = turn_loads([Process(rates[0], PIECE_US, 0.0, 0.0)], 1.0, costs())
    assert told[0].pieces > alone[0].pieces


def test_a_cold_process_uses_more_and_a_busy_one_is_warm():
    for rate, close in ((100, 0.03), (4_000, 0.06)):
        _, use, _ = simulated([rate], cold=0.6)
        (told,) = turn_loads([Process(rate, PIECE_US, 0.0, 0.0)], 1.0, costs(cold=0.6))
        assert told.use == pytest.approx(use, rel=close)
    assert told.cold < 1.2


def test_full_is_where_the_work_alone_fills_the_core_and_longer_turns_help_up_to_there():
    uses = [turn_loads([Process(rate, PIECE_US, 0.0, 0.0)], 1.0, costs())[0].use for rate in (1_000, 9_000, 9_900)]

    assert uses == sorted(uses)
    assert uses[-1] <= 1
    (full,) = turn_loads([Process(10_001, PIECE_US, 0.0, 0.0)], 1.0, costs())
    assert (full.use > 1, math.isinf(full.wait_us)) == (True, True)


def test_a_disk_in_the_turn_makes_turns_longer_and_uses_no_core():
    here, beside = (
        turn_loads([Process(2_000, PIECE_US, 1_000, 30.0, disk_us=disk_us)], 1.0, costs())[0] for disk_us in (500, 0)
    )

    assert here.pieces > beside.pieces
    assert here.use < beside.use
