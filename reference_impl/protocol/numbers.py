"""Who and what is meant by a number now: what a node knows of the renumberings, and when the old numbers end.

The books go on under the numbers they were opened with; a new number leads there (``original``), and so does an old one
for as long as both answer. A certificate (1101) never changes: it is the old number all its life. Where the map is
missing nobody and nothing is found (``refusal``): better refused than settled as a stranger whose deductible begins
anew. This module must never write.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from reference_impl.domain.errors import Refusal
from reference_impl.domain.renumbering import Numbered, Renumbering, is_new_number
from reference_impl.protocol.messages import FindPerson, PersonNo, RequestBody

__all__ = ["NEVER_US", "NO_NUMBERS", "Numbers"]

NEVER_US = 1 << 61
"""No run lasts so long."""
_NOBODY = {
    Numbered.PERSON: Refusal.NOT_INSURED,
    Numbered.VISIT: Refusal.NO_SUCH_VISIT,
    Numbered.SETTLEMENT: Refusal.NOT_SETTLED,
    Numbered.INSTITUTION: Refusal.NOT_NETWORKED,
}
"""Why a new number is refused where none was given yet."""


class Numbers:
    """The renumberings that a node was told of, by the node's clock."""

    __slots__ = ("_now_us", "_renumberings", "kinds")

    def __init__(self, renumberings: tuple[Renumbering, ...], now_us: Callable[[], int]) -> None:
        """Go by ``renumberings``, of which no two concern one number, and by the clock ``now_us``."""
        self._renumberings = renumberings
        self._now_us = now_us
        self.kinds = frozenset(one.of for one in renumberings)
        """What has new numbers anywhere, now or later."""

    def come_into_force(self, scope: str, at_us: int | None) -> None:
        """Let all new numbers of a scope be given at ``at_us`` and not when they were to; None is never.

        When the old ones end, and when a late map comes, is put off as much.
        """
        self._renumberings = tuple(
            _put_off(one, NEVER_US if at_us is None else at_us) if one.scope == scope else one
            for one in self._renumberings
        )

    def kept(self, body: RequestBody) -> PersonNo | Refusal:
        """Return the number under which the insurer's books know the person that ``body`` names, or why nobody is."""
        number = body.person
        asks = isinstance(body, FindPerson)
        wrong = self.refusal(Numbered.PERSON, number, certificate=asks)
        if wrong is not None:
            return wrong
        found = self._at_work(Numbered.PERSON, number)
        return number if found is None else PersonNo(found[0].old(found[0].new(number)))

    def refusal(self, of: Numbered, number: str, *, certificate: bool = False) -> Refusal | None:
        """Return why nothing is found under a number now; a ``certificate`` is never out of date."""
        if not self._renumberings:
            return None
        found = self._at_work(of, number)
        if found is None:
            given = of is Numbered.PERSON or self._concerning(of, number) is not None
            return _NOBODY[of] if given and is_new_number(number, of) else None
        renumbering, now_us = found
        if not certificate and renumbering.is_old(number) and now_us >= renumbering.old_until_us:
            return Refusal.OLD_NUMBER
        return None if renumbering.maps(number, now_us) else Refusal.NUMBER_NOT_MAPPED

    def current(self, number: PersonNo) -> PersonNo:
        """Return the number that a person who was found has now."""
        found = self._at_work(Numbered.PERSON, number)
        return number if found is None else PersonNo(found[0].new(number))

    def issued(self, of: Numbered, number: str) -> str:
        """Return the number under which something that is made now is told."""
        renumbering = self._concerning(of, number)
        return number if renumbering is None else renumbering.issued(number, self._now_us())

    def answering(self, number: PersonNo, at_us: int) -> PersonNo:
        """Return the number by which a person of the books is found at ``at_us``: their old one while it answers."""
        renumbering = self._concerning(Numbered.PERSON, number)
        if renumbering is None or not renumbering.is_old(number) or at_us < renumbering.old_until_us:
            return number
        return PersonNo(renumbering.new(number))

    def same(self, of: Numbered, one: str, other: str) -> bool:
        """Return whether two numbers lead to one, as far as the map does."""
        if one == other:
            return True
        found = self._at_work(of, one)
        if found is None or not found[0].concerns(other):
            return False
        renumbering, now_us = found
        same = renumbering.new(one) == renumbering.new(other)
        return same and renumbering.maps(one, now_us) and renumbering.maps(other, now_us)

    def original(self, of: Numbered, number: str) -> str:
        """Return what stays whatever number is borne, at any time: of two who share one, the first."""
        if not self._renumberings:
            return number
        renumbering = self._concerning(of, number)
        return number if renumbering is None else renumbering.old(number)

    def _concerning(self, of: Numbered, number: str) -> Renumbering | None:
        for renumbering in self._renumberings:
            if renumbering.of is of and renumbering.concerns(number):
                return renumbering
        return None

    def _at_work(self, of: Numbered, number: str) -> tuple[Renumbering, int] | None:
        """Return the renumbering that is in force for a number, if one is, and the time by which it is."""
        renumbering = self._concerning(of, number)
        if renumbering is None:
            return None
        now_us = self._now_us()
        return (renumbering, now_us) if now_us >= renumbering.from_us else None


def _put_off(one: Renumbering, from_us: int) -> Renumbering:
    by_us = from_us - one.from_us
    map_from_us = None if one.map_from_us is None else one.map_from_us + by_us
    return msgspec.structs.replace(one, from_us=from_us, old_until_us=one.old_until_us + by_us, map_from_us=map_from_us)


NO_NUMBERS = Numbers((), lambda: 0)
"""Of a node that was told of none."""
