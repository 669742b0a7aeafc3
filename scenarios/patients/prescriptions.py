"""Who takes an electronic prescription to which pharmacy: follow-ups by internet and the sales that come of them.

A pair is made of two visits that come anyway, so that no place of care has more to do than without: the first sale of
the same two provinces that is planned after a drawn moment becomes a sale to the person of the follow-up. Some
prescriptions are fetched by nobody before the run ends. This module must never look at how a run goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from reference_impl.domain.keyed import Purpose
from scenarios.patients.draws import Ints, uniforms
from scenarios.patients.institutions import OUTPATIENT, PHARMACY, Institution

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NO_PRESCRIPTIONS", "Pair", "Prescribing", "Wanted", "paired", "prescribed_in"]


class Pair(NamedTuple):
    """A follow-up and the sale that its prescription is taken to, by the rows of the plan."""

    follow_up: int
    sale: int


class Prescribing(NamedTuple):
    """What the visits of a plan have to do with prescriptions, by their rows.

    ``numbers`` has the prescription that a visit ends with or fetches, ``bought_in`` of each follow-up the visit whose
    bill says what it prescribes: the sale, and where nobody fetches it the follow-up's own, as if at a pharmacy.
    """

    numbers: Mapping[int, str]
    bought_in: Mapping[int, int]


NO_PRESCRIPTIONS = Prescribing({}, {})


class Wanted(NamedTuple):
    """What of the visits decides who may fetch what where, in columns sorted by arrival.

    ``places`` is of which care place and which insurer's place each visit is, as one number.
    """

    kind: NDArray[np.uint8]
    arrival_us: Ints
    places: Ints
    by_internet: NDArray[np.bool_]


def paired(seed: int, visits: Wanted, *, apart_us: int, within_us: int) -> tuple[Pair, ...]:
    """Return who fetches what where: from a moment on that is drawn ``apart_us`` to ``within_us`` more after the visit.

    Whoever is ready first has the first sale, and no sale is of two prescriptions. Where none comes up to the last
    moment that could be drawn nobody fetches anything.
    """
    follow_ups = np.flatnonzero(visits.by_internet & (visits.kind == OUTPATIENT))
    drawn = uniforms(seed, follow_ups, 0, 0, Purpose.FETCHED)
    ready_us = visits.arrival_us[follow_ups] + apart_us + drawn * within_us
    sales: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(visits.kind == PHARMACY).tolist():
        sales[int(visits.places[row])].append(row)
    wants = zip(ready_us.tolist(), follow_ups.tolist(), strict=True)
    return tuple(sorted(_matched(sorted(wants), apart_us + within_us, visits, sales)))


def _matched(
    wants: Sequence[tuple[float, int]], longest_us: int, visits: Wanted, sales: Mapping[int, Sequence[int]]
) -> Iterator[Pair]:
    taken: dict[int, int] = defaultdict(int)
    """How many of the sales of two places are gone: those before a moment are gone for all that is ready later."""
    for ready_us, row in wants:
        places = int(visits.places[row])
        rows = sales.get(places, ())
        at = taken[places]
        while at < len(rows) and visits.arrival_us[rows[at]] < ready_us:
            at += 1
        taken[places] = at
        if at < len(rows) and visits.arrival_us[rows[at]] <= visits.arrival_us[row] + longest_us:
            taken[places] = at + 1
            yield Pair(row, rows[at])


def prescribed_in(
    by_internet: NDArray[np.bool_],
    pairs: Sequence[Pair],
    hospitals: Sequence[Institution],
    hospital: NDArray[np.int32],
    ordinal: NDArray[np.int32],
) -> Prescribing:
    """Return which prescription each visit ends with or fetches, and what it prescribes.

    A number is its hospital's own: the hospital's code, and which of its visits ended with it.
    """
    numbers = {
        int(row): f"{hospitals[int(hospital[row])].code}RX{int(ordinal[row]):010d}"
        for row in np.flatnonzero(by_internet)
    }
    bought_in = {row: row for row in numbers} | dict(pairs)
    return Prescribing(numbers | {pair.sale: numbers[pair.follow_up] for pair in pairs}, bought_in)
