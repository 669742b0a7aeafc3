"""What one process of the generator lives of a plan: all of it, or the institutions that are dealt to it.

Whoever has the scenario has the plan, so a share is a number and how many there are. It must never cut a plan: a
visit's number is its row in the whole, whoever lives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadtest.dealing import deal
from loadtest.hospitals import Roster, rosters_of

if TYPE_CHECKING:
    from scenarios.patients.draws import Ints
    from scenarios.patients.visits import VisitPlan

__all__ = ["Share", "share_of", "whole"]


@dataclass(frozen=True, slots=True)
class Share:
    """Institutions of a plan, and the number of the worker that lives them; 0 is a generator of one process."""

    plan: VisitPlan
    rosters: tuple[Roster, ...]
    worker: int = 0

    @property
    def visits(self) -> Ints:
        """Their visits, in order of arrival."""
        return np.sort(np.concatenate([np.empty(0, np.int64), *(one.visits for one in self.rosters)]))

    @property
    def size(self) -> int:
        """How many those are."""
        return sum(len(one.visits) for one in self.rosters)

    @property
    def open_at_start(self) -> int:
        """How many of them were open before the run."""
        return int(self.plan.columns.open_at_start[self.visits].sum())


def whole(plan: VisitPlan, *, lying: bool = True) -> Share:
    """Return everything as one share; against a system that is not ours without those who are ``lying`` there."""
    return Share(plan, rosters_of(plan, lying=lying))


def share_of(plan: VisitPlan, worker: int, workers: int) -> Share:
    """Return what is dealt to one of so many workers, of which the first is 1."""
    rosters = rosters_of(plan)
    dealt = deal([len(one.visits) for one in rosters], workers)
    return Share(plan, tuple(one for one, to in zip(rosters, dealt, strict=True) if to == worker - 1), worker)
