"""The catalogue of cases, and which of them concern an institution."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from lab.certify.case import KINDS_OF, Business, Case, Neighbour
from lab.certify.cases import (
    charging,
    clients,
    closing,
    enquiring,
    filing,
    from_hub,
    numbering,
    opening,
    ordering,
    settling,
    to_hub,
    undoing,
)

if TYPE_CHECKING:
    from lab.certify.roll import Listed, Roll

__all__ = ["CASES", "NEIGHBOUR_CASES", "Planned", "concern", "planned"]

Planned = tuple["Listed", Case]
"""A case at an institution."""


@cache
def _all() -> tuple[Case, ...]:
    """Return every case, business by business."""
    rooms = (opening, numbering, filing, charging, clients, settling, undoing, closing, ordering, enquiring)
    found = tuple(case for room in rooms for case in room.cases())
    order: dict[Business | Neighbour, int] = {business: at for at, business in enumerate(Business)}
    return tuple(sorted(found, key=lambda case: order[case.business]))


CASES = _all()
"""What is asked by hospitals."""
NEIGHBOUR_CASES = (*to_hub.cases(), *from_hub.cases())
"""What is asked where certify plays the hub."""


def concern(one: Listed, case: Case) -> bool:
    """Return whether a case is an institution's: by the visits it has, its level, and what its person can show."""
    apt = one.level in case.levels and (one.former != "" or not case.new_numbers)
    return apt and bool(KINDS_OF[case.business] & {*one.kinds})


def planned(
    roll: Roll, only: frozenset[Business | Neighbour] = frozenset(Business), *, doors: bool = False, seals: bool = False
) -> tuple[Planned, ...]:
    """Return what is to be played, institution by institution; of ``only`` these businesses.

    Cases at a door are played where the ``doors`` can be closed, those of seals where institutions make ``seals``.
    """
    asked = [case for case in (*CASES, *NEIGHBOUR_CASES) if case.business in only]
    cases = [case for case in asked if (doors or not case.at_a_door) and (seals or not case.seals)]
    return tuple((one, case) for one in roll.listed for case in cases if concern(one, case))
