"""Laws 1, 2, 7, 13 and 14: money adds up, on every side, in every posting and on every closed day."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from lab.checker.laws.witnesses import (
    HELD,
    held_by_hospitals,
    of_open_visits,
)
from lab.checker.rows import MONEY
from reference_impl.domain.institution import PLATFORM_LETTER
from reference_impl.domain.nodes import HUB
from reference_impl.domain.regions import CITY_DIGITS

_OF_INSURER = "_of_insurer"


def money_is_conserved(evidence: Evidence) -> Iterator[Violation]:
    """Law 1: over all accounts of all books, debits and credits cancel; so they do in every posting (G5)."""
    unbalanced = evidence.postings.filter(pl.col("sum_fen") != 0)
    for row in unbalanced.iter_rows(named=True):
        detail = f"posting {row['posting']} at {row['node']} sums to {row['sum_fen']} fen, not 0"
        yield Violation("1 conservation", row["settlement"], detail)


def postings_say_what_was_settled(evidence: Evidence) -> Iterator[Violation]:
    """Law 2: a posting's legs and time are its settlement's: each fund its share, owed to the province of care."""
    joined = evidence.settlements.join(evidence.postings, on=["node", "settlement"], suffix="_of_posting")
    differs = (pl.col("legs") != pl.col("legs_of_posting")) | (pl.col("posted_us") != pl.col("posted_us_of_posting"))
    for row in joined.filter(differs).sort("settlement").iter_rows(named=True):
        detail = f"posting {row['posting']} at {row['node']} has other legs, or another time, than its settlement says"
        yield Violation("2 posting differs", row["visit_id"], detail, row["msgid"])


def amounts_add_up(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, first part: on every side total = funds + account + cash + hospital's part = the parts of the bill."""
    held = [
        evidence.settlements.select(*HELD, "scope_parts_fen"),
        evidence.copies.select(*HELD, "scope_parts_fen"),
        held_by_hospitals(evidence).select(*HELD, scope_parts_fen="total_fen"),
    ]
    paid_fen = pl.sum_horizontal(*(name for name in MONEY if name != "total_fen"))
    off = (pl.col("total_fen") != paid_fen) | (pl.col("total_fen") != pl.col("scope_parts_fen"))
    for row in pl.concat(held).filter(off).sort("settlement", "node").iter_rows(named=True):
        detail = f"settlement {row['settlement']} at {row['node']}: the parts do not add up to {row['total_fen']} fen"
        yield Violation("13 sums", row["visit_id"], detail, row["msgid"])


