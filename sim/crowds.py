"""Whom stations and desks serve beside those who have journeys: the crowds of ``visits.local_background``.

What a visit within a province takes of its process is what its messages would take, served in turns; what it takes of
a desk is the handling of its contacts. It takes no worker and no place in the books. ``Crowds.of`` says once, when the
world is built, whether there are any: without them nothing here is called.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from reference_impl.books.sqlite.disk import Committing, choose_committing
from reference_impl.domain import transactions as tx
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.hospital.ways import SENT_ONCE
from scenarios.patients.arrivals import HOUR_US
from scenarios.patients.background import CONTACTS, LocalVisits, week_of
from scenarios.patients.institutions import KINDS
from scenarios.patients.population import shape
from scenarios.patients.streams import profile_of
from scenarios.schema.durations import mean_us
from sim.model.crowd import Crowd, Demand, Hours, crowd_key
from sim.model.turns import Process, turn_loads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reference_impl.domain.policies import Kind
    from scenarios.patients.institutions import Institution
    from scenarios.schema import HostSpec, Scenario
    from scenarios.schema.durations import Duration
    from sim.model.costs import Costs, Stage

__all__ = ["Crowds", "OthersAtDesks"]

_ENDED: Final[tuple[Stage, ...]] = ("receive", "reply")
_LOCAL: Final[tuple[Stage, ...]] = ("receive", "decide", "decide", "reply")
"""What is done with a message that ends here, and with one that the same node answers as the insurer: a turn each."""


class Crowds:
    """The crowds of a run."""

    __slots__ = ("_costs", "_handling_us", "_hours", "_scenario", "_square_of_handling", "_visits", "_weeks")

    def __init__(self, scenario: Scenario, visits: LocalVisits, costs: Costs) -> None:
        """Take who comes where (``visits``) and what that costs."""
        self._scenario = scenario
        self._visits = visits
        self._costs = costs
        time_scale = scenario.scale.time
        self._hours = Hours(HOUR_US / time_scale, profile_of(scenario).since_midnight_us / time_scale)
        self._weeks = {kind: week_of(scenario, kind) for kind in KINDS}
        self._handling_us = round(mean_us(scenario.visits.handling))
        self._square_of_handling = _square_of_handling(scenario.visits.handling)

    @classmethod
    def of(cls, scenario: Scenario, institutions: Sequence[Institution], costs: Costs) -> Crowds | None:
        """Return the crowds of a resolved scenario, None where it has no background."""
        visits = LocalVisits.among(scenario, institutions)
        return None if visits is None else cls(scenario, visits, costs)

    def at_host(self, name: str, host: HostSpec) -> Crowd | None:
        """Return the crowd of one process; None where it serves no province."""
        per_day = [self._visits.per_day[node] for node in host.nodes if node in self._visits.per_day]
        if not per_day:
            return None
        visits = {kind: sum(of_kind[kind] for of_kind in per_day) for kind in KINDS}
        process = _LocalProcess(self._costs, self._scenario.visits.uploads_per_stay, host)

        @cache
        def demand(hour: int) -> Demand:
            return process.demand({kind: visits[kind] * self._per_s(kind, hour) for kind in KINDS})

        key = crowd_key(self._scenario.seed, name)
        return Crowd(math.ceil(host.cores), demand, self._hours, key=key)

    def at_desks(self, place: Institution, now_us: int) -> Crowd | None:
        """Return the crowd at an institution's desks; None where nobody comes, or a desk takes no time."""
        visits: dict[Kind, float] = {kind: self._visits.of(place, kind) * CONTACTS[kind] for kind in place.kinds}
        if not any(visits.values()) or not self._handling_us:
            return None
        handling_us = float(self._handling_us)

        def demand(hour: int) -> Demand:
            busy = math.fsum(visits[kind] * self._per_s(kind, hour) for kind in visits) * handling_us / 1e6
            return Demand(busy, busy * handling_us * self._square_of_handling)

        key = crowd_key(self._scenario.seed, place.code)
        return Crowd(place.desks, demand, self._hours, key=key, now_us=now_us)

    def _per_s(self, kind: Kind, hour: int) -> float:
        """Return how many come in a second of an hour for one visit a day."""
        week = self._weeks[kind]
        return week[hour % len(week)] / self._hours.hour_us * 1e6

    def visits_of(self, place: Institution, kind: Kind) -> float:
        """Return the visits of a kind at an institution, a calendar day."""
        return self._visits.of(place, kind)

    def handled_us(self, kind: Kind, now_us: int) -> float:
        """Return what desks have had to do until now for one visit of a kind a day."""
        hours, week = self._hours, self._weeks[kind]
        first, last = hours.at(0), hours.at(now_us)
        begun = math.fsum(week[hour % len(week)] for hour in range(first, last))
        before_us, inside_us = -hours.begins_us(first), now_us - hours.begins_us(last)
        parts = (inside_us * week[last % len(week)] - before_us * week[first % len(week)]) / hours.hour_us
        return (begun + parts) * CONTACTS[kind] * self._handling_us


