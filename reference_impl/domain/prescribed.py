"""What an electronic prescription prescribes and a sale dispenses: drugs, each by its count. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from reference_impl.domain.fees import FeeLine

__all__ = ["MOST_E4", "Coded", "Drug", "dispensed_beyond", "drugs_of", "is_prescribed"]


MOST_E4 = 10**16 - 1
"""The largest count of a drug: what a count of the interface (n16,4) holds."""


class Drug(msgspec.Struct, frozen=True, gc=False):
    """A drug by its item of the catalogue, and how much of it: count times 10,000, as of a charge line."""

    item: str
    count_e4: int


Coded = TypeVar("Coded", FeeLine, Drug)
"""What names an item by a code."""


def drugs_of(lines: Iterable[FeeLine]) -> tuple[Drug, ...]:
    """Return what charge lines come to, each item once, by their names."""
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.item] = counts.get(line.item, 0) + line.count_e4
    return tuple(Drug(item, counts[item]) for item in sorted(counts))


def is_prescribed(drugs: Sequence[Drug]) -> bool:
    """Return whether these are a prescription: some, each by a name, and a count above nothing that a field holds."""
    return bool(drugs) and all(drug.item and 0 < drug.count_e4 <= MOST_E4 for drug in drugs)


def dispensed_beyond(dispensed: Iterable[Drug], prescribed: Iterable[Drug]) -> tuple[str, ...]:
    """Return the items of which more is dispensed than was prescribed, which may be none of it."""
    left: dict[str, int] = {}
    for drug in prescribed:
        left[drug.item] = left.get(drug.item, 0) + drug.count_e4
    for drug in dispensed:
        left[drug.item] = left.get(drug.item, 0) - drug.count_e4
    return tuple(sorted(item for item, count_e4 in left.items() if count_e4 < 0))
