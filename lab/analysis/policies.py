"""What each policy of a planned stop comes to: people, fen, trips, days of advance, hours stood, differences made up.

A visit is counted under what it did when a door turned it away (``scenarios.schema.recourse``), once in the figures of
all plans together. Money is whole fen; a yuan-day is a yuan laid out, or left open, for a day of people time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.keyed import Purpose, uniform
from scenarios.record.fates import AT_HOME, Fate, How
from scenarios.schema.recourse import Recourse

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema.base import VisitKind
    from scenarios.schema.cutover import Cutover

__all__ = [
    "HeldUp", "figures", "held_up", "late_figures", "mid_stay_figures", "once", "rest_of", "spared_figures", "trips",
    "yuan_days",
]  # fmt: skip

US_PER_DAY = 86_400_000_000
FEN_PER_YUAN = 100
TOOK: Mapping[How, Recourse] = {
    How.STAYED_HOME: Recourse.PARK,
    How.STOCKED: Recourse.PARK,
    How.PARKED: Recourse.PARK,
    How.WAITED: Recourse.WAIT,
    How.CAME_BACK: Recourse.WAIT,
    How.SETTLE_LATER: Recourse.SETTLE_LATER,
    How.ON_ACCOUNT: Recourse.ON_ACCOUNT,
    How.STAND_IN: Recourse.STAND_IN,
    How.ON_THE_PHONE: Recourse.WAIT,
    How.PAID: Recourse.PAPER,
}
_OF_THE_BILL = ("total_fen", "cash_fen", "account_fen")
TRAVELLED = (How.PARKED, How.CAME_BACK, How.ON_ACCOUNT)
"""Came in vain, and came again."""
_AT_HOME = [how.value for how in AT_HOME]


@dataclass(frozen=True, slots=True)
class HeldUp:
    """The visits that stops held up: ``kept`` for later, ``paid`` at once; with what each did and what it cost."""

    kept: pl.DataFrame
    paid: pl.DataFrame

    def together(self) -> pl.DataFrame:
        """Return both in one table."""
        return pl.concat([self.kept, self.paid])


def held_up(plan: Cutover, parked: pl.DataFrame, paid: pl.DataFrame, away: pl.DataFrame, time_scale: float) -> HeldUp:
    """Return what one plan's policies come to, of the visits that its closed doors held up.

    ``away`` are the rows of the record's ``turned_away`` to count; visits without a row there (records of old) count as
    parked, or paid. Who was kept by this plan and paid at the door of another is kept here; who was kept here and then
    paid here has paid, and came in vain before: that is on top of what the claim takes.
    """
    seen = _last_at(plan, away).join(_waits(away), on="visit", how="left")
    paid = paid.join(seen, on="visit", how="left", maintain_order="left").filter(
        pl.col("last").is_null() | (pl.col("last") == How.PAID.value)
    )
    parked = parked.join(paid, on="visit", how="anti", maintain_order="left")
    rows = parked.join(seen, on="visit", how="left", maintain_order="left")
    names = {how.value: recourse.value for how, recourse in TOOK.items()}
    share, claims = plan.policies.hospital_advance, plan.policies.paper
    open_us = pl.coalesce("open_us", "parked_us")
    days = open_us.cast(pl.Float64) * time_scale / US_PER_DAY  # fen times microseconds outgrow 64 bits
    took = pl.col("last").replace_strict(names, default=Recourse.PARK.value, return_dtype=pl.String)
    kept = rows.with_columns(took=took, estimate_fen=_estimates_fen(plan, rows)).with_columns(
        open_fen=pl.when(open_us > 0).then("total_fen").otherwise(0)
        - pl.when(pl.col("took") == Recourse.STAND_IN.value).then("estimate_fen").otherwise(0)
    )
    return HeldUp(
        kept=kept.select(
            "visit",
            "person",
            "took",
            "last_us",
            fen=pl.col("total_fen"),
            trips=pl.col("travelled").fill_null(1).cast(pl.Int64),
            fen_days=pl.col("open_fen") * days,
            stood_us=pl.col("stood_us").fill_null(0),
            advanced_fen=pl.col("open_fen") * share,
            advanced_fen_days=pl.col("open_fen") * days * share,
            owed_fen=_owed_fen(),
        ),
        paid=paid.select(
            "visit",
            "person",
            pl.lit(Recourse.PAPER.value).alias("took"),
            "last_us",
            fen=pl.col("paper_fen"),
            trips=_of_claim(paid, "claim_trips", claims.trips) + pl.col("travelled").fill_null(0).cast(pl.Int64),
            fen_days=pl.col("paper_fen")
            * (_of_claim(paid, "claim_days", claims.days) + pl.col("open_us").fill_null(0) * time_scale / US_PER_DAY),
            stood_us=pl.lit(0, pl.Int64),
            advanced_fen=pl.lit(0.0),
            advanced_fen_days=pl.lit(0.0),
            owed_fen=pl.lit(None, pl.Int64),
        ),
    )


def _of_claim(visits: pl.DataFrame, name: str, stated: float) -> pl.Expr:
    """Return what a visit's claim took at its office; what the plan states where the scenario has no office."""
    return pl.col(name).fill_null(stated) if name in visits.columns else pl.lit(stated)