def all_sides_hold_the_same_money(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, second part: hospital, care province, hub and insurer hold a settlement equal to the fen and the day."""
    insured = evidence.settlements.rename({"posted_us": "settled_us"}).unique(["settlement", "sign"], keep="first")
    copies = evidence.copies.join(insured, on=["settlement", "sign"], suffix=_OF_INSURER)
    positive = insured.filter(pl.col("sign") == 1)
    seen = held_by_hospitals(evidence).join(positive, on="msgid", suffix=_OF_INSURER)
    pairs = ((copies, (*MONEY, "split")), (seen, MONEY))
    for joined, names in pairs:
        # A reversal's reply states no time: that of its copy is the time of what it takes back.
        timely = (pl.col("settled_us") == pl.col(f"settled_us{_OF_INSURER}")).fill_null(value=False)
        if "sign" in joined.columns:
            timely |= pl.col("sign") == -1
        off = pl.any_horizontal(*(pl.col(name) != pl.col(f"{name}{_OF_INSURER}") for name in names), ~timely)
        for row in joined.filter(off).sort("settlement", "node").iter_rows(named=True):
            named = [name for name in (*names, "settled_us") if row[name] != row[f"{name}{_OF_INSURER}"]]
            shown = ", ".join(f"{name} {row[name]} for {row[f'{name}{_OF_INSURER}']}" for name in named)
            detail = f"settlement {row['settlement']}: {row['node']} holds {shown} of the insurer"
            yield Violation("13 same money", row["visit_id"], detail, row["msgid"])


def every_side_keeps_what_passed(evidence: Evidence) -> Iterator[Violation]:
    """Law 13, third part: all on the way hold each settlement a hospital holds, and no other one.

    That is the care province, and between provinces the hub; and a city's relay, the insured's between provinces alone,
    that of the care place but for what was paid from the phone: the platform asks no city.
    """
    kept = held_by_hospitals(evidence)
    care = kept.with_columns(keeper=pl.col("care_region").str.head(2))
    hub = kept.filter(~pl.col("local")).with_columns(keeper=pl.lit(HUB))
    standing = evidence.standing_copies()
    from_desks = kept.filter(~pl.col("msgid").str.starts_with(PLATFORM_LETTER))
    relays = [_by_city(from_desks, "care_region"), _by_city(kept.filter(~pl.col("local")), "insured_region")]
    by_relays = [passed.filter(pl.col("keeper").is_in(evidence.relays)) for passed in relays if evidence.relays]
    wanted = pl.concat([care, hub, *by_relays]).select("visit_id", "msgid", "settlement", "keeper")
    without = wanted.join(standing, left_on=["msgid", "keeper"], right_on=["msgid", "node"], how="anti")
    for row in without.sort("settlement", "keeper").iter_rows(named=True):
        detail = f"settlement {row['settlement']}: the hospital holds it, {row['keeper']} keeps no copy that stands"
        yield Violation("13 no copy", row["visit_id"], detail, row["msgid"])
    known = pl.concat([kept.select("msgid"), evidence.standing().select("msgid"), of_open_visits(evidence)]).unique()
    for row in standing.join(known, on="msgid", how="anti").sort("settlement", "node").iter_rows(named=True):
        detail = f"settlement {row['settlement']} stands at {row['node']}, and neither at the insurer nor the hospital"
        yield Violation("13 copy alone", row["visit_id"], detail, row["msgid"])


def _by_city(kept: pl.DataFrame, region: str) -> pl.DataFrame:
    return kept.with_columns(keeper=pl.col(region).str.head(CITY_DIGITS))


def lines_add_up_to_what_is_settled(evidence: Evidence) -> Iterator[Violation]:
    """Law 14: a visit's charges are the sum of its accepted lines, no line twice, and so much was settled."""
    charges = evidence.charges
    off = (pl.col("lines_fen") != pl.col("fees_fen")) | (pl.col("repeated") != "")
    for row in charges.filter(off).sort("visit_id").iter_rows(named=True):
        twice = f", line {row['repeated']} more than once" if row["repeated"] else ""
        detail = f"{row['node']} charges {row['fees_fen']} fen, its lines say {row['lines_fen']}{twice}"
        yield Violation("14 lines", row["visit_id"], detail)
    settled = charges.filter(pl.col("settlement") != "").join(evidence.standing_copies(), on=["node", "settlement"])
    for row in settled.filter(pl.col("lines_fen") != pl.col("total_fen")).sort("visit_id").iter_rows(named=True):
        detail = f"settlement {row['settlement']} is of {row['total_fen']} fen, the lines of {row['lines_fen']}"
        yield Violation("14 settled lines", row["visit_id"], detail, row["msgid"])


def closed_days_never_grow(evidence: Evidence) -> Iterator[Violation]:
    """Law 7: a business day holds at the end what it closed with, to the entry and the fen (G9, G10)."""
    owed_fen = pl.col("fund_fen") + pl.col("account_fen")
    posted = evidence.settlements.group_by("node", pl.col("care_region").str.head(2), day="business_day").agg(
        now=pl.len().cast(pl.Int64), now_total_fen=pl.col("total_fen").sum(), now_owed_fen=owed_fen.sum()
    )
    sheets = evidence.closings.join(
        posted.with_columns(pl.col("day").cast(pl.Int64)), on=["node", "care_region", "day"], how="left"
    ).with_columns(pl.col("now", "now_total_fen", "now_owed_fen").fill_null(0))
    held = {"entries": "now", "total_fen": "now_total_fen", "owed_fen": "now_owed_fen"}
    off = pl.any_horizontal(*(pl.col(closed) != pl.col(now) for closed, now in held.items()))
    for row in sheets.filter(off).sort("node", "day", "care_region").iter_rows(named=True):
        detail = (
            f"day {row['day']} at {row['node']} closed with {row['entries']} entries for {row['care_region']}, "
            f"{row['owed_fen']} fen owed; now it holds {row['now']}, {row['now_owed_fen']} fen"
        )
        yield Violation("7 closed day", "", detail)
