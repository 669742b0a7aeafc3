"""Who the patients are: for every visit an insured city, a person type and a serial number, drawn all at once.

There are as many people as the volume needs for each to come as often as people do (``data/people.toml``), so a person
has several visits, rarely two on one day, and never two at the same time. Must never name a place of care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference_impl.domain.keyed import Purpose
from reference_impl.domain.person import PERSON_TYPES
from scenarios.patients.draws import Floats, GroupedChoice, Ints, mix_words, uniforms
from scenarios.patients.institutions import KINDS, spread
from scenarios.patients.institutions import rules as institution_rules
from scenarios.patients.population import rules
from scenarios.patients.provinces import provinces

_LOCAL_SERIAL = 300_000_000_000
_SINGLE_SERIAL = 600_000_000_000
"""Serials from here on belong to people with one visit only, numbered by its key."""
_STREAM_SERIALS = 50_000_000_000
_KEY_BITS = 40


@dataclass(frozen=True, slots=True)
class InsuredCities:
    """All insured cities, each with its share of its province's people; those of one province are together."""

    codes: tuple[str, ...]
    shares: tuple[float, ...]
    groups: tuple[tuple[float, ...], ...]

    def choice(self) -> GroupedChoice:
        """Return the choice of a city within a province's number."""
        return GroupedChoice(self.groups)


def insured_cities(regions: Sequence[str], named: Sequence[str], shares: Mapping[str, float]) -> InsuredCities:
    """Return the cities of ``regions``; ``shares`` fixes some cities' share of their province."""
    codes: list[str] = []
    groups: list[tuple[float, ...]] = []
    for province in regions:
        cities = list(dict.fromkeys((*provinces()[province].cities, *(city for city in named if city[:2] == province))))
        seat_weight = institution_rules()["city"]["seat_weight_insured"]
        weights = {city: seat_weight if city == cities[0] else 1.0 for city in cities}
        factors = spread(weights, {city: share for city, share in shares.items() if city[:2] == province})
        groups.append(tuple(weights[city] * factors[city] for city in cities))
        codes += cities
    return InsuredCities(tuple(codes), tuple(share for group in groups for share in group), tuple(groups))


@dataclass(frozen=True, slots=True)
class Pools:
    """How many people there are to draw from: visits a day, and each insured province's share of them."""

    cross_per_day: float
    local_per_day: float
    cross_shares: Sequence[float]
    local_shares: Sequence[float]
    mix: Sequence[float]
    temporary_share: float


@dataclass(frozen=True, slots=True)
class People:
    """The persons of the visits, in columns."""

    person_type: NDArray[np.uint8]
    temporary: NDArray[np.bool_]
    serial: Ints


@dataclass(frozen=True, slots=True)
class Visitors:
    """What is known of the visits when people are drawn. ``city`` is a row of ``InsuredCities``, -1 if written out."""

    key: Ints
    kind: NDArray[np.uint8]
    local: NDArray[np.bool_]
    province: Ints
    city: Ints


def draw_people(seed: int, visitors: Visitors, cities: InsuredCities, pools: Pools) -> People:
    """Return a person for every visit."""
    by_kind = [[rules()["person_type"][kind][name] for name in PERSON_TYPES] for kind in KINDS]
    flat = GroupedChoice(by_kind).draw(
        visitors.kind.astype(np.int64), uniforms(seed, visitors.key, 0, 0, Purpose.PERSON_TYPE)
    )
    person_type = (flat % len(PERSON_TYPES)).astype(np.uint8)
    drawn = uniforms(seed, visitors.key, 0, 0, Purpose.TEMPORARY) < pools.temporary_share
    temporary = drawn & ~visitors.local
    size = _pool_sizes(visitors, person_type, temporary, cities, pools)
    serial = (uniforms(seed, visitors.key, 0, 0, Purpose.SERIAL) * size).astype(np.int64)
    serial += np.where(visitors.local, _LOCAL_SERIAL, 0)
    return People(person_type, temporary, np.where(visitors.city < 0, single_serial(visitors.key), serial))


def _pool_sizes(
    visitors: Visitors,
    person_type: NDArray[np.uint8],
    temporary: NDArray[np.bool_],
    cities: InsuredCities,
    pools: Pools,
) -> Floats:
    """Return how many people share each visitor's city, type and standing."""
    days = rules()["days_between_visits"]
    by_type = np.array(
        [
            sum(share * rules()["person_type"][kind][name] for share, kind in zip(pools.mix, KINDS, strict=True))
            for name in PERSON_TYPES
        ]
    )
    cross: Floats = np.array(pools.cross_shares) * (pools.cross_per_day * days["cross"])
    local: Floats = np.array(pools.local_shares) * (pools.local_per_day * days["local"])
    standing = np.where(temporary, pools.temporary_share, 1.0 - pools.temporary_share)
    people: Floats = np.where(visitors.local, local[visitors.province], cross[visitors.province] * standing)
    size: Floats = people * np.array(cities.shares)[visitors.city] * by_type[person_type]
    return np.floor(np.maximum(size, 1.0))


def single_serial(key: Ints) -> Ints:
    """Return the serial of the person who has this one visit and no other."""
    return _SINGLE_SERIAL + (key >> _KEY_BITS) * _STREAM_SERIALS + (key & ((1 << _KEY_BITS) - 1))


def overlapping(person: NDArray[np.uint64], begin_us: Ints, end_us: Ints) -> NDArray[np.bool_]:
    """Return which visits begin before an earlier visit of the same person has ended.

    Once those are given to somebody else no person is in two places at once.
    """
    order = np.lexsort((begin_us, person))
    shared = np.zeros(len(order), np.bool_)
    same = person[order][1:] == person[order][:-1]
    shared[1:] |= same
    shared[:-1] |= same
    order = order[shared]
    clash = np.zeros(len(person), np.bool_)
    while len(order):
        who, begins, ends = person[order], begin_us[order], end_us[order]
        late = np.concatenate(([False], (who[1:] == who[:-1]) & (begins[1:] < ends[:-1])))
        if not late.any():
            break
        # Only the first of a run is sure to clash: the next one may follow the visit before it, once it is gone.
        late[1:] &= ~late[:-1]
        clash[order[late]] = True
        order = order[~late]
    return clash


def person_keys(region: Ints, people: People) -> NDArray[np.uint64]:
    """Return a 64-bit key of each person, for grouping only."""
    kind = (region * len(PERSON_TYPES) + people.person_type) * 2 + people.temporary
    return mix_words(kind.astype(np.uint64)) ^ mix_words(people.serial.astype(np.uint64) + np.uint64(1))
