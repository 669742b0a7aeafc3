"""What no single key of a ramp can say of itself: against the provinces, the visits and the desks behind its door.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.domain.nodes import HUB
from scenarios.reading.errors import Problem
from scenarios.reading.policies import kinds_of
from scenarios.reading.shape import nearest
from scenarios.schema import Scenario
from scenarios.schema.cutover import Cutover, Ramp
from scenarios.units import format_duration

__all__ = ["ramp_problems"]

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
    places = scenario.topology.hospitals_per_province
    provinces = 1 if plan.side == "care" and plan.scope != HUB else len(scenario.topology.regions)
    desks = provinces * (places.hospital + places.pharmacy) * scenario.topology.desks_per_hospital
    handling_us = scenario.visits.handling
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
