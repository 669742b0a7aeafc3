"""Figures of a run that is still going on: how visits ended, and how long contacts took, as far as that is known.

They are what the measures of the same names will be of, once the run has ended (``lab.analysis``), of the same visits:
those between provinces that arrived after the warm-up. It must never be the verdict: that is of the whole run.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from reference_impl.domain.regions import is_cross_province
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, SERVED, Fate

if TYPE_CHECKING:
    from reference_impl.hospital.visit_state import VisitState

__all__ = ["SoFar"]

_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


class SoFar:
    """Counts what hospitals tell of their visits."""

    def __init__(self, warm_up_us: int) -> None:
        """Count who arrives from ``warm_up_us`` on."""
        self.fates: Counter[Fate] = Counter()
        """Of visits that have ended."""
        self._warm_up_us = warm_up_us
        self._contacts_us = array("q")

    def contact(self, journey: VisitState, outcome: str, done_us: int) -> None:
        """Count a contact that has ended, if anybody answered."""
        if outcome in SERVED and self._is_judged(journey):
            self._contacts_us.append(done_us - journey.contact_intended_us)

    def left(self, journey: VisitState) -> None:
        """Count a visit that has ended."""
        if journey.fate is not Fate.OPEN_AT_END and self._is_judged(journey):
            self.fates[journey.fate] += 1

    @property
    def contact_us(self) -> float | None:
        """The median latency of the contacts; None of none."""
        return self.figure("contact.latency", "p50")

    def figure(self, measure: str, statistic: str = "") -> float | None:
        """Return what a measure is so far; None of one that only a finished run has, or of nothing."""
        if measure == "contact.latency" and statistic in _PERCENTILES:
            return float(np.percentile(self._contacts_us, _PERCENTILES[statistic])) if self._contacts_us else None
        counted = {"direct_rate": DIRECT_FATES, "direct_first_try": (Fate.DIRECT,), "paper_rate": PAPER_FATES}
        if measure in counted:
            return self._share(counted[measure])
        return None

    def _share(self, fates: tuple[Fate, ...]) -> float | None:
        """Return the share of some fates in those that no rule refused."""
        ended = self.fates.total() - self.fates[Fate.REFUSED]
        return sum(self.fates[fate] for fate in fates) / ended if ended else None

    def _is_judged(self, journey: VisitState) -> bool:
        visit = journey.visit
        return visit.arrival_us >= self._warm_up_us and is_cross_province(visit.care_region, visit.insured_region)
