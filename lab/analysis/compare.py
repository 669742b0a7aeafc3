"""Two runs side by side: the same measures, their difference and the interval it lies in.

With replications on both sides the interval is Student's: paired when the seeds are the same, Welch's otherwise. With
one run a side, latencies and shares are bootstrapped from the visits themselves; one against several has no interval.
Difference and ratio are of the two figures that stand beside them. Nothing is said to be better or worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from lab.analysis.measures import KINDS, answered, open_stays, scope_of, served
from lab.analysis.statistics import (
    Figure,
    Floats,
    Interval,
    bootstrap_difference,
    paired_difference,
    unpaired_difference,
)
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, Fate
from scenarios.schema.gates import MEASURES

if TYPE_CHECKING:
    from lab.runs.file import RunFile
    from lab.runs.opened import Opened

PERCENTS = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
SCALARS = ("settlements.rate", "messages.rate", "retry.amplification", "bottleneck.utilisation", "paper.advance")


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of two runs. ``difference`` is second minus first."""

    measure: str
    first: float | None
    second: float | None
    difference: Interval | None

    @property
    def ratio(self) -> float | None:
        """Second over first; None when there is nothing to divide by."""
        return self.second / self.first if self.first and self.second is not None else None


def compare(first: Opened, second: Opened) -> list[Compared]:
    """Return every measure that at least one run has, in a fixed order."""
    samples = (_samples(first), _samples(second))
    rows: list[Compared] = []
    for name, statistic, figure in _wanted(set(samples[0]) | set(samples[1])):
        key = f"{name}.{statistic}" if statistic else name
        a, b = first.run.measures.get(key), second.run.measures.get(key)
        if a is None and b is None:
            continue
        between = _difference(first.run, second.run, key, _pair(samples, name, figure))
        rows.append(Compared(key, a, b, between if a is not None and b is not None else None))
    return rows


def _wanted(sampled: set[str]) -> Iterator[tuple[str, str, Figure | None]]:
    latencies = ["contact.latency", "settlement.latency", *(f"settlement.latency.{kind}" for kind in KINDS)]
    codes = sorted(name for name in sampled if name.startswith("message.latency."))
    for name in (*latencies, *codes, "desk.wait"):
        for statistic, percent in PERCENTS.items():
            if name in ("contact.latency", "settlement.latency", "desk.wait") or statistic in ("p50", "p95"):
                yield name, statistic, _percentile(percent)
    for name in ("direct_rate", "paper_rate"):
        yield name, "", np.mean
    for name in SCALARS:
        yield name, "", None
    for name in MEASURES:
        if name.startswith(("visits.", "cutover.")):
            yield name, "", None


def _percentile(percent: int) -> Figure:
    def figure(sample: Floats, /, *, axis: int) -> Any:
        return np.percentile(sample, percent, axis=axis)

    return figure


def _difference(first: RunFile, second: RunFile, key: str, bootstrap: Callable[[], Interval | None]) -> Interval | None:
    """Return the difference with the best interval there is: replications before resampling one run."""
    a = [r.measures.get(key) for r in first.replications]
    b = [r.measures.get(key) for r in second.replications]
    values_a, values_b = [v for v in a if v is not None], [v for v in b if v is not None]
    if not values_a or not values_b:
        return None
    if max(len(a), len(b)) > 1:
        same_seeds = [r.seed for r in first.replications] == [r.seed for r in second.replications]
        paired = same_seeds and len(values_a) == len(values_b) == len(a)
        return paired_difference(values_a, values_b) if paired else unpaired_difference(values_a, values_b)
    return bootstrap() or unpaired_difference(values_a, values_b)


def _pair(
    samples: tuple[dict[str, Floats], dict[str, Floats]], name: str, figure: Figure | None
) -> Callable[[], Interval | None]:
    def bootstrap() -> Interval | None:
        a, b = samples[0].get(name), samples[1].get(name)
        if figure is None or a is None or b is None or not a.size or not b.size:
            return None
        return bootstrap_difference(a, b, figure)

    return bootstrap


def _samples(opened: Opened) -> dict[str, Floats]:
    """Return what the measures of one run are percentiles and shares of."""
    scope = scope_of(opened.record, opened.scenario)
    visits, scale = scope.visits, opened.scenario.scale.time
    settling = visits.join(open_stays(scope), on="visit", how="anti")  # as the rates themselves
    not_refused = settling.filter(pl.col("fate") != Fate.REFUSED.value)
    found = {
        "contact.latency": served(scope.contacts)["latency_us"],
        "settlement.latency": visits["latency_us"],
        "direct_rate": not_refused["fate"].is_in([f.value for f in DIRECT_FATES]),
        "paper_rate": not_refused["fate"].is_in([f.value for f in PAPER_FATES]),
    }
    for kind in KINDS:
        found[f"settlement.latency.{kind}"] = visits.filter(pl.col("kind") == kind)["latency_us"]
    for (code,), group in answered(scope.messages).group_by("code"):
        found[f"message.latency.{code}"] = group["latency_us"]
    arrays = {name: column.drop_nulls().to_numpy().astype(np.float64) for name, column in found.items()}
    return arrays | {"desk.wait": visits["desk_wait_us"].to_numpy().astype(np.float64) * scale}
