"""New numbers for the persons of a region, from an instant on: which number follows which, and who is left out.

The new number is worked out from the old one and a salt, and back, so no table of people is needed and every node has
the same map: the synthetic nation's stand-in for the table that a real move loads. A new number has the shape of an old
one but for its eighth digit (``person``), so that the two are told apart. This module must never say who may be served:
``reference_impl.protocol.numbers`` does.
"""

from __future__ import annotations

import msgspec

from reference_impl.domain.keyed import WORD, Purpose, mix64, uniform
from reference_impl.domain.scopes import covers

__all__ = ["Renumbering", "is_new_number", "is_number"]

_DIGITS, _REGION, _HEAD, _SERIALS = 20, 6, 7, 10**12
_STANDINGS = "01"
_NEW_STANDINGS = "23"
"""The eighth digit says whether a person is insured for the time being; in a new number it is two more."""
_MAPPED, _SHARED = 0, 1
_UNITS = (1, 3, 7, 9)
"""Last digits of a number that has no factor in common with a power of ten."""


def is_number(text: str) -> bool:
    """Return whether a text has the shape of a person's number, old or new: of any other nothing can be worked out.

    >>> [is_number(text) for text in ("34150010000000000017", "34150012000000000017", "34150014000000000017", "SIM")]
    [True, True, False, False]
    """
    digits = len(text) == _DIGITS and text.isascii() and text.isdecimal()
    return digits and text[_HEAD] in _STANDINGS + _NEW_STANDINGS


def is_new_number(number: str) -> bool:
    """Return whether ``number`` has the shape of one given at a renumbering.

    >>> is_new_number("34150012000000000017"), is_new_number("34150010000000000017")
    (True, False)
    """
    return number[_HEAD : _HEAD + 1] in tuple(_NEW_STANDINGS)


class Renumbering(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One renumbering of the persons insured in ``scope``; times are of the run's clock.

    New numbers are given from ``from_us`` on, and old ones answer until ``old_until_us``. The map from one to the other
    is there from ``map_from_us`` on (None: never) and holds ``mapped_share`` of the persons. ``shared_share`` of them
    were given one number in pairs: a map that is not one to one, which no sound move has.
    """

    scope: str
    salt: int
    from_us: int
    old_until_us: int
    map_from_us: int | None
    mapped_share: float = 1.0
    shared_share: float = 0.0

    def concerns(self, number: str) -> bool:
        """Return whether the person of a number, old or new, is insured where this renumbering is."""
        return covers(self.scope, number[:_REGION])

    def new(self, number: str) -> str:
        """Return the number that follows an old one; a new one stays.

        Raises:
            ValueError: when the number is not of the shape of a person's.

        """
        if is_new_number(number):
            return number
        first = self._given_as(number)
        factor, offset = self._affine
        serial = (int(first[_HEAD + 1 :]) * factor + offset) % _SERIALS
        return f"{first[:_HEAD]}{_NEW_STANDINGS[_STANDINGS.index(first[_HEAD])]}{serial:012d}"

    def old(self, number: str) -> str:
        """Return the number that a new one follows, of a shared one the first of the two; an old one stays.

        Raises:
            ValueError: when the number is not of the shape of a person's.

        """
        if not is_new_number(number):
            return number
        factor, offset = self._affine
        serial = (int(number[_HEAD + 1 :]) - offset) * pow(factor, -1, _SERIALS) % _SERIALS
        return f"{number[:_HEAD]}{_STANDINGS[_NEW_STANDINGS.index(number[_HEAD])]}{serial:012d}"

    def maps(self, number: str, now_us: int) -> bool:
        """Return whether the map leads from one to the other number of this person at ``now_us``."""
        if self.map_from_us is None or now_us < self.map_from_us:
            return False
        return self.mapped_share >= 1.0 or self._drawn(self.old(number), _MAPPED) < self.mapped_share

    def _given_as(self, number: str) -> str:
        """Return the number of the person whose new number this person is given: almost always their own."""
        even = f"{number[:-1]}{int(number[-1]) & ~1}"
        shared = self.shared_share > 0.0 and self._drawn(even, _SHARED) < self.shared_share
        return even if shared else number

    def _drawn(self, number: str, which: int) -> float:
        return uniform(self.salt, int(number) & WORD, which, 0, Purpose.RENUMBER)

    @property
    def _affine(self) -> tuple[int, int]:
        """Factor and offset of a bijection of serial numbers."""
        mixed = mix64(self.salt)
        return (mixed >> 32) * 10 + _UNITS[mixed & 3], mix64(mixed) % _SERIALS
