"""Laws 16 to 19: what a planned stop finds in flight has one fate, and numbers that it changes lead to one record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from lab.checker.codes import settled_under
from lab.checker.evidence import Evidence
from lab.checker.laws.violation import Violation
from lab.checker.laws.witnesses import (
    MAY_HAVE_ACTED,
    of_visits,
)
from reference_impl.domain.errors import Refusal
from reference_impl.domain.transactions import REVERSE, TRANSACTIONS


def business_in_flight_has_one_fate(evidence: Evidence) -> Iterator[Violation]:
    """Law 16: every piece of business that a planned stop found in flight is a visit with exactly one end (G18)."""
    ends = evidence.visits.group_by("visit").agg(ends=pl.len())
    listed = evidence.inflight.unique("visit", keep="first", maintain_order=True).join(ends, on="visit", how="left")
    for row in listed.filter(pl.col("ends").fill_null(0) != 1).sort("visit").iter_rows(named=True):
        detail = f"{row['stage']} at {row['snapshot']} of {row['plan']}: it has {row['ends'] or 0} ends, 1 must be"
        yield Violation("16 in flight without a fate", str(row["visit"]), detail, row["msgid"] or "")


def deadlines_stand_still(evidence: Evidence) -> Iterator[Violation]:
    """Law 17: what may have acted is not given up behind a closed door: its deadline counts open hours only (G18)."""
    sent = evidence.attempts.sort("visit", "sent_us", maintain_order=True).with_columns(
        doubtful=pl.col("outcome").is_in(MAY_HAVE_ACTED).any().over("visit", "msgid"),
        first=pl.col("sent_us").eq(pl.col("sent_us").min().over("visit", "msgid")),
    )
    before = sent.with_columns(
        pl.col("code", "msgid", "outcome", "doubtful").shift(1).over("visit").name.suffix("_before")
    )
    reversals = before.filter((pl.col("code") == REVERSE) & pl.col("first") & pl.col("doubtful_before"))
    for row in reversals.filter(pl.col("outcome_before") == "closed").iter_rows(named=True):
        detail = f"{row['code_before']} {row['msgid_before']} was given up behind a closed door, its outcome unknown"
        yield Violation("17 deadline ran on", str(row["visit"]), detail, row["msgid_before"])


def deductibles_are_of_one_person(evidence: Evidence) -> Iterator[Violation]:
    """Law 18: what a settlement was worked out upon is of the same person, whatever numbers they bear (G21)."""
    made = evidence.settlements.filter(pl.col("sign") == 1).join(of_visits(evidence), on="msgid")
    earlier = pl.concat([made.select("node", before="settlement", other="patient"), evidence.earlier])
    joined = made.join(earlier, on=["node", "before"]).filter(pl.col("patient") != pl.col("other"))
    for row in joined.sort("settlement").iter_rows(named=True):
        detail = (
            f"settlement {row['settlement']} at {row['node']} is of {row['patient']} under number {row['person']}, and "
            f"was worked out upon {row['before']} of {row['other']}: two persons have one deductible"
        )
        yield Violation("18 one person", row["visit_id"], detail, row["msgid"])


def a_number_leads_to_one_record(evidence: Evidence) -> Iterator[Violation]:
    """Law 19: a visit, a settlement and an institution are found under their numbers, and no other is (G21).

    Nothing that was there is refused as if it were not; no two hospitals settle under one code, nor two of their visits
    as one visit; and what is taken back is what its own visit had settled.
    """
    made = evidence.settlements.join(of_visits(evidence), on="msgid")
    settled = made.filter(pl.col("sign") == 1)
    for row in _several(settled.with_columns(code=settled_under()), ["code"], "hospital"):
        detail = f"{row['of']} institutions settle under the code {row['code']}, 1 may"
        yield Violation("19 one institution", row["visit_id"], detail, row["msgid"])
    for row in _several(settled, ["node", "visit_id"], "visit"):
        detail = f"{row['of']} visits are settled at {row['node']} as the visit {row['visit_id']}, 1 may be"
        yield Violation("19 one visit", row["visit_id"], detail, row["msgid"])
    taken = made.filter(pl.col("sign") == -1).join(
        settled.select("node", "visit", reverses="settlement"), on=["node", "reverses"], suffix="_of_it"
    )
    for row in taken.filter(pl.col("visit") != pl.col("visit_of_it")).sort("settlement").iter_rows(named=True):
        detail = f"{row['msgid']} of visit {row['visit']} took back {row['reverses']} of visit {row['visit_of_it']}"
        yield Violation("19 one settlement", row["visit_id"], detail, row["msgid"])
    opened = evidence.attempts.filter((pl.col("outcome") == "ok") & pl.col("code").is_in(_OPENING))
    nowhere = pl.col("refusal") == Refusal.NOT_NETWORKED.value
    lost = evidence.visits.filter(pl.col("refusal").is_in(_NOT_FOUND)).join(opened, on="visit", how="semi")
    unknown = evidence.visits.filter(nowhere)  # a planned visit goes where it may: the register has lost the place
    for row in pl.concat([lost, unknown]).sort("visit").iter_rows(named=True):
        detail = f"{row['hospital']} was told {row['refusal']} of visit {row['visit_id']!r}: it is not found any more"
        yield Violation("19 not found", str(row["visit"]), detail)


_OPENING = tuple(code for code, transaction in TRANSACTIONS.items() if transaction.opens)
_NOT_FOUND = (Refusal.NO_SUCH_VISIT.value, Refusal.NOT_SETTLED.value)


def _several(frame: pl.DataFrame, keys: list[str], of: str) -> Iterator[dict[str, Any]]:
    """Yield what has more than one of ``of``: the keys, how many, and the first of the rows."""
    first = [pl.col(name).sort_by("posted_us", "msgid").first() for name in ("visit_id", "msgid") if name not in keys]
    counted = frame.group_by(keys).agg(pl.col(of).n_unique().alias("of"), *first).filter(pl.col("of") > 1)
    yield from counted.sort(keys).iter_rows(named=True)
