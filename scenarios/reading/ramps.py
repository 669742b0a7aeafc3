"""What no single key of a ramp, or of the watch after it, can say of itself.

Against the provinces, the visits, the horizon and the desks behind its door. Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HUB
from scenarios.patients.places import Places
from scenarios.reading.errors import Problem
from scenarios.reading.policies import kinds_of
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Ramp
from scenarios.schema.durations import mean_us
from scenarios.units import format_duration

__all__ = ["monitor_problems", "ramp_problems"]

Path = tuple[str | int, ...]


def ramp_problems(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Yield everything wrong with the ramp of one plan, found at ``path``."""
    ramp = plan.ramp
    if not isinstance(ramp, Ramp):
        return
    for number, step in enumerate(ramp.steps):
        yield from _named(scenario, step.provinces, step.kinds, (*path, "ramp", "steps", number))
    if ramp.admit is not None and ramp.every is not None:
        yield from _above_capacity(scenario, plan, ramp, ramp.admit / ramp.every, (*path, "ramp", "admit"))


def monitor_problems(scenario: Scenario, plan: Cutover, path: Path) -> Iterator[Problem]:
    """Yield everything wrong with the watch after a stop: one that could never be judged."""
    monitor, length_us = plan.monitor, scenario.horizon.length
    if monitor is None:
        return
    here: Path = (*path, "monitor")
    last_us = plan.reopens_between[1] + plan.ramp_us + monitor.lasts
    if last_us > length_us:
        expected = f"an end within horizon.length ({format_duration(length_us)})"
        yield Problem((*here, "lasts"), "watches beyond the horizon", format_duration(last_us), expected)
    if monitor.over > monitor.lasts:
        bound = f"at most monitor.lasts ({format_duration(monitor.lasts)})"
        yield Problem((*here, "over"), "no window is ever whole", format_duration(monitor.over), bound)


def _named(scenario: Scenario, provinces: tuple[str, ...], kinds: tuple[str, ...], path: Path) -> Iterator[Problem]:
    regions, there = scenario.topology.regions, kinds_of(scenario)
    for place, province in enumerate(provinces):
        if province not in regions:
            expected, hint = f"one of topology.regions: {', '.join(regions)}", nearest(province, regions)
            yield Problem(
                (*path, "provinces", place), "province is not in the scenario", repr(province), expected, hint
            )
    for place, kind in enumerate(kinds):
        if kind not in there:
            expected = f"kinds of visits.mix or visits.explicit: {', '.join(there) or 'none'}"
            yield Problem((*path, "kinds", place), "a step for visits that never come", repr(kind), expected)


def _above_capacity(scenario: Scenario, plan: Cutover, ramp: Ramp, rate: float, path: Path) -> Iterator[Problem]:
    """Refuse a bucket that lets in more patients than all desks behind its door can serve.

    What processes bear depends on measured costs: ``yidi check`` shows it.
    """
    desks = _desks(scenario, plan)
    handling_us = round(mean_us(scenario.visits.handling))
    if not handling_us:
        return
    bound = desks / handling_us * (1 - ramp.reserve)
    if rate > bound:
        every = format_duration(ramp.every or 0)
        less = f", less {ramp.reserve:.0%} kept in reserve" if ramp.reserve else ""
        expected = (
            f"at most {int(bound * (ramp.every or 0))} in {every}: {desks} desks at {format_duration(handling_us)}"
        )
        yield Problem(path, "lets in more than the desks can serve", f"{ramp.admit} in {every}", expected + less)


def _desks(scenario: Scenario, plan: Cutover) -> int:
    """Return the desks behind a plan's door: those of its own place of care, or of all."""
    own = plan.side == "care" and plan.scope != HUB
    if scenario.nation is not None:
        hospitals = Places(scenario).hospitals
        return sum(place.desks for place in hospitals if not own or place.province == plan.scope[:2])
    places = scenario.topology.hospitals_per_province
    provinces = 1 if own else len(scenario.topology.regions)
    return provinces * (places.hospital + places.pharmacy) * scenario.topology.desks_per_hospital
