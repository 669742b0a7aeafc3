"""Law 29: an order is paid at most once, by its platform, in time, at its price, and never once it was cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.transactions import CANCEL_ORDER, PHARMACY_SETTLE, PLACE_ORDER, REFUND_ORDER

_VISIT_ID = pl.concat_str(pl.lit("S"), pl.col("msgid").str.head(12), pl.col("msgid").str.slice(14))
"""Of the visit that a message opens."""


def an_order_is_paid_once(evidence: Evidence) -> Iterator[Violation]:
    """Law 29: whatever a platform settled is an order's, placed before, confirmed in time and not over; each once.

    Told from the insurers' settlements and from what pharmacies and platform saw, never from what a care province keeps
    of an order. A refund or a cancel that was answered yes ends an order for good.
    """
    paid = evidence.settlements.filter(
        (pl.col("sign") == 1) & (pl.col("code") == PHARMACY_SETTLE) & pl.col("msgid").str.starts_with(PLATFORM_LETTER)
    )
    placed = _answered(evidence, PLACE_ORDER).with_columns(visit_id=_VISIT_ID)
    sold = evidence.settlements.filter((pl.col("sign") == 1) & ~pl.col("msgid").str.starts_with(PLATFORM_LETTER))
    for row in sold.join(placed, on="visit_id", how="semi").sort("msgid").iter_rows(named=True):
        yield _wrong(row, "was not paid by the platform")
    if paid.is_empty():
        return
    sent = evidence.attempts.group_by("msgid").agg(sent_us=pl.col("sent_us").min())
    orders = placed.select("visit_id", "visit", placed_us="done_us")
    rows = paid.join(orders, on="visit_id", how="left").join(sent, on="msgid", how="left")
    rows = rows.join(evidence.visits.select("visit", bill_fen="total_fen"), on="visit", how="left")
    rows = rows.join(_ended(evidence), on="visit", how="left").sort("posted_us", "settlement")
    for row in rows.iter_rows(named=True):
        what = _fault_of(row, evidence.agreement.order_valid_us)
        if what:
            yield _wrong(row, what)
    stand = evidence.standing().join(paid.select("msgid"), on="msgid", how="semi")
    again = stand.sort("posted_us", "settlement").with_columns(before=pl.int_range(pl.len()).over("node", "visit_id"))
    for row in again.filter(pl.col("before") > 0).iter_rows(named=True):
        yield _wrong(row, "is paid a second time")


def _answered(evidence: Evidence, code: str) -> pl.DataFrame:
    """Return each message of a transaction that was answered yes, with its visit, from its first send to that yes."""
    said = evidence.attempts.filter(pl.col("code") == code)
    sent = said.group_by("msgid").agg(sent_us=pl.col("sent_us").min())
    yes = said.filter(pl.col("outcome") == "ok").group_by("msgid").agg(pl.col("visit").first(), pl.col("done_us").min())
    return yes.join(sent, on="msgid")


def _ended(evidence: Evidence) -> pl.DataFrame:
    """Return when the order of each visit was over at the latest."""
    over = pl.concat([_answered(evidence, code) for code in (CANCEL_ORDER, REFUND_ORDER)])
    return over.group_by("visit").agg(over_us=pl.col("done_us").min())


def _fault_of(row: dict[str, Any], valid_us: int) -> str:
    """Return what is wrong; of what was still under way when the run ended nobody noted when it was sent."""
    sent_us = row["posted_us"] if row["sent_us"] is None else row["sent_us"]
    if row["placed_us"] is None or (row["posted_us"] < row["placed_us"] and sent_us < row["placed_us"]):
        return "is paid, and nobody had placed it"
    if row["bill_fen"] is not None and row["total_fen"] != row["bill_fen"]:
        return f"is of {row['bill_fen']} fen, and {row['total_fen']} were settled"
    late_us = sent_us - row["placed_us"] - valid_us
    if valid_us and late_us > 0 and row["sent_us"] is not None:
        return f"is paid, and was confirmed {late_us} us after its end"
    if row["over_us"] is not None and row["posted_us"] > row["over_us"]:
        return "is paid after it was cancelled or given back"
    return ""


def _wrong(row: dict[str, Any], what: str) -> Violation:
    detail = f"settlement {row['settlement']} at {row['node']}: order of visit {row['visit_id']} {what}"
    return Violation("29 order", row["visit_id"], detail, row["msgid"])
