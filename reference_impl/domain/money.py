"""Money in whole fen, and the exact arithmetic on it.

One yuan is 100 fen. Nothing here may ever touch a float: a share is a ratio in ten-thousandths (``_e4``), and a half
fen is rounded away from zero, so that a refund undoes its payment to the fen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NewType

from reference_impl.domain.failures import InputError

Fen = NewType("Fen", int)

E4 = 10_000
"""One, in ten-thousandths."""

_DIGITS_MAX = 16  # the interface writes amounts as n16,2 and unit prices as n16,6


class MoneyFormatError(InputError, ValueError):
    """A text is not a decimal number of the wanted scale."""

    def __init__(self, what: str, got: str, expected: str) -> None:
        super().__init__(f"{what}: got {got!r}, expected {expected}")
        self.what = what
        self.got = got
        self.expected = expected


def parse_decimal(text: str, places: int, *, what: str = "number") -> int:
    """Return the decimal number ``text`` in units of its ``places``-th decimal place, exactly.

    Zeros past the last place are accepted, since they lose nothing.

    >>> parse_decimal("2.5", 4)
    25000
    """
    body = text[1:] if text[:1] == "-" else text
    whole, point, fraction = body.partition(".")
    kept = fraction[:places]
    digits = whole + kept
    if (
        not whole
        or (point and not fraction)
        or not (digits.isascii() and digits.isdigit())
        or fraction[places:].strip("0")
        or len(whole) > _DIGITS_MAX
    ):
        raise MoneyFormatError(what, text, f"digits with at most {places} decimal places")
    value = int(digits) * 10 ** (places - len(kept))
    return -value if body is not text else value


def parse_yuan(text: str) -> Fen:
    """Return an amount written in yuan as fen.

    >>> parse_yuan("5792.53")
    579253
    """
    return Fen(parse_decimal(text, 2, what="amount in yuan"))


def format_yuan(amount_fen: int) -> str:
    """Return an amount in yuan with two decimal places.

    >>> format_yuan(579253)
    '5792.53'
    """
    if amount_fen < 0:
        return f"-{-amount_fen // 100}.{-amount_fen % 100:02d}"
    return f"{amount_fen // 100}.{amount_fen % 100:02d}"


def half_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to a whole, a half away from zero: the default (ASSUMED, the interface is silent).

    >>> half_up(1, 2), half_up(-1, 2)
    (1, -1)
    """
    if numerator < 0:
        return -((denominator - 2 * numerator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def half_even(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to a whole, a half to the even neighbour.

    >>> half_even(1, 2), half_even(3, 2)
    (0, 2)
    """
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest + whole % 2 > denominator)


def cut(numerator: int, denominator: int) -> int:
    """Return the quotient without its fraction.

    >>> cut(9, 10), cut(-9, 10)
    (0, 0)
    """
    return -(-numerator // denominator) if numerator < 0 else numerator // denominator


Rounding = Callable[[int, int], int]
"""A rule that turns a quotient, given as numerator and denominator, into whole fen."""


def share_fen(amount_fen: int, ratio_e4: int) -> int:
    """Return ``ratio_e4`` ten-thousandths of an amount, a half fen rounded away from zero.

    >>> share_fen(1, 5_000), share_fen(-1, 5_000)
    (1, -1)
    """
    return half_up(amount_fen * ratio_e4, E4)


def split_fen(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Share ``total_fen`` by ``weights`` without making or losing a fen.

    Fen left over go to the largest remainders, on a tie to the earlier share, so that two provinces get one answer.

    >>> split_fen(100, [1, 1, 1])
    [34, 33, 33]
    """
    weight_sum = sum(weights)
    if weight_sum <= 0 or min(weights) < 0:
        raise ValueError(f"cannot split by weights {list(weights)!r}: expected none below 0 and a sum above 0")
    shares = [total_fen * weight // weight_sum for weight in weights]
    left = total_fen - sum(shares)
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_fen * weights[i] % weight_sum), i))
    for i in by_remainder[:left]:
        shares[i] += 1
    return shares
