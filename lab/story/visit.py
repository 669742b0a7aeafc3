"""One visit's story, fact by fact: what it waited for, who owed it what, how many trips, how long the advance.

Facts in the order in which they happened, each with its moment; then the account. Times are people time; a moment is
business time. Everything is read from the tables of a run, so a simulated patient and one of a real run are told alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from lab.analysis.claims import claims_of
from reference_impl.domain.error_catalogue import BY_OUTCOME, CATALOGUE
from reference_impl.domain.errors import Refusal
from reference_impl.domain.failures import InputError
from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.master_data import STALE_REFUSALS
from reference_impl.domain.regions import PROVINCES
from reference_impl.domain.transactions import (
    CANCEL_ORDER,
    PHARMACY_SETTLE,
    PLACE_ORDER,
    REFUND_ORDER,
    REVERSE,
    TRANSACTIONS,
    WITHDRAW_FILING,
)
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, Fate, How

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.runs.opened import Opened

__all__ = ["Account", "Moment", "Story", "span", "story_of", "yuan"]

_FEN_PER_YUAN = 100
_US_PER_DAY = 86_400_000_000
_PROVINCE_DIGITS = 2
_LONG_US = 60_000_000
"""A wait at a desk worth telling."""
_HOW = {
    How.STAYED_HOME: "knew of the stop and stayed at home",
    How.STOCKED: "had been given medicine for the days of the stop and stayed at home",
    How.PARKED: "was sent away with a notice",
    How.WAITED: "waited at the hospital",
    How.CAME_BACK: "went home and came again",
    How.SETTLE_LATER: "left; the hospital kept the papers to send them itself",
    How.ON_ACCOUNT: "left on the hospital's account, to come back and pay",
    How.STAND_IN: "paid an estimate and left",
    How.ON_THE_PHONE: "had confirmed an order on the phone; the platform kept it to send it on",
    How.PAID: "paid the whole bill",
}
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
}
_MEANS = {
    "e_credential": "e-credential",
    "id_card": "ID card",
    "social_security_card": "social-security card",
    "by_hand": "number typed in by hand",
}
_ALWAYS_TOLD = (REVERSE, WITHDRAW_FILING)
"""Messages that are told of even when they were simply answered yes: what follows hangs on them."""
_OF_AN_ORDER = {
    PLACE_ORDER: "An order was placed at the counter, and pushed to the patient's phone.",
    CANCEL_ORDER: "The pharmacy cancelled the order.",
    REFUND_ORDER: "The pharmacy gave the order back.",
}
_SHOWN = {
    "accepted": "said who the patient is",
    "not_at_hand": "was not at hand",
    "unreadable": "could not be read",
    "suspended": "was refused by the insurer as suspended",
}
_DIRECTLY = {
    Fate.DIRECT: "The bill was settled directly, at the first attempt.",
    Fate.DIRECT_AFTER_RETRY: "The bill was settled directly, after trying again.",
    Fate.ESTIMATED_THEN_SETTLED: "The bill was settled later, and the difference to the estimate made up.",
    Fate.FILED_THEN_DIRECT: "The bill was settled directly, once the treatment was filed.",
    Fate.STALE_THEN_DIRECT: "The bill was settled directly, once a download had brought what was wanting.",
    Fate.MID_STAY_THEN_DIRECT: "The stay was settled in two parts, directly.",
}
_TEENS = (11, 12, 13)
"""Ordinals that end otherwise than their last digit says."""
_LATER = "The bill was settled directly, once the door was open again."


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    at: datetime
    what: str


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


@dataclass(frozen=True, slots=True)
class _Teller:
    """Reads the rows of one visit in an opened run."""

    opened: Opened
    row: dict[str, Any]

    @property
    def scale(self) -> float:
        return self.opened.scenario.scale.time

    def rows(self, table: str, order: str) -> list[dict[str, Any]]:
        """Return the visit's rows of a table."""
        mine = self.opened.scan(table).filter(pl.col("visit") == self.row["visit"]).collect()
        return mine.sort(order, maintain_order=True).to_dicts()

    def at(self, run_us: float) -> datetime:
        """Return business time."""
        return self.opened.scenario.horizon.start + timedelta(microseconds=round(run_us * self.scale))


