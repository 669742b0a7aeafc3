"""The measures of a believable nation: visits, waits and bills by level of hospital, and local business beside them."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.schema.measure import Measure, Unit

LEVELS_BY_NAME = {"tertiary": 3, "secondary": 2, "primary": 1}


def _measures() -> Iterator[Measure]:
    """Yield them; absent without ``nation``, those of local business without ``visits.local_background``."""
    for level in LEVELS_BY_NAME:
        at = f"at {level} hospitals"
        yield Measure(f"nation.visits.{level}", Unit.COUNT, f"visits {at}")
        yield Measure(f"nation.bill.{level}", Unit.NUMBER, f"mean bill of outpatients {at}, in yuan")
        yield Measure(f"nation.stay_bill.{level}", Unit.NUMBER, f"mean bill of stays {at}, in yuan")
        yield Measure(
            f"nation.desk_wait.{level}",
            Unit.DURATION,
            f"a visit's waits for a desk {at}; people time",
            distribution=True,
        )
    yield Measure("nation.background", Unit.COUNT, "local visits without a journey that the horizon expects")
    yield Measure(
        "nation.background_per_cross", Unit.NUMBER, "the same over the cross-province visits that the horizon expects"
    )
    yield Measure(
        "nation.visitor_share",
        Unit.SHARE,
        "largest share of visitors from other provinces among all visits that a city's institutions expect",
    )


NATION_MEASURES: tuple[Measure, ...] = tuple(_measures())
"""All of them, in the order of the manual."""
