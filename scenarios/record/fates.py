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
    WAITED_THEN_DIRECT = "waited_then_direct"
    """Waited for a closed door to open, or came back when it did; settled then."""
    SETTLED_LATER = "settled_later"
    """A door was closed: the hospital settled it by itself, later, without the patient."""
    ON_ACCOUNT_THEN_DIRECT = "on_account_then_direct"
    """A door was closed: the stay ended on the hospital's account, was registered anew and settled later."""
    ESTIMATED_THEN_SETTLED = "estimated_then_settled"
    """A door was closed: the patient paid an estimate; settled later, and the difference made up."""
    FILED_THEN_DIRECT = "filed_then_direct"
    """Turned away for want of a filing: filed, or waited for its upload, and settled then."""
    STALE_THEN_DIRECT = "stale_then_direct"
    """Turned away because one side had no row of master data that holds: came again after a download, settled then."""
    MID_STAY_THEN_DIRECT = "mid_stay_then_direct"
    """Settled before a stop as far as the stay had come, the rest at its end; no door turned it away."""
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
    PAPER_BY_PREFUND = "paper_by_prefund"
    """The insurer's prefund with the place of care did not cover it: paid in cash, claimed by paper."""
    PAPER_BY_FILING = "paper_by_filing"
    """Nothing valid was filed, or could be: paid in cash, claimed by paper."""
    PAPER_BY_STALENESS = "paper_by_staleness"
    """One side had no row of master data that holds, and was not waited for: paid in cash, claimed by paper."""
    PAPER_BY_NETWORK = "paper_by_network"
    """The institution was not opened for people from elsewhere: paid in cash, claimed by paper."""
    PAPER_BY_IDENTITY = "paper_by_identity"
    """Nothing that was shown said who the patient is: paid in cash, claimed by paper."""
    ORDER_NOT_CONFIRMED = "order_not_confirmed"
    """Nobody confirmed the order, and the pharmacy cancelled it: nothing was sold."""
    ORDER_EXPIRED = "order_expired"
    """The order was confirmed after its time was over: nothing was sold."""
    ORDER_REFUNDED = "order_refunded"
    """The order was paid, and given back whole by its pharmacy."""
    SELF_PAID = "self_paid"
    """Did not show that they are insured: paid all of it alone, and claims nothing."""
    ABANDONED = "abandoned"
    """The patient left the desk's queue before being served."""
    OPEN_AT_END = "open_at_end"
    """Not finished when the run ended."""
    LOST_WITH_WORKER = "lost_with_worker"
    """Nobody knows: the worker of the load generator that lived it was lost, and what it had seen with it."""


UNFINISHED = (Fate.OPEN_AT_END, Fate.LOST_WITH_WORKER)
"""No end that anybody has seen."""
ORDER_FATES = (Fate.ORDER_NOT_CONFIRMED, Fate.ORDER_EXPIRED, Fate.ORDER_REFUNDED)
"""How an order ends by which nothing is sold."""
AFTER_A_STOP = (
    Fate.PARKED_THEN_DIRECT,
    Fate.WAITED_THEN_DIRECT,
    Fate.SETTLED_LATER,
    Fate.ON_ACCOUNT_THEN_DIRECT,
    Fate.ESTIMATED_THEN_SETTLED,
)
"""Settled, and not before the door was open again that had turned them away."""
DIRECT_FATES = (
    Fate.DIRECT,
    Fate.DIRECT_AFTER_RETRY,
    *AFTER_A_STOP,
    Fate.FILED_THEN_DIRECT,
    Fate.STALE_THEN_DIRECT,
    Fate.MID_STAY_THEN_DIRECT,
)
"""Direct rate: these over all visits that no rule refused, stays still open left out."""
PAPER_FATES = (
    Fate.REVERSED_THEN_PAPER,
    Fate.PAPER_BY_CLOSURE,
    Fate.PAPER_BY_CHOICE,
    Fate.PAPER_BY_NUMBER,
    Fate.PAPER_BY_PREFUND,
    Fate.PAPER_BY_FILING,
    Fate.PAPER_BY_STALENESS,
    Fate.PAPER_BY_NETWORK,
    Fate.PAPER_BY_IDENTITY,
)
"""Paper rate: these over all visits that no rule refused, stays still open left out."""

SERVED = ("done", "refused", "reversed", "unknown")
"""Outcomes of a contact with an end that somebody waited for: a verdict, or that there will be none."""


class Stage(StrEnum):
    """Where a piece of business stands at an instant: one place each, however much of it is open."""

    DESK_QUEUE = "desk_queue"
    """The patient waits for a desk, or for the clerk to try again."""
    AT_DESK = "at_desk"
    """The patient is served, and no message is under way."""
    IN_TRANSIT = "in_transit"
    """A message is under way: in the hospital, on a link or at a node."""
    TRIED = "tried"
    """The trial was answered, and the settlement has no message under way."""
    UNKNOWN = "unknown"
    """A message may have had its effect, and nobody has said so."""
    REVERSAL_PENDING = "reversal_pending"
    """Something is being taken back."""
    OPEN_STAY = "open_stay"
    """The patient lies, and nothing is under way."""
    ORDER_WAITS = "order_waits"
    """An order was placed, and its person has not confirmed it."""
    FILING_PENDING = "filing_pending"
    """Something is to be filed before anything is settled, and nobody has accepted it yet."""
    PARKED = "parked"
    """The patient has left, to settle later."""
    MANUAL_CLAIM = "manual_claim"
    """The patient paid in full, and has claimed by paper: the visit has its fate, the money is still out."""
    ENDED = "ended"
    """Nothing is left to do: never listed."""


class How(StrEnum):
    """How a planned stop held a visit up, each time."""

    STAYED_HOME = "stayed_home"
    """Told of it beforehand, and did not come."""
    STOCKED = "stocked"
    """Had medicine in stock, as was advised, and did not come before it was open again or the stock at its end."""
    PARKED = "parked"
    """Left with a notice, and came back."""
    WAITED = "waited"
    """Stayed at the hospital until then."""
    CAME_BACK = "came_back"
    """Would have waited too long: went home, and came again when it was to open."""
    SETTLE_LATER = "settle_later"
    """Left for good: the hospital sends it itself."""
    ON_ACCOUNT = "on_account"
    """A stay that left on the hospital's account, and came back to pay."""
    STAND_IN = "stand_in"
    """Paid an estimate and left for good."""
    ON_THE_PHONE = "on_the_phone"
    """Confirmed an order, which the platform sends on when it is open again."""
    PAID = "paid"
    """Paid all, and claims by paper."""


AT_HOME = (How.STAYED_HOME, How.STOCKED)
"""Held up before they came: no trip was made, and no bill was open yet."""
