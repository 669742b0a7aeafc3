"""What an overload did: goodput while it lasted beside the peak, what was turned away or held back, and its end.

Goodput counts settlements that their hospital heard of in time; work that nobody hears of counts for nothing. All is
taken from the hospitals' record but for what nodes held back and how often breakers opened, which the stations say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from reference_impl.domain.nodes import HOSPITAL
from scenarios.record.fates import DIRECT_FATES
from scenarios.record.outcomes import HELD_BACK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenarios.record.recorder import Record
    from scenarios.schema import Scenario
    from scenarios.schema.overload import Overload

__all__ = ["figures", "good_us"]

_US_PER_S = 1_000_000
_SERVED = ("ok", "refused", "unsigned", "closed")
"""Outcomes of a try that the way is not to blame for."""


def figures(record: Record, scenario: Scenario) -> dict[str, float]:
    """Return the figures of the overload that a scenario states; nothing where it states none."""
    overload = scenario.overload
    if overload is None:
        return {}
    good = good_us(record.visits, scenario.clients.deadline)
    messages = record.messages
    sent = messages.filter(~pl.col("outcome").is_in(HELD_BACK))
    found = _rates(good, overload, scenario.horizon.length)
    found |= _tries(sent, overload)
    found["overload.held_back"] = float(messages.height - sent.height)
    found["overload.recovery"] = float(_recovery_us(messages, overload, scenario.horizon.length))
    return found | _of_stations(record.stations)


def good_us(visits: pl.DataFrame, deadline_us: int) -> NDArray[np.int64]:
    """Return when each settlement was heard of that came within its deadline and stands, in order."""
    stands = pl.col("acked") & pl.col("fate").cast(pl.String).is_in(DIRECT_FATES)
    in_time = visits.filter(stands & (pl.col("latency_us") <= deadline_us))
    return np.sort(in_time["settle_done_us"].to_numpy())


def _rates(good: NDArray[np.int64], overload: Overload, horizon_us: int) -> dict[str, float]:
    goodput = _rate(good, overload.at, overload.until)
    found = {"overload.goodput": goodput, "overload.goodput_after": _rate(good, overload.until, horizon_us)}
    peak = _peak(good[good < overload.at], overload.peak_over)
    if peak:
        found |= {"overload.peak": peak, "overload.kept": goodput / peak}
    return found


def _rate(good: NDArray[np.int64], from_us: int, until_us: int) -> float:
    """Return how many there were a second of the run's clock from one moment to before the other."""
    if until_us <= from_us:
        return 0.0
    count = np.searchsorted(good, until_us) - np.searchsorted(good, from_us)
    return float(count) * _US_PER_S / (until_us - from_us)


def _peak(good: NDArray[np.int64], over_us: int) -> float:
    """Return the highest rate over any while of this length: it begins with one of them."""
    if not good.size:
        return 0.0
    counts = np.searchsorted(good, good + over_us) - np.arange(good.size)
    return float(counts.max()) * _US_PER_S / over_us


def _tries(sent: pl.DataFrame, overload: Overload) -> dict[str, float]:
    if not sent.height:
        return {}
    begun = sent["msgid"].n_unique()
    found = {"overload.retries": (sent.height - begun) / begun}
    meanwhile = sent.filter(pl.col("sent_us").is_between(overload.at, overload.until, closed="left"))
    if meanwhile.height:
        found["overload.turned_away"] = meanwhile.filter(pl.col("outcome") == "overloaded").height / meanwhile.height
    return found


def _recovery_us(messages: pl.DataFrame, overload: Overload, horizon_us: int) -> float:
    """Return how long seconds were bad after the end; infinity when the last one was."""
    seconds = (horizon_us - overload.until) // _US_PER_S
    since = messages.select(
        second=(pl.col("sent_us") - overload.until) // _US_PER_S,
        bad=~pl.col("outcome").cast(pl.String).is_in(_SERVED),
    )
    after = since.filter(pl.col("second").is_between(0, seconds, closed="left"))
    shares = after.group_by("second").agg(pl.col("bad").mean())
    last = shares.filter(pl.col("bad") > overload.calm)["second"].max()
    if last is None:
        return 0.0
    recovered = int(str(last)) + 1
    return math.inf if recovered == seconds else recovered * _US_PER_S


def _of_stations(stations: pl.DataFrame) -> dict[str, float]:
    """Return what nodes held back, and how often breakers opened: of those who keep any."""
    breaker, at_hospitals = pl.col("station") == "breaker", pl.col("node") == HOSPITAL
    sums = (
        ("overload.node_held_back", "refused", pl.col("station") == "calls"),
        ("overload.openings", "arrivals", breaker & ~at_hospitals),
        ("overload.hospital_openings", "arrivals", breaker & at_hospitals),
    )
    kept = ((name, stations.filter(which)[column]) for name, column, which in sums)
    return {name: float(counted.sum()) for name, counted in kept if counted.len()}
