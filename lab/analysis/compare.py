"""Two runs side by side: the same measures, their difference and the interval it lies in.

Difference and ratio are of the two figures that stand beside them, always. With replications on both sides a
percentile's interval comes from the ranks of all values, and that of every other figure is Student's t: paired where
the seeds are the same, Welch's otherwise. With one run a side, latencies and shares are resampled from the visits
themselves; one against several has no interval. Nothing is said to be better or worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from lab.analysis.every_run import KINDS, open_stays
from lab.analysis.measures import samples_of
from lab.analysis.percentiles import PERCENTILES, percentile_difference, values_needed
from lab.analysis.replicated import Replicated, replicated, split_statistic
from lab.analysis.scope import Scope, scope_of
from lab.analysis.statistics import (
    REPLICATIONS_MIN,
    Figure,
    Floats,
    Interval,
    bootstrap_difference,
    finite,
    paired_difference,
    same_figure,
    unpaired_difference,
)
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, Fate
from scenarios.schema.measures import MEASURES, of_plan, planned

if TYPE_CHECKING:
    from lab.runs.opened import Opened

Intervals = Literal["replications", "visits", "none"]
"""What intervals are made from: replications on both sides, the visits of one run a side, or nothing."""

SHOWN = ("p50", "p90", "p95", "p99")
SCALARS = ("settlements.rate", "messages.rate", "retry.amplification", "bottleneck.utilisation", "paper.advance")
_OF_ALL = ("contact.latency", "settlement.latency", "desk.wait")
_OTHER = "the tables give another {} than run.json, as those of older versions may: no interval; run it again"
_OPEN = "where an interval is open to a side, no value is high enough to bound the percentile: more replications would"


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure of two runs. ``difference`` is second minus first; ``note`` says why it has no interval."""

    measure: str
    first: float | None
    second: float | None
    difference: Interval | None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Second over first; None when there is nothing to divide by."""
        return self.second / self.first if self.first and self.second is not None else None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A figure to be compared: of a distribution when it has a percentile, of single visits when it is a share."""

    name: str
    statistic: str = ""

    @property
    def key(self) -> str:
        return f"{self.name}.{self.statistic}" if self.statistic else self.name


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two runs: its replications, and the values of single visits when it is but one."""

    opened: Opened
    together: Replicated
    visits: Mapping[str, Floats]

    @classmethod
    def of(cls, opened: Opened, intervals: Intervals) -> _Side:
        run = opened.run
        if intervals == "replications":
            return cls(opened, replicated(opened.folder, run.replications, opened.scenario), {})
        return cls(opened, Replicated(tuple(r.measures for r in run.replications), ()), _visit_samples(opened))

    @property
    def seeds(self) -> list[int]:
        return [replication.seed for replication in self.opened.run.replications]

    def figure(self, wanted: _Wanted) -> float | None:
        return self.opened.run.measures.get(wanted.key)

    def count(self, wanted: _Wanted) -> int | None:
        """Return of how many values a percentile is; None when the run does not say."""
        counts = [replication.counts.get(wanted.name) for replication in self.opened.run.replications]
        known = [count for count in counts if count is not None]
        if known and len(known) == len(counts):
            return sum(known)
        return self.visits[wanted.name].size if wanted.name in self.visits else None


def intervals_of(first: Opened, second: Opened) -> Intervals:
    """Return what the intervals of a comparison are made from."""
    several = [len(opened.run.replications) >= REPLICATIONS_MIN for opened in (first, second)]
    return "replications" if all(several) else "none" if any(several) else "visits"


def compare(first: Opened, second: Opened) -> list[Compared]:
    """Return every measure that at least one run has, in a fixed order."""
    intervals = intervals_of(first, second)
    sides = _Side.of(first, intervals), _Side.of(second, intervals)
    names = set(first.run.measures) | set(second.run.measures)
    return [_compared(sides, wanted, intervals) for wanted in _wanted(names) if wanted.key in names]


def _wanted(names: set[str]) -> Iterator[_Wanted]:
    kinds = [f"settlement.latency.{kind}" for kind in KINDS]
    codes = sorted(
        {name for name, percent in map(split_statistic, names) if percent and name.startswith("message.latency.")}
    )
    for name in ("contact.latency", "settlement.latency", *kinds, *codes, "desk.wait"):
        for statistic in SHOWN if name in _OF_ALL else ("p50", "p95"):
            yield _Wanted(name, statistic)
    for name in ("direct_rate", "paper_rate", *SCALARS):
        yield _Wanted(name)
    for name in MEASURES:
        if name.startswith("visits."):
            yield _Wanted(name)
    yield from _of_cutovers(names)


def _of_cutovers(names: set[str]) -> Iterator[_Wanted]:
    """Yield the figures of planned stops, of all plans together and then plan by plan."""
    plans = sorted({plan for plan in (planned(split_statistic(name)[0])[1] for name in names) if plan})
    for measure in MEASURES.values():
        if measure.name.startswith("cutover."):
            for of_it in (measure.name, *(of_plan(measure.name, plan) for plan in plans)):
                for statistic in ("p50", "p95") if measure.distribution else ("",):
                    yield _Wanted(of_it, statistic)


def _compared(sides: tuple[_Side, _Side], wanted: _Wanted, intervals: Intervals) -> Compared:
    a, b = (side.figure(wanted) for side in sides)
    if a is None or b is None:
        return Compared(wanted.key, a, b, None)
    bare = Interval(b - a)
    note = _too_few(sides, wanted)
    if note or intervals == "none":
        return Compared(wanted.key, a, b, bare, note)
    found = _by_replications(sides, wanted) if intervals == "replications" else _by_visits(sides, wanted)
    if found is None:
        return Compared(wanted.key, a, b, bare)
    if not same_figure(found.value, bare.value, scale=max(abs(a), abs(b))):
        return Compared(wanted.key, a, b, bare, _OTHER.format(wanted.key))
    low, high = finite(found.low), finite(found.high)
    opened = found.low is not None and (low is None or high is None)
    return Compared(wanted.key, a, b, Interval(bare.value, low, high), _OPEN if opened else "")


def _too_few(sides: tuple[_Side, _Side], wanted: _Wanted) -> str:
    """Return what to say of a percentile of too few values; nothing when both sides have enough."""
    if not wanted.statistic:
        return ""
    needed, counts = values_needed(wanted.statistic), [side.count(wanted) for side in sides]
    if all(count is None or count >= needed for count in counts):
        return ""
    had = " and ".join("?" if count is None else f"{count:,}" for count in counts)
    return f"{wanted.key} of {had} values: no interval, {wanted.statistic} takes {needed:,}"


def _by_replications(sides: tuple[_Side, _Side], wanted: _Wanted) -> Interval | None:
    first, second = sides
    same_seeds = first.seeds == second.seeds
    if wanted.statistic:
        a, b = (side.together.percentile(wanted.name, wanted.statistic) for side in sides)
        return percentile_difference(a, b, paired=same_seeds) if a is not None and b is not None else None
    values = first.together.values(wanted.name), second.together.values(wanted.name)
    return paired_difference(*values) if same_seeds else unpaired_difference(*values)


def _by_visits(sides: tuple[_Side, _Side], wanted: _Wanted) -> Interval | None:
    a, b = (side.visits.get(wanted.name) for side in sides)
    if a is None or b is None or not a.size or not b.size:
        return None
    return bootstrap_difference(a, b, _percentile(PERCENTILES[wanted.statistic]) if wanted.statistic else np.mean)


def _percentile(share: float) -> Figure:
    def figure(sample: Floats, /, *, axis: int) -> Any:
        return np.quantile(sample, share, axis=axis)

    return figure


def _visit_samples(opened: Opened) -> dict[str, Floats]:
    """Return what the percentiles and shares of one run are made from."""
    scope = scope_of(opened.record, opened.scenario)
    return samples_of(scope, opened.scenario) | _shares(scope)


def _shares(scope: Scope) -> dict[str, Floats]:
    settling = scope.visits.join(open_stays(scope), on="visit", how="anti")  # as the rates themselves
    fates = settling.filter(pl.col("fate") != Fate.REFUSED.value)["fate"]
    shares = {"direct_rate": DIRECT_FATES, "paper_rate": PAPER_FATES}
    return {name: fates.is_in([f.value for f in of]).to_numpy().astype(np.float64) for name, of in shares.items()}
