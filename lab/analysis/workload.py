"""What a closed loop hides: the contacts that its users did not begin because they waited for another.

A user of a throughput means to begin a visit each period. One that takes longer keeps the next ones out of the record,
and those would have met the rest of the same wait. They are put back here, one each period (the correction of recorded
intervals that HdrHistogram makes), so that the figure stands beside an open stream's. Must never count a contact that
would have been due after the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lab.analysis.every_run import served
from scenarios.schema.arrivals import Closed

if TYPE_CHECKING:
    import polars as pl

    from lab.analysis.scope import Scope
    from lab.analysis.statistics import Floats
    from scenarios.schema import Scenario

__all__ = ["figures", "samples", "unasked_us"]


def figures(scope: Scope, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield how many contacts were never begun, where users go by a throughput."""
    period_us = _period_us(scenario)
    if period_us:
        yield "closed.unasked", float(unasked_us(scope.contacts, period_us, scenario.horizon.length).size)


def samples(scope: Scope, scenario: Scenario) -> Iterator[tuple[str, Floats]]:
    """Yield the latencies of contacts with those that were never begun, where users go by a throughput."""
    period_us = _period_us(scenario)
    if period_us:
        heard = served(scope.contacts)["latency_us"].drop_nulls().to_numpy().astype(np.float64)
        hidden = unasked_us(scope.contacts, period_us, scenario.horizon.length)
        yield "closed.latency", np.concatenate((heard, hidden))


def unasked_us(contacts: pl.DataFrame, period_us: float, until_us: int) -> Floats:
    """Return how long each contact would have waited that was not begun before ``until_us`` for another's sake."""
    waited = served(contacts).select("intended_us", "latency_us").drop_nulls()
    found: list[Floats] = []
    for due_us, latency_us in waited.iter_rows():
        last = min(latency_us, until_us - due_us)
        count = max(0, math.ceil(last / period_us) - 1)
        if count:
            found.append(latency_us - period_us * np.arange(1, count + 1, dtype=np.float64))
    return np.concatenate(found) if found else np.empty(0)


def _period_us(scenario: Scenario) -> float:
    """Return the time between two visits that a user means to begin; 0 where there is none."""
    arrivals = scenario.visits.arrivals
    if not isinstance(arrivals, Closed) or arrivals.throughput is None:
        return 0.0
    return arrivals.period_us(scenario.scale.time)
