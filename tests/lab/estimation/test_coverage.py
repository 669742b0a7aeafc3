"""An interval at 95 % holds the truth between 92 and 98 times in a hundred, where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.estimation.batches import batched_mean, batched_percentile
from lab.analysis.percentiles import pooled_percentile, sample_of
from lab.analysis.statistics import (
    paired_difference,
    positive_interval,
    share_interval,
    t_interval,
    unpaired_difference,
)

COVERED_MIN, COVERED_MAX = 0.92, 0.98
TRIALS = 1000
Z95 = 1.6448536269514722
"""The 95th percentile of the normal distribution."""


def normal(rng, size):
    return 10.0 + rng.normal(size=size)


def exponential(rng, size):
    return rng.exponential(1.0, size)


def lognormal(rng, size):
    return np.exp(0.5 * rng.normal(size=size))


P95 = {normal: 10.0 + Z95, exponential: -math.log(0.05), lognormal: math.exp(0.5 * Z95)}
MEANS = {normal: 10.0, exponential: 1.0, lognormal: math.exp(0.125)}
DRAWS = [normal, exponential, lognormal]


def autoregressive(rng, count, hangs_together=0.9):
    """Values about 10 of which each keeps nine tenths of how far the one before was off, steady from the first."""
    steps = rng.normal(size=count)
    values, last = np.empty(count), steps[0] / math.sqrt(1.0 - hangs_together**2)
    for place, step in enumerate(steps):
        last = values[place] = last if place == 0 else hangs_together * last + step
    return 10.0 + values


def waits(rng, count, load=0.5):
    """How long the customers of an M/M/1 queue wait, one after the other, from its steady state on (Lindley)."""
    steps = rng.exponential(1.0, count - 1) - rng.exponential(1.0 / load, count - 1)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    at_first = rng.exponential(1.0 / (1.0 - load)) if rng.random() < load else 0.0
    return np.maximum(at_first + walk, walk - np.minimum.accumulate(walk))


def covered(interval_of, truth, *, trials=TRIALS, seed=20):
    """Return the share of intervals that hold the truth; ``interval_of`` draws from a generator and returns one."""
    rng = np.random.default_rng(seed)
    found = [interval_of(rng) for _ in range(trials)]
    return sum(one.low <= truth <= one.high for one in found) / trials


def holds(share):
    return COVERED_MIN <= share <= COVERED_MAX


@pytest.mark.parametrize("draw", DRAWS)
def test_students_t_over_thirty_replications_of_means_holds_the_mean(draw):
    def means(rng):
        return draw(rng, (30, 50)).mean(axis=1).tolist()

    assert holds(covered(lambda rng: t_interval(means(rng)), MEANS[draw]))


@pytest.mark.parametrize("draw", [exponential, lognormal])
def test_the_interval_of_what_is_never_negative_holds_the_mean(draw):
    def means(rng):
        return draw(rng, (10, 50)).mean(axis=1).tolist()

    assert holds(covered(lambda rng: positive_interval(means(rng)), MEANS[draw]))


def test_the_interval_of_a_share_holds_it():
    def shares(rng):
        return (rng.binomial(500, 0.9, size=10) / 500).tolist()

    assert holds(covered(lambda rng: share_interval(shares(rng)), 0.9))


@pytest.mark.parametrize("draw", DRAWS)
def test_the_difference_of_replications_with_the_same_seeds_holds_the_truth(draw):
    def paired(rng):
        common, own = draw(rng, (20, 50)).mean(axis=1), rng.normal(size=20)
        return paired_difference(common.tolist(), (common + 1.0 + own).tolist())

    assert holds(covered(paired, 1.0))


@pytest.mark.parametrize("draw", DRAWS)
def test_the_difference_of_replications_with_seeds_of_their_own_holds_the_truth(draw):
    def unpaired(rng):
        first, second = draw(rng, (20, 50)).mean(axis=1), 1.0 + draw(rng, (10, 50)).mean(axis=1)
        return unpaired_difference(first.tolist(), second.tolist())

    assert holds(covered(unpaired, 1.0))


@pytest.mark.parametrize("draw", DRAWS)
def test_percentiles_pooled_over_thirty_replications_hold_the_truth(draw):
    pool = lambda rng: [sample_of(values) for values in draw(rng, (30, 200))]  # noqa: E731

    assert holds(covered(lambda rng: pooled_percentile(pool(rng), "p95").interval, P95[draw]))


def test_percentiles_of_replications_whose_values_hang_together_hold_the_truth():
    truth = 10.0 + Z95 / math.sqrt(1.0 - 0.5**2)
    pool = lambda rng: [sample_of(autoregressive(rng, 300, 0.5)) for _ in range(20)]  # noqa: E731

    assert holds(covered(lambda rng: pooled_percentile(pool(rng), "p95").interval, truth))


@pytest.mark.slow
@pytest.mark.parametrize("hangs_together", [0.0, 0.5, 0.9])
def test_batches_of_one_long_autoregressive_run_hold_its_mean(hangs_together):
    assert holds(covered(lambda rng: batched_mean(autoregressive(rng, 20_000, hangs_together)).interval, 10.0))


def test_batches_of_one_long_run_of_a_queue_hold_the_mean_wait():
    """An M/M/1 queue at half load: a customer waits as long as one is served, on average."""
    assert holds(covered(lambda rng: batched_mean(waits(rng, 40_000)).interval, 1.0))


def test_batches_of_one_long_run_of_a_queue_hold_the_95th_percentile_of_waits():
    """Of waits at half load, half are nothing and the others exponential with mean 2: a twentieth is beyond 2 ln 10."""
    found = covered(lambda rng: batched_percentile(waits(rng, 40_000), "p95").interval, 2.0 * math.log(10.0))

    assert holds(found)


def test_single_values_taken_as_independent_hold_the_mean_wait_far_too_seldom():
    """What batches are for: the plain interval of one run's values is wrong three times in four."""

    def naive(rng):
        return t_interval(waits(rng, 2000).tolist())

    assert covered(naive, 1.0, trials=200) < 0.6
