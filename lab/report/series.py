"""The numbers behind the figures and tables of a page, from the tables of a record.

Everything shown here is cross-province business; in-province visits are background load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from lab.analysis import stops
from lab.analysis.every_run import answered, wanting
from reference_impl.domain.transactions import SETTLEMENTS
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, Fate

if TYPE_CHECKING:
    from scenarios.record.recorder import Record

BINS = 96
STEPS_US = [
    step * unit
    for unit, steps in (
        (1_000, (100, 200, 500)),
        (1_000_000, (1, 2, 5, 10, 15, 30)),
        (60_000_000, (1, 2, 5, 10, 15, 30)),
        (3_600_000_000, (1, 2, 3, 6, 12, 24)),
    )
    for step in steps
]
_DIRECT = [fate.value for fate in DIRECT_FATES]
_PAPER = [fate.value for fate in PAPER_FATES]


@dataclass(frozen=True, slots=True)
class TimeUnit:
    """The unit of a time axis: ``per`` microseconds of people time a step."""

    name: str
    per: int


def time_unit(length_us: float) -> TimeUnit:
    """Return the unit in which a stretch of time is a readable number.

    >>> time_unit(86_400_000_000).name, time_unit(20_000_000).name
    ('hours', 'seconds')
    """
    units = (("days", 86_400_000_000), ("hours", 3_600_000_000), ("minutes", 60_000_000))
    return next((TimeUnit(name, per) for name, per in units if length_us >= 3 * per), TimeUnit("seconds", 1_000_000))


def bin_width_us(length_us: float) -> int:
    """Return a round bin width that cuts a stretch of time into at most ``BINS`` bins."""
    return next((step for step in STEPS_US if step * BINS >= length_us), int(length_us // BINS) + 1)


def over_time(record: Record, end_us: int) -> tuple[pl.DataFrame, int]:
    """Return one row a bin: visits that wanted to settle, settled, went to paper (each a second), and latencies."""
    width_us = bin_width_us(end_us)
    visits = wanting(record.visits.filter(~pl.col("local")))
    bins = pl.DataFrame({"bin": range(end_us // width_us + 1)}, schema={"bin": pl.Int64})
    counts = {
        "wanted": visits.select(at="wanted_us"),
        "settled": visits.filter(pl.col("fate").is_in(_DIRECT)).select(at="settle_done_us"),
        "paper": visits.filter(pl.col("fate").is_in(_PAPER)).select(at="ended_us"),
    }
    for name, frame in counts.items():
        counted = _binned(frame, width_us).group_by("bin").agg(pl.len().alias(name))
        bins = bins.join(counted, on="bin", how="left").with_columns(pl.col(name).fill_null(0) * (1e6 / width_us))
    latencies = _binned(visits.select("latency_us", at="settle_sent_us").drop_nulls(), width_us).group_by("bin")
    quantiles = latencies.agg(
        p50=pl.col("latency_us").quantile(0.5, "linear"), p95=pl.col("latency_us").quantile(0.95, "linear")
    )
    return bins.join(quantiles, on="bin", how="left").sort("bin").with_columns(at_us=pl.col("bin") * width_us), width_us


def _binned(frame: pl.DataFrame, width_us: int) -> pl.DataFrame:
    return frame.drop_nulls("at").with_columns(bin=pl.col("at") // width_us)


def waiting_over_time(record: Record, end_us: int) -> pl.DataFrame:
    """Return (at_us, waiting): the visits that want to settle and have no end yet."""
    visits = wanting(record.visits.filter(~pl.col("local"))).drop_nulls("wanted_us")
    came = visits.select(at_us="wanted_us").with_columns(step=pl.lit(1))
    left = visits.select(at_us="ended_us").drop_nulls().with_columns(step=pl.lit(-1))
    moves = pl.concat([came, left]).group_by("at_us").agg(pl.col("step").sum()).sort("at_us")
    levels = moves.with_columns(waiting=pl.col("step").cum_sum()).filter(pl.col("at_us") <= end_us)
    width_us = bin_width_us(end_us) // 2 + 1
    return levels.group_by(pl.col("at_us") // width_us * width_us).agg(pl.col("waiting").max()).sort("at_us")


def shares_over_time(record: Record, end_us: int) -> pl.DataFrame:
    """Return one row a bin: of the visits that wanted to settle in it, the shares settled at once and turned away.

    A bin in which nobody wanted to has neither.
    """
    width_us = bin_width_us(end_us)
    visits = stops.wanting(record).filter(~pl.col("local"))
    met = visits.select(at="wanted_us", at_once=stops.at_once(), refused=stops.refused())
    shares = _binned(met, width_us).group_by("bin").agg(pl.col("at_once", "refused").mean())
    bins = pl.DataFrame({"bin": range(end_us // width_us + 1)}, schema={"bin": pl.Int64})
    return bins.join(shares, on="bin", how="left").sort("bin").with_columns(at_us=pl.col("bin") * width_us)


def by_transaction(messages: pl.DataFrame) -> pl.DataFrame:
    """Return one row a transaction: attempts by outcome, and percentiles of the answered ones."""
    outcomes = ("ok", "refused", "unsigned", "busy", "closed", "overloaded", "unreachable", "unknown")
    counts = messages.group_by("code").agg(
        pl.len().alias("attempts"), *((pl.col("outcome") == o).sum().alias(o) for o in outcomes)
    )
    times = (
        answered(messages)
        .group_by("code")
        .agg(
            *(pl.col("latency_us").quantile(q, "linear").alias(f"p{round(q * 100)}") for q in (0.5, 0.9, 0.95, 0.99)),
            pl.col("latency_us").max().alias("max"),
        )
    )
    return counts.join(times, on="code", how="left").sort("code")


SEGMENTS = {
    "links": "hospital and its links",
    "care": "care province, link to hub",
    "hub": "hub, link to insurer",
    "insured": "insured province",
}


def time_by_hop(messages: pl.LazyFrame) -> pl.DataFrame:
    """Return mean microseconds of an accepted settlement message in each part of its way, by transaction."""
    seen = messages.filter((pl.col("outcome") == "ok") & pl.col("code").is_in(SETTLEMENTS)).drop_nulls(
        ["care_in_us", "care_out_us", "hub_in_us", "hub_out_us", "insured_in_us", "insured_out_us"]
    )
    care, hub = pl.col("care_out_us") - pl.col("care_in_us"), pl.col("hub_out_us") - pl.col("hub_in_us")
    insured = pl.col("insured_out_us") - pl.col("insured_in_us")
    return (
        seen.group_by("code")
        .agg(
            links=(pl.col("done_us") - pl.col("sent_us") - care).mean(),
            care=(care - hub).mean(),
            hub=(hub - insured).mean(),
            insured=insured.mean(),
        )
        .sort("code")
        .collect()
    )


def end_of(record: Record, horizon_us: int) -> int:
    """Return the last moment worth drawing: the end of the horizon, or of the last visit when that is later."""
    last = record.visits.filter(~pl.col("local"))["ended_us"].max()
    return max(horizon_us, int(last) if isinstance(last, int) else 0)


def fates_present(counts: dict[str, int]) -> dict[str, int]:
    """Return the fates that happened, and the direct one in any case."""
    return {fate: count for fate, count in counts.items() if count or fate == Fate.DIRECT.value}
