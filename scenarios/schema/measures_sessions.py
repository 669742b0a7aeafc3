"""The measures of sessions: how often desks signed in and out, and whom the want of a session held up."""

from __future__ import annotations

from scenarios.schema.measure import Measure, Unit

_WHOLE = "over the whole run, local business too"

SESSION_MEASURES: tuple[Measure, ...] = (
    Measure("sessions.sign_ins", Unit.COUNT, f"times that a desk signed in (9001); {_WHOLE}"),
    Measure("sessions.sign_outs", Unit.COUNT, f"times that a desk signed out at its hour (9002); {_WHOLE}"),
    Measure(
        "sessions.refused",
        Unit.COUNT,
        f"times that a message was turned away for want of a session (I01-I03); {_WHOLE}",
    ),
    Measure(
        "sessions.visits_refused", Unit.COUNT, f"visits of which a message was so turned away, once each; {_WHOLE}"
    ),
    Measure(
        "sessions.peak",
        Unit.NUMBER,
        "sign-ins of the busiest ten minutes over those of mean ten minutes of the horizon; people time",
    ),
)
"""Absent where no desk needs to be signed in."""
