"""The measures of prefunds: whom they did not cover, how far they are used, and whether the account is right."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

PREFUND_MEASURES: tuple[Measure, ...] = (
    Measure(
        "prefund.refused",
        Unit.COUNT,
        "visits that a prefund did not cover: paid in cash, claimed by paper",
    ),
    Measure("prefund.refused_yuan", Unit.NUMBER, "what those paid in cash in advance, in yuan"),
    Measure(
        "prefund.gave_up",
        Unit.COUNT,
        "of those, visits that no verdict refused: patient or hospital waited in vain for the money",
    ),
    Measure("prefund.used_share", Unit.SHARE, "largest share of a limit that is used at the end of the run"),
    Measure("prefund.alarms", Unit.COUNT, "prefunds of which 70 % or more is used at the end of the run"),
    Measure("prefund.adrift", Unit.NUMBER, "fen by which the accounts differ from the settlements that stand"),
)
"""All of them, in the order of the manual; absent where nothing is reserved."""
