"""What became of orders that people confirm from the phone: told from what the pharmacies and the platform saw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from reference_impl.domain.transactions import PHARMACY_SETTLE, PLACE_ORDER, REFUND_ORDER
from scenarios.record.fates import Fate

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["figures", "samples"]

_FEN_PER_YUAN = 100


def figures(record: Record, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the figures; none where nobody buys by an order."""
    if scenario.visits.orders is None:
        return
    placed, paid, refunded = (_done(record, code) for code in (PLACE_ORDER, PHARMACY_SETTLE, REFUND_ORDER))
    yield "orders.placed", placed.height
    yield "orders.confirmed", paid.height
    if placed.height:
        yield "orders.confirmed_share", paid.height / placed.height
    fates = record.visits.group_by(pl.col("fate").cast(pl.String)).len()
    counted = dict(fates.iter_rows())
    yield "orders.not_confirmed", counted.get(Fate.ORDER_NOT_CONFIRMED.value, 0)
    yield "orders.expired", counted.get(Fate.ORDER_EXPIRED.value, 0)
    yield "orders.refunded", refunded.height
    stand = record.visits.join(paid.select("visit"), on="visit", how="semi")
    yield "orders.fund", int(stand["fund_fen"].sum()) / _FEN_PER_YUAN


def samples(record: Record, scenario: Scenario) -> Iterator[tuple[str, Floats]]:
    """Yield how long each confirmed order waited from its yes to that of its confirmation, in people time."""
    if scenario.visits.orders is None:
        return
    placed, paid = _done(record, PLACE_ORDER), _done(record, PHARMACY_SETTLE)
    both = paid.join(placed.select("visit", placed_us="done_us"), on="visit")
    waits_us = (both["done_us"] - both["placed_us"]).to_numpy().astype(np.float64)
    yield "orders.wait", waits_us * scenario.scale.time


def _done(record: Record, code: str) -> pl.DataFrame:
    """Return the visit and the moment of each yes to a transaction, of visits that are orders."""
    yes = record.messages.filter(pl.col("outcome") == "ok")
    placed = yes.filter(pl.col("code") == PLACE_ORDER).select("visit").unique()
    of_orders = yes.filter(pl.col("code") == code).join(placed, on="visit", how="semi")
    return of_orders.group_by("visit").agg(pl.col("done_us").min()).sort("visit")