def story_of(opened: Opened, visit: int) -> Story:
    """Return the story of a visit.

    Raises:
        InputError: when the run has no such visit.

    """
    found = opened.scan("visits").filter(pl.col("visit") == visit).collect().to_dicts()
    if not found:
        raise InputError(_no_such_visit(opened, visit))
    teller = _Teller(opened, found[-1])
    claim = _claim(teller)
    moments = sorted(
        (
            *_came(teller),
            *_identified(teller),
            *_messages(teller),
            *_ordered(teller),
            *_came_back(teller),
            *_held_up(teller),
            *_ended(teller),
            *_claimed(teller, claim),
        ),
        key=_when,
    )
    row = teller.row
    return Story(visit, _who(row), tuple(moments), _end(row), _account(teller, claim), teller.scale)


def _no_such_visit(opened: Opened, visit: int) -> str:
    numbers = opened.scan("visits").select(pl.col("visit").min().alias("low"), pl.col("visit").max().alias("high"))
    low, high = numbers.collect().row(0)
    there = "it holds none" if low is None else f"expected a number from {low} to {high}, see its visits.parquet"
    return f"{opened.folder}: no visit {visit}; {there}"


def _when(moment: Moment) -> datetime:
    return moment.at


def _place(region: str) -> str:
    """Return a province's name."""
    return PROVINCES[region[:_PROVINCE_DIGITS]].name


def _who(row: dict[str, Any]) -> str:
    where = (
        "insured in the same province"
        if row["local"]
        else f"insured in {_place(row['insured_region'])} ({row['insured_region']})"
    )
    kind = {"inpatient": "A stay", "outpatient": "A clinic visit", "pharmacy": "A purchase"}[row["kind"]]
    return f"{kind} at {row['hospital']} in {_place(row['care_region'])}; the patient is {where}."


def _came(teller: _Teller) -> Iterator[Moment]:
    row = teller.row
    came = "The stay was under way when the run began." if row["open_at_start"] else "The patient came."
    yield Moment(teller.at(row["arrival_us"]), came)
    wait_us = row["desk_wait_us"] * teller.scale
    if row["started_us"] is not None and wait_us >= _LONG_US:
        yield Moment(teller.at(row["started_us"]), f"A desk was free (waits for desks, all together: {span(wait_us)}).")


def _ended(teller: _Teller) -> Iterator[Moment]:
    row = teller.row
    if row["ended_us"] is not None:
        yield Moment(teller.at(row["ended_us"]), "The visit ended.")


def _identified(teller: _Teller) -> Iterator[Moment]:
    """Tell of what was shown at the desk, but for what was simply taken."""
    for row in teller.rows("identifications", "at_us"):
        if row["outcome"] == "not_shown":
            what = "The patient did not say that they are insured."
        elif row["outcome"] == "gave_up":
            what = "Nothing more was shown, or tried."
        elif row["outcome"] == "accepted" and row["step"] == 1 and not row["guided"] and not row["self_paid_fen"]:
            continue
        else:
            what = f"The {_MEANS[row['means']]} {_SHOWN[row['outcome']]}{', once the desk asked' * row['guided']}."
        if row["self_paid_fen"]:
            what += f" Paid alone for it: {yuan(row['self_paid_fen'])}."
        yield Moment(teller.at(row["at_us"]), what)


def _messages(teller: _Teller) -> Iterator[Moment]:
    """Tell of every message that was not simply answered yes; answers alike, one after the other, are told as one."""
    told: set[str] = set()
    attempts = teller.rows("messages", "sent_us")
    for (_, outcome, refusal), same in groupby(attempts, key=_said):
        alike = list(same)
        first, last = alike[0], alike[-1]
        if outcome == "ok" and last["attempt"] == 1 and last["code"] not in _ALWAYS_TOLD:
            continue
        how = "yes" if outcome == "ok" else _no(outcome, refusal, told)
        yield Moment(teller.at(first["done_us"]), f"{_asked(teller, first, last, len(alike))}: {how}.")


