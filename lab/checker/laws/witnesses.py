"""What hospitals hold, may have set going or still have open: the witness of the record, asked by several laws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.codes import settled_under
from lab.checker.evidence import Evidence
from lab.checker.rows import MONEY, UNDO_CODES
from reference_impl.domain.institution import INSTITUTION_CHARS
from reference_impl.domain.transactions import SETTLEMENTS
from scenarios.record.fates import UNFINISHED

MAY_HAVE_ACTED = ("unknown", "busy")
"""After these outcomes the other side may hold an effect (G3). Busy means that it holds the message."""
OPEN_FATES = tuple(fate.value for fate in UNFINISHED)
HELD = ("node", "settlement", "visit_id", "msgid", *MONEY)
_HOSPITALS = ("visit", *HELD, "settled_us", "done_us", "hospital", "code", "care_region", "insured_region", "local")


def accepted_settlements(evidence: Evidence) -> pl.DataFrame:
    """Return (visit, msgid, done_us, code, undone) of every settlement a hospital saw accepted."""
    yes = evidence.attempts.filter(pl.col("outcome") == "ok")
    settled = (
        yes.filter(pl.col("code").is_in(SETTLEMENTS))
        .group_by("visit", "msgid")
        .agg(pl.col("done_us").min(), pl.col("code").first())
    )
    undo = yes.filter(pl.col("code").is_in(UNDO_CODES)).group_by("visit").agg(pl.col("done_us").max().alias("undo_us"))
    mid_stay = pl.col("msgid").is_in(evidence.mid_stays["msgid"].implode())  # never taken back: the rest of it may be
    undone = (pl.col("undo_us") > pl.col("done_us")).fill_null(value=False) & ~mid_stay
    return settled.join(undo, on="visit", how="left").select("visit", "msgid", "done_us", "code", undone=undone)


def held_by_hospitals(evidence: Evidence) -> pl.DataFrame:
    """Return the settlements that hospitals saw accepted and did not take back, with the money they hold for each."""
    kept, before = accepted_settlements(evidence).filter(~pl.col("undone")), evidence.mid_stays
    visits = evidence.visits.rename({"settlement_id": "settlement"}).with_columns(node=pl.lit("the hospital"))
    if not before.height:
        return kept.join(visits, on="visit")
    sums = before.group_by("visit").agg(pl.col(name).sum().alias(f"{name}_before") for name in MONEY)
    rest = visits.join(sums, on="visit", how="left", maintain_order="left").with_columns(
        pl.col(name) - pl.col(f"{name}_before").fill_null(0) for name in MONEY
    )
    own = before.select("visit", "msgid", "visit_id", "settled_us", *MONEY, settlement="settlement_id")
    parts = visits.drop("visit_id", "settled_us", "settlement", *MONEY).join(own, on="visit")
    early = kept.join(parts, on=["visit", "msgid"])
    late = kept.join(before.select("msgid"), on="msgid", how="anti").join(rest, on="visit")
    return pl.concat([early.select(_HOSPITALS), late.select(_HOSPITALS)])


def of_open_visits(evidence: Evidence) -> pl.DataFrame:
    """Return the message ids of visits that were still open at the end: what became of them is still on its way."""
    open_visits = evidence.visits.filter(pl.col("fate").is_in(OPEN_FATES))
    return evidence.attempts.join(open_visits, on="visit", how="semi").select("msgid")


def listed_open(evidence: Evidence) -> pl.DataFrame:
    """Return the message ids that may have acted and belong to visits that were still open at the end."""
    open_visits = evidence.visits.filter(pl.col("fate").is_in(OPEN_FATES))
    attempts = evidence.attempts.filter(pl.col("outcome").is_in(MAY_HAVE_ACTED))
    seen = attempts.join(open_visits, on="visit", how="semi").select("msgid")
    # A hospital that crashed, or ran out of time, over a message has no row for that attempt: the visit speaks for it.
    codes = pl.concat([open_visits.select("visit", code="hospital"), _codes_used(evidence)]).unique()
    there = open_visits.select("visit", "person").join(codes, on="visit").select("person", "code").unique()
    settled = evidence.settlements.with_columns(code=settled_under())
    crashed = settled.join(there, on=["person", "code"], how="semi").select("msgid")
    return pl.concat([seen, crashed]).unique()


def _codes_used(evidence: Evidence) -> pl.DataFrame:
    """Return the codes under which the institution of each visit has sent its messages: a move may change them."""
    return evidence.attempts.select("visit", code=pl.col("msgid").str.head(INSTITUTION_CHARS)).unique()


def of_visits(evidence: Evidence) -> pl.DataFrame:
    """Return of each message id whose visit it was, and at which hospital."""
    visits = evidence.visits.select("visit", "hospital", patient="person")
    return evidence.attempts.select("visit", "msgid").unique().join(visits, on="visit")


def repeated(frame: pl.DataFrame, keys: list[str], show: str) -> Iterator[dict[str, Any]]:
    """Yield the keys that stand in several rows, with how many and the first of what is to be shown."""
    shown = [] if show in keys else [pl.col(show).first()]
    counted = frame.group_by(keys).agg(pl.len(), *shown).filter(pl.col("len") > 1)
    yield from counted.sort(keys).iter_rows(named=True)
