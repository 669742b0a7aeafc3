"""What the scope of direct settlement did to people: who was turned away where nothing is opened for visitors.

Counted over all visits of people from elsewhere that arrived after the warm-up, those within a province too where
the scope is between cities. Nothing is measured where every institution serves everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from reference_impl.domain.errors import Refusal
from reference_impl.domain.regions import CITY_DIGITS, PROVINCE_DIGITS
from scenarios.patients.network import network_scope
from scenarios.patients.places import Places
from scenarios.record.fates import DIRECT_FATES, Fate
from scenarios.schema.measure import KINDS

if TYPE_CHECKING:
    from reference_impl.domain.network import NetworkScope
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["from_elsewhere", "measure", "scope_of"]

_FEN_PER_YUAN = 100


def scope_of(scenario: Scenario) -> NetworkScope | None:
    """Return what every institution of a scenario is opened for; None where all serve everybody."""
    return None if scenario.network is None else network_scope(scenario.network, Places(scenario).hospitals)


def from_elsewhere(between: str) -> pl.Expr:
    """Return which visits are of people from elsewhere."""
    digits = PROVINCE_DIGITS if between == "provinces" else CITY_DIGITS
    return pl.col("care_region").str.slice(0, digits) != pl.col("insured_region").str.slice(0, digits)


def measure(record: Record, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the figures of a record, where the scenario has a scope."""
    scope = scope_of(scenario)
    if scope is None:
        return
    since = pl.col("arrival_us") >= scenario.horizon.warm_up
    visits = record.visits.filter(since & from_elsewhere(scope.between))
    said_no = record.messages.filter(pl.col("refusal").cast(pl.String) == Refusal.NOT_OPENED.value)
    refused = visits.join(said_no.select("visit").unique(), on="visit", how="semi")
    yield "network.asked", visits.height
    yield "network.refused", refused.height
    for kind in KINDS:
        yield f"network.refused_{kind}", refused.filter(kind=kind).height
    if visits.height:
        yield "network.refused_share", refused.height / visits.height
    direct = [fate.value for fate in DIRECT_FATES]
    yield "network.opened_in_stay", refused.filter(pl.col("fate").is_in(direct)).height
    paid = visits.filter(pl.col("fate") == Fate.PAPER_BY_NETWORK.value)
    yield "network.advance", int(paid["paper_fen"].sum()) / _FEN_PER_YUAN
    for name, at_us in (("first", 0), ("last", scenario.horizon.length - 1)):
        yield f"network.opened_{name}", _opened(scope, at_us)


def _opened(scope: NetworkScope, at_us: int) -> int:
    """Return how many institutions are opened for anything at an instant."""
    return sum(any(one.from_us <= at_us < one.until_us for one in some) for some in scope.openings.values())
