"""Reneging: who waits longer for a desk than a drawn patience leaves, after just that patience; as many as theory says."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, stdev
from typing import Any

import polars as pl
import pytest
from support.tiny_world import HUB, S, live, scenario, visit

from reference_impl.domain.keyed import Purpose, uniform
from scenarios.patients.visits import plan_visits
from scenarios.record.fates import Fate
from scenarios.schema import Scenario
from scenarios.schema.durations import Drawn
from sim.crowds import _square_of_handling as square_of_handling

MIN_US = 60_000_000
HANDLING_US, PATIENCE_US = 4 * MIN_US, 20 * MIN_US


def crowded(seed: int, *, per_day: int = 3_000) -> Scenario:
    """One pharmacy a province, where visits come and are served without memory, at desks that follow its size."""
    return scenario(
        seed=seed,
        horizon={"start": "2024-03-13T08:00:00", "length": "36h", "warm_up": "3h", "drain_limit": "3h"},
        visits={
            "explicit": (),
            "per_day": per_day,
            "arrivals": {"kind": "poisson"},
            "local_per_cross": 0,
            "mix": {"outpatient": 0, "pharmacy": 1, "inpatient": 0},
            "handling": {"distribution": "exponential", "mean": "4min"},
        },
        topology={"desks_per_hospital": 3, "hospitals_per_province": {"hospital": 1, "pharmacy": 1}},
        clients={"desk_patience": {"distribution": "exponential", "mean": "20min"}},
    )


def visits_of(asked: Scenario) -> pl.DataFrame:
    visits = live(asked).record().visits
    return visits.filter(pl.col("arrival_us").is_between(asked.horizon.warm_up, asked.horizon.length))


def erlang_a(per_us: float, desks: int) -> float:
    """Return the share that leaves M/M/c+M, by its birth-death chain: who waits leaves at 1/patience each."""
    weights: list[float] = [1.0]
    leaves: list[float] = [0.0]
    while weights[-1] > 1e-15 * max(weights):
        there = len(weights)
        waiting = max(0, there - desks)
        ends = min(there, desks) / HANDLING_US + waiting / PATIENCE_US
        weights.append(weights[-1] * per_us / ends)
        leaves.append(waiting / PATIENCE_US)
    total = sum(weights)
    return sum(w * rate for w, rate in zip(weights, leaves, strict=True)) / total / per_us


def test_who_leaves_the_queue_waited_as_long_as_their_patience():
    asked = crowded(1)
    patience: Any = asked.clients.desk_patience

    left = visits_of(asked).filter(pl.col("fate") == Fate.ABANDONED.value)

    assert left.height > 300
    said = [patience.at(uniform(asked.seed, visit, 0, 0, Purpose.DESK_PATIENCE)) for visit in left["visit"]]
    assert left["desk_wait_us"].to_list() == said
    assert fmean(said) < PATIENCE_US, "the impatient leave, the patient are served"


def test_as_many_leave_as_erlang_a_says():
    off: list[float] = []
    for seed in range(1, 4):
        asked = crowded(seed)
        desks = {place.code: place.desks for place in plan_visits(asked).hospitals}
        span_us = asked.horizon.length - asked.horizon.warm_up
        for [code], there in visits_of(asked).group_by("hospital"):
            left = (there["fate"] == Fate.ABANDONED.value).mean()
            off.append(float(left or 0) - erlang_a(there.height / span_us, desks[code]))

    error = stdev(off) / sqrt(len(off))
    assert abs(fmean(off)) < 4 * error, (fmean(off), error)
    assert error < 0.01, "enough were seen to say so"


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_clerk_tries_again_after_a_wait_that_is_drawn(seed):
    asked = scenario(
        visit("pharmacy"),
        seed=seed,
        faults=[{"kind": "refuse", "node": HUB, "at": "0s", "for": "50s"}],
        clients={"clerk": {"retries": 1, "wait": {"distribution": "uniform", "low": "1min", "high": "9min"}}},
    )
    wait: Any = asked.clients.clerk.wait
    said = wait.at(uniform(seed, 0, 1, 0, Purpose.CLERK_WAIT))  # one message was asked so far

    sent_us = live(asked).recorder.frames()["messages"]["sent_us"].sort()

    assert 0 < sent_us.diff().max() - said < 4 * S, "a last try ends, and then comes the desk again"


def test_a_desk_before_which_a_crowd_stands_knows_how_its_handling_varies():
    """For no memory the mean square is twice the square of the mean, for a constant once: M/G/1 waits follow it."""
    for name, square in (("exponential", 2.0), ("constant", 1.0)):
        key = "mean" if name == "exponential" else "value"
        handling = Drawn.model_validate({"distribution": name, key: "90s"})

        assert square_of_handling(handling) == pytest.approx(square, rel=5e-3)
