"""The end of a business day at a running node: what an operator orders, what is answered, and the sheet of the day.

The barrier is the protocol's (``BusinessDays``); here it is commanded, remembered over a restart by ``node``, and read
from the books beside the loop. This module must never change books.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from reference_impl.books.moving import rows_of
from reference_impl.books.sql.tables import TABLES
from reference_impl.domain.failures import InputError
from reference_impl.domain.working_days import date_of, day_number
from reference_impl.protocol.day_sheet import SheetLine, sheet_of

if TYPE_CHECKING:
    from reference_impl.books.places import Place

__all__ = ["ClosedDay", "ClosingOrder", "DayClosing", "sheet_in"]


class ClosedDay(msgspec.Struct, frozen=True):
    """The last business day that closed, and the first that is open since."""

    day: int
    first_open: int

    def __post_init__(self) -> None:
        """Refuse what is no date, and days that do not follow each other: money dated on neither is cleared never."""
        try:
            after = day_number(date_of(self.day) + timedelta(days=1))
        except InputError as error:
            raise ValueError(str(error)) from None
        except OverflowError:
            raise ValueError(f"no day comes after {self.day}; expected one that another can follow") from None
        if self.first_open != after:
            raise ValueError(
                f"day {self.day} cannot close before {self.first_open}; expected the day after it, {after}, as the "
                "first that is open"
            )


class ClosingOrder(msgspec.Struct, frozen=True):
    """Close a business day of a node, and every earlier one."""

    node: str
    closed: ClosedDay


class DayClosing(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an order: the sheet of a day that closed at ``closed_us``, or None, and ``waiting`` decisions.

    While decisions of the day wait for their commit it stays open; order it again.
    """

    waiting: int
    closed_us: int | None = None
    sheet: tuple[SheetLine, ...] = ()


def sheet_in(place: Place, day: int) -> tuple[SheetLine, ...]:
    """Return the sheet of a day from the books at a place.

    Raises:
        BooksError: when it cannot be read.

    """
    [settlements] = (table for table in TABLES if table.name == "settlements")
    with place.shelf() as shelf:
        return sheet_of(map(settlements.read, rows_of(shelf, settlements)), day)
