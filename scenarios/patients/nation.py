"""Institutions in their documented numbers: how many each province and city has, of which level, kind and owner.

Numbers that are documented are taken, the nation's remainder goes to the other provinces by their residents, and a
province's to its cities in turn. Their marks are in ``data/institutions_by_place.csv``. Must never draw, nor say which
of them is networked when.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

from reference_impl.domain.institution import PRIMARY, SECONDARY, TERTIARY
from scenarios.patients.institutions import (
    HOSPITAL_KINDS,
    LEVELS,
    PHARMACY_KINDS,
    Institution,
    institution,
    shared_among_cities,
)
from scenarios.patients.provinces import DATA, provinces
from scenarios.schema.nation import ByLevel, KindsByLevel, Nation
from scenarios.schema.nation import Counts as Stated

__all__ = ["NATION", "Numbers", "bill_factors", "build_nation", "level_weights", "numbers_of"]

NATION = "nation"


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many institutions a place has. Hospitals that are neither tertiary nor secondary are primary."""

    tertiary: int
    secondary: int
    hospital: int
    inpatient: int
    pharmacy: int


_NAMES = tuple(field.name for field in fields(Numbers))


@cache
def documented() -> Mapping[str, Mapping[str, int]]:
    """Return what is documented of each place: of the nation, of provinces by two digits, of cities by four."""
    text = (DATA / "institutions_by_place.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["place"]: {name: int(row[name]) for name in _NAMES if row[name]} for row in rows}


@cache
def of_provinces() -> Mapping[str, Numbers]:
    """Return the numbers of every province; together they are the nation's.

    >>> beijing = of_provinces()["11"]
    >>> beijing.tertiary, beijing.secondary, beijing.hospital - beijing.tertiary - beijing.secondary
    (110, 123, 2706)
    """
    by_name = {name: _shared_out(name) for name in _NAMES}
    return {code: Numbers(**{name: by_name[name][code] for name in _NAMES}) for code in provinces()}


def _shared_out(name: str) -> Mapping[str, int]:
    """Return every province's number of one kind: the documented ones, the rest by residents to the last one."""
    known = {code: row[name] for code, row in documented().items() if code in provinces() and name in row}
    others = [province for province in provinces().values() if province.code not in known]
    left = documented()[NATION][name] - sum(known.values())
    parts = _split(left, [province.residents_e4 for province in others])
    return known | dict(zip((province.code for province in others), parts, strict=True))


def _split(total: int, weights: Sequence[int]) -> list[int]:
    """Share out ``total`` by weights to the last one: each bound between two parts is rounded down."""
    everything, below, parts, given = sum(weights), 0, list[int](), 0
    for weight in weights:
        below += weight
        bound = total * below // everything
        parts.append(bound - given)
        given = bound
    return parts


# --- of a scenario ----------------------------------------------------------------------------------------------------


def numbers_of(nation: Nation, place: str) -> Numbers:
    """Return how many institutions a province (two digits) or city (four) has in a scenario.

    Raises:
        ValueError: when what is stated and what follows from the documents do not go together.

    """
    province, is_city = place[:2], len(place) > len("11")
    stated = (nation.cities if is_city else nation.provinces).get(place, Stated())
    base = of_provinces()[province]
    if is_city:
        base = replace(_of_city(base, place, stated.hospital), **documented().get(place, {}))
    asked = {name: number for name in _NAMES if (number := getattr(stated, name)) is not None}
    numbers = replace(base, **asked)
    if numbers.tertiary + numbers.secondary > numbers.hospital or numbers.inpatient > numbers.hospital:
        raise ValueError(
            f"place {place} would have {numbers.tertiary} tertiary and {numbers.secondary} secondary hospitals, "
            f"{numbers.inpatient} for inpatients, of {numbers.hospital}; expected no more than there are: state all"
        )
    return _shrunk(numbers, nation.institutions)


def _of_city(province: Numbers, city: str, hospital: int | None) -> Numbers:
    """Return a city's numbers as its province has them: an even share, or in proportion to its hospitals."""
    cities = len(provinces()[city[:2]].cities)
    count = hospital or documented().get(city, {}).get("hospital") or max(1, province.hospital // cities)
    return Numbers(
        tertiary=province.tertiary * count // province.hospital,
        secondary=province.secondary * count // province.hospital,
        hospital=count,
        inpatient=province.inpatient * count // province.hospital,
        pharmacy=max(1, province.pharmacy // cities),
    )


def _shrunk(numbers: Numbers, share: float) -> Numbers:
    """Return a share of the numbers, of each that there is one at least, and the parts no more than the whole."""
    if share == 1.0:
        return numbers
    few = Numbers(**{name: max(min(1, all_), round(all_ * share)) for name, all_ in _items(numbers)})
    secondary = min(few.secondary, few.hospital - few.tertiary)
    return replace(few, secondary=secondary, inpatient=min(few.inpatient, few.hospital))


def _items(numbers: Numbers) -> Iterator[tuple[str, int]]:
    return ((name, getattr(numbers, name)) for name in _NAMES)


def build_nation(nation: Nation, regions: Iterable[str], named: Sequence[str]) -> list[Institution]:
    """Return all institutions, ordered by province, those of cities with numbers of their own last.

    ``named`` are cities that must have some: they come after the seat, before the others.
    """
    found: list[Institution] = []
    for province in regions:
        own = [city for city in dict.fromkeys((*documented(), *nation.cities)) if _is_city_of(city, province)]
        rest = numbers_of(nation, province)
        for city in own:
            part = numbers_of(nation, city)
            rest = Numbers(**{name: max(0, number - getattr(part, name)) for name, number in _items(rest)})
        rest = replace(rest, hospital=max(rest.hospital, rest.tertiary + rest.secondary, rest.inpatient))
        found += _place(nation, rest, _cities_in_turn(province, named, own))
        for city in own:
            found += _place(nation, numbers_of(nation, city), [city])
    return found


def _is_city_of(place: str, province: str) -> bool:
    return place != NATION and len(place) > len(province) and place.startswith(province)


def _cities_in_turn(province: str, named: Sequence[str], without: Sequence[str]) -> list[str]:
    known = provinces()[province].cities
    first = [city for city in named if city[:2] == province]
    return [city for city in dict.fromkeys((known[0], *first, *known)) if city not in without] or [known[0]]


def _place(nation: Nation, numbers: Numbers, cities: Sequence[str]) -> Iterator[Institution]:
    """Yield the institutions of a place, laid over its cities in turn, the highest levels first."""
    primary = numbers.hospital - numbers.tertiary - numbers.secondary
    levels = [TERTIARY] * numbers.tertiary + [SECONDARY] * numbers.secondary + [PRIMARY] * primary
    stays = _inpatient(levels, numbers.inpatient)
    for slot, level in enumerate(levels):
        kinds = HOSPITAL_KINDS if stays(slot) else ("outpatient",)
        city, number = cities[slot % len(cities)], 1 + slot // len(cities)
        # The number of a code runs through a city's levels: another level, another thousand.
        public = not _every(slot, nation.non_public.of(level))
        yield institution("H", f"{city}00", number, level, kinds, 1, public=public)
    for slot in range(numbers.pharmacy):
        city, number = cities[slot % len(cities)], 1 + slot // len(cities)
        yield institution("P", f"{city}00", number, PRIMARY, PHARMACY_KINDS, 1)


def _inpatient(levels: Sequence[int], count: int) -> Callable[[int], bool]:
    """Return which slots treat inpatients: the higher levels first, then primary hospitals evenly."""
    higher = sum(level > PRIMARY for level in levels)
    left, primary = count - higher, len(levels) - higher
    share = left / primary if left > 0 else 0.0
    return lambda slot: slot < count if slot < higher else _every(slot - higher, share)


def _every(slot: int, share: float) -> bool:
    """Return whether a slot is one of the evenly spaced ``share`` of all.

    >>> [_every(slot, 0.4) for slot in range(5)]
    [False, False, True, False, True]
    """
    return math.floor((slot + 1) * share + _ROUNDING) > math.floor(slot * share + _ROUNDING)


_ROUNDING = 1e-9
"""So that a share of a whole count gives that count, whatever its last bit."""


# --- where patients go, and what it costs there -----------------------------------------------------------------------


def level_weights(
    places: Sequence[Institution], kind: str, levels: KindsByLevel, city_shares: Mapping[str, float]
) -> list[float]:
    """Return the weight of each of one province's institutions for visits of ``kind``: its level's share, evenly.

    A city of ``city_shares`` gets exactly that share of the province's visits, the others share the rest.
    """
    raw = [1.0] * len(places) if kind == "pharmacy" else _even_in_levels(places, getattr(levels, kind))
    return shared_among_cities(places, raw, city_shares)


def _even_in_levels(places: Sequence[Institution], shares: ByLevel) -> list[float]:
    numbers = {level: sum(place.level == level for place in places) for level in LEVELS}
    return [shares.of(place.level) / numbers[place.level] for place in places]


def bill_factors(bills: ByLevel, visits_by_level: Mapping[int, float]) -> Mapping[int, float]:
    """Return what each level's bills are multiplied by, so that the mean over all visits stays what it is.

    >>> bill_factors(ByLevel(tertiary=3, secondary=1, primary=1), {3: 0.5, 2: 0.5, 1: 0.0})
    {1: 0.5, 2: 0.5, 3: 1.5}
    """
    visits = math.fsum(visits_by_level.values())
    mean = math.fsum(bills.of(level) * visits_by_level[level] for level in LEVELS)
    return {level: bills.of(level) * visits / mean if mean else 1.0 for level in LEVELS}
