"""The ledger of business in flight at a planned stop: every piece that was listed, and the one fate that it came to.

A row is a piece of business at one of the moments at which it is listed. What follows is counted from that moment on:
how long until it had its fate, how much of that a closed door held it up, how many trips more, and how long the money
was out. Lost and doubled are the checker's findings. Times are people time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from lab.analysis.policies import TRAVELLED, rest_of
from lab.analysis.renumbering import kept_visit_id
from reference_impl.domain.transactions import REVERSE
from scenarios.record.fates import AT_HOME, PAPER_FATES, How

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scenarios.record.recorder import Record
    from scenarios.schema import Cutover

__all__ = ["LEDGER_FILE", "follow_up", "resolved_how", "write_ledger"]

LEDGER_FILE = "ledger.parquet"
FEN_PER_YUAN = 100
US_PER_DAY = 86_400_000_000
_PAPER = [fate.value for fate in PAPER_FATES]
_TRAVELLED = [how.value for how in TRAVELLED]
_AT_HOME = [how.value for how in AT_HOME]


def follow_up(
    record: Record,
    plans: Sequence[Cutover],
    time_scale: float,
    *,
    lost: frozenset[int],
    doubled: frozenset[str],
    refused: frozenset[int] = frozenset(),
) -> pl.DataFrame:
    """Return every piece of business that was listed in flight, with what became of it.

    ``plans`` say how long a paper claim takes, and how many trips. ``lost`` are visits by number, ``doubled`` by their
    id in the books; ``refused`` are visits whose own row, or whose person's, a move to new books refused.
    """
    known = [name for name in ("claim_days", "claim_trips") if name in record.visits.columns]
    ends = rest_of(record.visits, record.mid_stays).select(
        "visit", "visit_id", "ended_us", "paper_fen", "total_fen", *known
    )
    rows = record.inflight.join(ends, on="visit", how="left", maintain_order="left").with_row_index("row")
    rows = rows.join(_held_up(rows, record.turned_away), on="row", how="left", maintain_order="left").with_columns(
        pl.col("held_us", "open_us", "away").fill_null(0), pl.col("estimated").fill_null(value=False)
    )
    paper = pl.col("fate").is_in(_PAPER)
    claim = {name: pl.when(paper).then(_of_claims(plans, name, known)).otherwise(0.0) for name in ("days", "trips")}
    open_days = pl.col("open_us").cast(pl.Float64) * time_scale / US_PER_DAY
    open_fen = pl.col("total_fen") - _estimates_fen(rows, plans)
    return rows.select(
        "plan", "snapshot", "at_us", "visit", "stage", "kind", "care_region", "insured_region", "code", "msgid",
        "advance_fen", "fate", "ended_us",
        ended_after_us=_people(pl.max_horizontal(pl.col("ended_us") - pl.col("at_us"), 0), time_scale),
        delay_us=_people(pl.col("held_us"), time_scale),
        trips=pl.col("away") + claim["trips"].cast(pl.Int64),
        # A bill that was paid in full is out until the claim is; one that only lies unpaid, while a door holds it up.
        advance_yuan_days=pl.when(paper).then(pl.col("paper_fen") * claim["days"]).otherwise(open_fen * open_days)
        / FEN_PER_YUAN,
        lost=pl.col("visit").is_in(list(lost)),
        doubled=kept_visit_id().is_in(list(doubled)),
        row_refused=pl.col("visit").is_in(list(refused)),
    )  # fmt: skip


def _people(run_us: pl.Expr, time_scale: float) -> pl.Expr:
    return (run_us.cast(pl.Float64) * time_scale).round().cast(pl.Int64)


def _of_claims(plans: Sequence[Cutover], name: str, known: Sequence[str]) -> pl.Expr:
    """Return what a paper claim takes: at its office, or by the plan of a row; calendar days, or trips."""
    each = {plan.name: float(getattr(plan.policies.paper, name)) for plan in plans}
    stated = pl.col("plan").replace_strict(each, default=0.0, return_dtype=pl.Float64)
    return pl.coalesce(pl.col(f"claim_{name}").cast(pl.Float64), stated) if f"claim_{name}" in known else stated


def _estimates_fen(rows: pl.DataFrame, plans: Sequence[Cutover]) -> pl.Series:
    """Return what each piece of business had paid as an estimate; 0 where none was made."""
    stand_in = {plan.name: plan.policies.stand_in for plan in plans}
    made = rows.select("plan", "kind", "total_fen", "estimated").iter_rows()
    estimates = [stand_in[plan].estimate_fen(kind, fen) if estimated else 0 for plan, kind, fen, estimated in made]
    return pl.Series(estimates, dtype=pl.Int64)


def _held_up(rows: pl.DataFrame, turned_away: pl.DataFrame) -> pl.DataFrame:
    """Return, by row, how long doors held a piece of business up from its listing on, and how often it had to return.

    One wait behind several doors is one: it counts once, and is as long as the longest. ``open_us`` is what of it a
    bill lay open: who stayed at home had none.
    """
    waits = turned_away.group_by("visit", "at_us").agg(pl.col("until_us").max(), pl.col("how").first())
    after = rows.select("row", "visit", listed_us="at_us").join(waits, on="visit")
    left_us = pl.col("until_us") - pl.max_horizontal("at_us", "listed_us")
    goes_on = after.filter(pl.col("until_us").is_null() | (pl.col("until_us") > pl.col("listed_us")))
    return goes_on.group_by("row").agg(
        held_us=left_us.sum(),
        open_us=left_us.filter(~pl.col("how").is_in(_AT_HOME)).sum(),
        away=pl.col("how").is_in(_TRAVELLED).sum().cast(pl.Int64),
        estimated=(pl.col("how") == How.STAND_IN.value).any(),
    )


def write_ledger(folder: Path, ledger: pl.DataFrame) -> None:
    """Write the ledger beside the record's tables."""
    ledger.write_parquet(folder / LEDGER_FILE)


