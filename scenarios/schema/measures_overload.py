"""The measures of an overload: what is still settled in time, what is turned away or held back, and how it ends."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

_WITHIN = "settlements answered yes within clients.deadline of their first send, a second of the run's clock"

OVERLOAD_MEASURES: tuple[Measure, ...] = (
    Measure("overload.goodput", Unit.RATE, f"{_WITHIN}, while the overload lasts"),
    Measure("overload.peak", Unit.RATE, f"{_WITHIN}, over the best while of peak_over before it begins"),
    Measure("overload.kept", Unit.SHARE, "overload.goodput over overload.peak"),
    Measure("overload.goodput_after", Unit.RATE, f"{_WITHIN}, from its end to the end of the horizon"),
    Measure("overload.turned_away", Unit.SHARE, "hospitals' messages sent while it lasts that were turned away"),
    Measure("overload.retries", Unit.NUMBER, "hospitals' resends for each message sent, over the whole run"),
    Measure("overload.held_back", Unit.COUNT, "tries that hospitals held back by breaker or budget, in the whole run"),
    Measure("overload.node_held_back", Unit.COUNT, "calls that nodes held back, in the whole run"),
    Measure("overload.openings", Unit.COUNT, "times that a node's breaker opened, for one insured province each"),
    Measure(
        "overload.hospital_openings",
        Unit.COUNT,
        "times that a hospital's breaker opened, for one insured province each",
    ),
    Measure(
        "overload.recovery",
        Unit.DURATION,
        "from its end to the end of the last second in which more than overload.calm of hospitals' tries went wrong or "
        "were held back, machine time; never when that is the last of the horizon",
    ),
)
"""Absent where no overload is stated."""
