"""Users in a closed loop: the visits that each may make, in order, and when the next one is due.

How many are made only the run can tell: a user waits for the end of a visit. So the plan has as many as there would be
if no visit took any time, each at the earliest moment it could begin, and a run leaves out what its horizon does not
reach. When a user goes on is decided here alone, for both worlds. Must never read a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reference_impl.domain.keyed import Purpose, uniform
from scenarios.patients.draws import Ints
from scenarios.schema.arrivals import Closed
from scenarios.schema.durations import drawn_us

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = [
    "NO_USERS", "VISITS_OF_A_USER_MAX", "Due", "User", "Users", "most_per_day", "planned_begins_us", "user_count",
    "users_of",
]  # fmt: skip

_USER_BITS = 20
"""A user makes fewer than 2**20 visits; its number stands above them in what names a visit."""
VISITS_OF_A_USER_MAX = 1 << _USER_BITS
_US_PER_DAY = 86_400_000_000


class Due(NamedTuple):
    """A visit that a user is to make, by its row in the plan, and when."""

    visit: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Users:
    """The closed users of a scenario and the visits that each may make; nobody where it has none."""

    rows: tuple[tuple[int, ...], ...]
    first_us: tuple[int, ...]
    """When each begins its first visit."""
    thinks_us: tuple[tuple[int, ...], ...]
    """Before each visit; none where users go by a throughput."""
    period_us: int
    """Between the beginnings of two visits at least; 0 where users think."""
    until_us: int
    """From here on nobody begins a visit."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[User]:
        """Return the users, each before its first visit."""
        return (User(self, number) for number in range(len(self.rows)))

    @property
    def visits(self) -> int:
        """How many visits they may make together."""
        return sum(len(rows) for rows in self.rows)


NO_USERS = Users((), (), (), 0, 0)


class User:
    """One user on its way through its visits."""

    __slots__ = ("_made", "_number", "_users")

    def __init__(self, users: Users, number: int) -> None:
        self._users = users
        self._number = number
        self._made = 0

    def first(self) -> Due | None:
        """Return the visit to begin with; None when it makes none before the end."""
        return self._give(self._users.first_us[self._number])

    def next(self, *, began_us: int, ended_us: int) -> Due | None:
        """Return the visit after one that began and ended then; None when the horizon is over.

        By a throughput a user who was held up does not catch up: what came due meanwhile is never asked.
        """
        users = self._users
        if users.period_us:
            return self._give(max(ended_us, began_us + users.period_us))
        thinks_us = users.thinks_us[self._number]
        return self._give(ended_us + thinks_us[self._made]) if self._made < len(thinks_us) else None

    def _give(self, at_us: int) -> Due | None:
        rows = self._users.rows[self._number]
        if at_us >= self._users.until_us or self._made >= len(rows):
            return None
        self._made += 1
        return Due(rows[self._made - 1], at_us)


def most_per_day(scenario: Scenario, closed: Closed) -> float:
    """Return the visits a calendar day that all users would make if a visit took no time."""
    return user_count(scenario, closed) * _US_PER_DAY / (closed.period_us(scenario.scale.time) * scenario.scale.time)


def user_count(scenario: Scenario, closed: Closed) -> int:
    """Return how many users there are at this volume; one at least."""
    return max(1, round(closed.users * scenario.scale.volume))


def planned_begins_us(scenario: Scenario, closed: Closed) -> tuple[Ints, Ints]:
    """Return the visits that users may make, each as a number of its own, and the earliest moment of each."""
    names: list[int] = []
    begins_us: list[int] = []
    for user in range(user_count(scenario, closed)):
        for number, at_us in enumerate(_earliest_us(scenario, closed, user)):
            names.append(user << _USER_BITS | number)
            begins_us.append(at_us)
    return np.array(names, np.int64), np.array(begins_us, np.int64)


def users_of(scenario: Scenario, rows: Ints, names: Ints) -> Users:
    """Return the users, given the plan's rows that are theirs and the number of each visit."""
    closed = scenario.visits.arrivals
    if not isinstance(closed, Closed):
        return NO_USERS
    order = np.argsort(names, kind="stable")
    user = names[order] >> _USER_BITS
    cuts = np.searchsorted(user, np.arange(1, user_count(scenario, closed)))
    of_each = tuple(tuple(one.tolist()) for one in np.split(rows[order], cuts))
    thinks_us = (
        ()
        if closed.think is None
        else tuple(
            tuple(_think_us(scenario, closed, number, visit) for visit in range(len(made)))
            for number, made in enumerate(of_each)
        )
    )
    first_us = tuple(_first_us(scenario, closed, number) for number in range(len(of_each)))
    period_us = 0 if closed.throughput is None else _period_us(scenario, closed)
    return Users(of_each, first_us, thinks_us, period_us, scenario.horizon.length)


def _earliest_us(scenario: Scenario, closed: Closed, user: int) -> list[int]:
    """Return when a user's visits begin if none takes any time."""
    until_us, at_us = scenario.horizon.length, _first_us(scenario, closed, user)
    if closed.throughput is not None:
        return list(range(at_us, until_us, _period_us(scenario, closed)))
    found: list[int] = []
    while at_us < until_us and len(found) < VISITS_OF_A_USER_MAX:
        found.append(at_us)
        at_us += _think_us(scenario, closed, user, len(found))
    return found


def _first_us(scenario: Scenario, closed: Closed, user: int) -> int:
    """Return when a user begins: after a think, or anywhere in the first period, so that not all come at once."""
    if closed.throughput is None:
        return _think_us(scenario, closed, user, 0)
    return int(uniform(scenario.seed, user, 0, 0, Purpose.USER) * _period_us(scenario, closed))


def _period_us(scenario: Scenario, closed: Closed) -> int:
    return max(1, math.ceil(closed.period_us(scenario.scale.time)))


def _think_us(scenario: Scenario, closed: Closed, user: int, visit: int) -> int:
    """Return how long a user thinks before a visit; a constant one is drawn for the first, so that users part."""
    assert closed.think is not None  # whoever asks has looked
    u = uniform(scenario.seed, user, visit, 0, Purpose.THINK)
    if isinstance(closed.think, int) and visit == 0:
        return int(u * closed.think)
    return drawn_us(closed.think, u)
