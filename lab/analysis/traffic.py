"""What hospitals sent in a load run: by transaction how many, how fast, and how long they took; and what went wrong.

Every figure is exact, of the rows of the record: percentiles are by the nearest rank, and nothing is left out for a
warm-up. A message takes from its sending to its answer, a contact from the moment it was meant to begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from scenarios.record.fates import SERVED
from scenarios.record.recorder import Record

__all__ = ["CONTACT", "Took", "Traffic", "traffic_of"]

CONTACT = "contact"
_OK = ("ok", "refused")
"""Outcomes that are a verdict; any other is an error of some kind."""
_UNSENT = ("held_by_breaker", "held_by_budget")
_US_PER_S = 1_000_000


class Took(NamedTuple):
    """Messages of one transaction, or contacts: their number, their rate, and their latency in microseconds.

    The latencies are of those that had an answer; None where none had.
    """

    name: str
    number: int
    per_s: float
    min_us: float | None
    mean_us: float | None
    p50_us: float | None
    p90_us: float | None
    p95_us: float | None
    p99_us: float | None
    max_us: float | None


class Traffic(NamedTuple):
    """What a run's hospitals sent; ``errors`` counts messages without a verdict, by their outcome."""

    took: tuple[Took, ...]
    errors: Mapping[str, int]


def traffic_of(record: Record) -> Traffic:
    """Return the traffic of a run, contacts first and then transactions in the order of their codes."""
    sent = record.messages.filter(~pl.col("outcome").is_in(_UNSENT))
    length_s = _length_s(sent)
    contacts = record.contacts.select(
        pl.lit(CONTACT).alias("name"),
        pl.when(pl.col("outcome").is_in(SERVED)).then(pl.col("done_us") - pl.col("intended_us")).alias("took_us"),
    )
    messages = sent.select(
        pl.col("code").alias("name"),
        pl.when(pl.col("outcome").is_in(_OK)).then(pl.col("done_us") - pl.col("sent_us")).alias("took_us"),
    ).sort("name", maintain_order=True)
    rows = [*_took(contacts, length_s), *_took(messages, length_s)]
    wrong = sent.filter(~pl.col("outcome").is_in(_OK)).group_by("outcome").len().sort("outcome")
    return Traffic(tuple(rows), dict(wrong.iter_rows()))


def _length_s(sent: pl.DataFrame) -> float:
    """Return from the first message to the last, at least a second: a rate over less says nothing."""
    if sent.is_empty():
        return 1.0
    first, last = sent.select(first=pl.col("sent_us").min(), last=pl.col("sent_us").max()).row(0)
    return max(1.0, (last - first) / _US_PER_S)


def _took(rows: pl.DataFrame, length_s: float) -> list[Took]:
    took = pl.col("took_us")
    ranks = [took.quantile(share, interpolation="nearest").alias(f"p{share}") for share in (0.5, 0.9, 0.95, 0.99)]
    figures = [took.min().alias("min"), took.mean().alias("mean"), *ranks, took.max().alias("max")]
    groups = rows.group_by("name", maintain_order=True).agg(pl.len().alias("count"), *figures)
    return [Took(name, count, count / length_s, *figures) for name, count, *figures in groups.iter_rows()]
