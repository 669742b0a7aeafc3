"""What the generator of visits knows of each province: place, pull, patients sent, residents, cities.

The numbers and their marks are in ``data/provinces.csv``. Must never name a province that is not there, nor hold a rule
of insurance.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DATA = files("scenarios") / "data"


@dataclass(frozen=True, slots=True)
class Province:
    """One line of the table. ``cities`` are four digits, the seat of the province first."""

    code: str
    latitude: float
    longitude: float
    inflow: float
    outflow: float
    residents_e4: int
    cities: tuple[str, ...]


@cache
def provinces() -> dict[str, Province]:
    """Return every province by its two digits, in the order of the codes."""
    text = (DATA / "provinces.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    found = (_province(row) for row in rows)
    return {province.code: province for province in sorted(found, key=lambda province: province.code)}


def _province(row: dict[str, str]) -> Province:
    code = row["province"]
    return Province(
        code=code,
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        inflow=float(row["inflow"]),
        outflow=float(row["outflow"]),
        residents_e4=int(row["population_e4"]),
        cities=tuple(code + suffix for suffix in _expand(row["cities"])),
    )


def _expand(ranges: str) -> list[str]:
    """Return the two-digit numbers of a text such as ``01-03 22``."""
    numbers: list[str] = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        numbers.extend(f"{number:02d}" for number in range(int(first), int(last or first) + 1))
    return numbers
