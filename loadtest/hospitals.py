"""The hospitals of a scenario as Locust users: each replays its own visits on schedule.

A user is one institution; its class is its kind, so that Locust counts hospitals and pharmacies apart. Its only task is
to start its patients when they are due. It must never wait for one of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from locust import User, task
from locust.exception import StopUser

from loadtest.schedule import Schedule
from scenarios.patients.institutions import Institution
from scenarios.patients.visits import VisitPlan

__all__ = ["Hospital", "InstitutionUser", "Pharmacy", "Roster", "post", "rosters_of", "waiting"]


@dataclass(frozen=True, slots=True)
class Roster:
    """One institution and the rows of the plan that are its own, in order of arrival."""

    institution: Institution
    visits: np.ndarray[Any, np.dtype[np.int64]]
    arrivals_us: np.ndarray[Any, np.dtype[np.int64]]

    def arrivals(self) -> Iterator[tuple[int, int]]:
        """Return (visit, arrival_us), in order."""
        return zip(self.visits.tolist(), self.arrivals_us.tolist(), strict=True)


class InstitutionUser(User):
    """One institution."""

    abstract = True
    rosters: ClassVar[deque[Roster]]
    """Those of this kind whom no user is yet."""
    schedule: ClassVar[Schedule]

    def __init__(self, environment: Any) -> None:
        """Take the next institution of this kind."""
        super().__init__(environment)
        self.roster = self.rosters.popleft()

    @task
    def replay(self) -> None:
        """Start every patient when they are due; then there is nothing left to do."""
        self.schedule.replay(self.roster.arrivals())
        raise StopUser


class Hospital(InstitutionUser):
    """An institution with beds or a clinic."""

    rosters: ClassVar[deque[Roster]] = deque()


class Pharmacy(InstitutionUser):
    """An institution that sells medicine."""

    rosters: ClassVar[deque[Roster]] = deque()


def rosters_of(plan: VisitPlan) -> tuple[Roster, ...]:
    """Return the institutions that anybody visits, each with its visits."""
    hospital = plan.columns.hospital
    order = np.argsort(hospital, kind="stable")
    places, starts = np.unique(hospital[order], return_index=True)
    return tuple(
        Roster(plan.hospitals[int(place)], rows, plan.columns.arrival_us[rows])
        for place, rows in zip(places, np.split(order, starts[1:]), strict=True)
    )


def post(rosters: tuple[Roster, ...], schedule: Schedule) -> list[type[User]]:
    """Put each institution before its class, and return the classes that have any, as many users of each as it has."""
    for kind in (Hospital, Pharmacy):
        kind.rosters = deque(one for one in rosters if _kind(one.institution) is kind)
        kind.fixed_count = len(kind.rosters)
        kind.schedule = schedule
    return [kind for kind in (Hospital, Pharmacy) if kind.rosters]


def waiting() -> int:
    """Return how many institutions no user is yet."""
    return len(Hospital.rosters) + len(Pharmacy.rosters)


def _kind(institution: Institution) -> type[InstitutionUser]:
    return Pharmacy if "pharmacy" in institution.kinds else Hospital
