"""What a story tells of messages: those that were not simply answered yes, and what became of an order by them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from lab.story.telling import Moment, Teller
from lab.story.words import nth
from reference_impl.domain.error_catalogue import BY_OUTCOME, CATALOGUE
from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.transactions import (
    CANCEL_ORDER,
    PHARMACY_SETTLE,
    PLACE_ORDER,
    REFUND_ORDER,
    REVERSE,
    TRANSACTIONS,
    WITHDRAW_FILING,
)

__all__ = ["messages", "ordered"]

_ALWAYS_TOLD = (REVERSE, WITHDRAW_FILING)
"""Messages that are told of even when they were simply answered yes: what follows hangs on them."""
_OF_AN_ORDER = {
    PLACE_ORDER: "An order was placed at the counter, and pushed to the patient's phone.",
    CANCEL_ORDER: "The pharmacy cancelled the order.",
    REFUND_ORDER: "The pharmacy gave the order back.",
}


def messages(teller: Teller) -> Iterator[Moment]:
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


def _said(attempt: dict[str, Any]) -> tuple[str, str, str]:
    return attempt["msgid"], attempt["outcome"], attempt["refusal"]


def _asked(teller: Teller, first: dict[str, Any], last: dict[str, Any], times: int) -> str:
    code = first["code"]
    named = f"{code} {TRANSACTIONS[code].name}" if code in TRANSACTIONS else code
    if times > 1:
        return f"{named}, sent {times} times until {teller.at(last['done_us']):%H:%M:%S}"
    return named if first["attempt"] == 1 else f"{named}, sent for the {nth(first['attempt'])} time"


def _no(outcome: str, refusal: str, told: set[str]) -> str:
    """Return what came instead of a yes; the whole sentence of a code, in both languages, is said once."""
    row = CATALOGUE.get(refusal or BY_OUTCOME.get(outcome, ""))
    if row is None:
        return f"{outcome} {refusal}".rstrip()
    if row.code in told:
        return f"{row.code} {row.what}"
    told.add(row.code)
    return f"{row.code} {row.what} ({row.what_zh}); {row.next_step}"


def ordered(teller: Teller) -> Iterator[Moment]:
    """Tell of an order: placed, confirmed, cancelled or given back."""
    yes = [one for one in teller.rows("messages", "sent_us") if one["outcome"] == "ok"]
    for one in yes:
        if one["code"] in _OF_AN_ORDER:
            yield Moment(teller.at(one["done_us"]), _OF_AN_ORDER[one["code"]])
        elif one["msgid"].startswith(PLATFORM_LETTER) and one["code"] == PHARMACY_SETTLE:
            yield Moment(teller.at(one["done_us"]), "The patient had confirmed the order on the phone: it was paid.")
