"""What each fault did to settlement latency, and how long after its end patients felt it.

Before: the p95 of the settlements sent in as long a stretch before the fault. Recovered: the first group of settlements
after the fault whose p95 is back under twice that. Times after a fault are the run's clock: machines recover.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lab.analysis.statistics import Floats, percentile
from reference_impl.staging.disturbing import LINK_KINDS

if TYPE_CHECKING:
    from lab.analysis.scope import Scope

FAULTS = ("freeze", "kill", "refuse", "slow", "cpu_hog", *LINK_KINDS)
GROUP = 20
"""Settlements in a group: fewer have no p95 worth the name."""
BACK_TO_NORMAL = 2.0
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class Recovery:
    """One fault; a time or latency is None when too few settlements were sent to tell, or it never came.

    ``hits`` are the messages it hit; None in a record from before they were counted.
    """

    kind: str
    target: str
    before_us: float | None
    during_us: float | None
    recovered_us: float | None
    hits: int | None


def recoveries(scope: Scope, events: pl.DataFrame) -> list[Recovery]:
    """Return what became of latency around each fault that has an end."""
    timed = scope.visits.select("settle_sent_us", "latency_us").drop_nulls().sort("settle_sent_us")
    sent_us, latency_us = (timed[name].to_numpy().astype(np.float64) for name in timed.columns)
    faults = events.filter(pl.col("kind").is_in(FAULTS)).drop_nulls("until_us")
    return [_recovery(row, _Around(sent_us, latency_us, row)) for row in faults.rows(named=True)]


class _Around:
    """The settlements before, during and after one fault."""

    def __init__(self, sent_us: Floats, latency_us: Floats, fault: dict[str, Any]) -> None:
        at_us, self.until_us = fault["at_us"], fault["until_us"]
        span_us = max(1, self.until_us - at_us)
        self.before = latency_us[_between(sent_us, at_us - span_us, at_us)]
        self.during = latency_us[_between(sent_us, at_us, self.until_us)]
        later = sent_us >= self.until_us
        self.after, self.after_sent_us = latency_us[later], sent_us[later]


def _between(sent_us: Floats, low_us: float, high_us: float) -> NDArray[np.bool_]:
    return (sent_us >= low_us) & (sent_us < high_us)


def _recovery(fault: dict[str, Any], around: _Around) -> Recovery:
    before_us = _p95(around.before)
    return Recovery(
        kind=fault["kind"],
        target=fault["target"],
        before_us=before_us,
        during_us=_p95(around.during),
        recovered_us=_recovered_us(around, before_us),
        hits=fault["hits"],
    )


def _p95(sample: Floats) -> float | None:
    return percentile(sample, _P95) if sample.size >= GROUP else None


def _recovered_us(around: _Around, before_us: float | None) -> float | None:
    if before_us is None:
        return None
    for begin in range(around.after.size - GROUP + 1):
        if percentile(around.after[begin : begin + GROUP], _P95) <= BACK_TO_NORMAL * before_us:
            return float(around.after_sent_us[begin] - around.until_us)
    return None
