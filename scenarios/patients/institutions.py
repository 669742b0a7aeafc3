"""Hospitals and pharmacies of the synthetic nation: their codes, places, levels, networks, desks and pull on patients.

Institutions are laid over a province's cities in turn, the seat first, then the cities the scenario names. The numbers
and their marks are in ``data/institutions.toml``. Must never draw: a topology has its institutions under every seed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from reference_impl.domain.institution import PRIMARY, SECONDARY, TERTIARY
from reference_impl.domain.policies import Kind
from scenarios.patients.provinces import DATA, provinces

KINDS: tuple[Kind, ...] = ("outpatient", "pharmacy", "inpatient")
"""The kinds of visit; a kind's place here is its number in the columns of a plan."""
OUTPATIENT, PHARMACY, INPATIENT = range(3)
PHARMACY_KINDS: tuple[Kind, ...] = ("pharmacy",)
HOSPITAL_KINDS: tuple[Kind, ...] = ("outpatient", "inpatient")

_LEVEL_SERIALS = 10_000
_PHARMACY_SERIALS = 90_000
LEVELS = (PRIMARY, SECONDARY, TERTIARY)
LEVEL_NAMES = {PRIMARY: "primary", SECONDARY: "secondary", TERTIARY: "tertiary"}


@dataclass(frozen=True, slots=True)
class Institution:
    """One hospital or pharmacy. ``kinds`` are the visits it is networked for; a pharmacy is primary and public here."""

    code: str
    name: str
    region: str
    level: int
    kinds: tuple[Kind, ...]
    desks: int
    public: bool = field(default=True, repr=False)

    @property
    def province(self) -> str:
        """The two digits of its province."""
        return self.region[:2]

    @property
    def city(self) -> str:
        """The four digits of its city."""
        return self.region[:4]


@dataclass(frozen=True, slots=True)
class Sites:
    """How many institutions stand in each province, and which cities must have some."""

    regions: tuple[str, ...]
    hospitals: int
    pharmacies: int
    desks: int
    cities: tuple[str, ...] = ()


@cache
def rules() -> Mapping[str, Any]:
    """Return ``data/institutions.toml``."""
    return tomllib.loads((DATA / "institutions.toml").read_text(encoding="utf-8"))


def build(sites: Sites) -> list[Institution]:
    """Return all institutions, ordered by province, hospitals before pharmacies; each with the mean number of desks."""
    found: list[Institution] = []
    for province in sites.regions:
        named = [city for city in sites.cities if city[:2] == province]
        found += _hospitals(province, named, sites)
        found += _pharmacies(province, named, sites)
    return found


def with_places_for(institutions: list[Institution], needs: Iterable[tuple[str, str]], desks: int) -> list[Institution]:
    """Return ``institutions`` with a new one for each need (kind, region of six digits) that no institution meets."""
    found = list(institutions)
    for kind, region in needs:
        if any(place.region == region and kind in place.kinds for place in found):
            continue
        letter, level = ("P", PRIMARY) if kind == "pharmacy" else ("H", TERTIARY)
        kinds = PHARMACY_KINDS if kind == "pharmacy" else HOSPITAL_KINDS
        number = 1 + sum(place.region == region and place.code[0] == letter for place in found)
        found.append(institution(letter, region, number, level, kinds, desks))
    return found


def _hospitals(province: str, named: Sequence[str], sites: Sites) -> list[Institution]:
    cities = _cities_in_turn(province, named, at_least=sites.hospitals)
    count = max(sites.hospitals, len(named) + 1) if named else sites.hospitals
    numbers: dict[tuple[str, int], int] = {}
    found: list[Institution] = []
    primary = 0
    for slot, level in enumerate(_levels(count)):
        city = cities[slot % len(cities)]
        number = numbers[city, level] = numbers.get((city, level), 0) + 1
        primary += level == PRIMARY
        # The first hospital of a city takes inpatients at any level, or a small city would have no bed.
        networked = level > PRIMARY or slot < len(cities) or primary % rules()["networked"]["primary_one_in"] == 0
        kinds = HOSPITAL_KINDS if networked else ("outpatient",)
        found.append(institution("H", f"{city}00", number, level, kinds, sites.desks))
    return found


def _pharmacies(province: str, named: Sequence[str], sites: Sites) -> list[Institution]:
    cities = _cities_in_turn(province, named, at_least=sites.pharmacies)
    count = max(sites.pharmacies, len(named) + 1) if named else sites.pharmacies
    return [
        institution(
            "P", f"{cities[slot % len(cities)]}00", 1 + slot // len(cities), PRIMARY, ("pharmacy",), sites.desks
        )
        for slot in range(count)
    ]


