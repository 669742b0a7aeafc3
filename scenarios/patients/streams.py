"""Who arrives when and for how long: the streams of visits before anybody knows who they are.

A stream is a kind of traffic (cross-province or in-province, of the horizon or of the past, or written out), and
every visit of it has a key of its own, so that one stream's volume never moves another's visits. The past is
generated like the future and only the stays still open at the start are kept: a steady state without a formula, in
which a long stay is met more often than a short one, as it should be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.keyed import Purpose, uniform
from reference_impl.domain.policies import Kind
from scenarios.patients.arrivals import DAY_US, Profile, Steps, Stretch, discharge_us, to_run_clock
from scenarios.patients.closed import most_per_day, planned_begins_us
from scenarios.patients.draws import GroupedChoice, Ints, poisson, uniforms
from scenarios.patients.institutions import INPATIENT, KINDS
from scenarios.patients.population import shape
from scenarios.patients.rates import by_the_hours, length_us, shaped
from scenarios.schema.arrivals import Closed, Trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.schema import Scenario
    from scenarios.schema.written_visit import ExplicitVisit, TracedVisit

CROSS, LOCAL, CROSS_BEFORE, LOCAL_BEFORE, EXPLICIT, CLOSED, TRACED = range(7)
"""The streams, by number; ``*_BEFORE`` are stays admitted before the horizon begins."""
MEAN_WEEK = (1.0,) * 7
"""The weekdays of a scenario whose every day is an average one."""
_STREAM_BITS = 40
"""A stream holds fewer than 2**40 visits; its number stands above them in a key."""


_COLUMNS = ("key", "kind", "arrival_us", "stay_us", "planned_s")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Visits in columns. ``planned_s`` is business seconds from the start, negative before it."""

    key: Ints
    kind: NDArray[np.uint8]
    arrival_us: Ints
    stay_us: Ints
    planned_s: Ints

    @property
    def stream(self) -> Ints:
        """The stream of each visit."""
        return self.key >> _STREAM_BITS

    def local(self) -> NDArray[np.bool_]:
        """Return which visits stay inside a province, as far as their stream says."""
        return (self.stream == LOCAL) | (self.stream == LOCAL_BEFORE)

    def name(self) -> Ints:
        """Return the number of each visit within its stream."""
        return self.key & ((1 << _STREAM_BITS) - 1)

    def has_moments(self) -> NDArray[np.bool_]:
        """Return which visits are written out or traced."""
        return (self.stream == EXPLICIT) | (self.stream == TRACED)

    def open_at_start(self) -> NDArray[np.bool_]:
        """Return which visits are stays already open at the start."""
        return (self.stream == CROSS_BEFORE) | (self.stream == LOCAL_BEFORE)


def traffic_of(scenario: Scenario) -> Traffic:
    """Return all visits of a resolved scenario, unsorted."""
    visits = scenario.visits
    parts: list[Traffic] = []
    per_day_open = visits.open_per_day * scenario.scale.volume
    for stream, per_day in ((CROSS, per_day_open), (LOCAL, per_day_open * visits.local_per_cross)):
        if per_day > 0.0:
            arriving = _arriving if visits.hourly_by_kind is None else _arriving_by_kind
            parts.append(arriving(scenario, stream, per_day))
            parts.append(_already_open(scenario, stream + CROSS_BEFORE, per_day * visits.mix.inpatient))
    parts.extend((_written_out(scenario), _of_users(scenario), _traced(scenario)))
    return Traffic(*(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS))


def by_arrival(traffic: Traffic) -> Traffic:
    """Return the visits sorted by arrival, stays open at the start by admission, the rest of a tie by key.

    A hospital's visits are numbered in this order, so two that share the last four digits of a number are 10,000 visits
    apart in business time, and their message ids never meet.
    """
    order = np.lexsort((traffic.key, traffic.planned_s, traffic.arrival_us))
    return Traffic(*(getattr(traffic, name)[order] for name in _COLUMNS))


def written_as(scenario: Scenario, key: int) -> ExplicitVisit | TracedVisit | None:
    """Return the visit as it is written out or traced; None of one that is drawn."""
    stream, number = key >> _STREAM_BITS, key & ((1 << _STREAM_BITS) - 1)
    arrivals = scenario.visits.arrivals
    if stream == TRACED and isinstance(arrivals, Trace):
        return arrivals.visits[number]
    return scenario.visits.explicit[number] if stream == EXPLICIT else None


