"""Who is meant by a personal number now: what a node knows of the renumberings, and when the old numbers end.

The books go on under the number they were opened with; a new number leads there, and so does an old one for as long as
both answer. A certificate (1101) never changes: it is the old number all its life. Where the map is missing a person is
found by nobody: better refused than settled as a stranger whose deductible begins anew. This module must never write.
"""

from __future__ import annotations

from collections.abc import Callable

from reference_impl.domain.errors import Refusal
from reference_impl.domain.renumbering import Renumbering, is_new_number, is_number
from reference_impl.protocol.messages import FindPerson, PersonNo, RequestBody

__all__ = ["NO_NUMBERS", "Numbers"]


class Numbers:
    """The renumberings that a node was told of, by the node's clock."""

    __slots__ = ("_now_us", "_renumberings")

    def __init__(self, renumberings: tuple[Renumbering, ...], now_us: Callable[[], int]) -> None:
        """Go by ``renumberings``, of which no two concern one region, and by the clock ``now_us``."""
        self._renumberings = renumberings
        self._now_us = now_us

    def kept(self, body: RequestBody) -> PersonNo | Refusal:
        """Return the number under which the insurer's books know the person that ``body`` names, or why nobody is."""
        number = body.person
        found = self._at_work(number)
        if found is None:
            return Refusal.NOT_INSURED if is_new_number(number) else number
        renumbering, now_us = found
        outdated = not isinstance(body, FindPerson) and not is_new_number(number)
        if outdated and now_us >= renumbering.old_until_us:
            return Refusal.OLD_NUMBER
        if not renumbering.maps(number, now_us):
            return Refusal.NUMBER_NOT_MAPPED
        return PersonNo(renumbering.old(renumbering.new(number)))

    def current(self, number: PersonNo) -> PersonNo:
        """Return the number that a person who was found has now."""
        found = self._at_work(number)
        return number if found is None else PersonNo(found[0].new(number))

    def same(self, one: PersonNo, other: PersonNo) -> bool:
        """Return whether two numbers are one person's, as far as the map leads."""
        if one == other:
            return True
        found = self._at_work(one)
        if found is None:
            return False
        renumbering, now_us = found
        same = renumbering.new(one) == renumbering.new(other)
        return same and renumbering.maps(one, now_us) and renumbering.maps(other, now_us)

    def certificate(self, number: PersonNo) -> PersonNo:
        """Return what stays of a person whatever number they bear: the first of two who share one."""
        for renumbering in self._renumberings:
            if renumbering.concerns(number):
                return PersonNo(renumbering.old(number))
        return number

    def _at_work(self, number: PersonNo) -> tuple[Renumbering, int] | None:
        """Return the renumbering that is in force for a number, if one is, and the time by which it is."""
        for renumbering in self._renumberings:
            if renumbering.concerns(number) and is_number(number):
                now_us = self._now_us()
                return (renumbering, now_us) if now_us >= renumbering.from_us else None
        return None


NO_NUMBERS = Numbers((), lambda: 0)
"""Of a node that was told of none."""