class OthersAtDesks:
    """What those without journeys take of the desks of a province that are open, as a mean: nobody looks at each."""

    __slots__ = ("_before_us", "_crowds", "_visits")

    def __init__(self, crowds: Crowds) -> None:
        """Begin with all desks closed."""
        self._crowds = crowds
        self._visits: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
        self._before_us = 0.0

    def come_to(self, place: Institution, now_us: int) -> None:
        """Count those of one more institution from now on."""
        for kind in place.kinds:
            visits = self._crowds.visits_of(place, kind)
            self._visits[kind] += visits
            self._before_us += visits * self._crowds.handled_us(kind, now_us)

    def busy_us(self, now_us: int) -> int:
        """Return what the desks have had to do for them until now."""
        done = (visits * self._crowds.handled_us(kind, now_us) for kind, visits in self._visits.items())
        return int(math.fsum(done) - self._before_us)


class _LocalProcess:
    """A province's process, and what visits within it want of its loops: turns, with changes to commit."""

    def __init__(self, costs: Costs, uploads: int, host: HostSpec) -> None:
        self._costs = costs
        self._uploads = uploads
        self._cores = host.cores
        self._loops = math.ceil(host.cores)
        chosen = choose_committing(costs.choosing_flush_us(), len(host.nodes))
        self._disk_us = costs.mean_flush_us() if self._loops == 1 and chosen is Committing.TURN else 0.0

    def demand(self, per_s: Mapping[Kind, float]) -> Demand:
        """Return what so many visits a second want."""
        process = self._process(per_s)
        [load] = turn_loads([process], self._cores, self._costs.file)
        stretch = self._loops / self._cores
        if math.isinf(load.wait_us):  # turns are shared by all that waits: what is left is what each piece takes
            busy = process.least_load * stretch
            return Demand(busy, busy * process.piece_us * stretch)
        busy = load.under_way
        if not busy:
            return Demand(0.0, 0.0)
        # A loop takes all that waits in its next turn, so whoever comes to busy loops waits for half a turn of one.
        uneven_us = (self._loops - busy) * busy / self._loops * load.turn_us
        gap_us = self._loops * 1e6 * load.pieces / process.pieces_per_s - load.turn_us
        return Demand(busy, uneven_us, load.use * stretch / busy, load.pieces, max(0, int(gap_us)))

    def _process(self, per_s: Mapping[Kind, float]) -> Process:
        pieces = changes = work_us = written_us = 0.0
        for kind, visits in per_s.items():
            for code in _messages(kind, self._uploads):
                stages = _LOCAL if TRANSACTIONS[code].forwarded else _ENDED
                pieces += visits * len(stages)
                changes += visits * (len(stages) - 1)
                work_us += visits * math.fsum(self._costs.mean_us("care", code, stage) for stage in stages)
                change_us = self._costs.mean_us("care", code, "change") + self._costs.checkpoint_of_change_us
                written_us += visits * (len(stages) - 1) * change_us
        piece_us = work_us / pieces if pieces else 0.0
        change_us = written_us / changes if changes else 0.0
        return Process(pieces, piece_us, changes, change_us, loops=self._loops, disk_us=self._disk_us)


def _messages(kind: Kind, uploads: int) -> Iterator[str]:
    yield from SENT_ONCE[kind]
    if kind == "inpatient":
        yield from (tx.INPATIENT_LINES for _ in range(uploads))


@cache
def _square_of_handling(handling: Duration) -> float:
    """Return the mean square of a contact's handling over the square of its mean."""
    if not isinstance(handling, int):
        return handling.mean_square_us2 / handling.mean_us**2 if handling.mean_us else 1.0
    return math.fsum(
        (high_p - low_p) * (low * low + low * high + high * high) / 3
        for (low_p, low), (high_p, high) in pairwise(shape("handling").quantiles)
    )
