"""Who is reminded of a filing that ends: the daily list, and each filing on it once (SEED 004)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from reference_impl.domain.filing import NO_END_US, Filing

__all__ = ["Due", "due", "reminders"]


class Due(NamedTuple):
    """A filing that ends soon, or has: whose, which, and when."""

    person: str
    serial: str
    ends_us: int


def due(
    kept: Iterable[tuple[str, Iterable[Filing]]], *, since_us: int, until_us: int, now_us: int = NO_END_US
) -> Iterator[Due]:
    """Yield the filings that end within a time and that nothing has taken the place of (SEED 004).

    ``now_us`` is when the list is made: what was filed or ended later is not known then. Without it all is known.
    """
    for person, filings in kept:
        for filing in filings:
            stands = now_us < filing.ended_us or filing.ended_us >= filing.ends_us
            if since_us <= filing.ends_us < until_us and filing.accepted_us <= now_us and stands:
                yield Due(person, filing.serial, filing.ends_us)


def reminders(listed: Iterable[Due], reminded: Container[str]) -> tuple[Due, ...]:
    """Return whom to remind: each filing once, however often it was listed; ``reminded`` are receipts of before."""
    fresh = {one.serial: one for one in listed if one.serial not in reminded}
    return tuple(fresh.values())