def cross_per_day(scenario: Scenario) -> float:
    """Return cross-province visits a calendar day whose places are drawn, scaled.

    Of closed users, as many as they would make if a visit took no time.
    """
    arrivals = scenario.visits.arrivals
    match arrivals:
        case Closed():
            return most_per_day(scenario, arrivals)
        case Trace(visits=visits):
            return sum(not visit.placed for visit in visits) * DAY_US / length_us(scenario)
        case _:
            return scenario.visits.per_day * scenario.scale.volume


def local_per_cross(scenario: Scenario) -> float:
    """Return in-province visits per cross-province visit; a trace has its own, and closed users make none."""
    return scenario.visits.local_per_cross if scenario.visits.open_per_day else 0.0


def arrivals_expected(scenario: Scenario) -> float:
    """Return how many visits are expected to arrive in the horizon, without drawing them."""
    visits = scenario.visits
    per_day = cross_per_day(scenario) * (1 + local_per_cross(scenario))
    drawn = per_day * math.fsum(arrivals_of_a_visit_a_day(scenario).values()) if per_day else 0.0
    return drawn + sum(visit.places is not None for visit in visits.written)


def profile_of(scenario: Scenario, kind: Kind | None = None, *, weekday: tuple[float, ...] = ()) -> Profile:
    """Return the rhythm of the scenario's days, of one kind of visit where it has its own."""
    visits = scenario.visits
    hourly = None if kind is None or visits.hourly_by_kind is None else getattr(visits.hourly_by_kind, kind)
    week = MEAN_WEEK if visits.day == "average" else visits.weekday
    return Profile(scenario.horizon.start, visits.hourly if hourly is None else hourly, weekday or week)


def mean_profile(scenario: Scenario) -> Profile:
    """Return the rhythm of all kinds of visit together."""
    profile, mix = profile_of(scenario), scenario.visits.mix
    if scenario.visits.hourly_by_kind is None:
        return profile
    shares = [(getattr(mix, kind), profile_of(scenario, kind).hourly) for kind in KINDS]
    hours = [math.fsum(share * hourly[hour] / math.fsum(hourly) for share, hourly in shares) for hour in range(24)]
    return Profile(profile.start, tuple(hours), profile.weekday)


def arrivals_of_a_visit_a_day(scenario: Scenario) -> dict[Kind, float]:
    """Return the arrivals of each kind that the horizon has, for one visit a calendar day of all kinds together."""
    return {kind: getattr(scenario.visits.mix, kind) * arrivals_of_one(scenario, kind) for kind in KINDS}


def arrivals_of_one(scenario: Scenario, kind: Kind) -> float:
    """Return how many of a kind the horizon has, for one a calendar day."""
    return stretch_of(scenario, kind, begin_us=0, end_us=length_us(scenario)).expected


def stretch_of(scenario: Scenario, kind: Kind | None = None, *, begin_us: int, end_us: int) -> Steps:
    """Return the expected arrivals of a stretch of the horizon, of one kind or of any, for one a calendar day."""
    if not by_the_hours(scenario):
        return shaped(scenario, begin_us=begin_us, end_us=end_us)
    profile = profile_of(scenario, kind) if kind is not None else mean_profile(scenario)
    return Stretch(profile, begin_us=begin_us, end_us=end_us)


def _arriving(scenario: Scenario, stream: int, per_day: float) -> Traffic:
    stretch = stretch_of(scenario, begin_us=0, end_us=length_us(scenario))
    key = _keys(scenario.seed, stream, per_day * stretch.expected)
    moment_us = _moments(scenario.seed, key, stretch)
    return _with_stays(scenario, key, _kinds(scenario, key), moment_us)


def _kinds(scenario: Scenario, key: Ints) -> NDArray[np.uint8]:
    mix = scenario.visits.mix
    kinds = GroupedChoice([[getattr(mix, kind) for kind in KINDS]])
    return kinds.draw(np.zeros(len(key), np.int64), uniforms(scenario.seed, key, 0, 0, Purpose.KIND)).astype(np.uint8)


def _arriving_by_kind(scenario: Scenario, stream: int, per_day: float) -> Traffic:
    """Return the visits of a stream whose kinds have rhythms of their own: each visit's kind before its moment."""
    expected = arrivals_of_a_visit_a_day(scenario)
    key = _keys(scenario.seed, stream, per_day * math.fsum(expected.values()))
    kinds = GroupedChoice([list(expected.values())])
    kind = kinds.draw(np.zeros(len(key), np.int64), uniforms(scenario.seed, key, 0, 0, Purpose.KIND)).astype(np.uint8)
    moment_us = np.zeros(len(key), np.int64)
    for number, name in enumerate(KINDS):
        rows = kind == number
        stretch = stretch_of(scenario, name, begin_us=0, end_us=length_us(scenario))
        moment_us[rows] = _moments(scenario.seed, key[rows], stretch)
    return _with_stays(scenario, key, kind, moment_us)


