"""The rows that a plan's move refuses for good, as its doors are told: planted alike in both worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.keyed import WORD, key_hash
from reference_impl.protocol.unmended import UnmendedRows
from scenarios.schema.cutover import Window

if TYPE_CHECKING:
    from reference_impl.protocol.ids import Stamps
    from scenarios.schema.course import Course

__all__ = ["unmended_rows"]


def unmended_rows(course: Course, seed: int, stamps: Stamps) -> UnmendedRows | None:
    """Return the rows that are not right when a plan's door opens; None where all are."""
    window, refused = course.plan.window, course.found.refused
    rows = window.rows if isinstance(window, Window) else None
    if rows is None or not any(refused.values()):
        return None
    return UnmendedRows(
        key=(seed ^ key_hash(course.plan.name)) & WORD,
        persons=refused.get("persons", 0.0),
        visits=refused.get("visits", 0.0),
        frozen_at=stamps.at(_last_begun_us(course)),
        from_us=course.reopen_at,
        until_us=course.reopen_at + rows.mended_within,
    )


def _last_begun_us(course: Course) -> int:
    """Return until when visits could begin that are open at the freeze.

    An id says when the patient came: who was turned away since has an id of then, and a visit of after the move.
    """
    return course.plan.early_at if course.plan.announced else course.plan.stop_at
