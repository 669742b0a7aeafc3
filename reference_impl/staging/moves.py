"""Which plan moves the books of a node, and how: only where the node stops as a whole can its books stand still.

The books of a city are its province's, and a plan that stops one side or some of the business lets the rest write: such
a window is only waited through. This module must never move anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference_impl.domain.nodes import HUB
from reference_impl.domain.regions import PROVINCE_DIGITS
from reference_impl.domain.scopes import Business, sides_of
from scenarios.schema.cutover import Window

if TYPE_CHECKING:
    from scenarios.schema.cutover import Cutover

__all__ = ["BooksMove", "books_move"]


@dataclass(frozen=True, slots=True)
class BooksMove:
    """How books are moved. ``rows_per_s`` is of the run's clock; 0 is without bound."""

    rows_per_s: int
    copy_first: bool
    """Whether a first pass is made from stop-accept on, while the node still writes."""
    tries: int = 1
    """How often rows are moved and verified while some are refused or wrong."""


def books_move(plan: Cutover, time_scale: float) -> BooksMove | None:
    """Return how ``plan`` moves the books of its scope; None where it moves none."""
    window = plan.window
    if not isinstance(window, Window) or not window.moves_rows:
        return None
    if plan.scope != HUB and len(plan.scope) != PROVINCE_DIGITS:
        return None
    if plan.business is not Business.ALL or sides_of(plan.scope, plan.side) != sides_of(plan.scope, "both"):
        return None
    how = window.books
    rate = 0 if how.rows_per_second is None else max(1, round(how.rows_per_second * time_scale))
    return BooksMove(rate, how.copy_first, how.tries)
