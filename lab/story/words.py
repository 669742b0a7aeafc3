"""Amounts, times, ordinals and places, as people say them."""

from __future__ import annotations

from reference_impl.domain.regions import PROVINCES

__all__ = ["nth", "place", "span", "yuan"]

_FEN_PER_YUAN = 100
_US_PER_DAY = 86_400_000_000
_PROVINCE_DIGITS = 2
_TEENS = (11, 12, 13)
"""Ordinals that end otherwise than their last digit says."""


def yuan(fen: int) -> str:
    """Return an amount as people read it.

    >>> yuan(1234567)
    '12,345.67 yuan'
    """
    return f"{fen / _FEN_PER_YUAN:,.2f} yuan"


def span(us: float) -> str:
    """Return a time as people say it.

    >>> span(5_400_000_000), span(90_000_000), span(200_000_000_000)
    ('1.5 h', '1.5 min', '2.3 days')
    """
    for unit, size_us in (("days", _US_PER_DAY), ("h", 3_600_000_000), ("min", 60_000_000)):
        if us >= size_us:
            return f"{us / size_us:.1f} {unit}"
    return f"{us / 1_000_000:.1f} s"


def nth(number: int) -> str:
    """Return an ordinal.

    >>> nth(1), nth(2), nth(3), nth(11), nth(22)
    ('1st', '2nd', '3rd', '11th', '22nd')
    """
    ending = "th" if number % 100 in _TEENS else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def place(region: str) -> str:
    """Return a province's name."""
    return PROVINCES[region[:_PROVINCE_DIGITS]].name
