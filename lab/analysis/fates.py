"""The same visits in two records, one by one: whether both worlds tell the same fate, by the same answers.

Near the edge of a fault's window, at a deadline or at a timeout, a millisecond decides which side of it an attempt
falls on, and no two machines agree on that. Visits with such an attempt are listed and left out by rule, never by
their result. So are those of two provinces whose prefund has run short: the order of two settlements then says which of
them it covers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.regions import PROVINCE_DIGITS

if TYPE_CHECKING:
    from scenarios.record.recorder import EventRow, Record
    from scenarios.schema import Clients

__all__ = ["FateComparison", "compare_fates", "edges_of"]

_PAIR = ("care_region", "insured_region")
_TOLD = ("fate", "settlement_id", "fund_fen", "cash_fen", "answers")


@dataclass(frozen=True, slots=True)
class FateComparison:
    """What was compared: ``at_an_edge`` are the visits left out, by number.

    ``differing`` has a row for each visit that differs: its number and, from one record and ``_other``, fate,
    settlement, money and answers.
    """

    visits: int
    at_an_edge: tuple[int, ...]
    differing: pl.DataFrame

    @property
    def compared(self) -> int:
        """How many visits were held against each other."""
        return self.visits - len(self.at_an_edge)


def edges_of(*events: Iterable[EventRow]) -> tuple[int, ...]:
    """Return when the faults of runs really began and ended: a killed process is back later than the file says."""
    found = {at for rows in events for row in rows for at in (row.at_us, row.until_us) if at is not None}
    return tuple(sorted(found))


def compare_fates(
    record: Record, other: Record, clients: Clients, *, edges_us: tuple[int, ...], guard_us: int
) -> FateComparison:
    """Hold each visit of ``record`` against the same visit in ``other``: fate, settlement, money, and its answers.

    Answers are the attempts' outcomes by message, in the order they were given. A visit is at an edge when an attempt
    of it, in either record, was under way within ``guard_us`` of one of ``edges_us``, or ended within ``guard_us`` of
    its message's deadline, or had its verdict within ``guard_us`` (at most half) of the shortest timeout on its way; so
    are the other visits of such a person, whose account and deductible it moved. With a guard of 0 nothing is left out.

    Between two provinces whose prefund ran short in either record, so is whatever was asked from then on.
    """
    left_out = [_at_an_edge(one.messages, clients, edges_us, guard_us) for one in (record, other)]
    if guard_us > 0:
        short = _ran_short(record, other)
        left_out += [_contested(one, short, guard_us) for one in (record, other)]
    touched = record.visits.join(pl.concat([one.select("visit") for one in left_out]), on="visit", how="semi")["person"]
    edges = record.visits.filter(pl.col("person").is_in(touched.to_list()))["visit"].sort()
    both = _told(record).join(_told(other), on="visit", how="full", suffix="_other", coalesce=True)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_other")) for name in _TOLD)
    differing = both.filter(~same & ~pl.col("visit").is_in(edges.to_list())).sort("visit")
    return FateComparison(both.height, tuple(edges), differing)


def _told(record: Record) -> pl.DataFrame:
    attempts = record.messages.sort("visit", "step", "attempt")
    said = pl.concat_str("code", "outcome", "refusal", separator=" ", ignore_nulls=True)
    answers = attempts.group_by("visit", maintain_order=True).agg(answers=said.str.join(", "))
    return record.visits.join(answers, on="visit", how="left").select("visit", *_TOLD)


def _at_an_edge(messages: pl.DataFrame, clients: Clients, edges_us: tuple[int, ...], guard_us: int) -> pl.DataFrame:
    """Return the attempts that a little time more or less would have told otherwise."""
    if guard_us <= 0:
        return messages.clear()
    ended = pl.coalesce("done_us", "sent_us")
    deadline = pl.col("sent_us").min().over("visit", "msgid") + clients.deadline
    late = (ended - deadline).abs() <= guard_us
    shortest_us = min(clients.timeout, clients.forward_timeout.care, clients.forward_timeout.hub)
    verdict = pl.col("outcome").is_in(["ok", "refused"])
    slow = verdict & (ended - pl.col("sent_us") >= max(shortest_us - guard_us, shortest_us // 2))
    under_way = [pl.col("sent_us").le(edge_us + guard_us) & ended.ge(edge_us - guard_us) for edge_us in edges_us]
    return messages.filter(pl.any_horizontal(late, slow, *under_way))


def _ran_short(*records: Record) -> pl.DataFrame:
    """Return since when no order of settlements is told by the plan: the first refusal of each pair of provinces."""
    asked = [_between(one).filter(pl.col("refusal").cast(pl.String) == Refusal.PREFUND_SHORT.value) for one in records]
    return pl.concat(asked).group_by(_PAIR).agg(short_us=pl.col("sent_us").min())


def _contested(record: Record, short: pl.DataFrame, guard_us: int) -> pl.DataFrame:
    """Return the attempts between such a pair from then on."""
    ended = pl.coalesce("done_us", "sent_us")
    return _between(record).join(short, on=_PAIR).filter(ended >= pl.col("short_us") - guard_us)


def _between(record: Record) -> pl.DataFrame:
    """Return attempts with the provinces that they are between."""
    provinces = [pl.col(name).cast(pl.String).str.slice(0, PROVINCE_DIGITS).alias(name) for name in _PAIR]
    attempts = record.messages.select("visit", "sent_us", "done_us", "refusal")
    return attempts.join(record.visits.select("visit", *provinces), on="visit")