def _with_stays(scenario: Scenario, key: Ints, kind: NDArray[np.uint8], moment_us: Ints) -> Traffic:
    end_us = moment_us.copy()
    stays = kind == INPATIENT
    end_us[stays] = _ends(scenario, key[stays], moment_us[stays])
    arrival_us = to_run_clock(moment_us, scenario.scale.time)
    stay_us = to_run_clock(end_us, scenario.scale.time) - arrival_us
    return Traffic(key, kind, arrival_us, stay_us, moment_us // 1_000_000)


def _already_open(scenario: Scenario, stream: int, per_day: float) -> Traffic:
    """Return the stays admitted in the past and not over: their arrival is 0, their stay what is left of it."""
    longest_us = shape("stay").maximum * scenario.visits.stay_mean * scenario.scale.time
    history_us = DAY_US * (math.ceil(longest_us / DAY_US) + 2)
    stretch = Stretch(profile_of(scenario, "inpatient"), begin_us=-history_us, end_us=0)
    key = _keys(scenario.seed, stream, per_day * stretch.expected)
    moment_us = _moments(scenario.seed, key, stretch)
    end_us = _ends(scenario, key, moment_us)
    left_us = to_run_clock(end_us, scenario.scale.time)
    still = left_us > 0
    count = int(still.sum())
    kind = np.full(count, INPATIENT, np.uint8)
    return Traffic(key[still], kind, np.zeros(count, np.int64), left_us[still], moment_us[still] // 1_000_000)


def _written_out(scenario: Scenario) -> Traffic:
    return _at_their_moments(scenario, EXPLICIT, scenario.visits.explicit)


def _traced(scenario: Scenario) -> Traffic:
    arrivals = scenario.visits.arrivals
    return _at_their_moments(scenario, TRACED, arrivals.visits if isinstance(arrivals, Trace) else ())


def _at_their_moments(scenario: Scenario, stream: int, visits: Sequence[ExplicitVisit | TracedVisit]) -> Traffic:
    arrival_us = np.array([visit.at for visit in visits], np.int64)
    return Traffic(
        key=(stream << _STREAM_BITS) + np.arange(len(visits), dtype=np.int64),
        kind=np.array([KINDS.index(visit.kind) for visit in visits], np.uint8),
        arrival_us=arrival_us,
        stay_us=np.array([visit.stay for visit in visits], np.int64),
        planned_s=_planned_s(scenario, arrival_us),
    )


def _of_users(scenario: Scenario) -> Traffic:
    """Return the visits that closed users may make, each at the earliest moment it can begin."""
    arrivals = scenario.visits.arrivals
    if not isinstance(arrivals, Closed):
        return _at_their_moments(scenario, CLOSED, ())
    name, begin_us = planned_begins_us(scenario, arrivals)
    key = (CLOSED << _STREAM_BITS) + name
    return Traffic(key, _kinds(scenario, key), begin_us, np.zeros_like(key), _planned_s(scenario, begin_us))


def _planned_s(scenario: Scenario, arrival_us: Ints) -> Ints:
    return np.floor(arrival_us * scenario.scale.time / 1e6).astype(np.int64)


def _keys(seed: int, stream: int, expected: float) -> Ints:
    first = stream << _STREAM_BITS
    return first + np.arange(poisson(expected, uniform(seed, first, 0, 0, Purpose.COUNT)), dtype=np.int64)


def _moments(seed: int, key: Ints, stretch: Steps) -> Ints:
    """Return the arrivals: given their number, a Poisson stream's are independent draws from the rate."""
    if len(key) == 0:
        return np.empty(0, np.int64)
    return stretch.invert(uniforms(seed, key, 0, 0, Purpose.ARRIVAL))


def _ends(scenario: Scenario, key: Ints, moment_us: Ints) -> Ints:
    """Return when stays end, in business time."""
    mean_us = scenario.visits.stay_mean * scenario.scale.time
    drawn = shape("stay").at_many(uniforms(scenario.seed, key, 0, 0, Purpose.STAY)) * mean_us
    hour = uniforms(scenario.seed, key, 0, 0, Purpose.DISCHARGE_HOUR)
    return discharge_us(profile_of(scenario), admitted_us=moment_us, stay_us=drawn.astype(np.int64), u=hour)
