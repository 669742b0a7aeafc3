"""How a visit ended, in a sentence: one for each fate."""

from __future__ import annotations

from typing import Any

from reference_impl.domain.error_catalogue import CATALOGUE
from scenarios.record.fates import DIRECT_FATES, Fate

__all__ = ["end_of"]

_ENDS = {
    Fate.REFUSED: "A rule refused the settlement.",
    Fate.REVERSED_THEN_PAPER: "Nobody could say what had become of the settlement: it was taken back, the bill paid in "
    "cash and claimed by paper.",
    Fate.PAPER_BY_CLOSURE: "The door was closed: the bill was paid in cash and claimed by paper.",
    Fate.PAPER_BY_CHOICE: "Direct settlement was given up: the bill was paid in cash and claimed by paper.",
    Fate.PAPER_BY_NUMBER: "The insurer did not find the number: the bill was paid in cash and claimed by paper.",
    Fate.PAPER_BY_PREFUND: "The insurer's prefund was used up: the bill was paid in cash and claimed by paper.",
    Fate.PAPER_BY_FILING: "No filing held for the treatment: the bill was paid in cash and claimed by paper.",
    Fate.PAPER_BY_STALENESS: "One side had no code, level or enrolment that holds: the bill was paid in cash and "
    "claimed by paper.",
    Fate.PAPER_BY_NETWORK: "The institution does not settle for people from elsewhere: the bill was paid in cash and "
    "claimed by paper.",
    Fate.PAPER_BY_IDENTITY: "Nothing that was shown said who the patient is: the bill was paid in cash and claimed by "
    "paper.",
    Fate.ORDER_NOT_CONFIRMED: "Nobody confirmed the order: its pharmacy cancelled it, and nothing was sold.",
    Fate.ORDER_EXPIRED: "The order was confirmed after its time was over: nothing was sold.",
    Fate.ORDER_REFUNDED: "The order was paid, and its pharmacy gave all of it back.",
    Fate.SELF_PAID: "Nobody was told that the patient is insured: they paid the whole bill alone, and claim nothing.",
    Fate.ABANDONED: "The patient left the queue before being served.",
    Fate.OPEN_AT_END: "The run ended first.",
    Fate.LOST_WITH_WORKER: "Nobody knows: the worker that generated it was lost.",
}
_DIRECTLY = {
    Fate.DIRECT: "The bill was settled directly, at the first attempt.",
    Fate.DIRECT_AFTER_RETRY: "The bill was settled directly, after trying again.",
    Fate.ESTIMATED_THEN_SETTLED: "The bill was settled later, and the difference to the estimate made up.",
    Fate.FILED_THEN_DIRECT: "The bill was settled directly, once the treatment was filed.",
    Fate.STALE_THEN_DIRECT: "The bill was settled directly, once a download had brought what was wanting.",
    Fate.MID_STAY_THEN_DIRECT: "The stay was settled in two parts, directly.",
}
_LATER = "The bill was settled directly, once the door was open again."


def end_of(row: dict[str, Any]) -> str:
    """Return how a visit ended; a refusal says its code, what it means, what to do and whose it is."""
    fate = Fate(row["fate"])
    if fate in DIRECT_FATES:
        return _DIRECTLY.get(fate, _LATER)
    if fate is Fate.REFUSED and row["refusal"] in CATALOGUE:
        told = CATALOGUE[row["refusal"]]
        return f"{_ENDS[fate]} {told.code}: {told.what}; {told.next_step}. Its owner: {told.owner}."
    return _ENDS[fate]
