"""Versioned rows: what held when, and who had been told of it by then.

A row says from when until when something holds; a later version of the same row says it again, otherwise. A receiver
goes by the newest version of each row that has reached it: it cannot know better, and must not know worse. Pure; who
receives what and when is ``master_data``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

__all__ = ["ALWAYS_US", "NEVER_US", "Row", "Standing", "known_rows", "newest_name", "standing"]

ALWAYS_US = -(2**62)
"""Before every instant of a run."""
NEVER_US = 2**62
"""After every instant of a run."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """What holds from ``valid_from_us`` until just before ``valid_until_us``, as version ``version`` states it.

    ``name`` and ``valid_from_us`` say which row it is; ``received_us`` is when this version was there.
    """

    name: str
    valid_from_us: int
    valid_until_us: int
    version: int
    received_us: int


class Standing(StrEnum):
    """How a name stands at one who looks it up."""

    VALID = "valid"
    NOT_RECEIVED = "not_received"
    """No version of any row of this name has come."""
    NOT_YET = "not_yet"
    """All that have come begin later."""
    ENDED = "ended"
    """What has come held once, and does no more."""


def known_rows(rows: Iterable[Row], known_us: int) -> tuple[Row, ...]:
    """Return each row as whoever has received ``rows`` knows it at ``known_us``: in its newest version by then."""
    newest: dict[tuple[str, int], Row] = {}
    for row in rows:
        if row.received_us <= known_us:
            which = row.name, row.valid_from_us
            if which not in newest or newest[which].version < row.version:
                newest[which] = row
    return tuple(newest.values())


def standing(rows: Iterable[Row], name: str, *, at_us: int, known_us: int) -> Standing:
    """Return how ``name`` stands at ``at_us``, by what had come by ``known_us``.

    >>> rows = [Row("X", 0, 50, 1, 0), Row("X", 50, 90, 2, 60)]
    >>> [standing(rows, "X", at_us=55, known_us=known_us).value for known_us in (-1, 55, 60)]
    ['not_received', 'ended', 'valid']
    """
    known = [row for row in known_rows(rows, known_us) if row.name == name]
    if any(row.valid_from_us <= at_us < row.valid_until_us for row in known):
        return Standing.VALID
    if any(row.valid_until_us <= at_us for row in known):
        return Standing.ENDED
    return Standing.NOT_YET if known else Standing.NOT_RECEIVED


def newest_name(rows: Iterable[Row], *, at_us: int, known_us: int) -> str:
    """Return the name that holds at ``at_us`` and began last, by what had come by ``known_us``; empty when none does.

    >>> newest_name([Row("X", 0, 90, 1, 0), Row("Y", 50, 90, 1, 60)], at_us=70, known_us=65)
    'Y'
    """
    known = [row for row in known_rows(rows, known_us) if row.valid_from_us <= at_us < row.valid_until_us]
    return max(known, key=lambda row: (row.valid_from_us, row.version)).name if known else ""
