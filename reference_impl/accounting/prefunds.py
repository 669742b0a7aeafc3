"""How far settlements used the prefunds, pair by pair and day by day: warnings, the day one ran dry, the top-up wanted.

Read off what was posted, whether the run was held to a prefund or not: here nothing is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from reference_impl.domain.failures import InputError
from reference_impl.domain.prefund import Alarm, top_up_fen, warning_of

__all__ = ["PrefundUse", "prefund_use"]


class PrefundUse(NamedTuple):
    """One insured province's prefund with one province of care, at the end of a stretch of days.

    ``used_fen`` is the highest it came to at the end of a day; ``yellow_on``, ``red_on`` and ``dry_on`` are the first
    days at whose end it was used so far.
    """

    insured: str
    care: str
    limit_fen: int
    used_fen: int
    alarm: Alarm
    yellow_on: int | None
    red_on: int | None
    dry_on: int | None

    @property
    def top_up_fen(self) -> int:
        """The least increase that would have left no warning."""
        return top_up_fen(self.used_fen, self.limit_fen)

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**self._asdict(), "alarm": self.alarm.value, "top_up_fen": self.top_up_fen}


def prefund_use(items: pl.DataFrame, quotas: Mapping[tuple[str, str], int]) -> list[PrefundUse]:
    """Return the use of every prefund in ``quotas`` by ``items`` (as ``clearing.ITEMS``).

    Raises:
        InputError: for a quota of a pair of which one is the other.

    """
    daily = items.group_by("insured", "care", "booked_on").agg(pl.col("owed_fen").sum()).sort("booked_on")
    return [_use(daily, pair, limit_fen) for pair, limit_fen in sorted(quotas.items())]


def _use(daily: pl.DataFrame, pair: tuple[str, str], limit_fen: int) -> PrefundUse:
    insured, care = pair
    if insured == care:
        raise InputError(f"prefund of {insured} with itself; expected two provinces")
    own = daily.filter((pl.col("insured") == insured) & (pl.col("care") == care))
    run = own.select("booked_on", used_fen=pl.col("owed_fen").cum_sum())
    first: dict[str, int] = {}
    peak_fen = 0
    for day, used_fen in run.iter_rows():
        peak_fen = max(peak_fen, used_fen)
        alarm = warning_of(used_fen, limit_fen)
        if alarm is not Alarm.NONE:
            first.setdefault("yellow", day)
        if alarm is Alarm.RED:
            first.setdefault("red", day)
        if used_fen > limit_fen:
            first.setdefault("dry", day)
    found = tuple(first.get(name) for name in ("yellow", "red", "dry"))
    return PrefundUse(insured, care, limit_fen, peak_fen, warning_of(peak_fen, limit_fen), *found)
