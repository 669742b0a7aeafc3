"""The measures of who is not heard: messages of hospitals whose clock or key is wrong, and what became of whom."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

_WHOLE = "over the whole run, local business too"

TRUST_MEASURES: tuple[Measure, ...] = (
    Measure("trust.unheard", Unit.COUNT, f"times that a message of a hospital was not heard (I10-I15); {_WHOLE}"),
    Measure("trust.stale_time", Unit.COUNT, f"of them, for the time of its signature (I14); {_WHOLE}"),
    Measure("trust.unknown_key", Unit.COUNT, f"of them, for a key that the care place does not have (I11); {_WHOLE}"),
    Measure("trust.revoked_key", Unit.COUNT, f"of them, for a key that is revoked (I12); {_WHOLE}"),
    Measure("trust.visits_unheard", Unit.COUNT, f"visits of which a message was not heard, once each; {_WHOLE}"),
    Measure(
        "trust.visits_not_settled",
        Unit.COUNT,
        f"of those visits, the ones of which the hospital saw no settlement in the end; {_WHOLE}",
    ),
)
"""Absent where hospitals do not sign."""
