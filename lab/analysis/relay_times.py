"""What the way over a city's relay takes: from the record, for scenarios in which cities have relays."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from reference_impl.domain.regions import CITY_DIGITS

if TYPE_CHECKING:
    from lab.analysis.statistics import Floats

__all__ = ["figures", "samples"]


def figures(visits: pl.DataFrame, relays: Collection[str]) -> Iterator[tuple[str, float]]:
    """Yield the share of the visits whose way leads over a relay."""
    if relays and visits.height:
        yield "relay.visits", visits.select(_by("care_region", relays) | _by("insured_region", relays)).mean().item()


def samples(visits: pl.DataFrame, messages: pl.DataFrame, relays: Collection[str]) -> Iterator[tuple[str, Floats]]:
    """Yield what relays add to the attempts of their hospitals that the care province answered.

    A filing on the insurer's own platform passes a relay after the province, and no hospital waited for that.
    """
    if not relays:
        return
    here = visits.filter(_by("care_region", relays)).select("visit")
    answered = messages.filter(pl.col("care_out_us").is_not_null()).join(here, on="visit", how="semi")
    answered = answered.filter(pl.col("city_in_us") <= pl.col("care_in_us"))
    at_city, at_care = (pl.col(f"{hop}_out_us") - pl.col(f"{hop}_in_us") for hop in ("city", "care"))
    yield "relay.time", answered.select(added=at_city - at_care)["added"].drop_nulls().to_numpy().astype(np.float64)


def _by(region: str, relays: Collection[str]) -> pl.Expr:
    return pl.col(region).str.head(CITY_DIGITS).is_in(list(relays))
