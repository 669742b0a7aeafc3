"""Whom care places did not hear, and what became of them: nothing is measured where hospitals do not sign.

Counted from the hospitals' record over the whole run: nothing of such a message is read, so no node can count it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.unheard import Unheard

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["figures"]

_BY_REASON = {
    "stale_time": Unheard.STALE_TIME,
    "unknown_key": Unheard.UNKNOWN_KEY,
    "revoked_key": Unheard.REVOKED_KEY,
}


def figures(record: Record, scenario: Scenario) -> dict[str, float]:
    """Return the figures of who was not heard in a run."""
    if scenario.trust is None:
        return {}
    refusal = pl.col("refusal").cast(pl.String)
    unheard = record.messages.filter(refusal.is_in([why.value for why in Unheard])).select("visit", refusal)
    visits = record.visits.filter(pl.col("visit").is_in(unheard["visit"].unique().implode()))
    by_reason = {f"trust.{name}": float((unheard["refusal"] == why.value).sum()) for name, why in _BY_REASON.items()}
    return {
        "trust.unheard": float(unheard.height),
        **by_reason,
        "trust.visits_unheard": float(visits.height),
        "trust.visits_not_settled": float(visits.filter(~pl.col("acked")).height),
    }
