"""What no single key knows of a workload: its windows against the horizon, what a trace or closed users cannot have.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.patients.closed import VISITS_OF_A_USER_MAX, user_count
from scenarios.patients.places import Places
from scenarios.reading.errors import Problem
from scenarios.reading.scale import resolve
from scenarios.schema import Scenario
from scenarios.schema.arrivals import USERS_MAX, Bursts, Closed, Soak, Spike, Step, Trace
from scenarios.units import format_duration

__all__ = ["arrival_problems", "unheard_by_arrivals"]

_HERE = ("visits", "arrivals")
_BY_THE_HOURS = ("hourly", "weekday", "day")
PLANNED_MAX = 5_000_000
"""Visits that closed users may make together: each is planned, whether there will be time for it or not."""
STEPS_MAX = 1_000
"""Steps, or bursts, of one horizon."""

Path = tuple[str | int, ...]


def arrival_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with ``visits.arrivals`` that its keys alone do not show."""
    arrivals, length_us = scenario.visits.arrivals, scenario.horizon.length
    end = f"less than horizon.length {format_duration(length_us)}"
    match arrivals:
        case Spike(at=at, lasts=lasts):
            if at + lasts > length_us:
                yield Problem((*_HERE, "for"), "the spike outlasts the horizon", format_duration(at + lasts), end)
        case Step(every=every):
            if every >= length_us:
                yield Problem((*_HERE, "every"), "one step alone", format_duration(every), end)
            yield from _too_many(length_us / every)
        case Bursts(every=every, lasts=lasts):
            if every + lasts >= length_us:
                yield Problem(
                    (*_HERE, "every"), "no time for a burst and its calm", format_duration(every + lasts), end
                )
            yield from _too_many(length_us / (every + lasts))
        case Soak(ramp=ramp) if ramp >= length_us:
            yield Problem((*_HERE, "ramp"), "it rises beyond the horizon", format_duration(ramp), end)
        case Trace():
            yield from _trace(scenario, arrivals)
        case Closed():
            yield from _closed(scenario, arrivals)
        case _:
            pass


def unheard_by_arrivals(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    """Yield what is said of visits and the scenario's kind of arrivals leaves without effect, and why."""
    visits, arrivals = scenario.visits, scenario.visits.arrivals
    if arrivals.kind == "profile":
        return
    names = ["hourly_by_kind"]
    by_the_hours = visits.local_background is not None or (visits.open_per_day and visits.mix.inpatient)
    if not by_the_hours:
        names.extend(_BY_THE_HOURS)
    if isinstance(arrivals, Trace | Closed):
        names.extend(("per_day", "local_per_cross", "stay_mean"))
    if isinstance(arrivals, Trace):
        names.append("mix")
        if not visits.drawn:
            names.append("flows")
        if scenario.scale.volume != 1 and not scenario.scale.capacity and visits.local_background is None:
            yield ("scale", "volume"), f"visits.arrivals of kind {arrivals.kind} are as many as they are"
    for name in names:
        if name in visits.model_fields_set:
            yield ("visits", name), f"arrivals of kind {arrivals.kind} do not go by it"


def _too_many(count: float) -> Iterator[Problem]:
    if count > STEPS_MAX:
        yield Problem((*_HERE, "every"), "too many steps", f"about {count:.3g}", f"at most {STEPS_MAX} in the horizon")


def _trace(scenario: Scenario, trace: Trace) -> Iterator[Problem]:
    regions, length_us = scenario.topology.regions, scenario.horizon.length
    for number, visit in enumerate(trace.visits):
        here = (*_HERE, "visits", number)
        if visit.at >= length_us:
            expected = f"less than horizon.length {format_duration(length_us)}"
            yield Problem((*here, "at"), "after the horizon", format_duration(visit.at), expected)
        for name in ("care", "insured"):
            code = getattr(visit, name)
            if code is not None and code[:2] not in regions:
                got, expected = repr(code), f"a place in topology.regions: {', '.join(regions)}"
                yield Problem((*here, name), "not in this scenario", got, expected)
                return
    yield from _institutions(scenario, trace)


def _institutions(scenario: Scenario, trace: Trace) -> Iterator[Problem]:
    """Yield the institutions that a trace names and the scenario has not, or not for such a visit."""
    if all(visit.institution is None for visit in trace.visits):
        return
    nameless = trace.model_copy(update={"visits": ()})
    visits = scenario.visits.model_copy(update={"arrivals": nameless})
    places = Places(resolve(scenario.model_copy(update={"visits": visits}))).hospitals
    kinds = {place.code: place.kinds for place in places}
    for number, visit in enumerate(trace.visits):
        if visit.institution is not None and visit.kind not in kinds.get(visit.institution, ()):
            some = next((code for code, of in kinds.items() if visit.kind in of), "none here")
            expected = f"an institution of this scenario that has {visit.kind} visits, such as {some}"
            yield Problem((*_HERE, "visits", number, "institution"), "no such place", repr(visit.institution), expected)


def _closed(scenario: Scenario, closed: Closed) -> Iterator[Problem]:
    visits = scenario.visits
    users = user_count(scenario, closed)
    if users > USERS_MAX:
        yield Problem((*_HERE, "users"), "too many users", f"{users} with scale.volume", f"at most {USERS_MAX}")
    if visits.mix.inpatient:
        what, expected = "a closed user would wait for days", "visits.mix with inpatient: 0"
        yield Problem(("visits", "mix", "inpatient"), what, f"{visits.mix.inpatient:g}", expected)
    if visits.care_types is not None and visits.care_types.internet:
        what = "whoever fetches a prescription comes after it, and closed users come when they are free"
        yield Problem(("visits", "care_types", "internet"), what, f"{visits.care_types.internet:g}", "0")
    if visits.explicit:
        what = "beside closed users, whose figures would be of both"
        yield Problem(("visits", "explicit"), what, f"{len(visits.explicit)} visits", "none")
    of_each = scenario.horizon.length / closed.period_us(1.0)
    if users * of_each > PLANNED_MAX or of_each > VISITS_OF_A_USER_MAX:
        got = f"about {users * of_each:.3g} visits, {of_each:.3g} of each user"
        expected = f"at most {PLANNED_MAX} together; fewer users, a longer think or a shorter horizon"
        yield Problem((*_HERE, "users"), "more than can be planned", got, expected)
