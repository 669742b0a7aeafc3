"""Quantities with units, as people write them in a scenario file: ``150ms``, ``3d18h``, ``1/s``, ``2%``.

A duration becomes whole microseconds, a share a float between 0 and 1, a rate a float a second.
This module must never guess a unit: a bare number is refused wherever a unit makes a difference.
"""

from __future__ import annotations

import re
from fractions import Fraction

from reference_impl.domain.failures import InputError

US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S

_DURATION_UNITS_US = {
    "us": 1,
    "ms": 1_000,
    "s": US_PER_S,
    "min": 60 * US_PER_S,
    "h": 3_600 * US_PER_S,
    "d": US_PER_DAY,
}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"

DURATION_PATTERN = rf"^(?:0|(?:{_NUMBER}(?:us|ms|s|min|h|d))+)$"
SHARE_PATTERN = rf"^{_NUMBER}%$"
RATE_PATTERN = rf"^{_NUMBER}/(?:s|min|h|d)$"

_CHARACTERS_MAX = 100
"""Of a quantity; a longer number is more than a float, or Python, takes."""
DURATION_MAX_US = 2**63 - 1
"""What a column of the record holds: 292 thousand years."""

DURATION_EXPECTED = "a duration such as '150ms', '30s', '5min', '8h' or '3d18h'"
SHARE_EXPECTED = "a share such as '2%', or a number from 0 to 1"
RATE_EXPECTED = "a rate such as '5/s', '30/min' or '1200/d'"


class UnitError(InputError, ValueError):
    """A quantity is not written as expected."""

    def __init__(self, got: object, expected: str) -> None:
        super().__init__(f"got {got!r}; expected {expected}")
        self.got = got
        self.expected = expected


def parse_duration(value: object) -> int:
    """Return whole microseconds.

    >>> parse_duration("3d18h"), parse_duration("1.5ms"), parse_duration(0)
    (324000000000, 1500, 0)
    """
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    if (text := _written(value, DURATION_PATTERN)) is None:
        raise UnitError(value, DURATION_EXPECTED)
    parts = re.findall(rf"({_NUMBER})(us|ms|min|s|h|d)", text)
    total_us = sum((Fraction(number) * _DURATION_UNITS_US[unit] for number, unit in parts), Fraction(0))
    if total_us.denominator != 1:
        raise UnitError(value, f"{DURATION_EXPECTED}, in whole microseconds")
    if total_us > DURATION_MAX_US:
        raise UnitError(value, f"{DURATION_EXPECTED}, at most {DURATION_MAX_US // US_PER_DAY}d")
    return int(total_us)


def format_duration(duration_us: int) -> str:
    """Return the shortest exact text that :func:`parse_duration` reads back.

    >>> format_duration(324_000_000_000), format_duration(1_500), format_duration(0)
    ('3d18h', '1ms500us', '0s')
    """
    if duration_us == 0:
        return "0s"
    text, rest_us = "", duration_us
    for unit in ("d", "h", "min", "s", "ms", "us"):
        count, rest_us = divmod(rest_us, _DURATION_UNITS_US[unit])
        text += f"{count}{unit}" if count else ""
    return text


def parse_share(value: object) -> float:
    """Return a share from 0 to 1.

    >>> parse_share("2.5%"), parse_share(0.3), parse_share(1)
    (0.025, 0.3, 1.0)
    """
    share = _number(value)
    if share is None:
        if (text := _written(value, SHARE_PATTERN)) is None:
            raise UnitError(value, SHARE_EXPECTED)
        share = float(Fraction(text[:-1]) / 100)
    if not 0.0 <= share <= 1.0:
        raise UnitError(value, SHARE_EXPECTED)
    return share


def parse_rate(value: object) -> float:
    """Return occurrences a second.

    >>> parse_rate("30/min"), parse_rate("5/s")
    (0.5, 5.0)
    """
    if (text := _written(value, RATE_PATTERN)) is None:
        raise UnitError(value, RATE_EXPECTED)
    number, unit = text.split("/")
    return float(Fraction(number) * US_PER_S / _DURATION_UNITS_US[unit])


def _written(value: object, pattern: str) -> str | None:
    """Return the text of a quantity without its spaces; None when it is not written so."""
    text = value.replace(" ", "") if isinstance(value, str) else ""
    return text if len(text) <= _CHARACTERS_MAX and re.fullmatch(pattern, text) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
