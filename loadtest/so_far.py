"""Figures of a run that is still going on: how visits ended, and how long contacts took, as far as that is known.

They are what the measures of the same names will be of, once the run has ended (``lab.analysis``), of the same visits:
those between provinces that arrived after the warm-up. What a look costs must not grow with the run: patients who
should start meanwhile start later. It must never be the verdict: that is of the whole run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING

from loadtest.histogram import Histogram
from reference_impl.domain.regions import is_cross_province
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, SERVED, Fate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reference_impl.hospital.visit_state import VisitState

__all__ = ["Figures", "Pooled", "SoFar"]

_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


class Figures(ABC):
    """What is known of a run, from how its visits ended and how long contacts took."""

    @property
    @abstractmethod
    def fates(self) -> Counter[Fate]:
        """Of visits that have ended."""

    @abstractmethod
    def percentile_us(self, percent: float) -> float | None:
        """Return one of the latencies of the contacts; None of none."""

    @property
    def contact_us(self) -> float | None:
        """The median latency of the contacts; None of none."""
        return self.percentile_us(_PERCENTILES["p50"])

    def figure(self, measure: str, statistic: str = "") -> float | None:
        """Return what a measure is so far; None of one that only a finished run has, or of nothing."""
        if measure == "contact.latency" and statistic in _PERCENTILES:
            return self.percentile_us(_PERCENTILES[statistic])
        counted = {"direct_rate": DIRECT_FATES, "direct_first_try": (Fate.DIRECT,), "paper_rate": PAPER_FATES}
        return self._share(counted[measure]) if measure in counted else None

    def _share(self, fates: tuple[Fate, ...]) -> float | None:
        """Return the share of some fates in those that no rule refused."""
        ended = self.fates.total() - self.fates[Fate.REFUSED]
        return sum(self.fates[fate] for fate in fates) / ended if ended else None


class Pooled(Figures):
    """Figures of several workers, put together from the counts of each."""

    def __init__(self) -> None:
        """Begin with nobody's."""
        self._fates: dict[int, Counter[Fate]] = {}
        self._contacts: dict[int, Histogram] = {}

    def hear(self, worker: int, fates: Mapping[str, int], contacts: Histogram) -> None:
        """Take a worker's counts, of everything so far, instead of those before."""
        self._fates[worker] = Counter({Fate(name): count for name, count in fates.items()})
        self._contacts[worker] = contacts

    @property
    def fates(self) -> Counter[Fate]:
        """Of visits that have ended, at any worker."""
        return sum(self._fates.values(), Counter[Fate]())

    def percentile_us(self, percent: float) -> float | None:
        """Return one of the latencies at all workers together, within a bin of the histogram."""
        together = Histogram()
        for one in self._contacts.values():
            together.add(one)
        return together.percentile_us(percent)


class SoFar(Figures):
    """Counts what hospitals tell of their visits."""

    def __init__(self, warm_up_us: int) -> None:
        """Count who arrives from ``warm_up_us`` on."""
        self._fates: Counter[Fate] = Counter()
        self._warm_up_us = warm_up_us
        self._contacts = Histogram()

    @property
    def fates(self) -> Counter[Fate]:
        """Of visits that have ended."""
        return self._fates

    @property
    def contacts(self) -> Histogram:
        """Latencies of contacts as counts, to be put together with those of others."""
        return self._contacts

    def contact(self, journey: VisitState, outcome: str, done_us: int) -> None:
        """Count a contact that has ended, if anybody answered."""
        if outcome in SERVED and self._is_judged(journey):
            self._contacts.count(done_us - journey.contact_intended_us)

    def left(self, journey: VisitState) -> None:
        """Count a visit that has ended."""
        if journey.fate is not Fate.OPEN_AT_END and self._is_judged(journey):
            self._fates[journey.fate] += 1

    def percentile_us(self, percent: float) -> float | None:
        """Return one of the latencies of the contacts, within a bin of the histogram; None of none."""
        return self._contacts.percentile_us(percent)

    def _is_judged(self, journey: VisitState) -> bool:
        visit = journey.visit
        return visit.arrival_us >= self._warm_up_us and is_cross_province(visit.care_region, visit.insured_region)
