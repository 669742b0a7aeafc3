"""What no single key of a plan can say of what is new when it reopens, numbers or dialect: against the other plans.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import covers
from scenarios.reading.errors import Problem

if TYPE_CHECKING:
    from scenarios.schema import Cutover, Scenario

__all__ = ["reopening_problems"]


def reopening_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with what is new when the plans of a scenario reopen."""
    for number, plan in enumerate(scenario.cutover):
        if plan.renumber is not None:
            yield from _renumber(plan, number, scenario.cutover[:number])
        if plan.dialect is not None:
            yield from _dialect(plan, number, scenario.cutover[:number])


def _renumber(plan: Cutover, number: int, earlier: tuple[Cutover, ...]) -> Iterator[Problem]:
    path = ("cutover", number, "renumber")
    assert plan.renumber is not None  # the caller has looked
    if plan.renumber.of_care and plan.side == "insured":
        what = "renumbers what hospitals have in flight at a stop that leaves their own province open to them"
        yield Problem(path, what, "side: insured", "a stop whose side is care or both")
    if plan.renumber.persons and plan.side == "care":
        what = "renumbers persons at a stop that leaves their insurer open"
        yield Problem(path, what, "side: care", "a stop whose side is insured or both")
    for first, other in _met(plan, earlier, lambda other: other.renumber is not None):
        what = f"renumbers persons whom cutover.{first} ({other.name}) renumbers"
        yield Problem(path, what, plan.scope, "one renumbering of a person in a scenario")


def _dialect(plan: Cutover, number: int, earlier: tuple[Cutover, ...]) -> Iterator[Problem]:
    path = ("cutover", number, "dialect")
    if plan.scope == HUB:
        yield Problem(path, "hospitals never speak with the hub", "scope: hub", "a province or a city as scope")
    elif plan.side == "insured":
        what = "hospitals change their dialect at a stop that leaves their own province open to them"
        yield Problem(path, what, "side: insured", "a stop whose side is care or both")
    for first, other in _met(plan, earlier, lambda other: other.dialect is not None):
        what = f"changes a dialect that cutover.{first} ({other.name}) changes"
        yield Problem(path, what, plan.scope, "one change of dialect of a place in a scenario")


def _met(plan: Cutover, earlier: tuple[Cutover, ...], new: Callable[[Cutover], bool]) -> Iterator[tuple[int, Cutover]]:
    """Yield the earlier plans with something ``new`` for somebody of this plan's scope, with their numbers."""
    for number, other in enumerate(earlier):
        if new(other) and (HUB in (plan.scope, other.scope) or _overlap(plan.scope, other.scope)):
            yield number, other


def _overlap(one: str, other: str) -> bool:
    return covers(one, other) or covers(other, one)
