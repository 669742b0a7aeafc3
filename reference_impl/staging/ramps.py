"""How a door is told to open again: a plan's ramp as the steps, or the token bucket, of a door's command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.domain.money import E4
from reference_impl.protocol.bucket import BucketRule
from reference_impl.protocol.door import DoorStep
from scenarios.schema.cutover import Ramp

if TYPE_CHECKING:
    from reference_impl.protocol.ids import Stamps
    from scenarios.schema.course import Course

__all__ = ["bucket_rule", "door_steps"]


def door_steps(course: Course) -> tuple[DoorStep, ...]:
    """Return the steps of a ramp in steps; none of another."""
    return tuple(DoorStep(at_us, step.share, step.provinces, step.kinds) for at_us, step in course.ramp_steps)


def bucket_rule(course: Course, stamps: Stamps) -> BucketRule | None:
    """Return the rule of a ramp by a token bucket; the backlog is what was planned before the reopening."""
    ramp = course.plan.ramp
    if not isinstance(ramp, Ramp) or ramp.admit is None or ramp.every is None:
        return None
    return BucketRule(
        admits=ramp.admit,
        every_us=ramp.every,
        burst=ramp.burst,
        backlog_e4=0 if ramp.backlog_share is None else _both_lanes_e4(ramp.backlog_share),
        backlog_before=stamps.at(course.reopen_at),
    )


def _both_lanes_e4(share: float) -> int:
    """Return a share in ten-thousandths that leaves both lanes something: a lane without any is never let in."""
    return min(E4 - 1, max(1, round(share * E4)))
