"""Who speaks which dialect in a run, from its planned stops as they come true: what provinces and hospitals are told.

A stop that turns back changes nothing: its places of care speak the old dialect for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.dialects import DialectChange
from scenarios.schema.course import courses_of

if TYPE_CHECKING:
    from scenarios.schema import Scenario

__all__ = ["dialects_of"]


def dialects_of(scenario: Scenario) -> tuple[DialectChange, ...]:
    """Return the changes of dialect of a resolved scenario under its seed, on the run's clock."""
    return tuple(
        DialectChange(
            scope=course.plan.scope,
            from_us=None if course.rolled_back else course.reopen_at,
            old_until_us=None if course.rolled_back else course.reopen_at + course.plan.dialect.both_answer_for,
        )
        for course in courses_of(scenario)
        if course.plan.dialect is not None
    )
