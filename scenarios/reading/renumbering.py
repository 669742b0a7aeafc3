"""What no single key of a renumbering can say of itself: against its plan, and against the other plans.

Must never change a scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reference_impl.domain.nodes import HUB
from reference_impl.domain.scopes import covers
from scenarios.reading.errors import Problem

if TYPE_CHECKING:
    from scenarios.schema import Cutover, Scenario

__all__ = ["renumbering_problems"]


def renumbering_problems(scenario: Scenario) -> Iterator[Problem]:
    """Yield everything wrong with the renumberings of a scenario as stated."""
    renumbered: list[tuple[int, Cutover]] = []
    for number, plan in enumerate(scenario.cutover):
        if plan.renumber is None:
            continue
        path = ("cutover", number, "renumber")
        if plan.side == "care":
            what = "renumbers persons at a stop that leaves their insurer open"
            yield Problem(path, what, "side: care", "a stop whose side is insured or both")
        for earlier, other in renumbered:
            if _meet(plan.scope, other.scope):
                what = f"renumbers persons whom cutover.{earlier} ({other.name}) renumbers"
                yield Problem(path, what, plan.scope, "one renumbering of a person in a scenario")
        renumbered.append((number, plan))


def _meet(one: str, other: str) -> bool:
    """Return whether some person is insured in both scopes."""
    return HUB in (one, other) or covers(one, other) or covers(other, one)