def _last_at(plan: Cutover, away: pl.DataFrame) -> pl.DataFrame:
    """Return, by visit, what it last did at the doors of one plan but stay at home, and when it last met one."""
    own = away.filter(pl.col("plan").is_in([plan.name, ""]) | pl.col("plan").is_null())
    return own.group_by("visit").agg(
        pl.col("at_us").max().alias("last_us"),
        pl.col("how").cast(pl.String).filter(~pl.col("how").is_in(_AT_HOME)).last().alias("last"),
    )


def _waits(away: pl.DataFrame) -> pl.DataFrame:
    """Return, by visit, how often it travelled, how long it stood, and for how long its bill lay open.

    One wait behind several doors is one. Who stayed at home had no bill yet.
    """
    waits = away.group_by("visit", "at_us", maintain_order=True).agg(
        pl.col("until_us").max(), how=pl.col("how").cast(pl.String).first()
    )
    lasted_us, how = pl.col("until_us") - pl.col("at_us"), pl.col("how")
    return (
        waits.sort("at_us")
        .group_by("visit")
        .agg(
            travelled=how.is_in([one.value for one in TRAVELLED]).sum(),
            stood_us=lasted_us.filter(how == How.WAITED.value).sum(),
            open_us=lasted_us.filter(~how.is_in(_AT_HOME)).sum(),
        )
    )


def _estimates_fen(plan: Cutover, visits: pl.DataFrame) -> pl.Series:
    """Return what each would pay as an estimate."""
    stand_in = plan.policies.stand_in
    kinds: list[VisitKind] = visits["kind"].to_list()
    totals: list[int] = visits["total_fen"].to_list()
    pairs = zip(kinds, totals, strict=True)
    return pl.Series([stand_in.estimate_fen(kind, fen) for kind, fen in pairs], dtype=pl.Int64)


def _owed_fen() -> pl.Expr:
    """Return what is made up after an estimate: owed by the patient, or (negative) to them; null without a verdict.

    Whoever is refused owes the rest of the bill.
    """
    person_fen = pl.col("cash_fen") + pl.col("account_fen")
    due_fen = (
        pl.when(pl.col("fate") == Fate.ESTIMATED_THEN_SETTLED.value)
        .then(person_fen)
        .when(pl.col("fate") == Fate.REFUSED.value)
        .then("total_fen")
    )
    return pl.when(pl.col("took") == Recourse.STAND_IN.value).then(due_fen - pl.col("estimate_fen"))


def spared_figures(away: pl.DataFrame, counted: pl.DataFrame, plans: Sequence[Cutover]) -> Iterator[tuple[str, float]]:
    """Yield how many of the ``counted`` visits stock put off without a trip; nothing where none was advised.

    Whose stock did not last until the door was open, and who was then turned away at it, was spared nothing.
    """
    if any(plan.policies.drug_stock is not None for plan in plans):
        how = pl.col("how").cast(pl.String)
        in_vain = away.filter(~how.is_in(_AT_HOME)).select("visit")
        stocked = away.filter(how == How.STOCKED.value).join(counted.select("visit"), on="visit", how="semi")
        yield "cutover.spared_by_stock", stocked.join(in_vain, on="visit", how="anti")["visit"].n_unique()


