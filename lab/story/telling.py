"""The rows of one visit in a run, and a fact told from them with its moment: what every part of a story is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from lab.runs.opened import Opened

__all__ = ["Moment", "Teller"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Teller:
    """Reads the rows of one visit in an opened run."""

    opened: Opened
    row: dict[str, Any]

    @property
    def scale(self) -> float:
        """How many times as fast as the run's clock business time passes."""
        return self.opened.scenario.scale.time

    def rows(self, table: str, order: str) -> list[dict[str, Any]]:
        """Return the visit's rows of a table."""
        mine = self.opened.scan(table).filter(pl.col("visit") == self.row["visit"]).collect()
        return mine.sort(order, maintain_order=True).to_dicts()

    def at(self, run_us: float) -> datetime:
        """Return business time."""
        return self.opened.scenario.horizon.start + timedelta(microseconds=round(run_us * self.scale))
