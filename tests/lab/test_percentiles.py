"""Percentiles over replications: an interval holds the truth as often as it says, whatever the sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lab.analysis.percentiles import (
    PERCENTILES,
    percentile_difference,
    pooled_percentile,
    sample_of,
    values_needed,
)

COVERED_MIN = 0.90
"""Of intervals at 95 %, for the accident of some hundred repetitions."""
SERVICE_PER_ARRIVAL = 0.8


def independent(rng, count):
    return rng.exponential(1.0, count)


def queued(rng, count):
    """Times in a single-server queue in its steady state, one customer after the other: exponential with mean 1."""
    rate = 1.0 / (1.0 - SERVICE_PER_ARRIVAL)
    served = rng.exponential(1.0 / rate, count)
    steps = served[:-1] - rng.exponential(1.0 / (rate * SERVICE_PER_ARRIVAL), count - 1)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    at_first = rng.exponential(1.0) if rng.random() < SERVICE_PER_ARRIVAL else 0.0
    return np.maximum(at_first + walk, walk - np.minimum.accumulate(walk)) + served


def stalled(rng, count):
    """A replication in ten stalls for a while: its values are ten times as long."""
    return rng.exponential(10.0 if rng.random() < 0.1 else 1.0, count)


def truth_of(statistic):
    """The percentile of an exponential with mean 1."""
    return -math.log(1.0 - PERCENTILES[statistic])


def pool(draw, rng, replications, count):
    return [sample_of(draw(rng, count)) for _ in range(replications)]


def covered(draw, statistic, *, replications, count, times, truth=None, seed=11):
    """Return the share of intervals that hold the truth."""
    rng = np.random.default_rng(seed)
    truth = truth_of(statistic) if truth is None else truth
    hits = 0
    for _ in range(times):
        found = pooled_percentile(pool(draw, rng, replications, count), statistic).interval
        hits += found.low <= truth <= found.high
    return hits / times


@pytest.mark.parametrize("statistic", ["p95", "p99"])
@pytest.mark.parametrize("draw", [independent, queued])
def test_the_interval_of_ten_replications_of_300_customers_holds_the_truth(draw, statistic):
    """The mean of ten p99 of three hundred values each held it 82 times in 100, and 12 where customers queue."""
    assert covered(draw, statistic, replications=10, count=300, times=300) >= COVERED_MIN


def test_three_thousand_independent_values_bound_their_p99_on_both_sides():
    """An interval that is open, or as wide as the sample, would hold the truth and say nothing."""
    rng = np.random.default_rng(13)
    found = [pooled_percentile(pool(independent, rng, 10, 300), "p99").interval for _ in range(50)]

    assert all(0.6 * truth_of("p99") < interval.low < interval.high < 2.0 * truth_of("p99") for interval in found)


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["p50", "p95", "p99"])
@pytest.mark.parametrize("count", [300, 1000])
@pytest.mark.parametrize("replications", [2, 5, 30])
@pytest.mark.parametrize("draw", [independent, queued])
def test_the_interval_holds_the_truth_whatever_the_replications(draw, replications, count, statistic):
    if replications * count < values_needed(statistic):
        pytest.skip("too few values for this percentile")

    assert covered(draw, statistic, replications=replications, count=count, times=400) >= COVERED_MIN


@pytest.mark.parametrize("draw", [independent, queued])
@pytest.mark.parametrize("shared", [True, False])
def test_the_interval_of_a_difference_holds_the_truth_whether_or_not_seeds_are_shared(draw, shared):
    rng, truth, hits = np.random.default_rng(3), 0.5 * truth_of("p95"), 0
    for _ in range(200):
        first = [draw(rng, 1000) for _ in range(10)]
        second = [1.5 * (values if shared else draw(rng, 1000)) for values in first]
        a, b = (pooled_percentile([sample_of(v) for v in values], "p95") for values in (first, second))
        found = percentile_difference(a, b, paired=shared)
        hits += found.low <= truth <= found.high

    assert hits / 200 >= COVERED_MIN


def test_shared_seeds_make_a_difference_narrower():
    rng = np.random.default_rng(5)
    first = [queued(rng, 3000) for _ in range(10)]
    a, b = (pooled_percentile([sample_of(k * values) for values in first], "p95") for k in (1.0, 1.1))

    paired, unpaired = (percentile_difference(a, b, paired=paired) for paired in (True, False))

    assert paired.value == unpaired.value == pytest.approx(0.1 * a.interval.value)
    assert paired.high - paired.low < (1 / 3) * (unpaired.high - unpaired.low)


def test_more_replications_of_few_values_go_to_the_truth():
    """Three hundred replications of thirty values: the mean of their p99 stays a tenth short of it, however many."""
    found = pooled_percentile(pool(independent, np.random.default_rng(2), 300, 30), "p99").interval

    assert found.low < truth_of("p99") < found.high
    assert found.value == pytest.approx(truth_of("p99"), rel=0.06)


def test_replications_that_differ_widen_the_interval():
    """Of values that stall a replication at a time, those within one say next to nothing of the others."""
    rng = np.random.default_rng(8)
    alike, apart = (pooled_percentile(pool(draw, rng, 20, 1000), "p50").interval for draw in (independent, stalled))

    assert apart.high - apart.low > 3 * (alike.high - alike.low)


def test_timeouts_of_one_replication_are_not_taken_for_those_of_all():
    """Sixty requests of one replication in three waited equally long: that half of the runs have none is as likely."""
    calm, hit = np.linspace(1.0, 2.0, 300), np.concatenate([np.linspace(1.0, 2.0, 240), np.full(60, 30.0)])

    found = pooled_percentile([sample_of(calm), sample_of(calm), sample_of(hit)], "p95").interval

    assert found.value == 30.0
    assert found.low < 2.0
    assert found.high == math.inf


def test_one_replication_has_no_interval():
    found = pooled_percentile([sample_of(np.arange(1000.0))], "p95").interval

    assert (found.low, found.high) == (None, None)
    assert found.value == np.quantile(np.arange(1000.0), 0.95)


def test_a_replication_of_more_visits_counts_for_more():
    """A thousand quick visits and a hundred slow ones: the p50 is a quick one, and the p95 a slow one."""
    samples = [sample_of(np.full(1000, 1.0)), sample_of(np.full(100, 9.0))]

    assert pooled_percentile(samples, "p50").interval.value == 1.0
    assert pooled_percentile(samples, "p95").interval.value == 9.0


def test_without_values_of_every_replication_there_is_no_percentile():
    for samples in ([], [sample_of(np.array([]))]):
        with pytest.raises(ValueError, match="values of every replication"):
            pooled_percentile(samples, "p95")


def test_what_is_kept_of_a_large_replication_gives_the_same_percentiles():
    """Of 400 000 values a twentieth is kept, and of replications as large as these ten fit where one did."""
    rng = np.random.default_rng(4)
    drawn = [queued(rng, 400_000), queued(rng, 100_000)]
    whole = [sample_of(values, kept_max=400_000) for values in drawn]
    kept = [sample_of(values, kept_max=20_000) for values in drawn]

    assert [sample.values.size for sample in kept] == [20_000, 20_000]
    for statistic in ("p50", "p95", "p99", "p99.9"):
        a, b = pooled_percentile(whole, statistic), pooled_percentile(kept, statistic)
        assert (a.count, b.count) == (500_000, 500_000)
        assert b.interval.value == pytest.approx(a.interval.value, rel=0.01)
        assert b.interval.low == pytest.approx(a.interval.low, rel=0.02)


def test_values_that_never_came_lie_above_all_others():
    half = sample_of(np.array([1.0] * 60 + [math.inf] * 60))

    found = pooled_percentile((half, half), "p95").interval
    assert (found.value, found.low, found.high) == (math.inf, math.inf, math.inf)
    below = pooled_percentile((sample_of(np.array([1.0] * 300 + [math.inf] * 2)),) * 2, "p50").interval
    assert (below.value, below.low, below.high) == (1.0, 1.0, 1.0)
