"""New numbers at a move, of one kind at a time: which follows which, and what the map leaves out.

Persons, visits, settlements and institutions are numbered; what they have in common is a ``Shape``: where the region
stands, which character says whether a number is old or new, and the serial that follows. The new number is worked out
from the old one and a salt, and back, so no table is needed and every node has the same map: the stand-in of a
synthetic nation for the tables that a real move loads. This module must never say who may be served:
``reference_impl.protocol.numbers`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from reference_impl.domain.keyed import WORD, Purpose, key_hash, mix64, uniform
from reference_impl.domain.scopes import covers

__all__ = ["Numbered", "Renumbering", "is_new_number", "is_number", "number_now", "shape_of"]


class Numbered(StrEnum):
    """What has a number that a move may change."""

    PERSON = "persons"
    VISIT = "visits"
    SETTLEMENT = "settlements"
    INSTITUTION = "institutions"


class Shape(NamedTuple):
    """How a kind of number is written: ``chars`` in all, digits from ``region`` on, six of a region, a ``serial`` last.

    The character at ``mark`` is one of ``old``; in the new number that the map gives it is that of the same place in
    ``new``, and in one that was issued after the move that of ``issued``, where any are.
    """

    chars: int
    region: int
    mark: int
    serial: int
    old: str
    new: str
    issued: str = ""

    def has(self, text: str) -> bool:
        """Return whether a text is a number of this shape, old or new: of any other nothing can be worked out."""
        digits = len(text) == self.chars and text.isascii() and text[self.region :].isdecimal()
        return digits and text[self.mark] in self.old + self.new + self.issued

    def marked(self, number: str, mark: str, serial: str = "") -> str:
        """Return ``number`` with another mark, and with another serial where one is given."""
        head = f"{number[: self.mark]}{mark}{number[self.mark + 1 : self.serial]}"
        return head + (serial or number[self.serial :])


_REGION_DIGITS = 6
_SHAPES: Final[dict[Numbered, Shape]] = {
    Numbered.PERSON: Shape(20, region=0, mark=7, serial=8, old="01", new="23"),
    Numbered.VISIT: Shape(29, region=2, mark=0, serial=13, old="S", new="T", issued="U"),
    Numbered.SETTLEMENT: Shape(29, region=2, mark=0, serial=13, old="A", new="B", issued="C"),
    Numbered.INSTITUTION: Shape(12, region=1, mark=0, serial=7, old="HP", new="JQ"),
}
"""A person's eighth digit says whether they are insured for the time being; in a new number it is two more. The others
have a letter first. Nobody is born and no hospital is built by a move, but visits and settlements go on being made."""
_MAPPED, _SHARED = 0, 1
_UNITS = (1, 3, 7, 9)
"""Last digits of a number that has no factor in common with a power of ten."""


def shape_of(of: Numbered) -> Shape:
    """Return how numbers of a kind are written."""
    return _SHAPES[of]


def is_number(text: str, of: Numbered = Numbered.PERSON) -> bool:
    """Return whether a text has the shape of a number of this kind, old or new.

    >>> [is_number(text) for text in ("34150010000000000017", "34150012000000000017", "34150014000000000017", "SIM")]
    [True, True, False, False]
    """
    return _SHAPES[of].has(text)


def is_new_number(number: str, of: Numbered = Numbered.PERSON) -> bool:
    """Return whether ``number`` has the shape of one that a move's map gives.

    >>> is_new_number("34150012000000000017"), is_new_number("34150010000000000017")
    (True, False)
    """
    shape = _SHAPES[of]
    return number[shape.mark : shape.mark + 1] in tuple(shape.new)


class Renumbering(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One renumbering of a kind ``of`` numbers whose region is in ``scope``; times are of the run's clock.

    New numbers are given from ``from_us`` on, and old ones answer until ``old_until_us``. The map from one to the other
    is there from ``map_from_us`` on (None: never) and holds ``mapped_share`` of them. ``shared_share`` of them were
    given one number in pairs: a map that is not one to one, which no sound move has.
    """

    scope: str
    salt: int
    from_us: int
    old_until_us: int
    map_from_us: int | None
    mapped_share: float = 1.0
    shared_share: float = 0.0
    of: Numbered = Numbered.PERSON

    def concerns(self, number: str) -> bool:
        """Return whether a number, old or new, is of a region where this renumbering is."""
        shape = _SHAPES[self.of]
        return shape.has(number) and covers(self.scope, number[shape.region : shape.region + _REGION_DIGITS])

    def new(self, number: str) -> str:
        """Return the number that follows an old one; any other stays.

        Raises:
            ValueError: when the number is not of the shape of its kind.

        """
        shape = _SHAPES[self.of]
        if number[shape.mark] in shape.new + shape.issued:
            return number
        first = self._given_as(number)
        factor, offset = self._affine
        serial = (int(first[shape.serial :]) * factor + offset) % self._serials
        return shape.marked(first, shape.new[shape.old.index(first[shape.mark])], self._written(serial))

    def old(self, number: str) -> str:
        """Return the number that a new one follows, of a shared one the first of the two; an old one stays.

        Raises:
            ValueError: when the number is not of the shape of its kind.

        """
        shape = _SHAPES[self.of]
        mark = number[shape.mark]
        if mark in shape.issued:
            return shape.marked(number, shape.old[shape.issued.index(mark)])
        if mark not in shape.new:
            return number
        factor, offset = self._affine
        serial = (int(number[shape.serial :]) - offset) * pow(factor, -1, self._serials) % self._serials
        return shape.marked(number, shape.old[shape.new.index(mark)], self._written(serial))

    def issued(self, number: str, now_us: int) -> str:
        """Return the number under which something that is made at ``now_us`` is told: from the move on a new one."""
        shape = _SHAPES[self.of]
        mark = number[shape.mark]
        if now_us < self.from_us or not shape.issued or mark not in shape.old:
            return number
        return shape.marked(number, shape.issued[shape.old.index(mark)])

    def maps(self, number: str, now_us: int) -> bool:
        """Return whether the map leads from one to the other number at ``now_us``; what was issued later needs none."""
        shape = _SHAPES[self.of]
        if number[shape.mark] in shape.issued:
            return True
        if self.map_from_us is None or now_us < self.map_from_us:
            return False
        return self.mapped_share >= 1.0 or self._drawn(self.old(number), _MAPPED) < self.mapped_share

    def is_old(self, number: str) -> bool:
        """Return whether a number is one of before the move."""
        shape = _SHAPES[self.of]
        return number[shape.mark] in shape.old

    def _given_as(self, number: str) -> str:
        """Return the number whose new one this one is given: almost always its own."""
        even = f"{number[:-1]}{int(number[-1]) & ~1}"
        shared = self.shared_share > 0.0 and self._drawn(even, _SHARED) < self.shared_share
        return even if shared else number

    def _drawn(self, number: str, which: int) -> float:
        key = int(number) & WORD if self.of is Numbered.PERSON else key_hash(number)
        return uniform(self.salt, key, which, 0, Purpose.RENUMBER)

    def _written(self, serial: int) -> str:
        shape = _SHAPES[self.of]
        return f"{serial:0{shape.chars - shape.serial}d}"

    @property
    def _serials(self) -> int:
        shape = _SHAPES[self.of]
        return 10 ** (shape.chars - shape.serial)

    @property
    def _affine(self) -> tuple[int, int]:
        """Factor and offset of a bijection of serial numbers."""
        mixed = mix64(self.salt)
        return (mixed >> 32) * 10 + _UNITS[mixed & 3], mix64(mixed) % self._serials


def number_now(renumberings: Iterable[Renumbering], of: Numbered, number: str, now_us: int) -> str:
    """Return the number that whoever has the map goes by at ``now_us``: the new one, where the map leads to it."""
    for one in renumberings:
        if one.of is of and one.concerns(number) and now_us >= one.from_us and one.maps(number, now_us):
            return one.new(number)
    return number
