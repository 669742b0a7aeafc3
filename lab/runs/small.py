"""The part of a record that a scenario's figures look at: what a million visits can be measured by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scenarios.record.recorder import Record, small_record

if TYPE_CHECKING:
    import polars as pl

    from scenarios.schema import Scenario

__all__ = ["looked_at"]


def looked_at(scan: Callable[[str], pl.LazyFrame], scenario: Scenario) -> Record:
    """Return what of a record the figures of ``scenario`` look at, from tables that ``scan`` opens."""
    return small_record(
        scan,
        cutover=scenario.asks_of_everyone,
        why=scenario.asks_why,
        nation=scenario.nation is not None,
        relays=bool(scenario.topology.relays()),
    )