def resolved_how(record: Record) -> pl.DataFrame:
    """Return every message whose outcome was unknown for a while, and how that ended.

    ``how``: by ``query`` (the same message again, until its verdict), by ``reversal`` (taken back), or by
    ``hand``: left to people. ``age_us`` is from its first attempt to that end, on the run's clock; null by hand.
    """
    sent = record.messages.select(
        "visit", pl.col("code").cast(pl.String), pl.col("outcome").cast(pl.String), "msgid", "sent_us", "done_us"
    )
    asked = sent.group_by("msgid", maintain_order=True).agg(
        pl.col("visit").first(),
        pl.col("code").first(),
        pl.col("sent_us").min(),
        unknown=pl.col("outcome").is_in(["unknown", "busy"]).any(),
        verdict_us=pl.col("done_us").filter(pl.col("outcome").is_in(["ok", "refused"])).min(),
    )
    reversals = (
        sent.filter((pl.col("code") == REVERSE) & (pl.col("outcome") == "ok"))
        .group_by("visit")
        .agg(reversed_us=pl.col("done_us").min())
    )
    doubtful = asked.filter(pl.col("unknown") & (pl.col("code") != REVERSE)).join(
        reversals, on="visit", how="left", maintain_order="left"
    )
    taken_back = pl.col("reversed_us") > pl.col("sent_us")
    known_us = pl.coalesce("verdict_us", pl.when(taken_back).then("reversed_us"))
    how = pl.when(pl.col("verdict_us").is_not_null()).then(pl.lit("query")).when(taken_back).then(pl.lit("reversal"))
    return doubtful.select(
        "visit", "code", "msgid", "sent_us", age_us=known_us - pl.col("sent_us"), how=how.otherwise(pl.lit("hand"))
    )
