"""How many messages each fault of a run hit, read back from the record and the books: one rule for both worlds.

A link counts for itself what it loses and delays (``loss``). A node's fault met the attempts of hospitals that came to
the node, or were held there, while it lasted; where an answer tells no times, those that were under way on a way that
leads over the node. Of hospitals that are not heard it is the messages that were told so. A commit was lost where the
insurer said yes and its books do not hold the message. Must never look at who counted what in one world alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from reference_impl.domain.nodes import HUB, is_city
from reference_impl.domain.regions import CITY_DIGITS
from reference_impl.domain.transactions import TRANSACTIONS
from reference_impl.staging.hospital_faults import HOSPITAL_FAULTS
from scenarios.schema.faults import LostCommit
from scenarios.schema.link_faults import ANY

if TYPE_CHECKING:
    from reference_impl.books.final import FinalBooks
    from scenarios.record.written import RunTables
    from scenarios.schema import Scenario
    from scenarios.schema.topology import Topology

__all__ = ["with_hits"]

_HOLDING = ("freeze", "kill")
"""Whoever is inside when it begins is hit as well."""
_MEETING = ("refuse", "slow", "slow_disk", "database_down", "full_disk", "cpu_hog", "clock_off")
"""Only who comes while it lasts is hit."""
_UNHEARD = tuple(HOSPITAL_FAULTS)
"""Whoever was told that they are not heard for this is hit, of the province and as long as it lasts."""
_LOST_COMMIT = "lost_commit"
_PROVINCE_DIGITS = 2
_FORWARDED = [code for code, row in TRANSACTIONS.items() if row.forwarded]
_FOREVER_US = 1 << 62
_SEEN = (
    "visit", "code", "msgid", "sent_us", "done_us", "outcome", "refusal", "care_in_us", "care_out_us", "hub_in_us",
    "hub_out_us", "insured_in_us", "insured_out_us", "city_in_us", "city_out_us",
)  # fmt: skip


def with_hits(tables: RunTables, scenario: Scenario, books: Callable[[], Mapping[Any, FinalBooks]]) -> RunTables:
    """Return ``tables`` with the hits of the faults of its nodes and of its books filled in.

    ``books`` reads the final books; they are read only when a fault says that they lose commits.
    """
    events = tables.frame("events")
    if not events["kind"].is_in([*_HOLDING, *_MEETING, *_UNHEARD, _LOST_COMMIT]).any():
        return tables
    attempts = _on_their_way(tables)
    hits: list[int | None] = []
    for event in events.iter_rows(named=True):
        if event["kind"] in (*_HOLDING, *_MEETING):
            hits.append(attempts.filter(_met(event, _nodes_hit(scenario.topology, event))).height)
        elif event["kind"] in _UNHEARD:
            hits.append(attempts.filter(_unheard(event)).height)
        elif event["kind"] == _LOST_COMMIT:
            hits.append(_lost_commits(attempts, _commit_fault(scenario, event), books()))
        else:
            hits.append(event["hits"])
    return tables.with_table("events", events.with_columns(hits=pl.Series(hits, dtype=pl.Int64)))


def _commit_fault(scenario: Scenario, event: dict[str, Any]) -> LostCommit:
    """Return the fault that an event is of; two that agree in all of this lose the same commits."""
    return next(
        fault
        for fault in scenario.faults
        if isinstance(fault, LostCommit)
        and (fault.node, fault.at) == (event["target"], event["at_us"])
        and event["note"].startswith(" ".join(fault.codes))
    )


def _nodes_hit(topology: Topology, event: dict[str, Any]) -> tuple[str, ...]:
    """Return the nodes that a fault stops: a process with all it serves, or one node."""
    node = event["target"]
    if node == ANY:
        return topology.nodes()
    return topology.hosts()[topology.host_of(node)].nodes if event["kind"] in _HOLDING else (node,)


def _on_their_way(tables: RunTables) -> pl.DataFrame:
    """Return the attempts with the provinces on their way."""
    ends = tables.scan("visits").select(
        "visit",
        care=pl.col("care_region").str.head(_PROVINCE_DIGITS),
        insured=pl.col("insured_region").str.head(_PROVINCE_DIGITS),
        care_city=pl.col("care_region").str.head(CITY_DIGITS),
        insured_city=pl.col("insured_region").str.head(CITY_DIGITS),
    )
    across = pl.col("code").is_in(_FORWARDED) & (pl.col("care") != pl.col("insured"))
    attempts = tables.scan("messages").select(_SEEN).join(ends, on="visit", how="left")
    return attempts.with_columns(across=across).collect()


def _unheard(event: dict[str, Any]) -> pl.Expr:
    refused = pl.col("refusal").cast(pl.String) == HOSPITAL_FAULTS[event["kind"]].value
    lasted = (pl.col("sent_us") < event["until_us"]) & (pl.col("done_us") >= event["at_us"])
    return refused & (pl.col("care") == event["target"]) & lasted


def _met(event: dict[str, Any], nodes: Iterable[str]) -> pl.Expr:
    until_us = _FOREVER_US if event["until_us"] is None else event["until_us"]
    return pl.any_horizontal(_met_at(node, event, until_us) for node in nodes)


def _met_at(node: str, event: dict[str, Any], until_us: int) -> pl.Expr:
    if node == HUB:
        return pl.col("across") & _while(event, until_us, "care_in_us", "hub")
    if is_city(node):
        # What passes it for its insured is within its province's time there, which the record tells.
        out = (pl.col("care_city") == node) & _while(event, until_us, "sent_us", "city")
        return out | (
            pl.col("across") & (pl.col("insured_city") == node) & _while(event, until_us, "hub_in_us", "insured")
        )
    care = (pl.col("care") == node) & _while(event, until_us, "sent_us", "care")
    return care | (pl.col("across") & (pl.col("insured") == node) & _while(event, until_us, "hub_in_us", "insured"))


def _while(event: dict[str, Any], until_us: int, left_before: str, role: str) -> pl.Expr:
    """Whether a message was on its way to the role, or in it, while the fault lasted; or was taken in then."""
    if event["kind"] in _MEETING:
        return pl.coalesce(f"{role}_in_us", "sent_us").is_between(event["at_us"], until_us, closed="left")
    came_us, gone_us = pl.coalesce(left_before, "sent_us"), pl.coalesce(f"{role}_out_us", "done_us")
    return (came_us < until_us) & (gone_us > event["at_us"])


def _lost_commits(attempts: pl.DataFrame, fault: LostCommit, books: Mapping[Any, FinalBooks]) -> int:
    held = {message.key.msgid for message in books[fault.node].messages}
    until_us = _FOREVER_US if fault.until is None else fault.until
    yes = attempts.filter(
        (pl.col("insured") == fault.node)
        & pl.col("code").is_in(fault.codes)
        & (pl.col("outcome") == "ok")
        & pl.col("done_us").is_between(fault.at, until_us)
    )
    return sum(msgid not in held for msgid in yes["msgid"].unique())
