"""What the replications of a run say together: figures of each, and percentiles of all their values.

The values are read from the tables of one replication after another, and of each only what a percentile needs is kept:
a run may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lab.analysis.measures import afterwards_of, every_sample, looked_up
from lab.analysis.percentiles import PERCENTILES, Percentile, Sample, pooled_percentile, sample_of
from lab.analysis.scope import scope_of
from lab.analysis.statistics import REPLICATIONS_MIN, Interval, t_interval
from scenarios.record.recorder import read_record

if TYPE_CHECKING:
    from lab.runs.file import Replication
    from scenarios.schema import Scenario


@dataclass(frozen=True, slots=True)
class Replicated:
    """One replication or several, as gates and comparisons see them.

    ``figures`` are :meth:`Measures.flat` of each and ``counts`` how many values its distributions have. ``samples``
    are those values, by measure and replication; one replication alone needs none.
    """

    figures: tuple[Mapping[str, float | None], ...]
    counts: tuple[Mapping[str, int], ...]
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict[str, tuple[Sample, ...]])

    def values(self, measure: str, statistic: str = "") -> list[float]:
        """Return the figure of each replication, infinite for what never ended; none when one of them has none."""
        found = [looked_up(figures, measure, statistic) for figures in self.figures]
        values = [value for value in found if value is not None]
        return values if len(values) == len(found) else []

    def percentile(self, measure: str, statistic: str) -> Percentile | None:
        """Return a percentile of all values; None when a replication has none."""
        if len(self.figures) >= REPLICATIONS_MIN:
            samples = self.samples.get(measure)
            return pooled_percentile(samples, statistic) if samples else None
        values = self.values(measure, statistic)
        return Percentile(Interval(values[0]), self.counts[0].get(measure, 0), np.zeros(1)) if values else None

    def together(self) -> dict[str, float | None]:
        """Return every figure that all replications have: means, and percentiles of all values.

        None stands for what never ended in one of them.
        """
        shared = set(self.figures[0]).intersection(*self.figures[1:]) if self.figures else set[str]()
        return {name: self._together(name) for name in sorted(shared)}

    def _together(self, name: str) -> float | None:
        measure, statistic = split_statistic(name)
        if statistic in PERCENTILES:
            found = self.percentile(measure, statistic)
            return None if found is None else found.interval.value
        values = [figures[name] for figures in self.figures]
        finite = [value for value in values if value is not None]
        return t_interval(finite).value if len(finite) == len(values) else None


def split_statistic(name: str) -> tuple[str, str]:
    """Return measure and percentile of a figure's name; no percentile for any other figure.

    >>> split_statistic("desk.wait.p99.9"), split_statistic("message.latency.2102.p95"), split_statistic("direct_rate")
    (('desk.wait', 'p99.9'), ('message.latency.2102', 'p95'), ('direct_rate', ''))
    """
    for statistic in PERCENTILES:
        if name.endswith(f".{statistic}"):
            return name.removesuffix(f".{statistic}"), statistic
    return name, ""


def replicated(folder: Path, replications: Sequence[Replication], scenario: Scenario) -> Replicated:
    """Return what the replications in a run folder say together.

    Raises:
        RecordError: when a table of a replication is missing or has other columns.

    """
    several = len(replications) >= REPLICATIONS_MIN
    return Replicated(
        tuple(replication.measures for replication in replications),
        tuple(replication.counts for replication in replications),
        _samples(folder, replications, scenario) if several else {},
    )


def _samples(folder: Path, replications: Sequence[Replication], scenario: Scenario) -> dict[str, tuple[Sample, ...]]:
    """Return the values of each measure that all replications have, one :class:`Sample` a replication."""
    kept: dict[str, list[Sample]] = {}
    for replication in replications:
        record = read_record(folder / replication.folder)
        own = scenario.model_copy(update={"seed": replication.seed})  # what was drawn is its own
        for name, values in every_sample(record, own, scope_of(record, own), afterwards_of(record, own)).items():
            kept.setdefault(name, []).append(sample_of(values))
    return {name: tuple(samples) for name, samples in kept.items() if len(samples) == len(replications)}
