"""The catalogue of a place of care by date: each row of an item holds from a day to a day.

An item may have several rows, one after the other, or none on some days: then it is not in the catalogue, and its
charges are paid by the person alone. Which rows a node has at an instant is not asked here. This module must never
price a line: that is ``fees``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from types import MappingProxyType

from reference_impl.domain.failures import InputError
from reference_impl.domain.fees import ALWAYS, FOR_EVER, Catalogue, CatalogueItem

__all__ = ["DatedCatalogue", "OverlapError", "is_dated"]


class OverlapError(InputError, ValueError):
    """Two rows of one item hold on one day."""

    def __init__(self, item: str, first: CatalogueItem, second: CatalogueItem) -> None:
        """Keep the two rows for whoever reports them."""
        super().__init__(
            f"two rows of item {item!r} hold on {second.valid_from}: one until {first.valid_until}, one from "
            f"{second.valid_from}; expected the second to begin after the first has ended"
        )
        self.item, self.first, self.second = item, first, second


def is_dated(items: Iterable[CatalogueItem]) -> bool:
    """Return whether any row does not hold always."""
    return any(one.valid_from != ALWAYS or one.valid_until != FOR_EVER for one in items)


class DatedCatalogue:
    """The rows of a catalogue, laid out for the day that asks."""

    __slots__ = ("_begins", "_known", "_rows")

    def __init__(self, rows: Iterable[CatalogueItem]) -> None:
        """Lay out ``rows``.

        Raises:
            OverlapError: when two rows of one item hold on one day.

        """
        self._rows = tuple(sorted(rows, key=lambda one: (one.item, one.valid_from)))
        for first, second in zip(self._rows, self._rows[1:], strict=False):
            if first.item == second.item and second.valid_from <= first.valid_until:
                raise OverlapError(first.item, first, second)
        # A day's number and one more is no day perhaps, and lies between that day and the next.
        self._begins = sorted({day for one in self._rows for day in (one.valid_from, one.valid_until + 1)})
        self._known: dict[int, Catalogue] = {}

    def on(self, day: int) -> Catalogue:
        """Return the catalogue of a day (yyyymmdd)."""
        place = bisect_right(self._begins, day)
        found = self._known.get(place)
        if found is None:
            held = {one.item: one for one in self._rows if one.valid_from <= day <= one.valid_until}
            found = self._known[place] = MappingProxyType(held)
        return found