def _cities_in_turn(province: str, named: Sequence[str], *, at_least: int) -> list[str]:
    """Return the seat, then the named cities, then the others while there is an institution left for each."""
    known = provinces()[province].cities
    first = list(dict.fromkeys((known[0], *named)))
    others = [city for city in known if city not in first]
    return first + others[: max(at_least - len(first), 0)]


def _levels(count: int) -> list[int]:
    tertiary = max(1, round(count * rules()["level_share"]["3"]))
    secondary = min(round(count * rules()["level_share"]["2"]), count - tertiary)
    return [TERTIARY] * tertiary + [SECONDARY] * secondary + [PRIMARY] * (count - tertiary - secondary)


def institution(
    letter: str, region: str, number: int, level: int, kinds: tuple[Kind, ...], desks: int, *, public: bool = True
) -> Institution:
    """Return the institution of a kind ("H" or "P") that has this number in its region and level."""
    if number >= (_LEVEL_SERIALS if letter == "H" else _PHARMACY_SERIALS):
        raise ValueError(
            f"number {number} of {letter} in region {region}; expected one that a code holds: fewer of them"
        )
    what = "pharmacy" if letter == "P" else f"{LEVEL_NAMES[level]} hospital"
    code = f"{letter}{region}{level * _LEVEL_SERIALS + number:05d}"
    return Institution(code, f"{region[:4]} {what} {number}", region, level, kinds, desks, public)


# --- the pull on patients ---------------------------------------------------------------------------------------------


def choice_weights(places: Sequence[Institution], kind: str, city_shares: Mapping[str, float]) -> list[float]:
    """Return the weight of each of one province's institutions for visits of ``kind``, all of them networked for it.

    A city of ``city_shares`` gets exactly that share of the province's visits, the others share the rest.
    """
    return shared_among_cities(places, [_pull(place, kind) for place in places], city_shares)


def shared_among_cities(
    places: Sequence[Institution], raw: Sequence[float], city_shares: Mapping[str, float]
) -> list[float]:
    """Return the weights ``raw`` of one province's institutions, scaled to 1 and to the shares of cities."""
    by_city: dict[str, float] = {}
    for place, weight in zip(places, raw, strict=True):
        by_city[place.city] = by_city.get(place.city, 0.0) + weight
    here = {place.province for place in places}
    scale = spread(by_city, {city: share for city, share in city_shares.items() if city[:2] in here})
    return [weight * scale[place.city] for place, weight in zip(places, raw, strict=True)]


def spread(weights: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, float]:
    """Return the factor on each city's weight that gives the cities of ``shares`` exactly theirs, of a total of 1.

    Raises ``ValueError`` when a city without weight is given a share, or the shares cannot add up to 1.
    """
    without = sorted(city for city, share in shares.items() if share > 0.0 and weights.get(city, 0.0) <= 0.0)
    if without:
        raise ValueError(f"cities {without} are given a share but have nobody to take it")
    rest = 1.0 - sum(shares.values())
    others = sum(weight for city, weight in weights.items() if city not in shares)
    if rest < -1e-9 or (rest > 1e-9 and others <= 0.0):  # noqa: PLR2004 - a rounding error in a sum of shares
        raise ValueError(
            f"shares of cities {dict(shares)} add up to {1.0 - rest:g}; expected at most 1, and 1 if no other"
        )
    return {
        city: (shares[city] / weight if weight else 0.0)
        if city in shares
        else (max(rest, 0.0) / others if others else 0.0)
        for city, weight in weights.items()
    }


def _pull(place: Institution, kind: str) -> float:
    city = rules()["city"]["seat_weight_care"] if place.city == provinces()[place.province].cities[0] else 1.0
    if kind == "pharmacy":
        return city
    return city * rules()["choice"][kind][str(place.level)]


def with_desks_by_load(institutions: Sequence[Institution], loads: Sequence[float], desks: int) -> list[Institution]:
    """Return ``institutions`` with desks where the patients go: ``desks`` on average, one at least.

    Hospitals and pharmacies share out their own; without any load everybody has the average.
    """
    found = list(institutions)
    for letter in "HP":
        rows = [row for row, place in enumerate(found) if place.code[0] == letter]
        total = sum(loads[row] for row in rows)
        if total <= 0.0:
            continue
        for row in rows:
            count = max(1, round(desks * len(rows) * loads[row] / total))
            found[row] = replace(found[row], desks=count)
    return found
