"""How far a node's move to new books has come, kept in a file beside them: which books serve, and what comes next.

Written whole, by rename, before anything rests on it; whoever starts after a kill goes by it. This module must never
open books.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

from reference_impl.books.durable import write_whole
from reference_impl.books.final import BooksError
from reference_impl.books.moving import Proof, Refused
from reference_impl.books.stated import Told
from reference_impl.domain.unreadable import NO_JSON

__all__ = ["ENDED", "Journal", "Stage", "must_be_there", "read_journal", "write_journal"]


class Stage(StrEnum):
    """How far a move has come. Until ``SWITCHED`` the old books serve, and up to there it can be taken back."""

    COPYING = "copying"
    """A first pass is made while the old books serve and are written."""
    COPIED = "copied"
    FROZEN = "frozen"
    """The books take no write."""
    MIGRATING = "migrating"
    MIGRATED = "migrated"
    VERIFIED = "verified"
    FAILED = "failed"
    """The new books differ from the old ones, or from what neighbours were told: nothing goes on but another try or the
    way back."""
    SWITCHED = "switched"
    """The new books serve, and take no write yet."""
    REOPENED = "reopened"
    """The last point of return is passed: the new books take what comes."""
    ROLLED_BACK = "rolled_back"
    """The old books serve and take what comes, as if nothing had been."""


ENDED = frozenset({Stage.REOPENED, Stage.ROLLED_BACK})
"""Stages in which no move is under way."""


class Journal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of a node's move. ``serving`` and ``target`` are names of places; times are of the run's clock.

    ``rows_per_s`` bounds how fast rows are moved; 0 does not.
    """

    stage: Stage
    serving: str
    target: str = ""
    """The books that are moved to; after the switch those that were moved from."""
    rows_per_s: int = 0
    moved: dict[str, int] = {}
    """Rows moved, by table, over all passes; a row that is moved again counts again."""
    refused: tuple[Refused, ...] = ()
    """Rows that the last pass could not move."""
    refused_rows: dict[str, int] = {}
    """All of them, by table."""
    proof: Proof | None = None
    told: Told | None = None
    """The neighbours' account of the last verification; one that does not hold stays until they are heard again."""
    since_us: dict[str, int] = {}
    """When each stage was reached, last."""


def read_journal(folder: Path, node: str) -> Journal | None:
    """Return the journal of a node whose books lie in ``folder``; None where it never moved.

    Raises:
        BooksError: when it cannot be read: which books are the right ones is then for an operator to say.

    """
    path = _path(folder, node)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Journal)
    except FileNotFoundError:
        return None
    except (OSError, *NO_JSON) as error:
        raise BooksError(
            f"cannot read which books of node {node} serve: {path}: {error}; expected what a move wrote there; "
            "restore the file from a copy"
        ) from None


def write_journal(folder: Path, node: str, journal: Journal) -> None:
    """Write the journal down, whole or not at all; on disk when this returns.

    Raises:
        BooksError: when it cannot be written.

    """
    path = _path(folder, node)
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(journal)))
    except OSError as error:
        raise BooksError(f"cannot write how far the move of node {node} has come: {path}: {error}") from None


def must_be_there(path: Path) -> Path:
    """Return the path of books that have been made: whoever opened what is missing would make empty ones.

    Raises:
        BooksError: when they are not there.

    """
    if not path.exists():
        raise BooksError(f"no books at {path}: expected those of a move; restore the file from a copy")
    return path


def _path(folder: Path, node: str) -> Path:
    return folder / f"{node}.move.json"
