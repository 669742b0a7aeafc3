"""What closing its business days cost a run: how many closed, how late, and what waited at the hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from scenarios.record.recorder import Record

__all__ = ["measure"]


def measure(record: Record) -> Iterator[tuple[str, float]]:
    """Yield the measures of the closed days; none where no day was closed."""
    days = record.closings.unique(["node", "day"], keep="first")
    if not days.height:
        return
    yield "closing.days", float(days.height)
    yield "closing.waiting", float(days["waiting"].sum())
    yield "closing.delay", float(days.select((pl.col("closed_us") - pl.col("due_us")).max()).item())
