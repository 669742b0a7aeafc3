"""The measures of closed users: what a closed loop hides, where there is a moment at which they meant to ask."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

WORKLOAD_MEASURES: tuple[Measure, ...] = (
    Measure(
        "closed.latency",
        Unit.DURATION,
        "contact.latency, and with each contact those that its user would have begun meanwhile, one each 1/throughput "
        "after it, from then to its end: what the same users would have met had none of them waited for answers; "
        "waits for a desk and the time at it are theirs and not put back; machine time",
        distribution=True,
    ),
    Measure(
        "closed.unasked",
        Unit.COUNT,
        "contacts that closed users would have begun while they waited for another's answers",
    ),
)
"""Absent without closed users of a throughput: whoever thinks between two visits means no moment for the next one."""
