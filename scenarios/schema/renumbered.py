"""The renumberings of a run, from its planned stops as they come true: what every node and hospital is told.

A stop that turns back renumbers nobody: what reopens is the old system.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.keyed import key_hash
from reference_impl.domain.renumbering import Numbered, Renumbering
from scenarios.schema.course import courses_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenarios.schema import Scenario

__all__ = ["renumberings_of"]


def renumberings_of(scenario: Scenario) -> tuple[Renumbering, ...]:
    """Return the renumberings of a resolved scenario under its seed, on the run's clock."""
    return tuple(_renumberings(scenario))


def _renumberings(scenario: Scenario) -> Iterator[Renumbering]:
    for course in courses_of(scenario):
        wanted = course.plan.renumber
        if wanted is None or course.rolled_back:
            continue
        reopens_us = course.reopen_at
        for of, numbers in wanted.maps():
            whose = "numbers" if of is Numbered.PERSON else str(of)
            yield Renumbering(
                scope=course.plan.scope,
                salt=key_hash(f"{whose} of {course.plan.name} under {scenario.seed}"),
                from_us=reopens_us,
                old_until_us=reopens_us + wanted.both_answer_for,
                map_from_us=None if numbers.map == "absent" else reopens_us + (numbers.late_by or 0),
                mapped_share=1.0 if numbers.mapped is None else numbers.mapped,
                shared_share=numbers.collisions,
                of=of,
            )
