"""Around a fault: latency before, during, and when it is back to normal."""

from __future__ import annotations

import pytest

from lab.analysis.recoveries import recoveries
from lab.analysis.scope import scope_of
from scenarios.reading.loader import load_scenario
from scenarios.record.recorder import EventRow

SECOND = 1_000_000
SCENARIO = load_scenario("slow-province", sets=["horizon.warm_up=0s"])
FAULT = EventRow(100 * SECOND, 200 * SECOND, "slow", "41", "")


def around(world, make, latency_of, *, until_s=400):
    """One settlement a second; ``latency_of`` gives its latency in milliseconds."""
    world.visits = [
        make.visit_row(n, arrival_us=n * SECOND, settle_sent_us=n * SECOND, latency_us=latency_of(n) * 1000)
        for n in range(until_s)
    ]
    world.events = [FAULT]
    record = world.record()
    return recoveries(scope_of(record, SCENARIO), record.events)


def test_latency_that_lingers_after_the_fault_is_told(world, make):
    [found] = around(world, make, lambda n: 500 if 100 <= n < 230 else 20)

    assert (found.kind, found.target) == ("slow", "41")
    assert found.before_us == pytest.approx(20_000)
    assert found.during_us == pytest.approx(500_000)
    assert found.recovered_us == pytest.approx(30 * SECOND, abs=2 * SECOND)


def test_fault_that_nobody_felt_afterwards_is_over_at_once(world, make):
    [found] = around(world, make, lambda n: 500 if 100 <= n < 200 else 20)

    assert found.recovered_us == 0


def test_latency_that_never_comes_back_has_no_recovery(world, make):
    [found] = around(world, make, lambda n: 500 if n >= 100 else 20)

    assert found.recovered_us is None


def test_too_few_settlements_before_say_nothing(world, make):
    world.visits = [make.visit_row(n) for n in range(5)]
    world.events = [FAULT]
    record = world.record()

    [found] = recoveries(scope_of(record, SCENARIO), record.events)

    assert (found.before_us, found.during_us, found.recovered_us) == (None, None, None)


def test_phases_of_a_stop_are_no_faults(world):
    world.events = [EventRow(0, SECOND, "close", "33", ""), EventRow(0, None, "lose", "*>hub", "")]
    record = world.record()

    assert recoveries(scope_of(record, SCENARIO), record.events) == []