def _ordered(teller: _Teller) -> Iterator[Moment]:
    """Tell of an order: placed, confirmed, cancelled or given back."""
    yes = [one for one in teller.rows("messages", "sent_us") if one["outcome"] == "ok"]
    for one in yes:
        if one["code"] in _OF_AN_ORDER:
            yield Moment(teller.at(one["done_us"]), _OF_AN_ORDER[one["code"]])
        elif one["msgid"].startswith(PLATFORM_LETTER) and one["code"] == PHARMACY_SETTLE:
            yield Moment(teller.at(one["done_us"]), "The patient had confirmed the order on the phone: it was paid.")


def _came_back(teller: _Teller) -> Iterator[Moment]:
    """Tell of who went home while a filing was not uploaded, or a download had not come, and came again to settle."""
    filing, master = teller.opened.scenario.filing, teller.opened.scenario.master_data
    waits: dict[str, tuple[int, str]] = {}
    if filing is not None:
        waits[Refusal.FILING_NOT_UPLOADED] = filing.desk.comes_back_after, "the filing to be uploaded by then"
    if master is not None:
        waits |= dict.fromkeys(STALE_REFUSALS, (master.desk.comes_back_after, "a download to have come by then"))
    attended = [one for one in teller.rows("contacts", "intended_us") if one["done_us"] is not None]
    for told, later in pairwise(teller.rows("messages", "sent_us")):
        after_us, why = waits.get(told["refusal"], (0, ""))
        at_a_desk = any(one["intended_us"] <= told["sent_us"] <= one["done_us"] for one in attended)
        if why and at_a_desk and later["sent_us"] - told["done_us"] >= after_us:  # charges are sent from the ward
            yield Moment(teller.at(later["sent_us"]), f"The patient came again, for {why}.")


def _said(attempt: dict[str, Any]) -> tuple[str, str, str]:
    return attempt["msgid"], attempt["outcome"], attempt["refusal"]


def _asked(teller: _Teller, first: dict[str, Any], last: dict[str, Any], times: int) -> str:
    code = first["code"]
    named = f"{code} {TRANSACTIONS[code].name}" if code in TRANSACTIONS else code
    if times > 1:
        return f"{named}, sent {times} times until {teller.at(last['done_us']):%H:%M:%S}"
    return named if first["attempt"] == 1 else f"{named}, sent for the {_nth(first['attempt'])} time"


def _no(outcome: str, refusal: str, told: set[str]) -> str:
    """Return what came instead of a yes; the whole sentence of a code, in both languages, is said once."""
    row = CATALOGUE.get(refusal or BY_OUTCOME.get(outcome, ""))
    if row is None:
        return f"{outcome} {refusal}".rstrip()
    if row.code in told:
        return f"{row.code} {row.what}"
    told.add(row.code)
    return f"{row.code} {row.what} ({row.what_zh}); {row.next_step}"


def _held_up(teller: _Teller) -> Iterator[Moment]:
    for away in teller.rows("turned_away", "at_us"):
        plan = f" ({away['plan']})" if away["plan"] else ""
        until = "" if away["until_us"] is None else f", until {teller.at(away['until_us']):%Y-%m-%d %H:%M}"
        yield Moment(teller.at(away["at_us"]), f"A closed door{plan}: the patient {_HOW[How(away['how'])]}{until}.")
    for part in teller.rows("mid_stays", "at_us"):
        yield Moment(teller.at(part["at_us"]), f"The stay so far was settled: {yuan(part['total_fen'])}.")


