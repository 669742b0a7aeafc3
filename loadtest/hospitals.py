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


@dataclass(frozen=True, slots=True)
class Roster:
    """One institution and the rows of the plan that are its own, in order of arrival."""

    institution: Institution
    visits: np.ndarray[Any, np.dtype[np.int64]]
    arrivals_us: np.ndarray[Any, np.dtype[np.int64]]

    def arrivals(self) -> Iterator[tuple[int, int]]:
        """Return (visit, arrival_us), in order."""
        return zip(self.visits.tolist(), self.arrivals_us.tolist(), strict=True)


class HospitalUser(User):
    """One institution."""

    abstract = True
    rosters: ClassVar[deque[Roster]]
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


def rosters_of(plan: VisitPlan) -> tuple[Roster, ...]:
    """Return the institutions that anybody visits, each with its visits."""
    hospital = plan.columns.hospital
    order = np.argsort(hospital, kind="stable")
    places, starts = np.unique(hospital[order], return_index=True)
    return tuple(
        Roster(plan.hospitals[int(place)], rows, plan.columns.arrival_us[rows])
        for place, rows in zip(places, np.split(order, starts[1:]), strict=True)
    )


def user_classes(rosters: tuple[Roster, ...], schedule: Schedule) -> list[type[User]]:
    """Return one Locust user class for each kind of institution, as many users of it as there are institutions."""
    kinds: dict[str, deque[Roster]] = {}
    for roster in rosters:
        kinds.setdefault(_kind(roster.institution), deque()).append(roster)
    return [_user_class(kind, waiting, schedule) for kind, waiting in sorted(kinds.items())]


def _kind(institution: Institution) -> str:
    return "Pharmacy" if "pharmacy" in institution.kinds else "Hospital"


def _user_class(kind: str, waiting: deque[Roster], schedule: Schedule) -> type[HospitalUser]:
    facts = {"abstract": False, "fixed_count": len(waiting), "rosters": waiting, "schedule": schedule}
    return type(kind, (HospitalUser,), facts)