def late_figures(paid: Sequence[tuple[Cutover, pl.DataFrame]], seed: int) -> Iterator[tuple[str, float]]:
    """Yield the claims that are handed in after their deadline, and what is lost with them; nothing without deadline.

    ``paid`` are the visits that paid at each plan's door.
    """
    bound = [(plan, visits) for plan, visits in paid if plan.policies.paper.deadline is not None]
    if bound:
        late = pl.concat([_late_claims(visits, plan, seed) for plan, visits in bound]).unique("visit")
        yield "cutover.claims_late", late.height
        yield "cutover.claims_late_fen", int(late["paper_fen"].sum())


def _late_claims(paid: pl.DataFrame, plan: Cutover, seed: int) -> pl.DataFrame:
    """Return the claims handed in late: both times are counted from the reopening, so no run need last until then."""
    paper = plan.policies.paper
    drawn = [uniform(seed, visit, 0, 0, Purpose.CLAIM) * paper.handed_in_within for visit in paid["visit"].to_list()]
    late = [paper.deadline is not None and one > paper.deadline for one in drawn]
    return paid.filter(pl.Series(late, dtype=pl.Boolean)).select("visit", "paper_fen")


def mid_stay_figures(record: Record) -> Iterator[tuple[str, float]]:
    """Yield what was settled of open stays ahead of the stops; nothing where none was."""
    settled = record.mid_stays
    if settled.height:
        people = record.visits.join(settled.select("visit"), on="visit", how="semi")["person"].n_unique()
        yield "cutover.mid_stay_people", people
        yield "cutover.mid_stay_fen", int(settled["total_fen"].sum())


def once(plans: Sequence[HeldUp]) -> HeldUp:
    """Return the visits of several plans, each once: as the plan has it that held it up last."""
    kept, paid = (_latest([getattr(plan, name) for plan in plans]) for name in ("kept", "paid"))
    return HeldUp(kept.join(paid, on="visit", how="anti", maintain_order="left"), paid)


def _latest(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    every = pl.concat(frames).sort("last_us", descending=True, nulls_last=True, maintain_order=True)
    return every.unique("visit", keep="first", maintain_order=True)


def rest_of(visits: pl.DataFrame, mid_stays: pl.DataFrame) -> pl.DataFrame:
    """Return visits with the money that a stop can still hold up: less what was settled before it, in mid-stay."""
    if mid_stays.is_empty():
        return visits
    before = mid_stays.group_by("visit").agg(pl.col(name).sum().alias(f"{name}_before") for name in _OF_THE_BILL)
    joined = visits.join(before, on="visit", how="left", maintain_order="left")
    return joined.with_columns(pl.col(name) - pl.col(f"{name}_before").fill_null(0) for name in _OF_THE_BILL).select(
        visits.columns
    )


def trips(held: HeldUp) -> int:
    """Return the extra trips of patients to a desk."""
    return int(held.together()["trips"].sum())


def yuan_days(held: HeldUp) -> float:
    """Return what was laid out for a paper claim or left open at the hospital, in yuan-days."""
    return float(held.together()["fen_days"].sum()) / FEN_PER_YUAN


def figures(held: HeldUp, time_scale: float) -> Iterator[tuple[str, float]]:
    """Yield what each recourse that was taken came to, and what several share."""
    every = held.together()
    for recourse in Recourse:
        mine = every.filter(pl.col("took") == recourse.value)
        if mine.height:
            yield f"cutover.{recourse}_people", mine["person"].n_unique()
            yield f"cutover.{recourse}_fen", int(mine["fen"].sum())
            yield f"cutover.{recourse}_trips", int(mine["trips"].sum())
            yield f"cutover.{recourse}_days", float(mine["fen_days"].sum()) / FEN_PER_YUAN
    kept = held.kept
    if kept.height:
        open_days, advanced_days = (
            float(kept[name].sum()) / FEN_PER_YUAN for name in ("fen_days", "advanced_fen_days")
        )
        yield "cutover.hospital_days", open_days - advanced_days
        yield "cutover.fund_advance", float(kept["advanced_fen"].sum()) / FEN_PER_YUAN
    if (kept["took"] == Recourse.WAIT.value).any():
        yield "cutover.waited", float(kept["stood_us"].sum()) * time_scale
    owed_fen = kept["owed_fen"].drop_nulls()
    if owed_fen.len():
        yield "cutover.true_up_fen", int(owed_fen.abs().sum())
        yield "cutover.true_up_owed_fen", int(owed_fen.filter(owed_fen > 0).sum())
        yield "cutover.true_up_refund_fen", -int(owed_fen.filter(owed_fen < 0).sum())
