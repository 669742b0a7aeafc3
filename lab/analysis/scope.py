"""What measures look at: cross-province visits that arrived after the warm-up, and what they sent and met.

Must never work out a figure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from scenarios.record.outcomes import HELD_BACK

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.measures import Part

__all__ = ["Scope", "narrowed", "scope_of"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the measures of one replication look at.

    ``visits`` and ``messages`` are those of who arrived after the warm-up: they are judged. ``everyone`` and
    ``traffic`` hold those before as well: rates count what happens in the window, whoever came when. ``traffic`` is
    only when each message was sent.
    """

    visits: pl.DataFrame
    messages: pl.DataFrame
    contacts: pl.DataFrame
    everyone: pl.DataFrame
    traffic: pl.DataFrame
    stations: pl.DataFrame
    generator: pl.DataFrame
    time_scale: float
    window_us: int
    warm_up_us: int


def scope_of(record: Record, scenario: Scenario) -> Scope:
    """Cut a record down to the cross-province visits that arrived after the warm-up, and to their messages."""
    warm_up_us = scenario.horizon.warm_up
    everyone = _only(record.visits, ~pl.col("local"))
    visits = _only(everyone, pl.col("arrival_us") >= warm_up_us)
    tried = record.messages
    sent = _only(tried, ~pl.col("outcome").is_in(HELD_BACK)) if scenario.clients.hold_back else tried
    return Scope(
        visits=visits,
        messages=_of_visits(sent, visits),
        contacts=record.contacts.join(visits.select("visit", "kind"), on="visit", maintain_order="left"),
        everyone=everyone,
        traffic=_of_visits(sent.select("visit", "sent_us"), everyone).select("sent_us"),
        stations=record.stations.filter(pl.col("at_us") >= warm_up_us),
        generator=record.generator,
        time_scale=scenario.scale.time,
        window_us=max(1, scenario.horizon.length - warm_up_us),
        warm_up_us=warm_up_us,
    )


def narrowed(scope: Scope, part: Part) -> Scope:
    """Return the scope of the visits of one province or city, or of everybody but those."""
    here = pl.col(f"{part.side}_region").str.starts_with(part.place)
    visits = scope.visits.filter(~here if part.but else here)
    kept = visits.select("visit")
    return replace(
        scope,
        visits=visits,
        messages=scope.messages.join(kept, on="visit", how="semi"),
        contacts=scope.contacts.join(kept, on="visit", how="semi"),
    )


def _only(frame: pl.DataFrame, wanted: pl.Expr) -> pl.DataFrame:
    """Return the rows that are ``wanted``; the frame itself, not a copy, where that is all of them."""
    mask = frame.select(wanted).to_series()
    return frame if mask.all() else frame.filter(mask)


def _of_visits(rows: pl.DataFrame, visits: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of these visits; the frame itself, not a copy, where that is all of them."""
    return _only(rows, pl.col("visit").is_in(visits["visit"].implode()))
