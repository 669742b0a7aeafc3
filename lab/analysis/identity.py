"""How people said who they are at the desk, and what it cost them who did not show that they are insured.

Counted over all visits that arrived after the warm-up, local ones too: a desk asks everybody. Nothing is measured
where an ID card always does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from scenarios.record.fates import DIRECT_FATES, Fate
from scenarios.schema.measures_desk import FAILURES, MEANS

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["measure"]

_FEN_PER_YUAN = 100
_US_PER_HOUR = 3_600_000_000


def measure(record: Record, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the figures of a record, where the scenario says how people identify themselves."""
    if scenario.identity is None:
        return
    visits = record.visits.filter(pl.col("arrival_us") >= scenario.horizon.warm_up)
    rows = record.identifications.join(visits.select("visit", "fate", "open_at_start"), on="visit")
    tried, accepted = rows.filter(pl.col("means") != ""), rows.filter(outcome="accepted")
    yield "identity.asked", rows["visit"].n_unique()
    for means in MEANS:
        yield f"identity.{means}", accepted.filter(means=means)["visit"].n_unique()
    for failure in FAILURES:
        yield f"identity.{failure}", rows.filter(outcome=failure).height
    if tried.height:
        failed = tried.filter(pl.col("outcome") != "accepted")["visit"].n_unique()
        yield "identity.failed_share", failed / tried["visit"].n_unique()
    unknown = visits.filter(fate=Fate.PAPER_BY_IDENTITY.value)
    yield "identity.gave_up", unknown.height
    yield "identity.advance", int(unknown["paper_fen"].sum()) / _FEN_PER_YUAN
    yield from _status(rows)
    yield "identity.desk_hours", int(rows["desk_us"].sum()) * scenario.scale.time / _US_PER_HOUR


def _status(rows: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield what became of those who would not have shown that they are insured."""
    hidden = rows.filter(outcome="not_shown")
    asked = rows.filter(~pl.col("open_at_start"))  # of the others the first desk was before the run
    guided = asked.filter("guided")
    not_shown = asked.filter(pl.col("guided") | (pl.col("outcome") == "not_shown"))["visit"].n_unique()
    yield "identity.not_shown", not_shown
    yield "identity.guided", guided["visit"].n_unique()
    if not_shown:
        yield "identity.guided_share", guided["visit"].n_unique() / not_shown
    ended = [fate.value for fate in (*DIRECT_FATES, Fate.SELF_PAID)]
    charged = rows.filter((pl.col("self_paid_fen") > 0) & pl.col("fate").is_in(ended))
    yield "identity.self_paid", charged.filter(fate=Fate.SELF_PAID.value)["visit"].n_unique()
    late = hidden.filter(pl.col("fate").is_in([fate.value for fate in DIRECT_FATES]))
    yield "identity.late", late["visit"].n_unique()
    by_visit = charged.group_by("visit").agg(pl.col("self_paid_fen").max())["self_paid_fen"].to_list()
    yield "identity.charged", sum(by_visit) / _FEN_PER_YUAN
    yield "identity.charged_most", max(by_visit, default=0) / _FEN_PER_YUAN
