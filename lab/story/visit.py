"""One visit's story, fact by fact: what it waited for, who owed it what, how many trips, how long the advance.

Facts in the order in which they happened, each with its moment; then the account. Times are people time; a moment is
business time. Everything is read from the tables of a run, so a simulated patient and one of a real run are told alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.story.account import Account, account_of, claim_of, claimed
from lab.story.ending import end_of
from lab.story.messages import messages, ordered
from lab.story.patient import came, came_back, ended, held_up, identified
from lab.story.telling import Moment, Teller
from lab.story.words import place
from reference_impl.domain.failures import InputError

if TYPE_CHECKING:
    from lab.runs.opened import Opened

__all__ = ["Story", "story_of"]


@dataclass(frozen=True, slots=True)
class Story:
    """A visit's story: who, what happened, how it ended, what it came to."""

    visit: int
    who: str
    moments: tuple[Moment, ...]
    end: str
    account: Account
    squeezed: float = 1.0
    """How many times as fast as the machine's clock people's time ran: so much longer do messages seem to take."""


def story_of(opened: Opened, visit: int) -> Story:
    """Return the story of a visit.

    Raises:
        InputError: when the run has no such visit.

    """
    found = opened.scan("visits").filter(pl.col("visit") == visit).collect().to_dicts()
    if not found:
        raise InputError(_no_such_visit(opened, visit))
    teller = Teller(opened, found[-1])
    claim = claim_of(teller)
    moments = sorted(
        (
            *came(teller),
            *identified(teller),
            *messages(teller),
            *ordered(teller),
            *came_back(teller),
            *held_up(teller),
            *ended(teller),
            *claimed(teller, claim),
        ),
        key=_when,
    )
    row = teller.row
    return Story(visit, _who(row), tuple(moments), end_of(row), account_of(teller, claim), teller.scale)


def _no_such_visit(opened: Opened, visit: int) -> str:
    numbers = opened.scan("visits").select(pl.col("visit").min().alias("low"), pl.col("visit").max().alias("high"))
    low, high = numbers.collect().row(0)
    there = "it holds none" if low is None else f"expected a number from {low} to {high}, see its visits.parquet"
    return f"{opened.folder}: no visit {visit}; {there}"


def _when(moment: Moment) -> datetime:
    return moment.at


def _who(row: dict[str, Any]) -> str:
    where = (
        "insured in the same province"
        if row["local"]
        else f"insured in {place(row['insured_region'])} ({row['insured_region']})"
    )
    kind = {"inpatient": "A stay", "outpatient": "A clinic visit", "pharmacy": "A purchase"}[row["kind"]]
    return f"{kind} at {row['hospital']} in {place(row['care_region'])}; the patient is {where}."