def _claim(teller: _Teller) -> dict[str, Any] | None:
    """Return the visit's own claim, where the scenario has an office."""
    if teller.opened.scenario.paper_claims is None or Fate(teller.row["fate"]) not in PAPER_FATES:
        return None
    claims = claims_of(teller.opened.record, teller.opened.scenario)
    assert claims is not None  # there is an office
    mine = claims.filter(pl.col("visit") == teller.row["visit"])
    paid = mine.filter(~pl.col("duplicate")).to_dicts()
    return None if not paid else {**paid[0], "trips_in_all": int(mine["trips"].sum())}


def _claimed(teller: _Teller, claim: dict[str, Any] | None) -> Iterator[Moment]:
    if claim is None:
        return
    scenario = teller.opened.scenario
    rules = scenario.paper_claims
    assert rules is not None  # there is a claim
    midnight = rules.first_midnight(scenario.horizon.start)

    def at(us: int) -> datetime:
        return midnight + timedelta(microseconds=us)

    office = f"the claims office of {_place(claim['office'])}"
    yield Moment(at(claim["came_us"]), f"The patient came to {office}.")
    yield Moment(at(claim["accepted_us"]), f"The papers were accepted, on the {_nth(claim['trips'])} trip.")
    yield Moment(at(claim["left_us"]), f"The money was paid out, {claim['working_days']} working days later.")


def _end(row: dict[str, Any]) -> str:
    fate = Fate(row["fate"])
    if fate in DIRECT_FATES:
        return _DIRECTLY.get(fate, _LATER)
    if fate is Fate.REFUSED and row["refusal"] in CATALOGUE:
        told = CATALOGUE[row["refusal"]]
        return f"{_ENDS[fate]} {told.code}: {told.what}; {told.next_step}. Its owner: {told.owner}."
    return _ENDS[fate]


def _account(teller: _Teller, claim: dict[str, Any] | None) -> Account:
    row, scenario = teller.row, teller.opened.scenario
    paper = Fate(row["fate"]) in PAPER_FATES and row["paper_fen"] > 0
    away = teller.rows("turned_away", "at_us")
    travelled = len({one["at_us"] for one in away if How(one["how"]) in (How.PARKED, How.CAME_BACK, How.ON_ACCOUNT)})
    days, trips = _of_claim(teller, claim, away) if paper else (None, 0)
    travelled += len(tuple(_came_back(teller)))
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
        owed_by=f"the insurer in {_place(row['insured_region'])}" if paper else "",
    )


def _of_claim(teller: _Teller, claim: dict[str, Any] | None, away: list[dict[str, Any]]) -> tuple[float | None, int]:
    """Return the days and trips of a paper claim: of its office, or as the plan states that turned it away."""
    if claim is not None:
        return (claim["left_us"] - claim["paid_us"]) / _US_PER_DAY, claim["trips_in_all"]
    plans = {plan.name: plan.policies.paper for plan in teller.opened.scenario.cutover}
    stated = [plans[one["plan"]] for one in away if one["plan"] in plans]
    return (stated[-1].days, stated[-1].trips) if stated else (None, 0)


# --- words ------------------------------------------------------------------------------------------------------------


def yuan(fen: int) -> str:
    """Return an amount as people read it.

    >>> yuan(1234567)
    '12,345.67 yuan'
    """
    return f"{fen / _FEN_PER_YUAN:,.2f} yuan"


def span(us: float) -> str:
    """Return a time as people say it.

    >>> span(5_400_000_000), span(90_000_000), span(200_000_000_000)
    ('1.5 h', '1.5 min', '2.3 days')
    """
    for unit, size_us in (("days", _US_PER_DAY), ("h", 3_600_000_000), ("min", 60_000_000)):
        if us >= size_us:
            return f"{us / size_us:.1f} {unit}"
    return f"{us / 1_000_000:.1f} s"


def _nth(number: int) -> str:
    """Return an ordinal.

    >>> _nth(1), _nth(2), _nth(3), _nth(11), _nth(22)
    ('1st', '2nd', '3rd', '11th', '22nd')
    """
    ending = "th" if number % 100 in _TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
