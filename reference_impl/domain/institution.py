"""Institutions by their codes: a letter (H hospital, P pharmacy), the region (6), a serial (5) led by the level.

The shape is the synthetic nation's; a register of institutions takes its place once there is one.
"""

from __future__ import annotations

__all__ = ["PRIMARY", "SECONDARY", "TERTIARY", "level_of"]

PRIMARY, SECONDARY, TERTIARY = 1, 2, 3
_LEVEL_PLACE = 7


def level_of(code: str) -> int:
    """Return the level of an institution from its code; a pharmacy counts as primary.

    >>> level_of("H33040030001"), level_of("P33040010001")
    (3, 1)
    """
    return PRIMARY if code[0] == "P" else int(code[_LEVEL_PLACE])
