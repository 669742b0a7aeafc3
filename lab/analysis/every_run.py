"""The figures that every run has, whatever its scenario asks: fates, rates, waits, bills, and what was busy.

Durations stay in microseconds; people time is stretched back by ``scale.time``. Whatever had nothing to look at is
absent, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from reference_impl.domain.transactions import LEAVING
from scenarios.record.fates import DIRECT_FATES, PAPER_FATES, SERVED, Fate

if TYPE_CHECKING:
    from lab.analysis.scope import Scope
    from lab.analysis.statistics import Floats

__all__ = [
    "KINDS",
    "NEVER",
    "answered",
    "by_fate",
    "fate_counts",
    "figures",
    "open_stays",
    "samples",
    "station_use",
    "visit_samples",
    "wanting",
]

US_PER_S = 1_000_000
FEN_PER_YUAN = 100
NEVER = math.inf
"""The latency of whoever still waited when the run ended."""
OPEN_CONTACT = "open"
KINDS = ("outpatient", "pharmacy", "inpatient")


def figures(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield the plain numbers by name: fates, rates, bills, the busiest station, the generator."""
    yield from by_fate(scope)
    yield from _flow(scope)
    yield from _burden(scope)
    yield from _bottleneck(scope)
    yield from _generator(scope)


def samples(scope: Scope) -> Iterator[tuple[str, Floats]]:
    """Yield every distribution by name; some may be without values."""
    yield from visit_samples(scope)
    visits, attempts = scope.visits, answered(scope.messages)
    yield "message.latency", _array(attempts["latency_us"])
    for code in sorted(attempts["code"].unique()):
        yield f"message.latency.{code}", _array(attempts.filter(pl.col("code") == code)["latency_us"])
    came = visits.filter(pl.col("started_us").is_not_null() | (pl.col("desk_wait_us") > 0))
    yield "desk.wait", _array(came["desk_wait_us"]) * scope.time_scale


def visit_samples(scope: Scope) -> Iterator[tuple[str, Floats]]:
    """Yield the distributions that a gate may ask of a part of the visits alone."""
    contacts, settling = served(scope.contacts), settled(scope.visits)
    yield "contact.latency", _array(contacts["latency_us"])
    yield "settlement.latency", _array(settling["latency_us"])
    for kind in KINDS:
        yield f"contact.latency.{kind}", _array(contacts.filter(pl.col("kind") == kind)["latency_us"])
        yield f"settlement.latency.{kind}", _array(settling.filter(pl.col("kind") == kind)["latency_us"])
    yield "visit.time", _array(_visit_times_us(scope))


def served(contacts: pl.DataFrame) -> pl.DataFrame:
    """Return the contacts that ended in an answer, with their ``latency_us``; infinite where the run ended first.

    A closed door and a refusal to serve are quick, and no answer: they would flatter. ``direct_first_try`` and
    ``visit.time`` show what they cost. Whoever still waited at the end of the run would flatter too if left out.
    """
    asked = contacts.filter(pl.col("outcome").is_in((*SERVED, OPEN_CONTACT)))
    latency_us = (pl.col("done_us") - pl.col("intended_us")).cast(pl.Float64)
    return asked.with_columns(latency_us=pl.when(pl.col("outcome") == OPEN_CONTACT).then(NEVER).otherwise(latency_us))


def settled(visits: pl.DataFrame) -> pl.DataFrame:
    """Return visits with their ``latency_us``, infinite where the run ended before their answer."""
    waiting = (
        (pl.col("fate") == Fate.OPEN_AT_END.value)
        & pl.col("settle_sent_us").is_not_null()
        & pl.col("settle_done_us").is_null()
    )
    return visits.with_columns(latency_us=pl.when(waiting).then(NEVER).otherwise(pl.col("latency_us").cast(pl.Float64)))


def _visit_times_us(scope: Scope) -> pl.Series:
    """Return the whole time of each visit: people time stretched back, machine time as it is.

    Infinite for a visit that the end of the run cut off; a stay has none, for its days are its own.
    """
    machine = scope.contacts.group_by("visit").agg(machine_us=(pl.col("done_us") - pl.col("intended_us")).sum())
    came = scope.visits.filter(pl.col("kind") != "inpatient")
    timed = came.join(machine, on="visit", how="left", maintain_order="left")
    machine_us = pl.col("machine_us").fill_null(0)
    whole_us = (pl.col("ended_us") - pl.col("arrival_us") - machine_us) * scope.time_scale + machine_us
    cut_off = pl.col("fate") == Fate.OPEN_AT_END.value
    return timed.select(whole_us=pl.when(cut_off).then(NEVER).otherwise(whole_us.cast(pl.Float64)))["whole_us"]


def answered(messages: pl.DataFrame) -> pl.DataFrame:
    """Return ``code`` and ``latency_us`` of the attempts that got a verdict."""
    verdicts = messages.lazy().filter(pl.col("outcome").is_in(["ok", "refused"]))
    return verdicts.select("code", latency_us=pl.col("done_us") - pl.col("sent_us")).collect()


