"""How a visit ends, and where a piece of business stands on the way: two closed lists.

Every visit has exactly one fate, and the fates of a run add up to its visits. Nothing may be added here without a
place in the report.
"""

from __future__ import annotations

from enum import StrEnum


class Fate(StrEnum):
    """How a visit ended."""

    DIRECT = "direct"
    """Settled at the desk at the first attempt."""
    DIRECT_AFTER_RETRY = "direct_after_retry"
    """Settled at the desk after an unknown, a busy or a closed answer."""
    PARKED_THEN_DIRECT = "parked_then_direct"
    """Parked while a door was closed, settled later."""
    REFUSED = "refused"
    """Refused for good by a rule; the visit's ``refusal`` holds the code."""
    REVERSED_THEN_PAPER = "reversed_then_paper"
    """Outcome unknown or wrong: taken back, paid in cash, claimed by paper."""
    PAPER_BY_CLOSURE = "paper_by_closure"
    """A door was closed: paid in cash, claimed by paper."""
    PAPER_BY_CHOICE = "paper_by_choice"
    """The patient gave up on direct settlement while it was possible: paid in cash, claimed by paper."""
    PAPER_BY_NUMBER = "paper_by_number"
    """The insurer's map of changed numbers did not have the person: paid in cash, claimed by paper."""
    ABANDONED = "abandoned"
    """The patient left the desk's queue before being served."""
    OPEN_AT_END = "open_at_end"
    """Not finished when the run ended."""


DIRECT_FATES = (Fate.DIRECT, Fate.DIRECT_AFTER_RETRY, Fate.PARKED_THEN_DIRECT)
"""Direct rate: these over all visits that no rule refused, stays still open left out."""
PAPER_FATES = (Fate.REVERSED_THEN_PAPER, Fate.PAPER_BY_CLOSURE, Fate.PAPER_BY_CHOICE, Fate.PAPER_BY_NUMBER)
"""Paper rate: these over all visits that no rule refused, stays still open left out."""

SERVED = ("done", "refused", "reversed", "unknown")
"""Outcomes of a contact with an end that somebody waited for: a verdict, or that there will be none."""


class Stage(StrEnum):
    """Where a piece of business stands at an instant."""

    DESK_QUEUE = "desk_queue"
    AT_DESK = "at_desk"
    IN_TRANSIT = "in_transit"
    UNKNOWN = "unknown"
    REVERSAL_PENDING = "reversal_pending"
    OPEN_STAY = "open_stay"
    PARKED = "parked"
    ENDED = "ended"
