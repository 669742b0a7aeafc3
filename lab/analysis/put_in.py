"""What of a cutover's figures was put in: what its own assumptions give by arithmetic, without any queue or crowd.

A figure that is no more than this says what was assumed, not what was found. Times are people time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.analysis.policies import TRAVELLED
from scenarios.record.fates import AT_HOME, How

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.course import Course

__all__ = ["put_in_us"]

_TOLD = tuple(how.value for how in TRAVELLED)


def put_in_us(record: Record, scenario: Scenario, courses: Sequence[Course]) -> dict[str, float]:
    """Return what assumptions alone give for the times of a cutover, of several plans the longest.

    Nobody is asked to come later than the ramp and the spread after the reopening: that long the drain takes if nobody
    has to queue. The oldest of the backlog then was turned away first and came last.
    """
    scale, ways = scenario.scale.time, set(record.turned_away["how"].unique())
    spreads_us = [scenario.clients.park.spread] if ways & {*_TOLD, *(how.value for how in AT_HOME)} else []
    if ways & {How.SETTLE_LATER.value, How.STAND_IN.value}:
        spreads_us += [course.plan.policies.settle_later.spread for course in courses]
    if not spreads_us:
        return {}
    last_us = [course.plan.ramp_us + max(spreads_us) for course in courses]
    held_us = [course.reopen_at - course.stop_at for course in courses]
    return {
        "cutover.drain": max(last_us) * scale,
        "cutover.backlog_oldest": max(held + last for held, last in zip(held_us, last_us, strict=True)) * scale,
    }
