"""What was settled of long stays in their middle, because their patients asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from scenarios.record.fates import DIRECT_FATES

if TYPE_CHECKING:
    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario

__all__ = ["figures"]

_FEN_PER_YUAN = 100


def figures(record: Record, scenario: Scenario) -> Iterator[tuple[str, float]]:
    """Yield the figures; none where nobody may ask, and none that a planned stop has forced."""
    if scenario.visits.mid_stay is None:
        return
    settled = record.mid_stays
    yield "mid_stay.settled", settled.height
    yield "mid_stay.fund", int(settled["fund_fen"].sum()) / _FEN_PER_YUAN
    yield "mid_stay.deductible", int(settled["deductible_fen"].sum()) / _FEN_PER_YUAN
    whole = record.visits.join(settled.select("visit"), on="visit", how="semi")
    direct = whole.filter(pl.col("fate").is_in([fate.value for fate in DIRECT_FATES]))
    yield "mid_stay.settled_whole", direct.height
