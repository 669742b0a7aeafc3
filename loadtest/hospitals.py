"""The hospitals of a scenario as Locust users: each replays its own visits on schedule.

A user is one institution; its class is its kind, so that Locust counts hospitals and pharmacies apart. Its only task is
to start its patients when they are due. It must never wait for one of them. A closed user of a scenario is a user
as Locust means it: it waits for each visit, and then as long as its pace says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import gevent
import numpy as np
from locust import User, task
from locust.exception import StopUser

from loadtest.schedule import Schedule
from scenarios.patients.closed import Due
from scenarios.patients.closed import User as Maker
from scenarios.patients.institutions import Institution
from scenarios.patients.visits import VisitPlan

__all__ = [
    "ClosedUser",
    "Hospital",
    "InstitutionUser",
    "Makers",
    "Pharmacy",
    "Roster",
    "kind_of",
    "post",
    "rosters_of",
    "waiting",
]


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


@dataclass(frozen=True, slots=True)
class Makers:
    """Those who make visits in closed loops, and what lives a visit to its end."""

    users: Iterable[Maker]
    live: Callable[[Due], None]


class ClosedUser(User):
    """One user in a closed loop: a visit, its end, a pause, the next visit, until the horizon is over."""

    makers: ClassVar[deque[Maker]] = deque()
    """Those whom no user is yet."""
    schedule: ClassVar[Schedule]
    live: ClassVar[Callable[[Due], None]]

    def __init__(self, environment: Any) -> None:
        """Take the next maker of visits."""
        super().__init__(environment)
        self._maker = self.makers.popleft()
        self._due: Due | None = None

    def on_start(self) -> None:
        """Wait for the moment of the first visit."""
        self._due = self._maker.first()
        gevent.sleep(self.wait_time())

    @task
    def visit(self) -> None:
        """Make the visit that is due and wait for its end; then there may be nothing left to do."""
        due = self._due
        ended_us = None if due is None else self.schedule.make(due.at_us, partial(type(self).live, due))
        if due is None or ended_us is None:
            raise StopUser
        self._due = self._maker.next(began_us=due.at_us, ended_us=ended_us)

    def wait_time(self) -> float:
        """Return the seconds until the next visit is due."""
        return 0.0 if self._due is None else max(0.0, self.schedule.until_s(self._due.at_us))


def rosters_of(plan: VisitPlan, *, lying: bool = True) -> tuple[Roster, ...]:
    """Return the institutions that anybody visits by themselves, with their visits; ``lying``: who lies there, too."""
    rows = plan.open_rows()
    if not lying:
        rows = rows[~plan.columns.open_at_start[rows]]
    hospital = plan.columns.hospital[rows]
    order = np.argsort(hospital, kind="stable")
    places, starts = np.unique(hospital[order], return_index=True)
    return tuple(
        Roster(plan.hospitals[int(place)], rows[part], plan.columns.arrival_us[rows[part]])
        for place, part in zip(places, np.split(order, starts[1:])[: len(places)], strict=True)
    )


def post(rosters: tuple[Roster, ...], schedule: Schedule, makers: Makers | None = None) -> list[type[User]]:
    """Put each institution and each closed user before its class; return the classes that have any.

    There are as many users of each as it has.
    """
    ClosedUser.makers = deque(makers.users if makers else ())
    ClosedUser.fixed_count = len(ClosedUser.makers)
    ClosedUser.schedule = schedule
    if makers is not None:
        ClosedUser.live = makers.live
    for kind in (Hospital, Pharmacy):
        kind.rosters = deque(one for one in rosters if kind_of(one.institution) is kind)
        kind.fixed_count = len(kind.rosters)
        kind.schedule = schedule
    closed: list[type[User]] = [ClosedUser] if ClosedUser.makers else []
    return [kind for kind in (Hospital, Pharmacy) if kind.rosters] + closed


def waiting() -> int:
    """Return how many institutions no user is yet."""
    return len(Hospital.rosters) + len(Pharmacy.rosters) + len(ClosedUser.makers)


def kind_of(institution: Institution) -> type[InstitutionUser]:
    """Return the class that an institution is a user of."""
    return Pharmacy if "pharmacy" in institution.kinds else Hospital