def fate_counts(visits: pl.DataFrame) -> dict[str, int]:
    """Return how many visits had each fate, in the order of the list; they add up to all."""
    counts = dict(visits.group_by("fate").len().iter_rows())
    return {fate.value: counts.get(fate.value, 0) for fate in Fate}


def open_stays(scope: Scope) -> pl.DataFrame:
    """Return the stays that were still going on at the end: nobody has asked to settle them yet.

    A stay of days outlasts a horizon of hours, so counting it as "not direct" would measure the horizon.
    """
    lying = scope.visits.filter(
        (pl.col("kind") == "inpatient")
        & (pl.col("fate") == Fate.OPEN_AT_END.value)
        & pl.col("settle_sent_us").is_null()
        & (pl.col("parked_us") == 0)
    )
    leaving = scope.messages.filter(pl.col("code").is_in(LEAVING)).select("visit")
    return lying.join(leaving, on="visit", how="anti")


def by_fate(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield how many visits ended how, and their shares, which a gate may ask of a part of the visits alone."""
    counts = fate_counts(scope.visits)
    total = scope.visits.height
    yield "visits.total", total
    for fate, count in counts.items():
        yield f"visits.{fate}", count
    not_refused = total - counts[Fate.REFUSED] - open_stays(scope).height
    if not_refused:
        yield "direct_rate", sum(counts[f] for f in DIRECT_FATES) / not_refused
        yield "direct_first_try", counts[Fate.DIRECT] / not_refused
        yield "paper_rate", sum(counts[f] for f in PAPER_FATES) / not_refused


def wanting(visits: pl.DataFrame) -> pl.DataFrame:
    """Add ``wanted_us``, when a visit first wanted to settle: its arrival, or for a stay the way to its settlement."""
    discharge = pl.coalesce("settle_sent_us", "ended_us") - pl.col("parked_us")
    wanted = pl.when(pl.col("kind") == "inpatient").then(discharge).otherwise(pl.col("arrival_us"))
    return visits.with_columns(wanted_us=wanted)


def _flow(scope: Scope) -> Iterator[tuple[str, float]]:
    window_s = scope.window_us / US_PER_S
    end_us = scope.warm_up_us + scope.window_us

    def in_window(column: str) -> pl.Expr:
        return pl.col(column).is_between(scope.warm_up_us, end_us, closed="left")

    yield "offered.rate", wanting(scope.everyone).filter(in_window("wanted_us")).height / window_s
    yield "settlements.rate", scope.everyone.filter(pl.col("acked") & in_window("settle_done_us")).height / window_s
    yield "messages.rate", scope.traffic.filter(in_window("sent_us")).height / window_s
    if scope.messages.height:
        yield "retry.amplification", scope.messages.height / scope.messages["msgid"].n_unique()


def _burden(scope: Scope) -> Iterator[tuple[str, float]]:
    """Yield who bore the bills: patients in advance, or funds at the desk."""
    yield "paper.advance", float(scope.visits["paper_fen"].sum()) / FEN_PER_YUAN
    direct = scope.visits.filter(pl.col("fate").cast(pl.String).is_in(DIRECT_FATES))
    bills_fen = int(direct["total_fen"].sum())
    yield "direct.bills", bills_fen / FEN_PER_YUAN
    if bills_fen:
        yield "direct.fund_share", int(direct["fund_fen"].sum()) / bills_fen


def _bottleneck(scope: Scope) -> Iterator[tuple[str, float]]:
    serving = station_use(scope).filter(pl.col("station") != "desk")
    if serving.height:
        yield "bottleneck.utilisation", serving["utilisation"][0]


def _generator(scope: Scope) -> Iterator[tuple[str, float]]:
    if scope.generator.height:
        yield "generator.cpu", float(scope.generator.select(pl.col("cpu_share").max()).item())
        yield "generator.lag", float(scope.generator.select(pl.col("lag_p99_us").max()).item() or 0)
        yield "generator.dropped", float(scope.generator.select(pl.col("dropped").sum()).item())


def station_use(scope: Scope) -> pl.DataFrame:
    """Return mean use, mean and longest queue of every station, the busiest first: the first row is the bottleneck.

    Means are over the window in which patients come: how long a world then watches empty stations says nothing. Of a
    window shorter than a sample, they are over all samples.
    """
    came = pl.col("at_us") <= scope.warm_up_us + scope.window_us
    window = came | ~came.any()
    use = scope.stations.group_by("node", "station").agg(
        utilisation=pl.col("utilisation").filter(window).mean(),
        utilisation_peak=pl.col("utilisation").max(),
        queue=pl.col("queue").filter(window).mean(),
        queue_peak=pl.col("queue").max(),
        refused=pl.col("refused").sum(),
    )
    return use.sort(["utilisation", "node", "station"], descending=[True, False, False])


def _array(column: pl.Series) -> Floats:
    return column.drop_nulls().to_numpy().astype(np.float64)
