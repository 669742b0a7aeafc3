"""Waiting times of single stations, by the textbook: Poisson arrivals, exponential service.

An estimate for the planner's first look, never a result: real stations have bursts, and simulated ones are simulated.
"""

from __future__ import annotations

import math

from sim.model.queueing import erlang_c


def mean_wait_us(*, rate_per_s: float, service_us: float, servers: int) -> float:
    """Return the mean wait before service; infinite when more comes than can be served.

    >>> round(mean_wait_us(rate_per_s=50, service_us=10_000, servers=1), 6)
    10000.0
    """
    load = rate_per_s * service_us / 1e6
    if load >= servers:
        return math.inf
    return erlang_c(load, servers) * service_us / (servers - load)


def grouping_use(*, rate_per_s: float, service_us: float) -> float:
    """Return the busy share of a writer that takes everything that waits at once, however much.

    A busy period goes on while somebody came during the last service, so its mean length is ``service * exp(load)``.

    >>> grouping_use(rate_per_s=0, service_us=1_000), round(grouping_use(rate_per_s=1_000, service_us=1_000), 3)
    (0.0, 0.731)
    """
    load = min(rate_per_s * service_us / 1e6, 50.0)
    busy = load * math.exp(load)
    return busy / (1.0 + busy)
