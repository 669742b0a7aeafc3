"""What a move does with whole books, in a thread beside the loop: proves, reads what is stated, levels starts.

Must never write into books but for the number of their starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_impl.books.moving import Proof, prove
from reference_impl.books.sql.tables import TABLES
from reference_impl.books.stated import Stated, answered_by, stated_in

if TYPE_CHECKING:
    from reference_impl.books.places import NodeBooks, Place
    from reference_impl.domain.nodes import NodeId

__all__ = ["level_starts", "proof_of", "stated_of"]


def proof_of(old: Place, new: Place) -> Proof:
    """Return the new books held against the old ones.

    Raises:
        BooksError: when either cannot be read.

    """
    with old.shelf() as ours, new.shelf() as theirs:
        return prove(ours, theirs)


def stated_of(place: Place, node: NodeId, by: NodeId) -> list[Stated]:
    """Return the settlements that the books of ``node`` state: those that ``by`` answered, or without a name all.

    Raises:
        BooksError: when they cannot be read.

    """
    with place.shelf() as shelf:
        return sorted(answered_by(shelf, node, by) if by else stated_in(shelf))


def level_starts(books: NodeBooks, place: Place, other: Place) -> None:
    """Let ``books`` count as many starts as the others that served meanwhile: no reference may be given twice."""
    [starts] = (table for table in TABLES if table.name == "starts")
    with other.shelf() as theirs, place.shelf() as ours:
        missing = theirs.account(starts).rows - ours.account(starts).rows
    for _ in range(missing):
        books.count_start()
