"""What a visit came to: waits, trips and money, and what became of the claim of a bill that was paid in full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from lab.analysis.claims import claims_of
from lab.story.patient import came_back
from lab.story.telling import Moment, Teller
from lab.story.words import nth, place
from scenarios.record.fates import PAPER_FATES, Fate, How

__all__ = ["Account", "account_of", "claim_of", "claimed"]

_US_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """What it came to: waits in microseconds of people time, money in fen."""

    desk_wait_us: float
    parked_us: float
    asked_again: int
    trips: int
    total_fen: int
    fund_fen: int
    account_fen: int
    cash_fen: int
    hospital_part_fen: int
    advance_fen: int
    advance_days: float | None
    owed_by: str
    """Who owed the patient the advance; empty where there was none."""


def account_of(teller: Teller, claim: dict[str, Any] | None) -> Account:
    """Return what the visit came to; ``claim`` is its own, where the scenario has an office."""
    row, scenario = teller.row, teller.opened.scenario
    paper = Fate(row["fate"]) in PAPER_FATES and row["paper_fen"] > 0
    away = teller.rows("turned_away", "at_us")
    travelled = len({one["at_us"] for one in away if How(one["how"]) in (How.PARKED, How.CAME_BACK, How.ON_ACCOUNT)})
    days, trips = _of_claim(teller, claim, away) if paper else (None, 0)
    travelled += len(tuple(came_back(teller)))
    return Account(
        desk_wait_us=row["desk_wait_us"] * scenario.scale.time,
        parked_us=row["parked_us"] * scenario.scale.time,
        asked_again=sum(one["attempt"] > 1 for one in teller.rows("messages", "sent_us")),
        trips=travelled + trips,
        total_fen=row["total_fen"],
        fund_fen=row["fund_fen"],
        account_fen=row["account_fen"],
        cash_fen=row["cash_fen"],
        hospital_part_fen=row["hospital_part_fen"],
        advance_fen=row["paper_fen"],
        advance_days=days,
        owed_by=f"the insurer in {place(row['insured_region'])}" if paper else "",
    )


def _of_claim(teller: Teller, claim: dict[str, Any] | None, away: list[dict[str, Any]]) -> tuple[float | None, int]:
    """Return the days and trips of a paper claim: of its office, or as the plan states that turned it away."""
    if claim is not None:
        return (claim["left_us"] - claim["paid_us"]) / _US_PER_DAY, claim["trips_in_all"]
    plans = {plan.name: plan.policies.paper for plan in teller.opened.scenario.cutover}
    stated = [plans[one["plan"]] for one in away if one["plan"] in plans]
    return (stated[-1].days, stated[-1].trips) if stated else (None, 0)


def claim_of(teller: Teller) -> dict[str, Any] | None:
    """Return the visit's own claim, where the scenario has an office."""
    if teller.opened.scenario.paper_claims is None or Fate(teller.row["fate"]) not in PAPER_FATES:
        return None
    claims = claims_of(teller.opened.record, teller.opened.scenario)
    assert claims is not None  # there is an office
    mine = claims.filter(pl.col("visit") == teller.row["visit"])
    paid = mine.filter(~pl.col("duplicate")).to_dicts()
    return None if not paid else {**paid[0], "trips_in_all": int(mine["trips"].sum())}


def claimed(teller: Teller, claim: dict[str, Any] | None) -> Iterator[Moment]:
    """Tell of a claim: handed in, accepted, paid out."""
    if claim is None:
        return
    scenario = teller.opened.scenario
    rules = scenario.paper_claims
    assert rules is not None  # there is a claim
    midnight = rules.first_midnight(scenario.horizon.start)

    def at(us: int) -> datetime:
        return midnight + timedelta(microseconds=us)

    office = f"the claims office of {place(claim['office'])}"
    yield Moment(at(claim["came_us"]), f"The patient came to {office}.")
    yield Moment(at(claim["accepted_us"]), f"The papers were accepted, on the {nth(claim['trips'])} trip.")
    yield Moment(at(claim["left_us"]), f"The money was paid out, {claim['working_days']} working days later.")
