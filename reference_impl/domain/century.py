"""The years that business time may have: ids derived from a message id leave the century of its time out."""

from __future__ import annotations

from typing import Final

__all__ = ["CENTURY", "FIRST_YEAR", "LAST_YEAR"]

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099
CENTURY: Final = str(FIRST_YEAR)[:2]
"""What every time in a message id begins with; ids that leave it out stand for one message each only so."""
