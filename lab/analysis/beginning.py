"""How a run began: the latency of contacts over time from its first moment on, for a warm-up to be chosen by.

Bins of time are as narrow as every replication still has a contact in each. Who never had an answer is taken to have
waited until the end of the run's horizon: it was at least as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lab.analysis.estimation.warm_up import VALUES_MIN
from lab.analysis.every_run import served
from lab.analysis.scope import scope_of
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["binned", "latencies_over_time"]

BINS_MAX = 2000


def latencies_over_time(record: Record, scenario: Scenario) -> tuple[Floats, Floats]:
    """Return when each contact was due, in microseconds of the run's clock, and its latency; in the order of time."""
    horizon = scenario.horizon
    whole = scenario.model_copy(update={"horizon": horizon.model_copy(update={"warm_up": 0})})
    contacts = served(scope_of(record, whole).contacts).filter(
        pl.col("kind").is_not_null() & (pl.col("intended_us") < horizon.length)
    )
    ordered = contacts.sort("intended_us", "visit", "contact")
    at, values = ordered["intended_us"].to_numpy().astype(np.float64), ordered["latency_us"].to_numpy()
    return at, np.where(np.isfinite(values), values, horizon.length - at)


def binned(replications: Sequence[tuple[Floats, Floats]], length_us: int) -> list[Floats]:
    """Return the mean latency in each bin of time, one series a replication, all of the same bins.

    Raises:
        InputError: when so few contacts came, or so unevenly, that too few bins would be left.

    """
    bins = BINS_MAX
    while bins >= VALUES_MIN:
        places = [np.minimum(at * (bins / length_us), bins - 1).astype(np.int64) for at, _ in replications]
        counts = [np.bincount(place, minlength=bins) for place in places]
        if all(count.all() for count in counts):
            together = zip(places, counts, replications, strict=True)
            return [np.bincount(place, values, minlength=bins) / count for place, count, (_, values) in together]
        bins = bins * 4 // 5
    raise InputError(
        f"too few contacts over time to choose a warm-up by (got stretches of a {VALUES_MIN}th of horizon.length "
        f"without any; expected a contact in each); use more visits, a longer horizon, or an even load"
    )
