"""What a move does with whole files of books, in a thread beside the loop: proves, reads what is stated, levels starts.

Must never write into books but for the number of their starts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from reference_impl.books.moving import Proof, prove
from reference_impl.books.sql.tables import TABLES
from reference_impl.books.sqlite.shelf import SqliteShelf
from reference_impl.books.stated import Stated, answered_by, stated_in

if TYPE_CHECKING:
    from pathlib import Path

    from reference_impl.books.sqlite.books import SqliteBooks
    from reference_impl.domain.nodes import NodeId

__all__ = ["level_starts", "number_of", "proof_of", "remove_books", "stated_of"]

_BESIDE = ("", "-wal", "-shm", ".lock", ".partial")
"""What a SQLite file has beside it."""


def number_of(name: str) -> int:
    """Return the number in the name of books.

    >>> [number_of(name) for name in ("34.sqlite", "34.2.sqlite")]
    [1, 2]
    """
    number = name.split(".")[1]
    return int(number) if number.isdecimal() else 1


def proof_of(old: Path, new: Path) -> Proof:
    """Return the new books held against the old ones.

    Raises:
        BooksError: when either cannot be read.

    """
    with SqliteShelf.of(old) as ours, SqliteShelf.of(new) as theirs:
        return prove(ours, theirs)


def stated_of(path: Path, node: NodeId, by: NodeId) -> list[Stated]:
    """Return the settlements that the books of ``node`` state: those that ``by`` answered, or without a name all.

    Raises:
        BooksError: when they cannot be read.

    """
    with SqliteShelf.of(path) as shelf:
        return sorted(answered_by(shelf, node, by) if by else stated_in(shelf))


def level_starts(books: SqliteBooks, other: Path) -> None:
    """Let ``books`` count as many starts as the others that served meanwhile: no reference may be given twice."""
    [starts] = (table for table in TABLES if table.name == "starts")
    with SqliteShelf.of(other) as theirs, SqliteShelf.of(books.path) as ours:
        missing = theirs.account(starts).rows - ours.account(starts).rows
    for _ in range(missing):
        books.count_start()


def remove_books(path: Path) -> None:
    """Take a file of books away, as far as that can be."""
    for end in _BESIDE:
        with suppress(OSError):  # what cannot be taken away is in nobody's way: the next move takes another name
            path.with_name(path.name + end).unlink()
