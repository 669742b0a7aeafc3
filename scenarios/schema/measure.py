"""What a measure is: a name, a unit, what it says, and whether it is a distribution or a number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """What a measure is counted in; the bound of a gate is read accordingly."""

    DURATION = "duration"
    SHARE = "share"
    RATE = "rate"
    COUNT = "count"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, or a distribution of numbers, that a run has."""

    name: str
    unit: Unit
    doc: str
    distribution: bool = False


KINDS = ("outpatient", "pharmacy", "inpatient")
