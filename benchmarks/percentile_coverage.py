"""How often a 95 % interval of a percentile holds the truth: of pooled values, beside the mean of percentiles.

    .venv/bin/python benchmarks/percentile_coverage.py [--times 1000] [--load 0.8]

Samples with a known truth, an exponential with mean 1: values independent of each other, and times in an M/M/1 queue in
its steady state, one customer after the other. Replications are independent. *Mean of percentiles* is the t-interval,
of logarithms, over each replication's own percentile.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

from lab.analysis.percentiles import PERCENTILES, pooled_percentile, sample_of, values_needed
from lab.analysis.statistics import Floats, Interval, percentile, positive_interval

ROWS = ((10, 300), (10, 1000), (3, 1000), (5, 1000), (30, 300), (30, 1000))
"""Replications, and customers in each."""
ASKED = ("p50", "p95", "p99")

Draw = Callable[[np.random.Generator, int], Floats]


def independent(rng: np.random.Generator, count: int) -> Floats:
    """Return values that do not hang together."""
    return rng.exponential(1.0, count)


def queued(load: float) -> Draw:
    """Return what draws times in the queue (Lindley's recursion, begun in the steady state)."""
    rate = 1.0 / (1.0 - load)

    def draw(rng: np.random.Generator, count: int) -> Floats:
        served = rng.exponential(1.0 / rate, count)
        walk = np.concatenate([[0.0], np.cumsum(served[:-1] - rng.exponential(1.0 / (rate * load), count - 1))])
        at_first = rng.exponential(1.0) if rng.random() < load else 0.0
        return np.maximum(at_first + walk, walk - np.minimum.accumulate(walk)) + served

    return draw


def coverage(draw: Draw, replications: int, count: int, statistic: str, times: int) -> tuple[float, float, float]:
    """Return the shares of pooled and of mean intervals that hold the truth, and of pooled ones open above."""
    rng, share = np.random.default_rng(1), PERCENTILES[statistic]
    truth = -math.log(1.0 - share)
    pooled = means = opened = 0
    for _ in range(times):
        drawn = [draw(rng, count) for _ in range(replications)]
        found = pooled_percentile([sample_of(values) for values in drawn], statistic).interval
        pooled += _holds(found, truth)
        means += _holds(positive_interval([percentile(values, share) for values in drawn]), truth)
        opened += found.high == math.inf
    return pooled / times, means / times, opened / times


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low is not None and interval.high is not None and interval.low <= truth <= interval.high


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--load", type=float, default=0.8)
    asked = parser.parse_args()
    print("| values | replications | customers | percentile | pooled | open above | mean of percentiles |")
    print("|---|---|---|---|---|---|---|")
    for name, draw in (("independent", independent), (f"queue at {asked.load:.0%}", queued(asked.load))):
        for replications, count in ROWS:
            for statistic in ASKED:
                if replications * count >= values_needed(statistic):
                    shares = coverage(draw, replications, count, statistic, asked.times)
                    cells = " | ".join(f"{share:.1%}" for share in (shares[0], shares[2], shares[1]))
                    print(f"| {name} | {replications} | {count} | {statistic} | {cells} |")


if __name__ == "__main__":
    main()
